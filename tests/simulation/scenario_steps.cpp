#include "scenario_steps.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

namespace simulation {

using raft::Index;
using raft::NodeId;

namespace {

Pick read_pick(Words& words) {
  if (words.take("next")) return Pick::next;
  return words.take("last") ? Pick::last : Pick::all;
}

MessageFilter read_filter(Words& words) {
  MessageFilter filter;
  filter.link = words.try_link();
  constexpr const char* kinds[] = {
      "PreVote", "PreVoteResponse", "RequestVote", "RequestVoteResponse", "AppendEntries",
      "AppendEntriesResponse", "Heartbeat", "HeartbeatResponse", "InstallSnapshot", "TimeoutNow",
      "ReadIndexRequest", "ReadIndexResponse", "NotMember"};
  for (const char* kind : kinds)
    if (words.take(kind)) filter.kind = kind;
  return filter;
}

std::string read_name(Words& words) {
  if (!words.take("as")) words.fail("'as' and a name");
  return words.word("a name");
}

}  // namespace

ScenarioSteps::ScenarioSteps(Mutant mutant, std::FILE* out) : out_(out) {
  options_.mutant = mutant;
  options_.members_known = true;
}

void ScenarioSteps::perform(Words words) {
  using Verb = void (ScenarioSteps::*)(Words&);
  static constexpr std::pair<std::string_view, Verb> verbs[] = {
      {"option", &ScenarioSteps::option},         {"nodes", &ScenarioSteps::nodes},
      {"tick", &ScenarioSteps::tick},             {"run", &ScenarioSteps::run},
      {"elect", &ScenarioSteps::elect},           {"deliver", &ScenarioSteps::deliver},
      {"drop", &ScenarioSteps::drop},             {"hold", &ScenarioSteps::hold},
      {"duplicate", &ScenarioSteps::duplicate},   {"release", &ScenarioSteps::release},
      {"cut", &ScenarioSteps::cut},               {"isolate", &ScenarioSteps::isolate},
      {"partition", &ScenarioSteps::partition},   {"heal", &ScenarioSteps::heal},
      {"disconnect", &ScenarioSteps::disconnect}, {"pause", &ScenarioSteps::pause},
      {"resume", &ScenarioSteps::resume},         {"crash", &ScenarioSteps::crash},
      {"restart", &ScenarioSteps::restart},       {"wipe", &ScenarioSteps::wipe},
      {"disk", &ScenarioSteps::disk},             {"persist", &ScenarioSteps::persist},
      {"fail", &ScenarioSteps::fail},             {"compact", &ScenarioSteps::compact},
      {"propose", &ScenarioSteps::propose},       {"read", &ScenarioSteps::read},
      {"add", &ScenarioSteps::add},               {"remove", &ScenarioSteps::remove},
      {"transfer", &ScenarioSteps::transfer},     {"expect", &ScenarioSteps::expect}};
  const auto verb = std::ranges::find_if(verbs, [&](const auto& one) {
    return words.take(one.first);
  });
  if (verb == std::end(verbs)) words.fail("a step");
  const bool before = verb->first == "option" || verb->first == "nodes";
  if (before != (cluster_ == nullptr))
    throw WordsError("'option' lines and 'nodes' come first, once");
  (this->*verb->second)(words);
  words.end();
}

void ScenarioSteps::option(Words& words) {
  raft::CoreOptions& core = options_.core;
  if (words.take("message_bytes_max"))
    core.message_bytes_max = words.number("bytes");
  else if (words.take("promotion_lag_max"))
    core.promotion_lag_max = words.number("entries");
  else if (words.take("inflight_messages_max"))
    core.progress.inflight_messages_max = words.number("messages");
  else if (words.take("members_known"))
    options_.members_known = words.number("0 or 1") != 0;
  else
    words.fail("message_bytes_max, promotion_lag_max, inflight_messages_max or members_known");
}

void ScenarioSteps::nodes(Words& words) {
  const std::uint64_t size = words.number("how many nodes");
  if (size < 1 || size > nodes_max) throw WordsError("too few or too many nodes");
  cluster_ = std::make_unique<ScenarioCluster>(options_, size, out_);
}

// ---- time ----

void ScenarioSteps::tick(Words& words) {
  const NodeId id = words.node();
  for (std::uint64_t count = words.times(); count > 0; --count) cluster_->tick(id);
}

void ScenarioSteps::run(Words& words) {
  cluster_->run(words.number("how many ticks"));
  if (!words.take("ticks")) words.fail("'ticks'");
}

void ScenarioSteps::elect(Words& words) {
  const NodeId id = words.node();
  std::vector<NodeId> voters;
  if (words.take("with"))
    while (const auto voter = words.try_node()) voters.push_back(*voter);
  cluster_->elect(id, voters);
}

// ---- messages ----

// Without further words, these two are about whatever is there, if anything is.
void ScenarioSteps::deliver(Words& words) {
  if (words.done() && cluster_->in_flight({}) == 0) return;
  const Pick pick = read_pick(words);
  cluster_->deliver(read_filter(words), pick);
}

void ScenarioSteps::drop(Words& words) {
  if (words.done() && cluster_->in_flight({}) == 0) return;
  const Pick pick = read_pick(words);
  cluster_->drop(read_filter(words), pick);
}

void ScenarioSteps::hold(Words& words) {
  const Pick pick = read_pick(words);
  const MessageFilter filter = read_filter(words);
  cluster_->hold(filter, pick, read_name(words));
}

void ScenarioSteps::duplicate(Words& words) {
  const Pick pick = read_pick(words);
  const MessageFilter filter = read_filter(words);
  cluster_->duplicate(filter, pick, read_name(words));
}

void ScenarioSteps::release(Words& words) { cluster_->release(words.word("a name")); }

// ---- links and nodes ----

void ScenarioSteps::cut(Words& words) {
  const Link link = words.link();
  cluster_->cut(link.from, link.to);
  if (link.both) cluster_->cut(link.to, link.from);
}

void ScenarioSteps::isolate(Words& words) {
  const NodeId id = words.node();
  for (std::size_t i = 0; i < cluster_->all().size(); ++i) {
    const NodeId other = cluster_->all().id_at(i);
    if (other == id) continue;
    cluster_->cut(id, other);
    cluster_->cut(other, id);
  }
}

void ScenarioSteps::partition(Words& words) {
  std::vector<std::vector<NodeId>> sides(1);
  while (!words.done()) {
    if (words.take("|"))
      sides.emplace_back();
    else
      sides.back().push_back(words.node());
  }
  for (const auto& side : sides)
    for (const auto& other_side : sides)
      for (const NodeId from : side)
        for (const NodeId to : other_side)
          if (&side != &other_side) cluster_->cut(from, to);
}

void ScenarioSteps::heal(Words&) { cluster_->heal(); }

void ScenarioSteps::disconnect(Words& words) {
  const NodeId id = words.node();
  if (!words.take("from")) words.fail("'from'");
  cluster_->running_host(id).on_disconnected(words.node());
  cluster_->settle();
}

void ScenarioSteps::pause(Words& words) { cluster_->pause(words.node()); }

void ScenarioSteps::resume(Words& words) { cluster_->resume(words.node()); }

void ScenarioSteps::crash(Words& words) {
  const NodeId id = words.node();
  std::uint64_t kept = 0;
  if (words.take("keeping")) {
    kept = words.take("all") ? ~std::uint64_t{0} : words.number("'all', or how many writes");
  } else if (words.take("losing")) {
    cluster_->host(id).lose_tail_entries = words.number("how many durable entries");
  }
  cluster_->crash(id, kept);
}

void ScenarioSteps::restart(Words& words) {
  Host& host = cluster_->host(words.node());
  if (host.running()) throw ExpectationFailed("it runs");
  host.start();
  cluster_->settle();
}

void ScenarioSteps::wipe(Words& words) {
  Host& host = cluster_->host(words.node());
  if (host.running()) throw ExpectationFailed("it runs: crash it first");
  const bool as_founder = words.take("as");
  if (as_founder && !words.take("founder")) words.fail("'founder'");
  host.wipe(as_founder);
}

// ---- disks ----

void ScenarioSteps::disk(Words& words) {
  const NodeId id = words.node();
  if (words.take("waits"))
    cluster_->disk_waits(id, true);
  else if (words.take("works"))
    cluster_->disk_waits(id, false);
  else if (words.take("full"))
    cluster_->host(id).disk_full = true;
  else
    words.fail("'waits', 'works' or 'full'");
}

void ScenarioSteps::persist(Words& words) {
  const NodeId id = words.node();
  cluster_->persist(id, words.take("all") ? cluster_->waiting_writes(id) : words.times());
}

void ScenarioSteps::fail(Words& words) { cluster_->fail_write(words.node()); }

void ScenarioSteps::compact(Words& words) {
  Host& host = cluster_->running_host(words.node());
  if (!words.take("to")) words.fail("'to'");
  host.save_state();
  host.cut_log(Index(words.number("an index")));
  cluster_->settle();
}

// ---- clients and operators ----

// A request that is turned down must be announced by `refused` at the end of its line.
void ScenarioSteps::check_accepted(Words& words, bool accepted) {
  const bool wanted = !words.take("refused");
  if (accepted != wanted) throw ExpectationFailed(accepted ? "it was accepted" : "it was refused");
}

void ScenarioSteps::propose(Words& words) {
  const NodeId id = words.node();
  check_accepted(words, cluster_->propose(id, words.word("a name")));
}

void ScenarioSteps::read(Words& words) {
  const NodeId id = words.node();
  check_accepted(words, cluster_->read(id, read_name(words)));
}

// Members are changed at the leader, unless the line names a node.
Host& ScenarioSteps::asked_host(Words& words) {
  if (words.take("at")) return cluster_->running_host(words.node());
  Host* const leader = cluster_->all().leader();
  if (leader == nullptr) throw ExpectationFailed("no node leads");
  return *leader;
}

void ScenarioSteps::add(Words& words) {
  const NodeId id = words.node();
  Host& member =
      id.value() > cluster_->all().size() ? cluster_->new_host(id) : cluster_->host(id);
  const bool accepted = asked_host(words).add_member(id);
  if (accepted && !member.running()) {
    member.allow_restart();
    member.start();
  }
  cluster_->settle();
  check_accepted(words, accepted);
}

void ScenarioSteps::remove(Words& words) {
  const NodeId id = words.node();
  const bool accepted = asked_host(words).remove_member(id);
  cluster_->settle();
  check_accepted(words, accepted);
}

void ScenarioSteps::transfer(Words& words) {
  const Link link = words.link();
  const bool accepted = cluster_->running_host(link.from).transfer_leader(link.to);
  cluster_->settle();
  check_accepted(words, accepted);
}

void ScenarioSteps::expect(Words& words) { check_expectation(*cluster_, words); }

}  // namespace simulation
