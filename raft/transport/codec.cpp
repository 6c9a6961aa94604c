#include "raft/transport/codec.hpp"

#include <limits>
#include <type_traits>

#include "base/assert.hpp"
#include "base/crc32c.hpp"
#include "base/mutant.hpp"

namespace raft {
namespace {

using base::ByteReader;
using base::ByteWriter;

constexpr std::uint8_t format_version = 1;
constexpr std::size_t entry_bytes_min = 3;      // term, kind, empty data
constexpr std::size_t proposal_bytes_min = 17;  // id, empty command
constexpr std::size_t proposal_id_bytes = 16;

enum class Type : std::uint8_t {  // see the header; never reuse a value
  request_vote = 1,
  request_vote_response = 2,
  append_entries = 3,
  append_entries_response = 4,
  heartbeat = 5,
  heartbeat_response = 6,
  install_snapshot = 7,
  timeout_now = 8,
  read_index_request = 9,
  read_index_response = 10,
  not_member = 11,
  forward_proposals = 12,
  forward_refused = 13,
  snapshot_chunk = 14,
  snapshot_chunk_response = 15,
  change_members_request = 16,
  change_members_response = 17,
  state_digest = 18,
  state_diverged = 19,
  leader_time = 20,
};

void put(ByteWriter& out, LogPosition position) {
  out.varint(position.index.value());
  out.varint(position.term.value());
}
LogPosition get_position(ByteReader& in) {
  LogPosition position;
  position.index = Index{in.varint()};
  position.term = Term{in.varint()};
  return position;
}

void put(ByteWriter& out, const SnapshotMeta& meta) {
  put(out, meta.last);
  out.string(encode(meta.configuration));
}
SnapshotMeta get_meta(ByteReader& in) {
  SnapshotMeta meta;
  meta.last = get_position(in);
  std::optional<Configuration> configuration = decode_configuration(in.string());
  if (configuration)
    meta.configuration = std::move(*configuration);
  else
    in.fail();
  return meta;
}

void put(ByteWriter& out, const ProposalId& id) {
  out.u64(id.origin);
  out.u64(id.sequence);
}
ProposalId get_proposal_id(ByteReader& in) {
  ProposalId id;
  id.origin = in.u64();
  id.sequence = in.u64();
  return id;
}

base::SharedBytes get_data(ByteReader& in) {
  const base::BytesView view = in.string();
  if (view.size() > data_bytes_max) in.fail();
  return base::share(base::Bytes(in.ok() ? view : base::BytesView()));
}

void put_flags(ByteWriter& out, bool first, bool second) {
  out.u8(static_cast<std::uint8_t>((first ? 1 : 0) | (second ? 2 : 0)));
}
std::uint8_t get_flags(ByteReader& in) {
  const std::uint8_t flags = in.u8();
  if (flags > 3) in.fail();
  return flags;
}

// ---- bodies: write() is false where a limit is exceeded, read() fails the reader ----

bool write(ByteWriter& out, const RequestVote& body) {
  put(out, body.last_log);
  put_flags(out, body.pre_vote, body.leadership_transfer);
  return true;
}
void read(ByteReader& in, RequestVote& body) {
  body.last_log = get_position(in);
  const std::uint8_t flags = get_flags(in);
  body.pre_vote = (flags & 1) != 0;
  body.leadership_transfer = (flags & 2) != 0;
}

bool write(ByteWriter& out, const RequestVoteResponse& body) {
  put_flags(out, body.pre_vote, body.granted);
  return true;
}
void read(ByteReader& in, RequestVoteResponse& body) {
  const std::uint8_t flags = get_flags(in);
  body.pre_vote = (flags & 1) != 0;
  body.granted = (flags & 2) != 0;
}

bool write(ByteWriter& out, const AppendEntries& body) {
  if (body.entries.size() > message_elements_max) return false;
  put(out, body.previous);
  out.varint(NODE_MUTANT(codec_drops_commit) ? 0 : body.commit.value());
  out.u64(body.progress_id);
  out.varint(body.entries.size());
  Index index = body.previous.index;
  for (const Entry& entry : body.entries) {
    ++index;
    ASSERT_MSG(entry.index == index, "entries of a message must be contiguous");
    if (entry.data->size() > data_bytes_max) return false;
    out.varint(entry.term.value());
    out.u8(static_cast<std::uint8_t>(entry.kind));
    out.string(*entry.data);
  }
  return true;
}
void read(ByteReader& in, AppendEntries& body) {
  body.previous = get_position(in);
  body.commit = Index{in.varint()};
  body.progress_id = in.u64();
  const std::size_t count = in.count(entry_bytes_min);
  if (count > message_elements_max ||
      count > std::numeric_limits<std::uint64_t>::max() - body.previous.index.value())
    return in.fail();
  body.entries.reserve(count);
  Index index = body.previous.index;
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    Entry& entry = body.entries.emplace_back();
    entry.index = ++index;
    entry.term = Term{in.varint()};
    const std::uint8_t kind = in.u8();
    if (kind > static_cast<std::uint8_t>(EntryKind::configuration)) in.fail();
    entry.kind = static_cast<EntryKind>(kind);
    entry.data = get_data(in);
  }
}

bool write(ByteWriter& out, const AppendEntriesResponse& body) {
  out.u64(body.progress_id);
  out.boolean(body.rejected);
  out.varint(body.index.value());
  put(out, body.hint);
  return true;
}
void read(ByteReader& in, AppendEntriesResponse& body) {
  body.progress_id = in.u64();
  body.rejected = in.boolean();
  body.index = Index{in.varint()};
  body.hint = get_position(in);
}

bool write(ByteWriter& out, const Heartbeat& body) {
  out.varint(body.commit.value());
  out.u64(body.read_round);
  out.u64(body.progress_id);
  return true;
}
void read(ByteReader& in, Heartbeat& body) {
  body.commit = Index{in.varint()};
  body.read_round = in.u64();
  body.progress_id = in.u64();
}

bool write(ByteWriter& out, const HeartbeatResponse& body) {
  out.u64(body.read_round);
  out.u64(body.progress_id);
  return true;
}
void read(ByteReader& in, HeartbeatResponse& body) {
  body.read_round = in.u64();
  body.progress_id = in.u64();
}

bool write(ByteWriter& out, const InstallSnapshot& body) {
  put(out, body.meta);
  out.u64(body.progress_id);
  return true;
}
void read(ByteReader& in, InstallSnapshot& body) {
  body.meta = get_meta(in);
  body.progress_id = in.u64();
}

bool write(ByteWriter&, const TimeoutNow&) { return true; }
void read(ByteReader&, TimeoutNow&) {}

bool write(ByteWriter& out, const ReadIndexRequest& body) {
  out.u64(body.context);
  return true;
}
void read(ByteReader& in, ReadIndexRequest& body) { body.context = in.u64(); }

bool write(ByteWriter& out, const ReadIndexResponse& body) {
  out.u64(body.context);
  out.boolean(body.ok);
  out.varint(body.index.value());
  return true;
}
void read(ByteReader& in, ReadIndexResponse& body) {
  body.context = in.u64();
  body.ok = in.boolean();
  body.index = Index{in.varint()};
}

bool write(ByteWriter& out, const NotMember& body) {
  put(out, body.as_of);
  return true;
}
void read(ByteReader& in, NotMember& body) { body.as_of = get_position(in); }

bool write(ByteWriter& out, const ForwardProposals& body) {
  if (body.proposals.size() > message_elements_max) return false;
  out.varint(body.proposals.size());
  for (const Proposal& proposal : body.proposals) {
    if (proposal.command->size() > data_bytes_max) return false;
    put(out, proposal.id);
    out.string(*proposal.command);
  }
  return true;
}
void read(ByteReader& in, ForwardProposals& body) {
  const std::size_t count = in.count(proposal_bytes_min);
  if (count > message_elements_max) return in.fail();
  body.proposals.reserve(count);
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    Proposal& proposal = body.proposals.emplace_back();
    proposal.id = get_proposal_id(in);
    proposal.command = get_data(in);
  }
}

