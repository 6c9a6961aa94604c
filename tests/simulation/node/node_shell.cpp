// The part of SimulatedNode that its loop calls, and what is checked there.
#include <fmt/format.h>

#include "simulated_node.hpp"
#include "violation.hpp"
#include "wire.hpp"

namespace simulation {

using raft::Index;
using raft::NodeId;

namespace {
constexpr std::int64_t epoch_ms = 1'700'000'000'000;
}

raft::ClockReading SimulatedNode::clocks() {
  const auto now_ms = static_cast<std::int64_t>(world_.now / millisecond);
  return {epoch_ms + now_ms + wall_offset_ms_, now_ms + static_cast<std::int64_t>(id_.value())};
}

void SimulatedNode::set_wall_clock(std::int64_t offset_ms) {
  wall_offset_ms_ = offset_ms;
  clock_was_set_ = generation_ > 0;  // before it ran there was nothing to know
}

void SimulatedNode::schedule_turn() {
  if (process_->turn_scheduled) return;
  process_->turn_scheduled = true;
  const bool late = settings_.lazy_turns && world_.random.chance(50);
  world_.events.push(world_.now + (late ? world_.random.below(2 * millisecond) : 0),
                     EventKind::turn, id_, generation_);
}

std::optional<raft::ProposalId> SimulatedNode::propose(base::SharedBytes command) {
  return process_->last_proposed = process_->loop->propose(std::move(command));
}

void SimulatedNode::on_state_durable(Index index) {
  observe();
  // Between a state.db that was replaced and a log that was emptied; open_node_files() knows.
  if (!process_->installing && index > model_.state().last.index) {
    if (index > world_.oracle.last())
      throw Violation("durable_log", "state.db holds what is not committed");
    model_.write_state(std::make_shared<const State>(
        State{{index, world_.invariants.committed(index).term}, {}, 0}));
  }
  process_->loop->on_state_durable(index);
}

bool SimulatedNode::send(const raft::Message& message) {
  observe();
  if (message.to == id_ || message.from != id_ || message.to.value() > nodes_max)
    throw Violation("message_to_another", "a message goes nowhere");
  world_.invariants.leaving(message);
  world_.invariants.vote_leaving(message);
  // A connection that is known to be broken takes nothing.
  if (!world_.network.connected(id_, message.to) && world_.random.chance(50)) return false;
  base::SharedBytes frame = frame_of(message);
  if (!frame) return false;
  world_.network.send(world_.now, message, nullptr, std::move(frame));
  return true;
}

// ---- the log ----

void SimulatedNode::persist(raft::PersistBatch batch, std::function<void()> done) {
  observe();
  if (process_->writing)
    throw Violation("one_write_at_a_time", "a batch while one is being written");
  for (std::size_t i = 1; i < batch.entries.size(); ++i)
    if (batch.entries[i].index != batch.entries[i - 1].index + 1)
      throw Violation("durable_log", "entries of one batch are not contiguous");
  process_->writing = std::move(batch);
  process_->written = std::move(done);
  const Time delay_max = world_.now < slow_until ? 4 * second : write_delay_max;
  world_.events.push(world_.now + 100 + world_.random.below(delay_max), EventKind::persisted, id_,
                     generation_);
}

// The log may be cut only up to what a power cut would leave of state.db.
void SimulatedNode::check_batch(const raft::PersistBatch& batch) {
  if (!batch.compacted || batch.compacted->index <= model_.compacted().index || suspect) return;
  const Index durable = durable_state_index(disk_);
  if (batch.compacted->index > durable)
    throw Violation("cut_is_covered",
                    fmt::format("node {} cuts its log up to {}, state.db is durable up to {}",
                                id_.value(), batch.compacted->index.value(), durable.value()));
}

void SimulatedNode::on_write_done() {
  if (!process_->writing) return;
  check_batch(*process_->writing);
  const raft::PersistBatch& next = *process_->writing;
  // Cuts at the beginning of the log are common, compared with those at its end.
  const bool rare = next.snapshot || (next.compacted && world_.random.chance(10)) ||
                    (!next.entries.empty() && next.entries.front().index <= model_.last_index());
  if (rare && !disk_.lies() && std::exchange(cut_power_at_rare_write, false))
    disk_.lose_power_at(1 + world_.random.below(world_.random.chance(50) ? 12 : 40));
  try {
    process_->log->persist(*process_->writing);
  } catch (const std::exception& failure) {  // as StorageThread does
    process_->loop->fail(failure.what());
    return;
  }
  const raft::PersistBatch batch = *std::exchange(process_->writing, std::nullopt);
  model_.write(batch_for_model(batch));
  if (batch.snapshot) process_->installing = false;
  if (batch.clock_offset_ms) clock_was_set_ = false;
  world_.trace.record(world_.now, TraceKind::persisted, id_, model_.last_index().value(),
                      model_.hard_state().term.value(), model_.hard_state().vote.value(),
                      disk_.calls());
  if (world_.random.chance(settings_.image_percent)) check_platter();
  // A candidate's own vote: the driver keeps it from the wire.
  if (batch.hard_state && batch.hard_state->vote == id_)
    world_.invariants.vote_leaving(
        {id_, id_, batch.hard_state->term, raft::RequestVoteResponse{false, true},
         driver_options().core.process});
  std::exchange(process_->written, nullptr)();
  checkpoint_log();
}

// As StorageThread does: who waits has been told.
void SimulatedNode::checkpoint_log() {
  if (!process_ || !process_->log) return;
  try {
    process_->log->checkpoint_if_due();
  } catch (const std::exception& failure) {
    process_->loop->fail(failure.what());
  }
}

// persist() has returned: a power cut at this moment must leave all of it.
void SimulatedNode::check_platter() {
  if (suspect || disk_.off()) return;
  const auto found = durable_log(disk_);
  const std::string loss =
      found.ok() ? differs(model_, std::nullopt, *found, world_.invariants, true) : found.error();
  if (!loss.empty())
    throw Violation("recovered_contains_acknowledged",
                    fmt::format("node {}, after persist(): {}", id_.value(), loss));
}

// ---- watching the core ----

void SimulatedNode::observe() {
  if (world_.invariants.stepped(core())) {
    ++world_.statistics.elections;
    world_.trace.record(world_.now, TraceKind::leader, id_, core().term().value());
  }
  observe_log();
  world_.oracle.follow(world_.invariants);
}

// Shows the invariants the entries that are new in the log. Where the terms agree at an index, the
// logs agree before it, too: that is log matching, which is checked for each entry as it comes.
void SimulatedNode::observe_log() {
  const raft::Log& log = core().log();
  std::vector<raft::Term>& seen = process_->seen;
  Index& from = process_->seen_from;  // seen[0] is of from + 1
  const Index beginning = log.compacted().index;
  raft::Ready as_if;  // as the core would hand it out
  if (beginning > from + seen.size()) {
    as_if.snapshot = {log.compacted(), core().configuration_at(beginning)};
    seen.clear();
    from = beginning;
  } else if (beginning > from) {
    seen.erase(seen.begin(), seen.begin() + static_cast<std::ptrdiff_t>(beginning - from));
    from = beginning;
  }
  seen.resize(std::min<std::size_t>(seen.size(), log.last_index() - from));
  Index same = from + seen.size();
  while (same > from && log.term_at(same) != seen[same - from - 1]) same = same - 1;
  seen.resize(same - from);
  for (Index index = same + 1; index <= log.last_index(); ++index) {
    as_if.entries.push_back(log.at(index));
    seen.push_back(as_if.entries.back().term);
  }
  for (const raft::Entry& entry : as_if.entries)
    world_.oracle.saw(entry.index, entry.term, world_.now);
  world_.invariants.appended(core(), as_if);
}

// A leader that has not heard from a quorum for two election timeouts does not lead (thesis §6.2).
void SimulatedNode::check_leads_with_quorum() {
  if (!core().is_leader()) return;
  Process& process = *process_;
  const std::pair as_of(core().term(), core().configuration_index());
  if (std::exchange(process.leads_as_of, as_of) != as_of) process.leads_since_tick = process.ticks;
  // A node takes its turn after its tick: one more than in level 1.
  const std::uint64_t grace = 2 * settings_.driver.core.election_timeout_ticks + 2;
  if (process.ticks - process.leads_since_tick <= grace) return;
  const auto heard = [&](NodeId peer) {
    const auto at = process.heard_at_tick.find(peer);
    return peer == id_ ||
           (at != process.heard_at_tick.end() && process.ticks - at->second <= grace);
  };
  if (!raft::has_quorum(core().configuration(), heard))
    throw Violation("leader_hears_quorum",
                    fmt::format("node {} leads term {} and hears from no quorum", id_.value(),
                                core().term().value()));
}

}  // namespace simulation
