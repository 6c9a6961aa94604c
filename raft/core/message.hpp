// What nodes say to each other. One struct per message of the paper and the thesis; the bodies that
// the core does not know (forwarded proposals, snapshot chunks) belong to raft/node's driver.
// The wire format is raft/transport/codec.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "raft/core/configuration.hpp"
#include "raft/core/types.hpp"

namespace raft {

// Up to and including this entry, a snapshot replaces the log.
struct SnapshotMeta {
  LogPosition last;             // of the last entry that it contains
  Configuration configuration;  // in force as of that entry

  friend bool operator==(const SnapshotMeta&, const SnapshotMeta&) = default;
};

// Raft §5.2; a pre-vote (thesis §9.6) asks whether a vote in Message::term would be granted.
struct RequestVote {
  LogPosition last_log;
  bool pre_vote = false;
  bool leadership_transfer = false;  // the leader asked for it: stickiness does not apply
};
// Message::term is the term asked for where granted, and the responder's own term where not.
struct RequestVoteResponse {
  bool pre_vote = false;
  bool granted = false;
};
// Raft §5.3.
struct AppendEntries {
  LogPosition previous;
  Index commit;
  std::uint64_t progress_id = 0;  // names the leader's record of this follower; echoed
  std::vector<Entry> entries;     // contiguous from previous.index + 1
};
struct AppendEntriesResponse {
  std::uint64_t progress_id = 0;
  bool rejected = false;
  // Accepted: the log equals the leader's up to here, durably. Rejected: the previous.index that
  // did not match.
  Index index;
  // Rejected only: the follower's best guess of where the logs agree. Never a match.
  LogPosition hint;
};
// `commit` never exceeds what the follower is known to hold.
struct Heartbeat {
  Index commit;
  std::uint64_t read_round = 0;  // thesis §6.4: echoed, confirms leadership for older reads
  std::uint64_t progress_id = 0;
};
struct HeartbeatResponse {
  std::uint64_t read_round = 0;
  std::uint64_t progress_id = 0;
};
// The driver streams the bytes of the snapshot ahead of this message and hands it to the core of
// the receiver only once they are whole. Raft §7.
struct InstallSnapshot {
  SnapshotMeta meta;
  std::uint64_t progress_id = 0;
};
// Thesis §3.10.
struct TimeoutNow {};
// A follower asks its leader for a read index (thesis §6.4). `context` is the asker's.
struct ReadIndexRequest {
  std::uint64_t context = 0;
};
struct ReadIndexResponse {
  std::uint64_t context = 0;
  bool ok = false;
  Index index;  // where ok
};
// "You are no member as of this committed entry."
struct NotMember {
  LogPosition as_of;
};

// ---- driver's own (raft/node) ----

// A proposal as its host made it, with the id under which the host waits for it.
struct ProposalId {
  std::uint64_t origin = 0;    // drawn at random by each process when it starts
  std::uint64_t sequence = 0;  // counts within the process

  friend auto operator<=>(const ProposalId&, const ProposalId&) = default;
};
struct Proposal {
  ProposalId id;
  base::SharedBytes command;
};
struct ForwardProposals {
  std::vector<Proposal> proposals;
};
// The leader did certainly not append these.
struct ForwardRefused {
  std::vector<ProposalId> ids;
};
// One piece of the snapshot `meta`, whose whole has `total_bytes`.
struct SnapshotChunk {
  SnapshotMeta meta;
  std::uint64_t progress_id = 0;
  std::uint64_t offset = 0;
  std::uint64_t total_bytes = 0;
  std::uint32_t crc = 0;  // CRC32C of data
  base::SharedBytes data;
};
// The receiver holds all bytes below `next_offset`; it says so after each chunk, also a repeated
// one.
struct SnapshotChunkResponse {
  LogPosition last;  // names the snapshot
  std::uint64_t next_offset = 0;
  bool rejected = false;  // does not want it (any more): the sender gives up
};

// Values are sent: never reuse one.
enum class MemberAction : std::uint8_t {
  remove = 0,
  add = 1,
  lead = 2,  // the leader is to hand over to it; node 0: to the voter that has most of the log
  move = 3,  // it listens at another address now
};

// A change of the members asked for at a follower.
struct ChangeMembersRequest {
  std::uint64_t context = 0;  // the asker's
  MemberAction action = MemberAction::add;
  NodeId node_id;
  std::string address;  // of an added one, or one that moves
};
struct ChangeMembersResponse {
  std::uint64_t context = 0;
  bool appended = false;
  std::uint8_t refusal = 0;  // raft::Refusal, where it was certainly not appended
};

// The digest of the sender's state as of an applied entry (raft/node/digests.hpp).
struct StateDigest {
  Index index;
  std::uint64_t digest = 0;
};
// "A majority has this digest as of this entry, and you have another."
struct StateDiverged {
  Index index;
  std::uint64_t expected = 0;
};

// The replicated time of the sender, a leader (raft/node/replicated_clock.hpp).
struct LeaderTime {
  std::int64_t time_ms = 0;
};

using MessageBody =
    std::variant<RequestVote, RequestVoteResponse, AppendEntries, AppendEntriesResponse, Heartbeat,
                 HeartbeatResponse, InstallSnapshot, TimeoutNow, ReadIndexRequest,
                 ReadIndexResponse, NotMember, ForwardProposals, ForwardRefused, SnapshotChunk,
                 SnapshotChunkResponse, ChangeMembersRequest, ChangeMembersResponse,
                 StateDigest, StateDiverged, LeaderTime>;

struct Message {
  NodeId from;
  NodeId to;
  Term term;  // the sender's, except in pre-vote requests and grants
  MessageBody body;
  ProcessInfo sender = {};  // set by the transport of the receiver
};

}  // namespace raft
