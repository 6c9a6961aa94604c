// Messages as bytes: the payload of a frame. Pure; what a peer sends is input like any other.
//
// Format version 1, little-endian (base/bytes.hpp); `v` is a varint, `str` a varint length and the
// bytes, `pos` is v index, v term, `meta` is pos last, str configuration (configuration.hpp):
//   u8 version, u8 type, u64 from, u64 to, v term, then by type (values are never reused):
//    1 RequestVote            pos last_log, u8 flags (1 pre_vote, 2 leadership_transfer)
//    2 RequestVoteResponse    u8 flags (1 pre_vote, 2 granted)
//    3 AppendEntries          pos previous, v commit, u64 progress_id, v count, then each entry:
//                             v term, u8 kind, str data. Indexes are not sent: the entries follow
//                             previous.index, so that a gap cannot be said.
//    4 AppendEntriesResponse  u64 progress_id, bool rejected, v index, pos hint
//    5 Heartbeat              v commit, u64 read_round, u64 progress_id
//    6 HeartbeatResponse      u64 read_round, u64 progress_id
//    7 InstallSnapshot        meta, u64 progress_id
//    8 TimeoutNow             nothing
//    9 ReadIndexRequest       u64 context
//   10 ReadIndexResponse      u64 context, bool ok, v index
//   11 NotMember              pos as_of
//   12 ForwardProposals       v count, then each: u64 origin, u64 sequence, str command
//   13 ForwardRefused         v count, then each: u64 origin, u64 sequence
//   14 SnapshotChunk          meta, u64 progress_id, v offset, v total_bytes, u32 crc, str data
//   15 SnapshotChunkResponse  pos last, v next_offset, bool rejected
//   16 ChangeMembersRequest   u64 context, u8 action, v node_id, str address
//   17 ChangeMembersResponse  u64 context, bool appended, u8 refusal
//   18 StateDigest            v index, u64 digest
//   19 StateDiverged          v index, u64 expected
//   20 LeaderTime             i64 time_ms
#pragma once

#include <optional>

#include "base/bytes.hpp"
#include "raft/core/message.hpp"
#include "raft/transport/frame.hpp"

namespace raft {

// Of one entry, proposal or chunk. Leaves room for everything else in a message (a configuration
// takes less than 10 KiB), so that whatever keeps to it fits a frame.
inline constexpr std::size_t data_bytes_max = frame_bytes_max - (64u << 10);
// Entries, proposals or ids in one message. An empty one takes 3 bytes on the wire and a hundred in
// memory: the limit keeps a frame from growing forty-fold.
inline constexpr std::size_t message_elements_max = 65536;

// Appends the encoding of `message` to `out`. False, with `out` as before, where the message is
// beyond a limit and no peer would take it.
// REQUIRES: from and to are set, entries are contiguous, no data is null.
[[nodiscard]] bool encode(const Message& message, base::Bytes& out);

// nullopt where the bytes are no message. What is returned satisfies encode()'s conditions, and a
// snapshot chunk matches its crc and lies within total_bytes. Data is copied: nothing of the result
// refers to `bytes`.
std::optional<Message> decode(base::BytesView bytes);

}  // namespace raft
