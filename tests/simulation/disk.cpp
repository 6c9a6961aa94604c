#include "disk.hpp"

#include <fmt/format.h>

#include "violation.hpp"

namespace simulation {

using raft::Index;

void Disk::write(const Batch& batch) {
  if (batch.hard_state) {
    if (batch.hard_state->term < hard_state_.term)
      throw Violation("monotonic_term", "the durable term goes back");
    if (batch.hard_state->term == hard_state_.term && hard_state_.vote &&
        batch.hard_state->vote != hard_state_.vote)
      throw Violation("vote_once", "the durable vote of a term changes");
    hard_state_ = *batch.hard_state;
  }
  if (batch.snapshot) {
    if (batch.snapshot->last.index < state_->last.index)
      throw Violation("durable_log", "a snapshot takes the durable state back");
    entries_.clear();
    compacted_ = batch.snapshot->last;
    state_ = batch.snapshot;
  }
  if (!batch.entries.empty()) {
    const Index first = batch.entries.front().index;
    if (first > last_index() + 1 || first <= state_->last.index)
      throw Violation("durable_log",
                      fmt::format("entries from {} on are written to a log that ends at {}, with "
                                  "state as of {}",
                                  first.value(), last_index().value(), state_->last.index.value()));
    entries_.resize(first - compacted_.index - 1);
    for (const raft::Entry& entry : batch.entries) {
      if (entry.index != last_index() + 1)
        throw Violation("durable_log", "entries of one Ready are not contiguous");
      entries_.push_back(entry);
    }
  }
  if (batch.compacted && batch.compacted->index > compacted_.index) {
    if (batch.compacted->index > state_->last.index || batch.compacted->index > last_index() ||
        term_at(batch.compacted->index) != batch.compacted->term)
      throw Violation("durable_log", "the log is cut beyond the durable state");
    entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(
                                         batch.compacted->index - compacted_.index));
    compacted_ = *batch.compacted;
  }
  if (hard_state_.commit > last_index())
    throw Violation("commit_is_covered",
                    fmt::format("commit {} is durable, the log ends at {}",
                                hard_state_.commit.value(), last_index().value()));
}

void Disk::write_state(std::shared_ptr<const State> state) {
  if (state->last.index < compacted_.index || state->last.index > last_index())
    throw Violation("durable_log",
                    fmt::format("applied up to {}, but the log is durable from {} to {}",
                                state->last.index.value(), compacted_.index.value(),
                                last_index().value()));
  state_ = std::move(state);
}

raft::DurableState Disk::load() const {
  if (term_at(state_->last.index) != state_->last.term)
    throw Violation("durable_log", "the log does not hold what was applied");
  raft::DurableState durable;
  durable.hard_state = hard_state_;
  durable.compacted = compacted_;
  durable.entries.assign(entries_.begin(), entries_.end());
  durable.applied = state_->meta();
  return durable;
}

std::optional<raft::Term> Disk::term_at(Index index) const {
  if (index == compacted_.index) return compacted_.term;
  if (index < compacted_.index || index > last_index()) return std::nullopt;
  return entries_[index - compacted_.index - 1].term;
}

bool Disk::contains(const raft::LogPosition& position) const {
  return position.index < compacted_.index || term_at(position.index) == position.term;
}

void Disk::lose_tail(std::size_t entries_max) {
  while (entries_max-- > 0 && last_index() > state_->last.index) entries_.pop_back();
  if (hard_state_.commit > last_index()) hard_state_.commit = last_index();
}

}  // namespace simulation
