#include "scenario_cluster.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "violation.hpp"

namespace simulation {

using raft::Index;
using raft::NodeId;

namespace {

constexpr std::size_t deliveries_max = 20'000;  // beyond: messages beget messages for ever
constexpr Time tick_period = 100 * millisecond;
constexpr int election_rounds_max = 3;  // a candidate may first have to learn of a later term

}  // namespace

std::string kind_of(const raft::Message& message) {
  if (const auto* vote = std::get_if<raft::RequestVote>(&message.body); vote && vote->pre_vote)
    return "PreVote";
  if (const auto* vote = std::get_if<raft::RequestVoteResponse>(&message.body);
      vote && vote->pre_vote)
    return "PreVoteResponse";
  return message_name(message.body.index());
}

bool MessageFilter::matches(const raft::Message& message) const {
  return (!link || link->holds(message.from, message.to)) &&
         (kind.empty() || kind == kind_of(message));
}

ScenarioCluster::ScenarioCluster(const HostOptions& options, std::size_t size, std::FILE* out)
    : cluster_(world_, *this, options, size) {
  world_.trace.echo_to(out);
  world_.network.quality.delay_min = world_.network.quality.delay_max = 1;  // in order
  for (std::size_t i = 0; i < size; ++i) cluster_.host(cluster_.id_at(i)).start();
  settle();
}

Host& ScenarioCluster::host(NodeId id) {
  if (!id || id.value() > cluster_.size())
    throw WordsError(fmt::format("there is no node {}", id.value()));
  return cluster_.host(id);
}

Host& ScenarioCluster::running_host(NodeId id) {
  if (!host(id).running()) throw ExpectationFailed(fmt::format("node {} is down", id.value()));
  return host(id);
}

Host& ScenarioCluster::new_host(NodeId id) {
  if (id.value() != cluster_.size() + 1)
    throw WordsError(fmt::format("the next new node is {}", cluster_.size() + 1));
  Host* const host = cluster_.add_host();
  if (host == nullptr) throw WordsError("there are too many nodes");
  return *host;
}

std::string ScenarioCluster::describe() {
  std::string text = cluster_.describe();
  for (const InFlight& one : in_flight_)
    text += fmt::format("\n  in flight: {}->{} {} term={}", one.message.from.value(),
                        one.message.to.value(), kind_of(one.message), one.message.term.value());
  return text;
}

// ---- what follows at once ----

void ScenarioCluster::settle() {
  do collect();
  while (work());
}

// Ticks and flushes are for the steps; everything else waits in its list.
void ScenarioCluster::collect() {
  while (!world_.events.empty()) {
    const Event event = world_.events.pop();
    switch (event.kind) {
      case EventKind::deliver: in_flight_.push_back(world_.network.take(event.a)); break;
      case EventKind::persisted: writes_.push_back({event.node, event.a, event.b}); break;
      case EventKind::snapshot_ready:
      case EventKind::snapshot_reported:
      case EventKind::snapshot_timeout: snapshot_events_.push_back(event); break;
      default: break;
    }
  }
}

// Does one thing that waits for nobody. False where there is none.
bool ScenarioCluster::work() {
  for (auto write = writes_.begin(); write != writes_.end(); ++write)
    if (!waiting_disks_.contains(write->node)) return finish_write(write);
  for (auto it = snapshot_events_.begin(); it != snapshot_events_.end(); ++it) {
    if (it->kind == EventKind::snapshot_timeout && it->at > world_.now) continue;
    const Event event = *it;
    snapshot_events_.erase(it);
    Host& host = cluster_.host(event.node);
    if (!host.running()) return true;
    if (event.kind == EventKind::snapshot_ready && event.a == host.generation())
      host.send_snapshot(NodeId(event.b), true);
    else if (event.kind == EventKind::snapshot_timeout)
      host.on_snapshot_timeout(NodeId(event.a), event.b);
    else if (event.kind == EventKind::snapshot_reported &&
             world_.network.connected(NodeId(event.a), event.node))
      host.on_snapshot_reported(NodeId(event.a), Index(event.b));
    return true;
  }
  return false;
}

bool ScenarioCluster::finish_write(std::deque<Write>::iterator write) {
  const Write done = *write;
  writes_.erase(write);
  Host& host = cluster_.host(done.node);
  if (host.running() && host.generation() == done.generation) host.on_persisted(done.batches);
  return true;
}

// ---- time ----

void ScenarioCluster::tick(NodeId id) {
  world_.now += tick_period;
  running_host(id).tick();
  settle();
}

void ScenarioCluster::run(std::size_t ticks) {
  for (; ticks > 0; --ticks) {
    world_.now += tick_period;
    for (std::size_t i = 0; i < cluster_.size(); ++i) {
      Host& host = cluster_.host(cluster_.id_at(i));
      if (!host.running() || paused_.contains(host.id())) continue;
      host.tick();
      settle();
    }
    for (std::size_t count = 0; deliver_one({}, Pick::next); ++count)
      if (count > deliveries_max) throw Violation("liveness", "the messages never end");
  }
}

void ScenarioCluster::elect(NodeId id, std::vector<NodeId> voters) {
  Host& candidate = running_host(id);
  const bool all_reached = voters.empty();
  for (std::size_t i = 0; all_reached && i < cluster_.size(); ++i) {
    const NodeId other = cluster_.id_at(i);
    if (other != id && cluster_.host(other).running() && world_.network.connected(id, other) &&
        world_.network.connected(other, id) && !paused_.contains(other))
      voters.push_back(other);
  }
  std::vector<NodeId> hearers = voters;
  hearers.push_back(id);
  for (const NodeId voter : hearers) {
    Host& host = running_host(voter);
    if (host.core().leader() && !host.core().is_leader()) {
      host.on_disconnected(host.core().leader());
      settle();
    }
  }
  for (int round = 0; round < election_rounds_max && !candidate.core().is_leader(); ++round)
    campaign(candidate, voters);
  if (!candidate.core().is_leader())
    throw ExpectationFailed(fmt::format("node {} is not elected", id.value()));
}

void ScenarioCluster::campaign(Host& candidate, const std::vector<NodeId>& voters) {
  const NodeId id = candidate.id();
  const unsigned ticks_max = 2 * cluster_.options().core.election_timeout_ticks;
  const auto follows = [&] { return candidate.core().role() == raft::Role::follower; };
  for (unsigned ticks = 0; ticks < ticks_max && follows(); ++ticks) tick(id);
  for (bool delivered = true; delivered && !candidate.core().is_leader();) {
    delivered = false;
    for (const NodeId voter : voters)
      for (const char* kind : {"PreVote", "PreVoteResponse", "RequestVote", "RequestVoteResponse"})
        delivered |= deliver_one({Link{id, voter, true}, kind}, Pick::next);
  }
}

// ---- messages ----

std::vector<std::size_t> ScenarioCluster::matching(const MessageFilter& filter, Pick pick) const {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < in_flight_.size(); ++i)
    if (filter.matches(in_flight_[i].message)) found.push_back(i);
  if (found.empty() || pick == Pick::all) return found;
  return {pick == Pick::next ? found.front() : found.back()};
}

