// What a scenario may `expect`, of one moment or within so many ticks.
#include <algorithm>

#include <fmt/format.h>

#include "scenario_steps.hpp"
#include "violation.hpp"

namespace simulation {

using raft::Index;
using raft::NodeId;

namespace {

// In ticks of a world where all that can be delivered is: ten election timeouts.
constexpr std::uint64_t patience_ticks = 100;

std::uint64_t read_patience(Words& words) {
  if (!words.take("within")) return patience_ticks;
  const std::uint64_t ticks = words.number("how many ticks");
  if (!words.take("ticks")) words.fail("'ticks'");
  return ticks;
}

// "= 3" or ">= 3".
void compare(Words& words, std::uint64_t found) {
  const bool at_least = words.take(">=");
  if (!at_least && !words.take("=")) words.fail("= or >=");
  const std::uint64_t wanted = words.number("a number");
  if (at_least ? found < wanted : found != wanted)
    throw ExpectationFailed(fmt::format("it is {}", found));
}

void check_log(ScenarioCluster& cluster, Words& words) {
  const raft::Log& log = cluster.running_host(words.node()).core().log();
  if (!words.take("=")) words.fail("=");
  std::vector<raft::LogPosition> wanted, found;
  while (!words.done()) wanted.push_back(words.position());
  std::string text;
  for (Index index = log.first_index(); index <= log.last_index(); ++index) {
    found.push_back({index, *log.term_at(index)});
    text += fmt::format(" {}/{}", index.value(), log.term_at(index)->value());
  }
  if (wanted != found) throw ExpectationFailed("it is" + text);
}

void check_members(ScenarioCluster& cluster, Words& words) {
  const auto& configuration = cluster.running_host(words.node()).core().configuration();
  if (!words.take("=")) words.fail("=");
  std::vector<NodeId> wanted, found;
  while (const auto id = words.try_node()) wanted.push_back(*id);
  for (const auto& [id, member] : configuration.members) found.push_back(id);
  if (wanted != found || configuration.joint != words.take("joint"))
    throw ExpectationFailed("it is another configuration");
}

void check_leader(ScenarioCluster& cluster, Words& words) {
  const NodeId id = words.node();
  if (!cluster.running_host(id).core().is_leader())
    throw ExpectationFailed(fmt::format("node {} does not lead", id.value()));
}

void check_no(ScenarioCluster& cluster, Words& words) {
  if (!words.take("leader")) words.fail("'leader'");
  if (const Host* const leader = cluster.all().leader())
    throw ExpectationFailed(fmt::format("node {} leads", leader->id().value()));
}

void check_outcome(ScenarioCluster& cluster, Words& words) {
  using Outcome = ScenarioCluster::Outcome;
  const Outcome found = cluster.outcome(words.word("the name of a write or a read"));
  constexpr const char* names[] = {"pending", "ok", "failed"};
  for (const Outcome wanted : {Outcome::pending, Outcome::ok, Outcome::failed}) {
    const char* const name = names[static_cast<std::size_t>(wanted)];
    if (!words.take(name)) continue;
    if (wanted != found)
      throw ExpectationFailed(
          fmt::format("it is {}", names[static_cast<std::size_t>(found)]));
    return;
  }
  words.fail("pending, ok or failed");
}

void check_role(ScenarioCluster& cluster, Words& words) {
  constexpr const char* roles[] = {"follower", "pre-candidate", "candidate", "leader"};
  const raft::Role role = cluster.running_host(words.node()).core().role();
  const std::string found = roles[static_cast<std::size_t>(role)];
  if (!words.take("=")) words.fail("=");
  if (words.word("a role") != found) throw ExpectationFailed("it is a " + found);
}

void check_down(ScenarioCluster& cluster, Words& words) {
  if (cluster.host(words.node()).running()) throw ExpectationFailed("it runs");
}

// ---- within some time ----

void check_converges(ScenarioCluster& cluster, Words& words) {
  for (std::uint64_t ticks = read_patience(words); ticks > 0; --ticks) {
    cluster.run(1);
    if (cluster.all().converged()) return;
  }
  throw Violation("liveness", "the nodes do not converge");
}

// Whoever leads takes a write, and some write is acknowledged.
void check_serves(ScenarioCluster& cluster, Words& words) {
  std::vector<std::string> names;
  for (std::uint64_t ticks = read_patience(words); ticks > 0; --ticks) {
    for (const std::string& name : names)
      if (cluster.outcome(name) == ScenarioCluster::Outcome::ok) return;
    if (const Host* const leader = cluster.all().leader()) {
      // Names are of the whole scenario: the time is in them, for a later line may serve again.
      names.push_back(fmt::format("serves-{}-{}", ticks, cluster.trace_hash()));
      cluster.propose(leader->id(), names.back());
    }
    cluster.run(1);
  }
  throw Violation("liveness", "no write is acknowledged");
}

void check_removed(ScenarioCluster& cluster, Words& words) {
  if (!words.take("stop")) words.fail("'stop'");
  for (std::uint64_t ticks = read_patience(words); ticks > 0; --ticks) {
    cluster.run(1);
    if (cluster.all().removed_have_stopped()) return;
  }
  throw Violation("removed_nodes_stop", "a node that was removed goes on");
}

void check_messages(ScenarioCluster& cluster, Words& words) {
  if (!words.take("flight")) words.fail("'flight'");
  MessageFilter filter;
  filter.link = words.link();
  filter.kind = words.word("a kind of message");
  compare(words, cluster.in_flight(filter));
}

template <class Value>
void check_number(ScenarioCluster& cluster, Words& words, Value value) {
  const std::uint64_t found = value(cluster.running_host(words.node()).core());
  compare(words, found);
}

}  // namespace

void check_expectation(ScenarioCluster& cluster, Words& words) {
  using Core = const raft::RaftCore&;
  if (words.take("leader")) return check_leader(cluster, words);
  if (words.take("no")) return check_no(cluster, words);
  if (words.take("role")) return check_role(cluster, words);
  if (words.take("down")) return check_down(cluster, words);
  if (words.take("log")) return check_log(cluster, words);
  if (words.take("members")) return check_members(cluster, words);
  if (words.take("write") || words.take("read")) return check_outcome(cluster, words);
  if (words.take("converges")) return check_converges(cluster, words);
  if (words.take("serves")) return check_serves(cluster, words);
  if (words.take("removed")) return check_removed(cluster, words);
  if (words.take("in")) return check_messages(cluster, words);
  if (words.take("term"))
    return check_number(cluster, words, [](Core core) { return core.term().value(); });
  if (words.take("vote"))
    return check_number(cluster, words, [](Core core) { return core.vote().value(); });
  if (words.take("commit"))
    return check_number(cluster, words, [](Core core) { return core.commit().value(); });
  if (words.take("applied"))
    return check_number(cluster, words, [](Core core) { return core.applied().value(); });
  words.fail("what is expected");
}

}  // namespace simulation
