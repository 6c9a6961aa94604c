// RaftCore: one node of a Raft cluster as a pure function of what it is told. It takes messages,
// ticks, proposals and completions; take_ready() says what is to be persisted, sent and applied.
// No clock, thread, socket or file: the same calls give the same Readies (raft/README.md).
// On a node it lives on the io thread, inside raft/node's driver.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/random.hpp"
#include "base/result.hpp"
#include "raft/core/log.hpp"
#include "raft/core/membership.hpp"
#include "raft/core/mutant.hpp"
#include "raft/core/progress.hpp"
#include "raft/core/read_index.hpp"
#include "raft/core/ready.hpp"
#include "raft/core/role_change.hpp"

namespace raft {

struct CoreOptions {
  NodeId id;
  ProcessInfo process;
  std::uint64_t seed = 0;           // for the randomised election timeout
  unsigned election_timeout_ticks = 10;  // drawn anew from [t, 2t) for each wait
  // Of the first wait after the start, drawn from here up to election_timeout_ticks: a leader that
  // lives is heard sooner, and pre-vote makes a mistake harmless. 0: as any other wait.
  unsigned first_wait_ticks_min = 0;
  // The first leader of a cluster is elected by all its founders, not by a majority of them: those
  // whose disks were lost would elect one another, beside those that have what was acknowledged.
  bool founders_all_vote = false;
  unsigned heartbeat_ticks = 1;
  std::size_t message_bytes_max = 1u << 20;      // of entry data in one AppendEntries
  std::size_t uncommitted_bytes_max = 64u << 20;  // beyond: proposals are refused
  std::size_t committed_per_ready_max = 4096;     // keeps one turn of the host short
  std::size_t reads_max = 65536;                  // waiting on a leader; beyond: refused
  std::uint64_t promotion_lag_max = 256;  // entries that a learner may lack to be promoted
  // Who lacks more entries than this catches up: of these entries all such members together get so
  // many bytes in a tick, or twice what was committed in the tick before where that is more.
  std::uint64_t catch_up_lag = 10'000;
  std::size_t catch_up_bytes_per_tick = 128u << 10;
  ProgressLimits progress;
};

// What the disk held when the node started.
struct DurableState {
  HardState hard_state;
  LogPosition compacted;
  std::vector<Entry> entries;  // contiguous from compacted.index + 1
  // How far the state machine has come, and the configuration as of there. Within the log or at its
  // compacted position.
  SnapshotMeta applied;
  // The end of a log that this node may have acknowledged and lost since. It votes as if it still
  // had that log, and leads only with one as good. {0,0}: nothing is lost.
  LogPosition lost;
  // The driver's (raft/node/replicated_clock.hpp): how far replicated time is ahead of this node's
  // wall clock.
  std::optional<std::int64_t> clock_offset_ms = {};
};

enum class Role : std::uint8_t { follower, pre_candidate, candidate, leader };

enum class Refusal : std::uint8_t {
  not_leader,
  transferring,        // leadership is being handed over
  overloaded,          // the uncommitted tail or a queue is full
  not_ready,           // no entry of this term is committed yet: try again soon
  change_in_progress,
  already_member,
  not_a_member,
  would_lose_quorum,
  too_many_members,
};

struct ProgressStatus {
  NodeId id;
  Progress::State state;
  Index match;
  std::optional<std::uint64_t> ticks_since_heard;
  std::uint64_t ticks_silent;  // the same, or since this node leads where it never heard
  bool disconnected;  // its process has ended, probably
};

struct CoreStatus {
  Role role;
  Term term;
  NodeId leader;
  Index commit;
  Index last;
  Index compacted;
  Index applied;
  std::vector<ProgressStatus> progress;  // on a leader
};

class RaftCore {
 public:
  RaftCore(const CoreOptions& options, DurableState durable);

  // ---- inputs ----
  void tick();
  // Any message whose body the core knows; the driver's own must not come here.
  void step(const Message& message);
  // Appends; the entries have consecutive indexes from the one returned. A refusal means that none
  // was appended.
  base::Result<LogPosition, Refusal> propose(std::vector<base::SharedBytes> commands);
  base::Result<Index, Refusal> add_member(NodeId id, const std::string& address);
  base::Result<Index, Refusal> remove_member(NodeId id);
  // The member listens there now. The index is that of the configuration that says so.
  base::Result<Index, Refusal> move_member(NodeId id, const std::string& address);
  // Answered by a ReadState with this context, which the host never uses twice. False: refused now.
  bool read_index(std::uint64_t context);
  base::Result<base::Ok, Refusal> transfer_leader(NodeId target);
  // The connection from `peer` broke: if it led, an election may start early (pre-vote keeps that
  // safe).
  void on_peer_disconnected(NodeId peer);
  // Campaigns only when nobody else has for two more election timeouts.
  void set_reluctant(bool reluctant) { reluctant_ = reluctant; }

