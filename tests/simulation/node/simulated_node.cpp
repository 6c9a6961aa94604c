#include "simulated_node.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "server/node_files.hpp"
#include "state/backup_file.hpp"
#include "state/worker.hpp"
#include "violation.hpp"
#include "watched_host.hpp"
#include "wire.hpp"

namespace simulation {

using raft::Index;
using raft::NodeId;

namespace {

constexpr Time lease_interval = 250 * millisecond;
constexpr std::uint64_t checks_per_backup = 4;

state::Moment moment(Time time) { return state::Moment(std::chrono::microseconds(time)); }

}  // namespace

SimulatedNode::SimulatedNode(NodeWorld& world, NodeId id, const NodeSettings& settings,
                             std::map<std::uint64_t, std::string> founders)
    : tick_period(settings.tick),
      world_(world),
      id_(id),
      settings_(settings),
      founders_(std::move(founders)),
      disk_(world.random.next()),
      files_(disk_, fmt::format("node-{}", id.value()), settings.tuning),
      model_(State()) {
  world_.invariants.watch(id_, &model_);
}

SimulatedNode::~SimulatedNode() {
  if (!process_) return;
  disk_.switch_off();
  process_.reset();
}

std::string SimulatedNode::address() const { return fmt::format("node-{}:5000", id_.value()); }

raft::DriverOptions SimulatedNode::driver_options() const {
  raft::DriverOptions options = settings_.driver;
  options.core.id = id_;
  options.core.seed = process_->seed;
  options.core.process = {process_->incarnation, ipam::command_version_latest};
  options.origin = process_->seed | 1;
  return options;
}

// ---- life ----

void SimulatedNode::start() {
  ASSERT(!process_);
  ++generation_;
  process_ = std::make_unique<Process>();
  process_->seed = world_.random.next();
  server::NodeSpec spec;
  spec.data_dir = fmt::format("node-{}", id_.value());
  spec.cluster_mode = true;
  spec.node_id = id_.value();
  spec.cluster_id = 7;
  spec.raft_addr = address();
  spec.initial_members = founders_;
  const std::uint64_t errors_before = disk_.errors();
  const auto on_failure = [this](const std::string& reason) {
    if (process_ && process_->replica) process_->replica->on_failure(reason);
  };
  const auto to_io_thread = [this, generation = generation_](std::function<void()> work) {
    if (generation == generation_ && process_) post(std::move(work));
  };
  auto opened = server::open_node_files(files_, spec, world_.random.next(), to_io_thread,
                                        on_failure, state::Execution::caller);
  if (!opened.ok()) return on_open_failed(opened.error(), errors_before);
  // Nothing else can tell it how much time has passed.
  if (clock_was_set_ || suspect) world_.oracle.clocks_are_lost();
  accept(*opened);
  process_->incarnation = opened->identity.incarnation;
  process_->errors_before = errors_before;
  server::ReplicaEvents events;
  events.on_stop_wanted = [this](const std::string& reason, bool failed) {
    if (reason.find("differs from that of a majority") != std::string::npos)
      throw Violation("digests_agree", fmt::format("node {}: {}", id_.value(), reason));
    process_->stop_wanted = true;
    process_->failed = failed;
  };
  process_->log = std::move(opened->log_store);
  process_->host = std::make_unique<WatchedHost>(*this);
  process_->replica = std::make_unique<server::Replica>(
      world_.logger, spec, driver_options().origin, *opened, std::move(events));
  // The invariants saw these entries when they came; differs() has compared them.
  process_->seen_from = opened->durable.compacted.index;
  for (const raft::Entry& entry : opened->durable.entries) process_->seen.push_back(entry.term);
  process_->loop =
      std::make_unique<raft::HostLoop>(world_.logger, driver_options(),
                                       std::move(opened->durable), *process_->host, *this);
  process_->replica->attach(*this);
  world_.trace.record(world_.now, TraceKind::started, id_, model_.last_index().value(),
                      model_.hard_state().term.value());
  world_.invariants.started(core());
  world_.events.push(world_.now + world_.random.below(tick_period), EventKind::tick, id_,
                     generation_);
  world_.events.push(world_.now + lease_interval, EventKind::leases, id_, generation_);
  schedule_turn();
  check_history();
}

// Compares what was found with what must be there, and goes on from what was found.
void SimulatedNode::accept(server::NodeFiles& files) {
  const raft::DurableState& found = files.durable;
  const bool knows = found.lost.index > Index();
  const std::string loss = differs(model_, in_flight_, found, world_.invariants, !suspect);
  if (!loss.empty() && !suspect)
    throw Violation("recovered_contains_acknowledged",
                    fmt::format("node {}: {}", id_.value(), loss));
  if (!loss.empty() && !knows)
    throw Violation("loss_is_noticed", fmt::format("node {}: {}", id_.value(), loss));
  if (knows && !suspect && !recovering())
    throw Violation("no_false_alarm",
                    fmt::format("node {} believes that entries up to {} are lost", id_.value(),
                                found.lost.index.value()));
  if (found.applied.last.index < model_.state().last.index && !suspect)
    throw Violation("recovered_contains_acknowledged",
                    fmt::format("node {}: state.db was durable up to {}, and is at {}",
                                id_.value(), model_.state().last.index.value(),
                                found.applied.last.index.value()));
  const std::uint64_t digest = files.state_machine.digest();
  if (found.applied.last.index > world_.oracle.last() ||
      world_.oracle.digest(found.applied.last.index) != digest)
    throw Violation("state_db_equals_memory",
                    fmt::format("node {}: state.db as of {} is another state", id_.value(),
                                found.applied.last.index.value()));
  if (knows && !recovering()) lost_ = model_.last();
  // Also a write that was not reported any more may be known to the side file.
  if (knows && !raft::up_to_date(lost_, found.lost)) lost_ = found.lost;
  if (knows) world_.invariants.lost_tail(id_, lost_.index);
  model_ = model_of(found);
  in_flight_.reset();
  // Everything that counts has been read.
  if (!disk_.lies()) suspect = false;
  state_ = {found.applied.last, found.applied.configuration, digest};
}

void SimulatedNode::on_open_failed(const std::string& text, std::uint64_t errors_before) {
  const bool disk_fails = disk_.off() || disk_.errors() > errors_before;
  world_.trace.record(world_.now, TraceKind::refused, id_, !disk_fails);
  process_.reset();
  if (disk_fails) {
    if (disk_.off()) cut_power();
    return restart_after(world_.random.below(3 * second));
  }
  if (!suspect)
    throw Violation("opens_again", fmt::format("node {}: {}", id_.value(), text));
  damaged_ = true;
}

void SimulatedNode::restart_after(Time delay) {
  world_.events.push(world_.now + 10 * millisecond + delay, EventKind::restart, id_);
}

void SimulatedNode::stop(Stop how) {
  if (how == Stop::gracefully) {
    process_->replica->fail_waiting();
    process_->replica->flush([] {});
    in_flight_ = std::exchange(process_->writing, std::nullopt);
    if (in_flight_ && process_->log) {
      try {
        process_->log->persist(*in_flight_);  // StorageThread finishes what is queued
      } catch (const std::exception&) {
      }
    }
    end_process();
    if (disk_.off())
      cut_power();
    else
      disk_.restart_process();
    return;
  }
  ++world_.statistics.crashes;
  world_.trace.record(world_.now, TraceKind::power_lost, id_, how == Stop::killed);
  interrupt_writes();
  disk_.switch_off();
  end_process();
  if (how == Stop::killed)
    disk_.restart_process();
  else
    cut_power();
}

void SimulatedNode::cut_power() {
  // A disk that lies about raft.db is found out by what the system has written by itself.
  if (disk_.lies()) disk_.write_back("raft.last");
  disk_.lose_power();
}

// What the threads of the databases were doing may have been done, or half of it.
void SimulatedNode::interrupt_writes() {
  if (!process_->loop || disk_.off()) return;
  const bool honest = !disk_.lies();
  if (honest && world_.random.chance(50)) {
    disk_.lose_power_at(1 + world_.random.below(30));
    process_->replica->store().perform_due(moment(world_.now));
    disk_.cancel_power_cut();
  }
  in_flight_ = std::exchange(process_->writing, std::nullopt);
  if (!in_flight_ || !honest || disk_.off() || world_.random.chance(30)) return;
  if (world_.random.chance(80)) disk_.lose_power_at(1 + world_.random.below(12));
  try {
    check_batch(*in_flight_);
    process_->log->persist(*in_flight_);
  } catch (const raft::StorageFailure&) {
  }
  disk_.cancel_power_cut();
}

void SimulatedNode::end_process() {
  if (process_->loop) world_.invariants.stopped(id_);
  process_->posted.clear();
  process_->loop.reset();
  process_->replica.reset();
  process_->log.reset();
  process_.reset();
  paused_until = 0;
}

// ---- events ----

void SimulatedNode::tick() {
  world_.events.push(world_.now + tick_period, EventKind::tick, id_, generation_);
  process_->loop->tick();
  ++process_->ticks;
  check_leads_with_quorum();
}

void SimulatedNode::on_turn() {
  process_->turn_scheduled = false;
  process_->work_wanted = true;  // by what it performs
  process_->loop->turn();
}

void SimulatedNode::receive(const InFlight& in_flight) {
  raft::Message message = open_frame(*in_flight.frame, in_flight.message, world_.random);
  world_.trace.message(world_.now, TraceKind::delivered, message);
  process_->heard_at_tick[message.from] = process_->ticks;
  process_->loop->receive(std::move(message));
}

void SimulatedNode::on_leases() {
  world_.events.push(world_.now + lease_interval, EventKind::leases, id_, generation_);
  process_->work_wanted = true;
  process_->replica->expire_leases();
}

void SimulatedNode::on_disconnected(NodeId peer) { process_->loop->on_peer_disconnected(peer); }

void SimulatedNode::on_posted() {
  if (process_->posted.empty()) return;
  const std::function<void()> work = std::move(process_->posted.front());
  process_->posted.pop_front();
  process_->work_wanted = true;
  work();
}

void SimulatedNode::on_state_work() {
  process_->work_scheduled = false;
  const auto next = process_->replica->store().perform_due(moment(world_.now));
  world_.trace.record(world_.now, TraceKind::work, id_, disk_.calls());
  if (!next) return;
  const auto due = std::chrono::duration_cast<std::chrono::microseconds>(next->time_since_epoch());
  schedule_work(std::max<Time>(static_cast<Time>(due.count()), world_.now));
}

void SimulatedNode::after_event() {
  if (!process_) return;
  if (process_->loop) observe();
  if (disk_.off()) {  // the power was cut in the middle of it
    ++world_.statistics.crashes;
    world_.trace.record(world_.now, TraceKind::power_lost, id_, 0);
    if (process_->writing) in_flight_ = std::move(process_->writing);
    end_process();
    cut_power();
    return restart_after(world_.random.below(5 * second));
  }
  if (process_->stop_wanted) {
    if (!process_->failed) {
      removed_ = true;
      world_.trace.record(world_.now, TraceKind::stopped, id_);
      return stop(Stop::gracefully);
    }
    if (disk_.errors() == process_->errors_before && !suspect)
      throw Violation("node_keeps_working", fmt::format("node {} gives up: {}", id_.value(),
                                                        process_->replica->failure()));
    world_.trace.record(world_.now, TraceKind::failed, id_);
    if (process_->writing) in_flight_ = std::exchange(process_->writing, std::nullopt);
    const bool in_order = world_.random.chance(50);  // or its last words are not written
    if (!in_order) disk_.switch_off();
    end_process();
    disk_.restart_process();
    return restart_after(world_.random.below(5 * second));
  }
  if (process_->loop && std::exchange(process_->work_wanted, false)) schedule_work(world_.now);
}

void SimulatedNode::post(std::function<void()> work) {
  process_->posted.push_back(std::move(work));
  world_.events.push(world_.now + world_.random.below(200), EventKind::posted, id_, generation_);
}

void SimulatedNode::schedule_work(Time at) {
  if (!process_->loop || process_->work_scheduled) return;
  process_->work_scheduled = true;
  const Time delay = 100 + world_.random.below(write_delay_max);
  world_.events.push(at + delay, EventKind::state_work, id_, generation_);
}

// ---- operations ----

std::optional<raft::ProposalId> SimulatedNode::write(
    const ipam::Command& command, std::function<void(server::WriteResult)> done) {
  process_->last_proposed.reset();
  process_->replica->write(command, std::move(done));
  return process_->last_proposed;
}

void SimulatedNode::read(std::function<void(bool)> done) {
  process_->loop->read(std::move(done));
}

void SimulatedNode::change_members(const raft::MemberChange& change,
                                   std::function<void(raft::MemberChangeReply)> done) {
  process_->loop->change_members(change, std::move(done));
}

void SimulatedNode::transfer_leader(NodeId target) {
  change_members({raft::MemberAction::lead, target, ""}, [](raft::MemberChangeReply) {});
}

void SimulatedNode::check_history() {
  if (++process_->history_checks % checks_per_backup == 0) check_backup();
  using AllocationsAt = ipam::PieceAt<ipam::Allocation>;
  const Index index = process_->replica->applied();
  const auto compare = [this, index](base::Result<ipam::HistoryAnswer, std::string> answer) {
    if (!answer.ok()) return;  // the disk failed
    if (const auto* audit = std::get_if<std::vector<ipam::AuditEntry>>(&*answer))
      world_.oracle.check_audit(id_, index, *audit);
    else
      world_.oracle.check_allocations(id_, index,
                                      std::get<AllocationsAt>(*answer).objects);
  };
  process_->replica->store().query(ipam::AuditQuery{1u << 30}, compare);
  ipam::AtQuery<ipam::Allocation> all;  // as they are now
  all.visits_max = 1u << 30;
  process_->replica->store().query(all, compare);
  process_->work_wanted = true;
}

void SimulatedNode::check_backup() {
  if (std::exchange(process_->backing_up, true)) return;
  const Index asked_at = process_->replica->applied();
  auto made = [this, asked_at](base::Result<state::StateStore::Backup,
                                            state::StateStore::BackupFailure> backup) {
    process_->backing_up = false;
    if (!backup.ok()) return;  // the disk failed or is full, or a snapshot was installed
    const auto checked =
        state::check_backup(files_, state::backup_path(fmt::format("node-{}", id_.value()), 0));
    process_->replica->store().delete_backup(backup->number);
    process_->work_wanted = true;
    ++world_.statistics.backups;
    const bool disk_failed = suspect || disk_.off() || disk_.errors() > process_->errors_before;
    if (!checked.ok() && disk_failed) return;
    if (!checked.ok()) throw Violation("backup_is_whole", checked.error());
    const Index index(checked->loaded.position.index);
    if (index < asked_at || index.value() != backup->position.index ||
        checked->loaded.state_machine.counters().digest != backup->digest)
      throw Violation("backup_is_whole",
                      fmt::format("node {} gave a backup of {}, asked at {}", id_.value(),
                                  index.value(), asked_at.value()));
    if (!suspect)
      world_.oracle.check_digest(id_, index, checked->loaded.state_machine.digest());
  };
  process_->replica->store().make_backup(std::move(made));
  process_->work_wanted = true;
}

}  // namespace simulation