bool ScenarioCluster::deliver_one(const MessageFilter& filter, Pick pick) {
  auto found = matching(filter, Pick::all);
  std::erase_if(found, [&](std::size_t i) { return paused_.contains(in_flight_[i].message.to); });
  if (found.empty()) return false;
  const std::size_t at = pick == Pick::last ? found.back() : found.front();
  InFlight one = std::move(in_flight_[at]);
  in_flight_.erase(in_flight_.begin() + static_cast<std::ptrdiff_t>(at));
  receive(std::move(one));
  return true;
}

void ScenarioCluster::receive(InFlight in_flight) {
  world_.now += millisecond;
  Host& host = cluster_.host(in_flight.message.to);
  if (!host.running() || !world_.network.connected(in_flight.message.from, host.id())) {
    world_.trace.message(world_.now, TraceKind::lost, in_flight.message);
    return;
  }
  host.receive(std::move(in_flight));
  settle();
}

void ScenarioCluster::deliver(const MessageFilter& filter, Pick pick) {
  if (!deliver_one(filter, pick)) throw ExpectationFailed("nothing like that is in flight");
  if (pick != Pick::all) return;
  for (std::size_t count = 0; deliver_one(filter, Pick::next); ++count)
    if (count > deliveries_max) throw Violation("liveness", "the messages never end");
}