bool write(ByteWriter& out, const ForwardRefused& body) {
  if (body.ids.size() > message_elements_max) return false;
  out.varint(body.ids.size());
  for (const ProposalId& id : body.ids) put(out, id);
  return true;
}
void read(ByteReader& in, ForwardRefused& body) {
  const std::size_t count = in.count(proposal_id_bytes);
  if (count > message_elements_max) return in.fail();
  body.ids.reserve(count);
  for (std::size_t i = 0; i < count; ++i) body.ids.push_back(get_proposal_id(in));
}

bool write(ByteWriter& out, const SnapshotChunk& body) {
  if (body.data->size() > data_bytes_max) return false;
  put(out, body.meta);
  out.u64(body.progress_id);
  out.varint(body.offset);
  out.varint(body.total_bytes);
  out.u32(body.crc);
  out.string(*body.data);
  return true;
}
void read(ByteReader& in, SnapshotChunk& body) {
  body.meta = get_meta(in);
  body.progress_id = in.u64();
  body.offset = in.varint();
  body.total_bytes = in.varint();
  body.crc = in.u32();
  body.data = get_data(in);
  if (!in.ok()) return;
  if (body.offset > body.total_bytes || body.data->size() > body.total_bytes - body.offset ||
      base::crc32c(*body.data) != body.crc)
    in.fail();
}

bool write(ByteWriter& out, const SnapshotChunkResponse& body) {
  put(out, body.last);
  out.varint(body.next_offset);
  out.boolean(body.rejected);
  return true;
}
void read(ByteReader& in, SnapshotChunkResponse& body) {
  body.last = get_position(in);
  body.next_offset = in.varint();
  body.rejected = in.boolean();
}

bool write(ByteWriter& out, const ChangeMembersRequest& body) {
  if (body.address.size() > address_bytes_max) return false;
  out.u64(body.context);
  out.u8(static_cast<std::uint8_t>(body.action));
  out.varint(body.node_id.value());
  out.string(body.address);
  return true;
}
void read(ByteReader& in, ChangeMembersRequest& body) {
  body.context = in.u64();
  const std::uint8_t action = in.u8();
  body.action = static_cast<MemberAction>(action);
  body.node_id = NodeId(in.varint());
  body.address = in.string();
  if (action > static_cast<std::uint8_t>(MemberAction::move)) in.fail();
  if (!body.node_id && body.action != MemberAction::lead) in.fail();
  if (body.address.size() > address_bytes_max) in.fail();
}

