// The configurations that this node's log holds. The latest one counts from the moment it is
// appended (Raft §6) and goes when its entry is cut from the log.
// Pure; owned by RaftCore.
#pragma once

#include <deque>
#include <string>

#include "raft/core/configuration.hpp"
#include "raft/core/types.hpp"

namespace raft {

class Membership {
 public:
  // `base` is committed, as of `position`.
  Membership(const LogPosition& position, Configuration base) { reset(position, std::move(base)); }

  const Configuration& current() const { return history_.back().configuration; }
  const LogPosition& current_position() const { return history_.back().position; }
  Index current_index() const { return current_position().index; }
  // The latest one up to `index`: what a snapshot as of `index` has to carry, or what is committed.
  const Configuration& at(Index index) const;

  void append(const LogPosition& position, Configuration configuration);
  // The log was cut: entries from `index` on are gone.
  void truncate_from(Index index);
  // Configurations that nobody can roll back to any more are forgotten.
  void compact(Index index);
  void reset(const LogPosition& position, Configuration configuration);

 private:
  struct Appended {
    LogPosition position;
    Configuration configuration;
  };
  std::deque<Appended> history_;  // never empty; the front one is committed
};

// ---- the changes, as functions from one configuration to the next ----
// A new member begins as a learner that is promoted when it has caught up. No vote changes, so no
// joint configuration is needed.
Configuration with_learner(const Configuration& from, NodeId id, const std::string& address);
// The member listens at another address; who votes stays.
Configuration with_address(const Configuration& from, NodeId id, const std::string& address);
// The joint configuration on the way to one where `id` votes, or is gone.
// What is known of the process that has caught up goes with it: its votes count from then on.
Configuration with_promotion(const Configuration& from, NodeId id, const ProcessInfo& process);
// The same on the way to one where `id` is a learner that will be promoted again: its data
// directory is another one, which knows neither its votes nor what it acknowledged.
Configuration with_demotion(const Configuration& from, NodeId id);
Configuration without_voter(const Configuration& from, NodeId id);
Configuration without_learner(const Configuration& from, NodeId id);
// The new half of a joint configuration alone.
Configuration leave_joint(const Configuration& from);

}  // namespace raft