  // ---- completions ----
  void on_persisted(const PersistToken& token);
  // The bytes of the snapshot that Ready::snapshots_wanted asked for were delivered, or could not
  // be.
  void on_snapshot_sent(NodeId peer, Index index, bool arrived);
  // Forgets the log up to `index`. REQUIRES: it has been applied, durably.
  void compact(Index index);

  // ---- output ----
  bool has_ready();
  Ready take_ready();
  // What became of this node's role since the last call, in order.
  std::deque<RoleChange> take_role_changes() { return std::exchange(role_changes_, {}); }

  // ---- queries ----
  NodeId id() const { return options_.id; }
  Role role() const;
  bool is_leader() const { return role() == Role::leader; }
  Term term() const { return term_; }
  NodeId leader() const { return leader_; }
  NodeId vote() const { return vote_; }
  // Whom this leader is handing leadership over to; 0: nobody.
  NodeId transfer_target() const {
    const auto* leader = leader_role();
    return leader == nullptr ? NodeId() : leader->transfer_target;
  }
  // Until this node campaigns, unless it hears of a leader.
  unsigned election_ticks_left() const {
    return election_deadline_ticks_ - std::min(election_elapsed_ticks_, election_deadline_ticks_);
  }
  Index commit() const { return commit_; }
  // Handed out in Ready::committed.
  Index applied() const { return applied_; }
  const Log& log() const { return log_; }
  const Configuration& configuration() const { return membership_.current(); }
  Index configuration_index() const { return membership_.current_index(); }
  const LogPosition& configuration_position() const { return membership_.current_position(); }
  const Configuration& configuration_at(Index index) const {
    return MUTANT(snapshot_has_latest_configuration) ? membership_.current()
                                                     : membership_.at(index);
  }
  // The leader's record of `peer`, which the messages of a snapshot transfer name. 0: none.
  std::uint64_t progress_id(NodeId peer) const;
  // On a leader: `peer` waits for a snapshot to arrive.
  bool awaits_snapshot(NodeId peer) const;
  CoreStatus status() const;

 private:
  struct Follower {};
  struct PreCandidate {
    std::map<NodeId, bool> votes;
  };
  struct Candidate {
    std::map<NodeId, bool> votes;
    bool transfer = false;
  };
  struct Leader {
    std::map<NodeId, Progress> progress;  // of all members but this node
    std::uint64_t next_progress_id = 1;
    ReadQueue reads;
    std::uint64_t round_sent = 0;  // the read round of the latest heartbeats
    Index term_start;              // the no-op of this term
    std::size_t uncommitted_bytes = 0;
    std::size_t written_bytes = 0;  // of its own term, committed since the last tick
    std::optional<std::size_t> catch_up_bytes_left;  // until the next tick; nullopt: any
    unsigned ticks_since_heartbeat = 0;
    unsigned ticks_since_quorum_check = 0;
    NodeId transfer_target;
    unsigned transfer_ticks = 0;
    bool transfer_sent = false;
    std::vector<NodeId> departed;  // left with the current configuration; told once it commits
  };

  // election.cpp
  void tick_election();
  void campaign(bool transfer);
  RoleChange campaign_reason() const;
  void note_role(RoleEvent event, RoleCause cause, NodeId peer, unsigned ticks = 0);
  void begin_pre_vote();
  void begin_vote(bool transfer);
  void request_votes(Term term, bool pre_vote, bool transfer);
  void count_votes();
  void handle(NodeId from, Term term, const RequestVote& request);
  void handle(NodeId from, const ProcessInfo& voter, const RequestVoteResponse& response);
  void handle(NodeId from, const TimeoutNow& request);
  void handle(NodeId from, const NotMember& message);
  bool hears_leader() const;
  bool may_vote() const;
  void heard_from_leader(NodeId leader);
  void become_follower(Term term, NodeId leader);
  void become_leader();
  void reset_election_timer();
  bool accept_term(const Message& message);
  void answer_lower_term(const Message& message);

