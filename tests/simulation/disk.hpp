// The disk of one simulated node: what survives a crash. The log and hard state change by whole
// batches, as raft.db does by transactions; the state machine's state is written behind, as
// state.db is. Checks on its own that what it is told to write makes sense.
#pragma once

#include <deque>
#include <memory>
#include <optional>

#include "raft/core/node.hpp"
#include "state_machine.hpp"

namespace simulation {

// One Ready's durable part.
struct Batch {
  std::optional<raft::HardState> hard_state;
  std::shared_ptr<const State> snapshot;
  std::vector<raft::Entry> entries;
  std::optional<raft::LogPosition> compacted;
};

class Disk {
 public:
  explicit Disk(State initial)
      : compacted_(initial.last), state_(std::make_shared<const State>(std::move(initial))) {}

  // Throws Violation "durable_log" or "commit_is_covered".
  void write(const Batch& batch);
  // REQUIRES: the log covers it (no snapshot batch is in flight).
  void write_state(std::shared_ptr<const State> state);
  // What a core is started with. Throws Violation "durable_log".
  raft::DurableState load() const;

  const raft::HardState& hard_state() const { return hard_state_; }
  raft::Index last_index() const { return compacted_.index + entries_.size(); }
  raft::LogPosition last() const {
    return entries_.empty() ? compacted_
                            : raft::LogPosition{entries_.back().index, entries_.back().term};
  }
  const raft::LogPosition& compacted() const { return compacted_; }
  // Whether the log is at least as up to date (Raft §5.4.1) as one that ends at `other`.
  bool up_to_date(const raft::LogPosition& other) const { return raft::up_to_date(last(), other); }
  const State& state() const { return *state_; }
  // Whether the entry is durable here, in the log or in what replaced its beginning.
  bool contains(const raft::LogPosition& position) const;
  std::optional<raft::Term> term_at(raft::Index index) const;
  // REQUIRES: compacted().index < index <= last_index().
  const raft::Entry& at(raft::Index index) const {
    return entries_[index - compacted_.index - 1];
  }

  // ---- damage ----
  // Acknowledged entries vanish, those after the durable state.
  void lose_tail(std::size_t entries_max);
  void forget_vote() { hard_state_.vote = raft::NodeId(); }

 private:
  raft::HardState hard_state_;
  raft::LogPosition compacted_;
  std::deque<raft::Entry> entries_;
  std::shared_ptr<const State> state_;  // as of an applied index within the log
};

}  // namespace simulation