void ScenarioCluster::drop(const MessageFilter& filter, Pick pick) {
  const auto found = matching(filter, pick);
  if (found.empty()) throw ExpectationFailed("nothing like that is in flight");
  for (auto at = found.rbegin(); at != found.rend(); ++at) {
    world_.trace.message(world_.now, TraceKind::lost, in_flight_[*at].message);
    in_flight_.erase(in_flight_.begin() + static_cast<std::ptrdiff_t>(*at));
  }
}

void ScenarioCluster::duplicate(const MessageFilter& filter, Pick pick, const std::string& name) {
  const auto found = matching(filter, pick);
  if (found.empty()) throw ExpectationFailed("nothing like that is in flight");
  for (const std::size_t at : found) held_[name].push_back(in_flight_[at]);
}

void ScenarioCluster::hold(const MessageFilter& filter, Pick pick, const std::string& name) {
  duplicate(filter, pick, name);
  const auto found = matching(filter, pick);
  for (auto at = found.rbegin(); at != found.rend(); ++at)
    in_flight_.erase(in_flight_.begin() + static_cast<std::ptrdiff_t>(*at));
}

void ScenarioCluster::release(const std::string& name) {
  const auto held = held_.find(name);
  if (held == held_.end()) throw WordsError("nothing is held as " + name);
  for (const InFlight& one : held->second) receive(one);
}

std::size_t ScenarioCluster::in_flight(const MessageFilter& filter) const {
  return matching(filter, Pick::all).size();
}

// ---- nodes and disks ----

void ScenarioCluster::crash(NodeId id, std::size_t kept) {
  running_host(id).crash(kept);
  std::erase_if(writes_, [&](const Write& write) { return write.node == id; });
  paused_.erase(id);
  settle();
}

void ScenarioCluster::disk_waits(NodeId id, bool waits) {
  host(id);
  if (waits)
    waiting_disks_.insert(id);
  else
    waiting_disks_.erase(id);
  settle();
}

std::size_t ScenarioCluster::waiting_writes(NodeId id) const {
  return static_cast<std::size_t>(std::ranges::count(writes_, id, &Write::node));
}

void ScenarioCluster::persist(NodeId id, std::uint64_t writes) {
  for (; writes > 0; --writes) {
    const auto write = std::ranges::find(writes_, id, &Write::node);
    if (write == writes_.end())
      throw ExpectationFailed(fmt::format("the disk of {} has nothing to write", id.value()));
    finish_write(write);
    settle();
  }
}

void ScenarioCluster::fail_write(NodeId id) {
  if (waiting_writes(id) == 0)
    throw ExpectationFailed(fmt::format("the disk of {} has nothing to write", id.value()));
  Host& host = running_host(id);
  host.on_write_failed();
  if (!host.running()) std::erase_if(writes_, [&](const Write& write) { return write.node == id; });
  settle();
}

// ---- clients ----

std::uint64_t ScenarioCluster::new_operation(const std::string& name) {
  if (std::ranges::find(operations_, name, &Operation::name) != operations_.end())
    throw WordsError("the name " + name + " is taken");
  operations_.push_back({name});
  return operations_.size();
}

bool ScenarioCluster::propose(NodeId id, const std::string& name) {
  Host& host = running_host(id);
  const std::uint64_t operation = new_operation(name);
  const bool accepted = host.write(operation, {base::share(base::Bytes(name))});
  if (!accepted) operations_[operation - 1].outcome = Outcome::failed;
  settle();
  return accepted;
}

bool ScenarioCluster::read(NodeId id, const std::string& name) {
  Host& host = running_host(id);
  const std::uint64_t operation = new_operation(name);
  const bool accepted = host.read(operation);
  if (!accepted) operations_[operation - 1].outcome = Outcome::failed;
  settle();
  return accepted;
}

ScenarioCluster::Outcome ScenarioCluster::outcome(const std::string& name) const {
  const auto found = std::ranges::find(operations_, name, &Operation::name);
  if (found == operations_.end()) throw WordsError("no operation is called " + name);
  return found->outcome;
}

void ScenarioCluster::on_finished(std::uint64_t operation, bool ok) {
  operations_.at(operation - 1).outcome = ok ? Outcome::ok : Outcome::failed;
}

}  // namespace simulation
