// The host loop of RaftCore as a pure object: it orders what a Ready asks for (write, then answer),
// stamps and forwards proposals, groups reads, streams snapshots, cuts the log, and gives up on
// what takes too long. raft/node/node is the coroutine shell that performs its Output; the
// simulator performs it on simulated disks. Pure; on a node it lives on the io thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "raft/core/node.hpp"
#include "raft/node/digests.hpp"
#include "raft/node/forwarded.hpp"
#include "raft/node/member_changes.hpp"
#include "raft/node/proposals.hpp"
#include "raft/node/replicated_clock.hpp"
#include "raft/node/role_text.hpp"
#include "raft/node/snapshot_transfer.hpp"
#include "raft/storage/log_store.hpp"

namespace raft {

struct DriverOptions {
  CoreOptions core;
  std::uint64_t origin = 0;  // random, one per process: names this node's proposals
  std::uint64_t proposal_timeout_ticks = 100;
  std::uint64_t read_timeout_ticks = 100;
  std::uint64_t read_retry_ticks = 10;
  std::uint64_t member_change_timeout_ticks = 200;
  std::uint64_t snapshot_resend_ticks = 40;
  std::uint64_t snapshot_give_up_ticks = 1200;
  std::size_t snapshot_chunk_bytes = raft::snapshot_chunk_bytes;
  std::size_t proposals_queue_max = 65536;
  std::size_t proposals_per_message_max = 4096;
  std::size_t proposal_bytes_per_message_max = 4u << 20;  // and one more command; fits a frame
  // A leader whose write takes longer than this hands over.
  std::uint64_t disk_stall_ticks = 10;
  // So often a leader tells the others the time.
  std::uint64_t clock_interval_ticks = 10;
  // Every so many entries, the digests of the members' states are compared.
  std::uint64_t digest_interval_entries = 1024;
  // The log is cut when it is twice as long; it keeps this many entries for a follower that was
  // away for a moment, and what one that is there has not got yet.
  std::uint64_t log_entries_kept = 10000;
  // It is cut to the half when it takes more memory, whoever needs it.
  std::uint64_t log_bytes_max = 512u << 20;
  std::uint64_t tick_ms = 50;  // for what people are told
};

struct AppliedEntry {
  LogPosition position;
  EntryKind kind = EntryKind::noop;
  ProposalId id;                  // of a command
  std::int64_t timestamp_ms = 0;  // of a command: replicated time
  base::SharedBytes data;
  base::BytesView content;  // the command or the configuration; a view into data
};

struct ReadReply {
  std::uint64_t id = 0;
  bool ok = false;  // false: no leader confirmed it in time
};

struct HandOver {
  NodeId to;
  HandOverCause cause = HandOverCause::operator_asked;
};

struct Output {
  // Write it, then call on_persisted(). There is none as long as one is under way.
  std::optional<PersistBatch> persist;
  // To be sent now. Where a send fails for certain, on_not_sent() wants to know.
  std::vector<Message> messages;
  // To be applied in order.
  std::vector<AppliedEntry> applied;
  // To be answered after `applied`.
  std::vector<ReadReply> reads;
  std::vector<FailedProposal> failed_proposals;
  std::vector<MemberChangeReply> member_changes;
  std::vector<SnapshotWork> snapshot_work;
  // Replace the state by the received snapshot, durably; then on_snapshot_installed(). Nothing is
  // written or applied until then.
  std::optional<SnapshotMeta> install;
  bool became_leader = false;
  // For people: what became of this node's role, and whom it asks to lead.
  std::deque<RoleChange> role_changes;
  std::optional<HandOver> handing_over;
  bool removed = false;  // this node is no member any more: stop
  // The state of this node differs from that of a majority, as of this entry: stop.
  std::optional<Index> diverged;

  bool empty() const {
    return !persist && messages.empty() && applied.empty() && reads.empty() &&
           failed_proposals.empty() && member_changes.empty() && snapshot_work.empty() &&
           !install && !became_leader && !removed && !diverged;
  }
};

class Driver {
 public:
  Driver(const DriverOptions& options, DurableState durable);

  // ---- inputs ----
  // `now` here and in take_output(): this node's clocks, read just before the call.
  void tick(const ClockReading& now);
  void receive(Message message);
  // False: the queue is full; nothing was taken and no failure will be reported.
  bool propose(const ProposalId& id, base::SharedBytes command);
  void read(std::uint64_t read_id);
  void change_members(std::uint64_t change_id, const MemberChange& change);
  // Transfers leadership to the voter that has most of the log; 0: there is none, or no need.
  NodeId hand_over(HandOverCause cause);
  void on_peer_disconnected(NodeId peer);
  // The disk of this node is nearly full (or not any more): it should not lead.
  void on_disk_low(bool low);
  // The host has not taken up yet what was applied (or has now): nothing more is taken from the
  // leader, nor for other nodes, or what waits there would grow without a limit.
  void on_host_behind(bool behind) { host_behind_ = behind; }
  // After the entry was applied: whether on_digest() wants to know.
  bool wants_digest(Index index) const {
    return index.value() % options_.digest_interval_entries == 0;
  }
  void on_digest(Index index, std::uint64_t digest);
  // The latest timestamp that the host's state holds; also from its files, or a snapshot.
  void on_state_time(std::int64_t timestamp_ms);

