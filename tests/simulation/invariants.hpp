// What must hold in every run, whatever the faults. One object sees all nodes at once, which no
// node can; it is told of every step and throws a Violation that names the broken invariant:
//
//   election_safety                one leader in a term, by a quorum of votes
//   vote_once                      a data directory gives one vote in a term
//   monotonic_term, monotonic_commit
//   leader_append_only             a leader neither cuts nor overwrites its log
//   log_matching                   equal (index, term): equal entry, equal history
//   leader_completeness            a leader has what was committed in earlier terms
//   state_machine_safety           the same entries, in order, give the same state
//   durable_before_acknowledged    votes and acknowledgements speak of what is durable
//   acknowledged_matches_leader    an acknowledged log equals the leader's up to there
//   committed_is_durable_on_quorum, applied_is_durable
//   configuration_safety           quorums of successive configurations meet; one change at a time
//   configuration_of_log           in force is the last configuration in the log, on every node
//   back_off_goes_down             after a rejection, a leader sends from ever lower until one fits
//   no_acknowledged_loss           what a client was told is written stays
//   linearizable_reads             a read sees every write and read that ended before it began
//   leader_hears_quorum            a leader without its quorum steps down (host.hpp)
//   pre_vote_changes_nothing       at the node that is asked (host.hpp)
//   durable_log, commit_is_covered (disk.hpp), liveness, removed_nodes_stop (simulation.hpp)
#pragma once

#include <array>
#include <map>
#include <tuple>
#include <vector>

#include "disk.hpp"
#include "network.hpp"
#include "raft/core/node.hpp"

namespace simulation {

class Invariants {
 public:
  // `disk` outlives this object.
  void watch(raft::NodeId node, const Disk* disk);
  // `core` is valid until stopped().
  void started(const raft::RaftCore& core);
  void stopped(raft::NodeId node);

  // The disk lost entries up to `until`, the node knows it and does not vote without them.
  void lost_tail(raft::NodeId node, raft::Index until) { view(node).lost_until = until; }

  // After every input to a core. True where the node has just become a leader.
  bool stepped(const raft::RaftCore& core);
  // Of every Ready, before anything else is given to the core.
  void appended(const raft::RaftCore& core, const raft::Ready& ready);
  // `before` is the state to which `entry` is about to be applied.
  void applying(raft::NodeId node, const State& before, const raft::Entry& entry);
  void applied(const State& after);
  void installed(const State& state);
  // A message leaves its node, or comes back to it after the disk is done.
  void leaving(const raft::Message& message) const;
  void vote_leaving(const raft::Message& message);
  // How a leader looks for the place where a member's log agrees with its own: what it sends, and
  // what it is told before its core is.
  void append_leaving(const raft::Message& message);
  void append_answered(const raft::Message& message);
  void snapshot_ended(raft::NodeId leader, raft::NodeId member);
  void write_acknowledged(const raft::LogPosition& position, const base::SharedBytes& command);
  // What a read that starts now has to see.
  raft::Index read_floor() const { return std::max(acknowledged_last_, read_last_); }
  void read_served(raft::Index floor, raft::Index applied);

  struct Committed {
    raft::Term term, committed_in;
    raft::EntryKind kind{};
    base::SharedBytes data;
  };
  raft::Index committed_last() const { return raft::Index(committed_.size()); }
  // REQUIRES: 1 <= index <= committed_last().
  const Committed& committed(raft::Index index) const { return committed_[index.value() - 1]; }
  std::uint64_t leader_changes() const { return leaders_.size(); }
  std::uint64_t configurations_committed() const { return configurations_committed_; }

 private:
  struct LoggedConfiguration {
    raft::Index index;
    raft::Configuration configuration;
  };
  struct View {
    const Disk* disk = nullptr;
    std::vector<LoggedConfiguration> configurations;  // what the log holds; the first is applied
    raft::Index configuration_checked;
    std::uint64_t turns = 0;  // Readies taken
    const raft::RaftCore* core = nullptr;
    raft::Term term;
    raft::Index commit;
    bool leader = false;
    raft::LogPosition last;
    raft::Index configuration_index;
    raft::Index lost_until;
  };
  struct Version {
    raft::Term term, previous_term;
    raft::EntryKind kind{};
    base::SharedBytes data;
  };
  // Of one progress record of a leader.
  struct BackOff {
    std::uint64_t progress_id = 0;
    std::optional<std::uint64_t> rejected_in_turn;  // where nothing was accepted since
    raft::Index previous;  // of the last append, or what was accepted since
  };

  void became_leader(const raft::RaftCore& core);
  void check_still_leader(const raft::RaftCore& core, const View& view) const;
  void check_commit(const raft::RaftCore& core, View& view);
  void check_durable_on_quorum(const raft::RaftCore& core, const View& view) const;
  void check_entries(const raft::RaftCore& core, const std::vector<raft::Entry>& entries);
  void check_configuration(const raft::RaftCore& core, const raft::Entry& entry, bool is_new) const;
  void log_configurations(View& view, const raft::Ready& ready);
  void check_configuration_of_log(const raft::RaftCore& core, View& view, bool changed) const;
  View& view(raft::NodeId node) { return views_[node.value()]; }
  const View& view(raft::NodeId node) const { return views_[node.value()]; }

  std::array<View, nodes_max + 1> views_;
  std::map<raft::Term, raft::NodeId> leaders_;
  // By term, voter and the voter's data directory.
  std::map<std::tuple<raft::Term, raft::NodeId, std::uint64_t>, raft::NodeId> votes_;
  std::map<std::pair<raft::NodeId, raft::NodeId>, BackOff> back_offs_;  // by leader and member
  std::vector<std::vector<Version>> versions_;                         // by index - 1
  std::vector<Committed> committed_;                                   // by index - 1
  std::vector<std::uint64_t> state_hashes_;                            // by index - 1; 0: none yet
  raft::Index acknowledged_last_;
  raft::Index read_last_;
  std::uint64_t configurations_committed_ = 0;
  raft::Configuration initial_configuration_;  // before the first one that is committed
};

// Whether every quorum of `a` shares a node with every quorum of `b`.
bool quorums_meet(const raft::Configuration& a, const raft::Configuration& b);

}  // namespace simulation