bool write(ByteWriter& out, const ChangeMembersResponse& body) {
  out.u64(body.context);
  out.boolean(body.appended);
  out.u8(body.refusal);
  return true;
}
void read(ByteReader& in, ChangeMembersResponse& body) {
  body.context = in.u64();
  body.appended = in.boolean();
  body.refusal = in.u8();
}

bool write(ByteWriter& out, const StateDigest& body) {
  out.varint(body.index.value());
  out.u64(body.digest);
  return true;
}
void read(ByteReader& in, StateDigest& body) {
  body.index = Index{in.varint()};
  body.digest = in.u64();
}

bool write(ByteWriter& out, const StateDiverged& body) {
  out.varint(body.index.value());
  out.u64(body.expected);
  return true;
}
void read(ByteReader& in, StateDiverged& body) {
  body.index = Index{in.varint()};
  body.expected = in.u64();
}

bool write(ByteWriter& out, const LeaderTime& body) {
  out.i64(body.time_ms);
  return true;
}
void read(ByteReader& in, LeaderTime& body) { body.time_ms = in.i64(); }

template <class Body>
constexpr Type type_of() {
  if constexpr (std::is_same_v<Body, RequestVote>) return Type::request_vote;
  if constexpr (std::is_same_v<Body, RequestVoteResponse>) return Type::request_vote_response;
  if constexpr (std::is_same_v<Body, AppendEntries>) return Type::append_entries;
  if constexpr (std::is_same_v<Body, AppendEntriesResponse>) return Type::append_entries_response;
  if constexpr (std::is_same_v<Body, Heartbeat>) return Type::heartbeat;
  if constexpr (std::is_same_v<Body, HeartbeatResponse>) return Type::heartbeat_response;
  if constexpr (std::is_same_v<Body, InstallSnapshot>) return Type::install_snapshot;
  if constexpr (std::is_same_v<Body, TimeoutNow>) return Type::timeout_now;
  if constexpr (std::is_same_v<Body, ReadIndexRequest>) return Type::read_index_request;
  if constexpr (std::is_same_v<Body, ReadIndexResponse>) return Type::read_index_response;
  if constexpr (std::is_same_v<Body, NotMember>) return Type::not_member;
  if constexpr (std::is_same_v<Body, ForwardProposals>) return Type::forward_proposals;
  if constexpr (std::is_same_v<Body, ForwardRefused>) return Type::forward_refused;
  if constexpr (std::is_same_v<Body, SnapshotChunk>) return Type::snapshot_chunk;
  if constexpr (std::is_same_v<Body, SnapshotChunkResponse>) return Type::snapshot_chunk_response;
  if constexpr (std::is_same_v<Body, ChangeMembersRequest>) return Type::change_members_request;
  if constexpr (std::is_same_v<Body, ChangeMembersResponse>) return Type::change_members_response;
  if constexpr (std::is_same_v<Body, StateDigest>) return Type::state_digest;
  if constexpr (std::is_same_v<Body, StateDiverged>) return Type::state_diverged;
  if constexpr (std::is_same_v<Body, LeaderTime>) return Type::leader_time;
}

// Finds the alternative whose type byte it is; fails the reader where there is none.
template <std::size_t I = 0>
void read_body(ByteReader& in, std::uint8_t type, MessageBody& body) {
  if constexpr (I == std::variant_size_v<MessageBody>) {
    in.fail();
  } else {
    using Body = std::variant_alternative_t<I, MessageBody>;
    if (type == static_cast<std::uint8_t>(type_of<Body>()))
      read(in, body.emplace<I>());
    else
      read_body<I + 1>(in, type, body);
  }
}

}  // namespace

bool encode(const Message& message, base::Bytes& out) {
  ASSERT(message.from && message.to);
  const std::size_t before = out.size();
  ByteWriter writer(out);
  writer.u8(format_version);
  const bool within_limits = std::visit(
      [&]<class Body>(const Body& body) {
        writer.u8(static_cast<std::uint8_t>(type_of<Body>()));
        writer.u64(message.from.value());
        writer.u64(message.to.value());
        writer.varint(message.term.value());
        return write(writer, body);
      },
      message.body);
  if (within_limits && out.size() - before <= frame_bytes_max) return true;
  out.resize(before);
  return false;
}

std::optional<Message> decode(base::BytesView bytes) {
  ByteReader reader(bytes);
  if (reader.u8() != format_version) return std::nullopt;
  const std::uint8_t type = reader.u8();
  std::optional<Message> message(std::in_place);
  message->from = NodeId{reader.u64()};
  message->to = NodeId{reader.u64()};
  message->term = Term{reader.varint()};
  if (!message->from || !message->to) return std::nullopt;
  read_body(reader, type, message->body);
  if (!reader.at_end()) message.reset();
  return message;
}

}  // namespace raft
