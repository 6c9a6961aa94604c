#include "host.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "violation.hpp"

namespace simulation {

using raft::Index;
using raft::Message;
using raft::NodeId;

namespace {

constexpr std::pair<Mutant, std::string_view> mutant_names[] = {
    {Mutant::forget_vote, "forget_vote"},
    {Mutant::ack_before_durable, "ack_before_durable"},
    {Mutant::lose_tail_on_crash, "lose_tail_on_crash"},
    {Mutant::apply_out_of_order, "apply_out_of_order"},
    {Mutant::persisted_too_early, "persisted_too_early"},
    {Mutant::read_before_applied, "read_before_applied"},
    {Mutant::answer_before_commit, "answer_before_commit"},
    {Mutant::wipe_disk, "wipe_disk"},
    {Mutant::snapshot_configuration, "snapshot_configuration"},
    {Mutant::answer_by_index, "answer_by_index"},
    {Mutant::hard_state_before_entries, "hard_state_before_entries"},
    {Mutant::retries_failed_write, "retries_failed_write"},
    {Mutant::snapshot_not_synced, "snapshot_not_synced"},
    {Mutant::cuts_unsaved_state, "cuts_unsaved_state"},
    {Mutant::lost_tail_unnoticed, "lost_tail_unnoticed"},
};

constexpr Time snapshot_timeout = 4 * second;

}  // namespace

std::optional<Mutant> mutant_named(std::string_view name) {
  for (const auto& [mutant, mutant_name] : mutant_names)
    if (mutant_name == name) return mutant;
  return std::nullopt;
}

std::string_view name_of(Mutant mutant) {
  for (const auto& [one, name] : mutant_names)
    if (one == mutant) return name;
  return "none";
}

std::vector<Mutant> all_mutants() {
  std::vector<Mutant> all;
  for (const auto& [mutant, name] : mutant_names) all.push_back(mutant);
  return all;
}

Host::Host(World& world, OperationListener& listener, NodeId id, const HostOptions& options,
           State initial)
    : world_(world), listener_(listener), options_([&] {
        HostOptions own = options;
        own.core.id = id;
        return own;
      }()),
      initial_(std::move(initial)), disk_(initial_), state_(initial_) {
  world_.invariants.watch(id, &disk_);
}

// ---- life ----

void Host::start() {
  ASSERT(!running());
  ++generation_;
  raft::CoreOptions core = options_.core;
  core.seed = world_.random.next();
  core.process = {incarnation(), command_version};
  raft::DurableState durable = disk_.load();
  if (recovering()) durable.lost = lost_;
  state_ = disk_.state();
  core_.emplace(core, std::move(durable));
  last_write_done_ = world_.now;
  world_.trace.record(world_.now, TraceKind::started, id(), disk_.last_index().value(),
                      disk_.hard_state().term.value());
  world_.invariants.started(*core_);
  world_.events.push(world_.now + world_.random.below(tick_period), EventKind::tick, id(),
                     generation_);
  world_.events.push(world_.now + world_.random.below(5 * second), EventKind::maintain, id(),
                     generation_);
  after_input();
}

void Host::crash(std::optional<std::size_t> kept) {
  // A crash may come of a failed write: to this one, that is no reason to stop.
  if (options_.mutant == Mutant::retries_failed_write && !kept && !writes_.empty())
    return on_write_failed();
  const std::size_t survive =
      kept ? std::min(*kept, writes_.size()) : world_.random.below(writes_.size() + 1);
  world_.trace.record(world_.now, TraceKind::crashed, id(), writes_.size(), survive);
  ++world_.statistics.crashes;
  // The disk may be done without having said so.
  for (std::size_t i = 0; i < survive; ++i) disk_.write(writes_[i].batch);
  stop();
  if (lose_tail_entries > 0) {
    const bool noticed = options_.mutant != Mutant::lost_tail_unnoticed;
    if (noticed && disk_.up_to_date(lost_)) lost_ = disk_.last();
    world_.invariants.lost_tail(id(), lost_.index);
    disk_.lose_tail(lose_tail_entries);
    lose_tail_entries = 0;
  }
  damage_disk();
}

// What a broken host's crash leaves on its disk.
void Host::damage_disk() {
  if (before_snapshot_) disk_ = *std::exchange(before_snapshot_, std::nullopt);
  if (options_.mutant == Mutant::forget_vote) disk_.forget_vote();
  if (options_.mutant == Mutant::lose_tail_on_crash) disk_.lose_tail(world_.random.below(4));
  if (options_.mutant == Mutant::wipe_disk && world_.random.chance(30)) {
    State initial;
    initial.configuration = disk_.state().configuration;
    disk_ = Disk(initial);
  }
}

void Host::wipe(bool as_founder) {
  ASSERT(!running());
  world_.invariants.lost_tail(id(), disk_.last_index());
  State left = as_founder ? initial_ : State();
  // A broken host believes to know who the members are, and to be the one that they know: it votes.
  const bool broken = options_.mutant == Mutant::wipe_disk;
  if (broken) left.configuration = disk_.state().configuration;
  disk_ = Disk(left);
  lost_ = {};
  if (!broken) ++wipes_;
}

void Host::stop() {
  world_.invariants.stopped(id());
  core_.reset();
  received_snapshots_.clear();
  writes_.clear();
  writes_scheduled_ = writes_running_ = 0;
  turn_scheduled_ = false;
  heard_at_tick_.clear();
  leads_as_of_ = {};
  waiting_writes_.clear();
  waiting_reads_.clear();
  transfers_.clear();
  paused_until = 0;
}

// ---- inputs ----

void Host::after_input() {
  if (world_.invariants.stepped(*core_)) {
    ++world_.statistics.elections;
    world_.trace.record(world_.now, TraceKind::leader, id(), core_->term().value());
  }
  if (turn_scheduled_) return;
  if (options_.lazy_turns && world_.random.chance(50)) {
    turn_scheduled_ = true;
    world_.events.push(world_.now + world_.random.below(2 * millisecond), EventKind::turn, id(),
                       generation_);
    return;
  }
  turn();
}

void Host::turn() {
  turn_scheduled_ = false;
  while (core_->has_ready()) {
    raft::Ready ready = core_->take_ready();
    const bool removed = ready.removed;
    perform(std::move(ready));
    if (removed) {
      world_.trace.record(world_.now, TraceKind::stopped, id());
      removed_ = true;
      stop();
      return;
    }
    if (world_.invariants.stepped(*core_)) {
      ++world_.statistics.elections;
      world_.trace.record(world_.now, TraceKind::leader, id(), core_->term().value());
    }
    if (turn_scheduled_) return;
  }
}

void Host::tick() {
  world_.events.push(world_.now + tick_period, EventKind::tick, id(), generation_);
  core_->tick();
  ++ticks_;
  check_leads_with_quorum();
  after_input();
}

// A leader that has not heard from a quorum for two election timeouts does not lead (thesis §6.2).
void Host::check_leads_with_quorum() {
  if (!core_->is_leader()) return;
  const std::pair as_of(core_->term(), core_->configuration_index());
  if (std::exchange(leads_as_of_, as_of) != as_of) leads_since_tick_ = ticks_;
  const std::uint64_t grace = 2 * options_.core.election_timeout_ticks + 1;
  if (ticks_ - leads_since_tick_ <= grace) return;
  const auto heard = [&](NodeId peer) {
    const auto at = heard_at_tick_.find(peer);
    return peer == id() || (at != heard_at_tick_.end() && ticks_ - at->second <= grace);
  };
  if (!raft::has_quorum(core_->configuration(), heard))
    throw Violation("leader_hears_quorum",
                    fmt::format("node {} leads term {} and hears from no quorum", id().value(),
                                core_->term().value()));
}

void Host::receive(InFlight in_flight) {
  const Message& message = in_flight.message;
  world_.trace.message(world_.now, TraceKind::delivered, message);
  if (const auto* install = std::get_if<raft::InstallSnapshot>(&message.body)) {
    received_snapshots_.push_back(in_flight.snapshot);
    if (world_.random.below(1000) >= world_.network.quality.loss_permille)
      world_.events.push(world_.now + world_.network.delay(), EventKind::snapshot_reported,
                         message.from, id().value(), install->meta.last.index.value());
  }
  heard_at_tick_[message.from] = ticks_;
  const auto* request = std::get_if<raft::RequestVote>(&message.body);
  const auto standing = [&] {
    return std::tuple(core_->term(), core_->vote(), core_->role(), core_->leader(),
                      core_->election_ticks_left());
  };
  const auto before = standing();
  world_.invariants.append_answered(message);
  core_->step(message);
  // Thesis §9.6: asking changes nothing at the one who is asked.
  if (request != nullptr && request->pre_vote && standing() != before)
    throw Violation("pre_vote_changes_nothing",
                    fmt::format("a pre-vote changes node {}", id().value()));
  after_input();
}

void Host::perform(raft::Ready ready) {
  world_.invariants.appended(*core_, ready);
  for (Message& message : ready.messages) send(std::move(message));
  if (ready.snapshot) {
    const auto received =
        std::find_if(received_snapshots_.begin(), received_snapshots_.end(),
                     [&](const auto& one) { return one->meta() == *ready.snapshot; });
    if (received == received_snapshots_.end())
      throw Violation("snapshot_is_here", "the core installs a snapshot whose bytes did not come");
    state_ = **received;
    ++world_.statistics.snapshots;
    world_.trace.record(world_.now, TraceKind::installed, id(), state_.last.index.value(),
                        state_.last.term.value());
    world_.invariants.installed(state_);
    waiting_writes_.erase(waiting_writes_.begin(), waiting_writes_.upper_bound(state_.last.index));
  }
  received_snapshots_.clear();
  persist(ready);
  if (options_.mutant == Mutant::apply_out_of_order && ready.committed.size() > 1)
    std::swap(ready.committed.front(), ready.committed.back());
  for (const raft::Entry& entry : ready.committed) apply(entry);
  for (const raft::ReadState& read : ready.reads) {
    const auto waiting = waiting_reads_.find(read.context);
    if (waiting == waiting_reads_.end()) continue;
    if (read.ok) {
      waiting->second.index = read.index;
    } else {
      const std::uint64_t operation = waiting->second.operation;
      waiting_reads_.erase(waiting);
      listener_.on_finished(operation, false);
    }
  }
  serve_reads();
  for (const NodeId peer : ready.snapshots_wanted)
    world_.events.push(world_.now + 10 * millisecond + world_.random.below(second),
                       EventKind::snapshot_ready, id(), generation_, peer.value());
}

// ---- disk ----

void Host::persist(raft::Ready& ready) {
  if (!ready.token && ready.messages_after_persist.empty()) return;
  if (options_.mutant == Mutant::ack_before_durable) {
    send_after_persist(std::exchange(ready.messages_after_persist, {}));
    if (!ready.token) return;
  }
  if (!ready.token && writes_.empty()) {
    send_after_persist(std::move(ready.messages_after_persist));
    return;
  }
  PendingWrite write;
  if (options_.mutant == Mutant::hard_state_before_entries && !ready.entries.empty()) {
    write.batch.hard_state = std::exchange(ready.hard_state, std::nullopt);
    writes_.push_back(std::exchange(write, PendingWrite()));
  }
  write.batch.hard_state = ready.hard_state;
  if (ready.snapshot) write.batch.snapshot = std::make_shared<const State>(state_);
  write.batch.entries = std::move(ready.entries);
  write.batch.compacted = ready.compacted;
  write.token = ready.token;
  write.messages = std::move(ready.messages_after_persist);
  writes_.push_back(std::move(write));
  if (options_.mutant == Mutant::persisted_too_early) core_->on_persisted(*ready.token);
  begin_writes();
}

// What came in while all writes that may run at once were running goes into one.
void Host::begin_writes() {
  const std::size_t running_max = options_.group_commit ? 1 : 4;
  if (writes_running_ < running_max && writes_.size() > writes_scheduled_)
    begin_write(writes_.size() - writes_scheduled_);
}

void Host::begin_write(std::size_t batches) {
  writes_scheduled_ += batches;
  ++writes_running_;
  last_write_done_ = std::max(last_write_done_, world_.now) + world_.random.below(write_delay_max) +
                     100;
  world_.events.push(last_write_done_, EventKind::persisted, id(), generation_, batches);
}

void Host::on_persisted(std::size_t batches) {
  writes_scheduled_ -= batches;
  --writes_running_;
  std::vector<PendingWrite> done;
  for (; batches > 0; --batches) {
    if (options_.mutant == Mutant::snapshot_not_synced && writes_.front().batch.snapshot)
      before_snapshot_ = disk_;
    disk_.write(writes_.front().batch);
    done.push_back(std::move(writes_.front()));
    writes_.pop_front();
  }
  world_.trace.record(world_.now, TraceKind::persisted, id(), disk_.last_index().value(),
                      disk_.hard_state().term.value(), disk_.hard_state().vote.value(),
                      disk_.compacted().index.value());
  begin_writes();
  for (PendingWrite& write : done) {
    if (write.token) core_->on_persisted(*write.token);
    send_after_persist(std::move(write.messages));
  }
  after_input();
}

void Host::on_write_failed() {
  ASSERT(!writes_.empty());
  if (options_.mutant != Mutant::retries_failed_write) return crash(0);
  writes_.front().batch = Batch();  // completes like the others
}

void Host::maintain() {
  const Time next = second + world_.random.below(options_.state_write_percent < 30 ? 20 * second
                                                                                   : 4 * second);
  world_.events.push(world_.now + next, EventKind::maintain, id(), generation_);
  if (installing()) return;
  if (world_.random.chance(options_.state_write_percent)) save_state();
  const Index durable = disk_.state().last.index;
  const std::uint64_t kept = world_.random.below(60);
  if (world_.random.chance(options_.state_write_percent) && durable.value() > kept)
    cut_log(durable - kept);
}

bool Host::installing() const {
  return std::any_of(writes_.begin(), writes_.end(),
                     [](const PendingWrite& write) { return write.batch.snapshot != nullptr; });
}

void Host::save_state() {
  if (!disk_full && !installing()) disk_.write_state(std::make_shared<const State>(state_));
}

void Host::cut_log(Index index) {
  if (installing()) return;
  if (options_.mutant == Mutant::cuts_unsaved_state)
    index = std::max(index, state_.last.index);
  else
    index = std::min(index, disk_.state().last.index);
  core_->compact(index);
  after_input();
}

// ---- messages ----

void Host::send(Message message) {
  if (message.to == id()) {
    core_->step(message);
    return;
  }
  world_.invariants.leaving(message);
  world_.invariants.vote_leaving(message);
  world_.invariants.append_leaving(message);
  world_.network.send(world_.now, std::move(message));
}

void Host::send_after_persist(std::vector<Message> messages) {
  for (Message& message : messages) {
    if (message.to == id()) world_.invariants.vote_leaving(message);
    send(std::move(message));
  }
}

void Host::send_snapshot(NodeId peer, std::optional<bool> saved) {
  if (!core_->is_leader()) return;
  const std::uint64_t progress_id = core_->progress_id(peer);
  if (progress_id == 0) return;
  // Either of them is committed; the durable one may be older.
  State state = saved.value_or(world_.random.chance(50)) ? disk_.state() : state_;
  if (state.last.index < core_->log().compacted().index) state = state_;
  if (options_.mutant == Mutant::snapshot_configuration)
    state.configuration = core_->configuration();
  const std::uint64_t transfer = transfers_[peer] = ++last_transfer_;
  world_.events.push(world_.now + snapshot_timeout, EventKind::snapshot_timeout, id(),
                     peer.value(), transfer);
  const Message message{id(), peer, core_->term(),
                        raft::InstallSnapshot{state.meta(), progress_id}};
  world_.network.send(world_.now, message, std::make_shared<const State>(std::move(state)));
}

void Host::on_snapshot_reported(NodeId peer, Index index) {
  if (transfers_.erase(peer) == 0) return;
  world_.invariants.snapshot_ended(id(), peer);
  core_->on_snapshot_sent(peer, index, true);
  after_input();
}

void Host::on_snapshot_timeout(NodeId peer, std::uint64_t transfer) {
  const auto it = transfers_.find(peer);
  if (it == transfers_.end() || it->second != transfer) return;
  transfers_.erase(it);
  world_.invariants.snapshot_ended(id(), peer);
  core_->on_snapshot_sent(peer, Index(), false);
  after_input();
}

void Host::on_disconnected(NodeId peer) {
  core_->on_peer_disconnected(peer);
  after_input();
}

// ---- state machine ----

void Host::apply(const raft::Entry& entry) {
  world_.invariants.applying(id(), state_, entry);
  state_.apply(entry);
  world_.trace.record(world_.now, TraceKind::applied, id(), entry.index.value(),
                      entry.term.value(), state_.hash);
  world_.invariants.applied(state_);
  answer_write(entry);
}

void Host::answer_write(const raft::Entry& entry) {
  while (true) {
    const auto waiting = waiting_writes_.find(entry.index);
    if (waiting == waiting_writes_.end()) return;
    const WaitingWrite write = waiting->second;
    waiting_writes_.erase(waiting);
    const bool ok = write.term == entry.term || options_.mutant == Mutant::answer_by_index;
    if (ok) {
      world_.trace.record(world_.now, TraceKind::acknowledged, id(), entry.index.value(),
                          entry.term.value());
      world_.invariants.write_acknowledged({entry.index, entry.term}, write.command);
    }
    if (write.last) listener_.on_finished(write.operation, ok);
  }
}

void Host::serve_reads() {
  for (auto it = waiting_reads_.begin(); it != waiting_reads_.end();) {
    const WaitingRead& read = it->second;
    const bool early = options_.mutant == Mutant::read_before_applied;
    if (!read.index || (*read.index > state_.last.index && !early)) {
      ++it;
      continue;
    }
    world_.trace.record(world_.now, TraceKind::read_served, id(), it->first, read.index->value(),
                        state_.last.index.value());
    world_.invariants.read_served(read.floor, state_.last.index);
    const std::uint64_t operation = read.operation;
    it = waiting_reads_.erase(it);
    listener_.on_finished(operation, true);
  }
}

// ---- operations ----

bool Host::write(std::uint64_t operation, std::vector<base::SharedBytes> commands) {
  const auto first = core_->propose(commands);
  if (!first) return false;
  world_.trace.record(world_.now, TraceKind::proposed, id(), first->index.value(),
                      first->term.value(), commands.size());
  Index index = first->index;
  for (const base::SharedBytes& command : commands) {
    if (options_.mutant == Mutant::answer_before_commit)
      world_.invariants.write_acknowledged({index, first->term}, command);
    waiting_writes_.emplace(
        index, WaitingWrite{first->term, operation, command, &command == &commands.back()});
    index = index + 1;
  }
  after_input();
  return true;
}

bool Host::read(std::uint64_t operation) {
  const Index floor = world_.invariants.read_floor();
  if (!core_->read_index(operation)) return false;
  world_.trace.record(world_.now, TraceKind::read_started, id(), operation, floor.value());
  waiting_reads_[operation] = {operation, floor, std::nullopt};
  after_input();
  return true;
}

bool Host::add_member(NodeId member) {
  const bool ok = core_->add_member(member, fmt::format("node-{}:5000", member.value())).ok();
  after_input();
  return ok;
}

bool Host::remove_member(NodeId member) {
  const bool ok = core_->remove_member(member).ok();
  after_input();
  return ok;
}

bool Host::transfer_leader(NodeId target) {
  const bool ok = core_->transfer_leader(target).ok();
  after_input();
  return ok;
}

}  // namespace simulation
