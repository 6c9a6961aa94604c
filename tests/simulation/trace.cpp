#include "trace.hpp"

#include <algorithm>
#include <type_traits>

#include <fmt/format.h>

namespace simulation {

namespace {

// Those that the core knows; the driver's own follow them in the variant.
constexpr const char* message_names[] = {
    "RequestVote",      "RequestVoteResponse", "AppendEntries",   "AppendEntriesResponse",
    "Heartbeat",        "HeartbeatResponse",   "InstallSnapshot", "TimeoutNow",
    "ReadIndexRequest", "ReadIndexResponse",   "NotMember",       "ForwardProposals",
    "ForwardRefused",   "SnapshotChunk",       "SnapshotChunkResponse", "ChangeMembersRequest",
    "ChangeMembersResponse"};
static_assert(std::is_same_v<std::variant_alternative_t<10, raft::MessageBody>, raft::NotMember>);
static_assert(
    std::is_same_v<std::variant_alternative_t<16, raft::MessageBody>, raft::ChangeMembersResponse>);

// b, c and d of a message's record (a is its term).
struct Details {
  std::uint64_t b = 0, c = 0, d = 0;
};
Details details(const raft::RequestVote& m) {
  return {m.last_log.index.value(), m.last_log.term.value(),
          std::uint64_t{m.pre_vote} | std::uint64_t{m.leadership_transfer} << 1};
}
Details details(const raft::RequestVoteResponse& m) {
  return {m.granted, 0, std::uint64_t{m.pre_vote}};
}
Details details(const raft::AppendEntries& m) {
  return {m.previous.index.value(), m.previous.term.value(),
          m.commit.value() << 20 | m.entries.size()};
}
Details details(const raft::AppendEntriesResponse& m) {
  return {m.index.value(), m.hint.index.value(), std::uint64_t{m.rejected}};
}
Details details(const raft::Heartbeat& m) { return {m.commit.value(), m.read_round, 0}; }
Details details(const raft::HeartbeatResponse& m) { return {0, m.read_round, 0}; }
Details details(const raft::InstallSnapshot& m) {
  return {m.meta.last.index.value(), m.meta.last.term.value(), m.progress_id};
}
Details details(const raft::ReadIndexRequest& m) { return {m.context, 0, 0}; }
Details details(const raft::ReadIndexResponse& m) { return {m.context, m.index.value(), m.ok}; }
Details details(const raft::NotMember& m) {
  return {m.as_of.index.value(), m.as_of.term.value(), 0};
}
Details details(const raft::ForwardProposals& m) {
  return {m.proposals.size(), m.proposals.empty() ? 0 : m.proposals.front().id.sequence, 0};
}
Details details(const raft::ForwardRefused& m) {
  return {m.ids.size(), m.ids.empty() ? 0 : m.ids.front().sequence, 0};
}
Details details(const raft::SnapshotChunk& m) {
  return {m.meta.last.index.value(), m.offset, m.total_bytes};
}
Details details(const raft::SnapshotChunkResponse& m) {
  return {m.last.index.value(), m.next_offset, std::uint64_t{m.rejected}};
}
Details details(const raft::ChangeMembersRequest& m) {
  return {m.node_id.value(), static_cast<std::uint64_t>(m.action), 0};
}
Details details(const raft::ChangeMembersResponse& m) { return {m.appended, m.refusal, 0}; }
template <class Other>
Details details(const Other&) {
  return {};
}

std::string format_message(const TraceRecord& r) {
  const char* name = message_name(r.message_type);
  const char* verb = r.kind == TraceKind::sent        ? "->"
                     : r.kind == TraceKind::delivered ? "=>"
                                                      : "-x";
  std::string text = fmt::format("{}{}{} {} term={}", r.node, verb, r.to, name, r.a);
  switch (r.message_type) {
    case 0:
      text += fmt::format(" last={}/{}{}{}", r.b, r.c, r.d & 1 ? " pre-vote" : "",
                          r.d & 2 ? " transfer" : "");
      break;
    case 1: text += fmt::format(" {}{}", r.b ? "granted" : "denied", r.d ? " pre-vote" : ""); break;
    case 2:
      text += fmt::format(" previous={}/{} commit={} entries={}", r.b, r.c, r.d >> 20,
                          r.d & 0xfffff);
      break;
    case 3:
      text += r.d ? fmt::format(" rejected={} hint={}", r.b, r.c) : fmt::format(" index={}", r.b);
      break;
    case 4: text += fmt::format(" commit={} round={}", r.b, r.c); break;
    case 5: text += fmt::format(" round={}", r.c); break;
    case 6: text += fmt::format(" last={}/{} progress={}", r.b, r.c, r.d); break;
    case 8: text += fmt::format(" context={}", r.b); break;
    case 9: text += fmt::format(" context={} index={} {}", r.b, r.c, r.d ? "ok" : "refused"); break;
    case 10: text += fmt::format(" as of {}/{}", r.b, r.c); break;
    case 11:
    case 12: text += fmt::format(" count={} first={}", r.b, r.c); break;
    case 13: text += fmt::format(" last={} offset={} of {}", r.b, r.c, r.d); break;
    case 14:
      text += fmt::format(" last={} next={}{}", r.b, r.c, r.d ? " rejected" : "");
      break;
    case 15: text += fmt::format(" {} node {}", r.c ? "add" : "remove", r.b); break;
    case 16: text += r.b ? " appended" : fmt::format(" refusal={}", r.c); break;
    default: break;
  }
  return text;
}

}  // namespace

const char* message_name(std::size_t message_type) {
  return message_type < std::size(message_names) ? message_names[message_type] : "driver's own";
}

void Trace::add(const TraceRecord& r) {
  hash_ = mix(hash_, r.time);
  hash_ = mix(hash_, std::uint64_t(r.kind) << 40 | std::uint64_t(r.message_type) << 32 |
                         std::uint64_t(r.node) << 16 | r.to);
  hash_ = mix(mix(mix(mix(hash_, r.a), r.b), r.c), r.d);
  ring_[count_ % ring_.size()] = r;
  ++count_;
  if (out_) {
    const std::string line = format(r) + "\n";
    std::fwrite(line.data(), 1, line.size(), out_);
  }
}

void Trace::record(Time time, TraceKind kind, raft::NodeId node, std::uint64_t a, std::uint64_t b,
                   std::uint64_t c, std::uint64_t d) {
  add({time, kind, 0, static_cast<std::uint16_t>(node.value()), 0, a, b, c, d});
}

void Trace::message(Time time, TraceKind kind, const raft::Message& message) {
  const Details d = std::visit([](const auto& body) { return details(body); }, message.body);
  add({time, kind, static_cast<std::uint8_t>(message.body.index()),
       static_cast<std::uint16_t>(message.from.value()),
       static_cast<std::uint16_t>(message.to.value()), message.term.value(), d.b, d.c, d.d});
}

std::string Trace::tail(std::size_t count) const {
  const std::uint64_t kept = std::min<std::uint64_t>(count_, std::min(count, ring_.size()));
  std::string text;
  for (std::uint64_t i = count_ - kept; i < count_; ++i)
    text += format(ring_[i % ring_.size()]) + "\n";
  return text;
}

std::string format(const TraceRecord& r) {
  const std::string at = fmt::format("{:>5}.{:06} ", r.time / second, r.time % second);
  switch (r.kind) {
    case TraceKind::sent:
    case TraceKind::delivered:
    case TraceKind::lost: return at + format_message(r);
    case TraceKind::persisted:
      return at + fmt::format("{} durable: last={} term={} vote={} compacted={}", r.node, r.a, r.b,
                              r.c, r.d);
    case TraceKind::committed: return at + fmt::format("{} commits {}", r.node, r.a);
    case TraceKind::applied:
      return at + fmt::format("{} applies {}/{} state={:016x}", r.node, r.a, r.b, r.c);
    case TraceKind::installed: return at + fmt::format("{} installs {}/{}", r.node, r.a, r.b);
    case TraceKind::leader: return at + fmt::format("{} LEADS term {}", r.node, r.a);
    case TraceKind::started:
      return at + fmt::format("{} STARTS last={} term={}", r.node, r.a, r.b);
    case TraceKind::crashed:
      return at + fmt::format("{} CRASHES with {} writes in flight, {} survive", r.node, r.a, r.b);
    case TraceKind::stopped: return at + fmt::format("{} STOPS: it was removed", r.node);
    case TraceKind::fault: return at + fmt::format("fault #{} begins on {}", r.a, r.node);
    case TraceKind::fault_ended: return at + fmt::format("fault #{} ends", r.a);
    case TraceKind::proposed:
      return at + fmt::format("{} proposes {}/{} count={}", r.node, r.a, r.b, r.c);
    case TraceKind::acknowledged:
      return at + fmt::format("{} answers write {}/{}", r.node, r.a, r.b);
    case TraceKind::read_started:
      return at + fmt::format("{} read {} begins, must see {}", r.node, r.a, r.b);
    case TraceKind::read_served:
      return at + fmt::format("{} read {} served: index={} applied={}", r.node, r.a, r.b, r.c);
    case TraceKind::quiet: return at + "faults are over";
    case TraceKind::refused:
      return at + fmt::format("{} DOES NOT OPEN: {}", r.node, r.a ? "damaged" : "the disk fails");
    case TraceKind::failed: return at + fmt::format("{} FAILS", r.node);
    case TraceKind::power_lost:
      return at + fmt::format("{} {}", r.node, r.a ? "IS KILLED" : "LOSES POWER");
    case TraceKind::work:
      return at + fmt::format("{} state.db: {} calls of the disk", r.node, r.a);
  }
  return at;
}

}  // namespace simulation
