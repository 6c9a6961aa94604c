#include "wire.hpp"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "raft/transport/codec.hpp"
#include "raft/transport/frame.hpp"
#include "violation.hpp"

namespace simulation {
namespace {

using namespace raft;

// The fields of each message, for comparing.
auto fields(const RequestVote& m) {
  return std::tuple(m.last_log, m.pre_vote, m.leadership_transfer);
}
auto fields(const RequestVoteResponse& m) { return std::tuple(m.pre_vote, m.granted); }
auto fields(const AppendEntries& m) {
  return std::tuple(m.previous, m.commit, m.progress_id, m.entries);
}
auto fields(const AppendEntriesResponse& m) {
  return std::tuple(m.progress_id, m.rejected, m.index, m.hint);
}
auto fields(const Heartbeat& m) { return std::tuple(m.commit, m.read_round, m.progress_id); }
auto fields(const HeartbeatResponse& m) { return std::tuple(m.read_round, m.progress_id); }
auto fields(const InstallSnapshot& m) { return std::tuple(m.meta, m.progress_id); }
auto fields(const TimeoutNow&) { return std::tuple(); }
auto fields(const ReadIndexRequest& m) { return std::tuple(m.context); }
auto fields(const ReadIndexResponse& m) { return std::tuple(m.context, m.ok, m.index); }
auto fields(const NotMember& m) { return std::tuple(m.as_of); }
auto fields(const ForwardProposals& m) {
  std::vector<std::tuple<ProposalId, base::Bytes>> out;
  for (const Proposal& proposal : m.proposals) out.emplace_back(proposal.id, *proposal.command);
  return std::tuple(std::move(out));
}
auto fields(const ForwardRefused& m) { return std::tuple(m.ids); }
auto fields(const SnapshotChunk& m) {
  return std::tuple(m.meta, m.progress_id, m.offset, m.total_bytes, m.crc, *m.data);
}
auto fields(const SnapshotChunkResponse& m) {
  return std::tuple(m.last, m.next_offset, m.rejected);
}
auto fields(const ChangeMembersRequest& m) {
  return std::tuple(m.context, m.action, m.node_id, m.address);
}
auto fields(const ChangeMembersResponse& m) {
  return std::tuple(m.context, m.appended, m.refusal);
}

auto fields(const StateDigest& m) { return std::tuple(m.index, m.digest); }
auto fields(const StateDiverged& m) { return std::tuple(m.index, m.expected); }
auto fields(const LeaderTime& m) { return std::tuple(m.time_ms); }

}  // namespace

bool same_message(const Message& a, const Message& b) {
  if (a.from != b.from || a.to != b.to || a.term != b.term || a.body.index() != b.body.index())
    return false;
  return std::visit(
      [&](const auto& body) {
        return fields(body) == fields(std::get<std::decay_t<decltype(body)>>(b.body));
      },
      a.body);
}

base::SharedBytes frame_of(const Message& message) {
  base::Bytes out;
  const std::size_t header = begin_frame(out);
  if (!encode(message, out)) return nullptr;
  end_frame(out, header);
  return base::share(std::move(out));
}

Message open_frame(const base::Bytes& frame, const Message& sent, base::Random& random) {
  if (random.below(500) == 0) {
    base::Bytes damaged = frame;
    char& at = damaged[random.below(damaged.size())];
    at = static_cast<char>(at ^ (1 << random.below(8)));
    FrameDecoder decoder(frame_bytes_max);
    decoder.feed(damaged);
    if (decoder.next())
      throw Violation("damaged_frame_is_noticed", "a frame with a flipped bit is taken for whole");
  }
  FrameDecoder decoder(frame_bytes_max);
  const std::size_t cut = random.below(frame.size() + 1);
  decoder.feed(base::BytesView(frame).substr(0, cut));
  std::optional<base::BytesView> payload = decoder.next();
  if (cut < frame.size() && payload)
    throw Violation("codec_round_trip", "a frame is whole before all of it is there");
  if (!payload) {
    decoder.feed(base::BytesView(frame).substr(cut));
    payload = decoder.next();
  }
  std::optional<Message> message = payload ? decode(*payload) : std::nullopt;
  if (!message || !same_message(*message, sent))
    throw Violation("codec_round_trip",
                    fmt::format("a message of type {} arrives as another one", sent.body.index()));
  message->sender = sent.sender;  // as the handshake said
  return *std::move(message);
}

}  // namespace simulation