  // replication.cpp
  void tick_leader(Leader& leader);
  void append_as_leader(EntryKind kind, base::SharedBytes data);
  void send_appends(Leader& leader);
  // Once, whether there are entries to send or not.
  void send_append(Leader& leader, NodeId to, Progress& progress);
  bool catches_up(const Progress& progress) const;
  std::size_t bytes_to_send(const Leader& leader, const Progress& progress) const;
  void send_heartbeats(Leader& leader);
  void advance_commit(Leader& leader);
  Index quorum_match(const Leader& leader) const;
  void commit_to(Index index);
  void on_committed_as_leader(Leader& leader);
  void handle(NodeId from, const AppendEntries& request);
  void handle(NodeId from, const AppendEntriesResponse& response);
  void handle(NodeId from, const Heartbeat& heartbeat);
  void handle(NodeId from, const HeartbeatResponse& response);
  void handle(NodeId from, const InstallSnapshot& request);
  void accept_entries(const AppendEntries& request);
  Progress* progress_of(NodeId id);

  // membership_changes.cpp
  std::optional<Refusal> refuse_change(const Leader* leader) const;
  Index append_configuration(const Configuration& configuration);
  void on_configuration_changed();
  std::uint64_t next_progress_id(Leader& leader) const;
  void note_process(NodeId peer, const ProcessInfo& process);
  bool counts(const Leader& leader, NodeId voter) const;
  bool is_present(const Leader& leader, NodeId voter) const;
  template <class Predicate>
  bool has_counting_quorum(const Leader& leader, Predicate granted) const;
  void maintain_members(Leader& leader);
  bool identify_members(Leader& leader);
  bool demote_strangers(Leader& leader);
  void promote_learners(Leader& leader);
  void step_down_removed(Leader& leader);
  void tell_departed(Leader& leader);
  void tell_if_removed(NodeId sender);

  // reads.cpp
  void handle(NodeId from, const ReadIndexRequest& request);
  void handle(NodeId from, const ReadIndexResponse& response);
  void begin_read_round(Leader& leader);
  void answer_reads(Leader& leader);
  void answer_read(const ReadQueue::Read& read, bool ok);
  void fail_reads(Leader& leader);
  void check_transfer(Leader& leader, NodeId peer);

  Leader* leader_role() { return std::get_if<Leader>(&role_); }
  const Leader* leader_role() const { return std::get_if<Leader>(&role_); }
  bool term_committed() const;
  HardState hard_state_to_write(const Ready& ready) const;
  void send(NodeId to, MessageBody body) { send_with_term(to, term_, std::move(body)); }
  void send_with_term(NodeId to, Term term, MessageBody body);
  void send_after_persist(NodeId to, MessageBody body);

  const CoreOptions options_;
  base::Random random_;

  // Durable before it is acted on.
  Term term_;
  NodeId vote_;
  Log log_;
  Membership membership_;

  Index commit_;
  Index applied_;
  NodeId leader_;
  std::variant<Follower, PreCandidate, Candidate, Leader> role_;
  unsigned election_elapsed_ticks_ = 0;
  unsigned election_deadline_ticks_ = 0;
  bool leader_connection_broken_ = false;
  bool reluctant_ = false;
  LogPosition lost_;  // see DurableState
  // Why this node campaigns, as of the first campaign since it followed a leader.
  std::optional<RoleChange> campaign_reason_;
  bool heard_a_leader_ = false;  // since the start
  // The log equals that of this term's leader up to here, as its appends to this process proved.
  Index matched_;

  // What the next Ready carries.
  HardState hard_state_handed_out_;
  std::vector<Message> messages_;
  std::vector<Message> messages_after_persist_;
  std::vector<ReadState> read_states_;
  std::vector<NodeId> snapshots_wanted_;
  std::optional<SnapshotMeta> snapshot_to_install_;
  std::optional<LogPosition> compacted_to_hand_out_;
  bool removed_ = false;
  std::deque<RoleChange> role_changes_;
};

// As has_quorum() of the current configuration, without those whose process does not count.
template <class Predicate>
bool RaftCore::has_counting_quorum(const Leader& leader, Predicate granted) const {
  return has_quorum(membership_.current(),
                    [&](NodeId peer) { return counts(leader, peer) && granted(peer); });
}

}  // namespace raft