  // ---- completions ----
  void on_persisted();
  void on_not_sent(const Message& message);
  // The state of the host is durable up to here: the log before it may be cut.
  void on_state_durable(Index index) { state_durable_ = std::max(state_durable_, index); }
  // Cuts the log up to there now, however few entries it has: an operator wants the room. What a
  // follower that is heard still waits for stays, so that it needs no snapshot for that.
  void cut_log();
  void on_snapshot_made(std::optional<SnapshotMeta> meta, std::uint64_t total_bytes);
  void on_snapshot_read(std::uint64_t offset, std::optional<base::SharedBytes> data);
  void on_snapshot_begun(bool ok) { receiver_.on_begun(ok); }
  void on_snapshot_written(bool ok) { receiver_.on_written(ok); }
  void on_snapshot_installed();
  // No client will be answered by this process any more; everything pending fails in the next
  // Output.
  void fail_pending();

  // ---- output ----
  Output take_output(const ClockReading& now);

  // Replicated time, as far as this node knows.
  std::int64_t time_ms(const ClockReading& now) { return clock_.now_ms(now); }
  const RaftCore& core() const { return core_; }
  // Handed out in Output::applied (or by an installed snapshot).
  Index applied() const { return applied_; }
  std::size_t pending_proposals() const { return proposals_.size(); }
  std::optional<SnapshotProgress> snapshot_progress() const { return sender_.progress(); }

 private:
  struct WaitingRead {
    std::uint64_t id;
    std::uint64_t deadline_tick;
  };
  struct ReadGroup {
    std::vector<WaitingRead> reads;
    std::uint64_t retry_tick = 0;
  };

  void hear_stamp(Term term, const AppendEntries& append);
  void advance_clock(const ClockReading& now);
  void save_clock(const ClockReading& now);
  void route_proposals(const ClockReading& now);
  bool append_own(std::vector<Proposal> proposals, const ClockReading& now);
  void forward_own(std::vector<Proposal> proposals);
  void append_forwarded(const ClockReading& now);
  base::Result<LogPosition, Refusal> append(const std::vector<Proposal>& proposals,
                                            const ClockReading& now);
  void ask_reads();
  void answer_reads();
  void tell_role();
  void leave_low_disk();
  void take_ready();
  void begin_persist();
  void apply(const Entry& entry);
  void compact_log();
  Index needed_by_followers() const;
  void advance_snapshots();
  void handle_driver_message(Message& message);
  void judge_digests();
  void check_digest(const StateDiverged& verdict);

  const DriverOptions options_;
  ReplicatedClock clock_;
  RaftCore core_;
  Proposals proposals_;
  ForwardedProposals forwarded_to_us_;
  MemberChanges member_changes_;
  SnapshotSender sender_;
  SnapshotReceiver receiver_;
  Digests digests_;
  Index applied_;
  Index state_durable_;
  std::uint64_t now_ticks_ = 0;
  bool was_leader_ = false;
  std::uint64_t leader_since_tick_ = 0;

  // Time: what was heard since the last turn, which knows when it was heard at the latest.
  bool clock_leads_ = false;
  std::uint64_t clock_told_tick_ = 0;
  Term heard_term_;  // of heard_leader_ms_, and the latest of all
  std::optional<std::int64_t> heard_stamp_ms_, heard_leader_ms_, state_time_ms_;

  // Writing: what has gathered since the write under way began.
  bool writing_ = false;
  std::uint64_t writing_ticks_ = 0;
  bool disk_low_ = false;
  bool host_behind_ = false;
  std::uint64_t low_disk_retry_tick_ = 0;  // when it may hand over for that again
  NodeId told_successor_;
  HandOverCause hand_over_cause_ = HandOverCause::operator_asked;
  bool installing_ = false;
  PersistBatch gathered_;
  std::optional<PersistToken> gathered_token_;
  std::vector<Message> gathered_messages_;
  std::optional<PersistToken> writing_token_;
  std::vector<Message> writing_messages_;

  // Reads: new ones wait for the next turn, asked ones for their index, known ones for the apply.
  std::vector<WaitingRead> reads_new_;
  std::unordered_map<std::uint64_t, ReadGroup> reads_asked_;
  std::multimap<Index, WaitingRead> reads_known_;
  std::uint64_t next_read_context_;  // of no other process of this node: answers may come late

  Output output_;
};

}  // namespace raft
