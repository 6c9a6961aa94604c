#include "describe.hpp"

#include <fmt/format.h>

namespace golden {

namespace {

std::string body(const raft::RequestVote& m) {
  return fmt::format("{} last={}/{}{}", m.pre_vote ? "PreVote" : "RequestVote",
                     m.last_log.index.value(), m.last_log.term.value(),
                     m.leadership_transfer ? " transfer" : "");
}
std::string body(const raft::RequestVoteResponse& m) {
  return fmt::format("{} {}", m.pre_vote ? "PreVoteResponse" : "RequestVoteResponse",
                     m.granted ? "granted" : "denied");
}
std::string body(const raft::AppendEntries& m) {
  std::string text = fmt::format("AppendEntries previous={}/{} commit={}", m.previous.index.value(),
                                 m.previous.term.value(), m.commit.value());
  for (const raft::Entry& entry : m.entries) text += fmt::format(" [{}]", describe(entry));
  return text;
}
std::string body(const raft::AppendEntriesResponse& m) {
  if (m.rejected)
    return fmt::format("AppendEntriesResponse rejected={} hint={}/{}", m.index.value(),
                       m.hint.index.value(), m.hint.term.value());
  return fmt::format("AppendEntriesResponse index={}", m.index.value());
}
std::string body(const raft::Heartbeat& m) {
  return fmt::format("Heartbeat commit={} round={}", m.commit.value(), m.read_round);
}
std::string body(const raft::HeartbeatResponse& m) {
  return fmt::format("HeartbeatResponse round={}", m.read_round);
}
std::string body(const raft::InstallSnapshot& m) {
  return fmt::format("InstallSnapshot last={}/{} members {}", m.meta.last.index.value(),
                     m.meta.last.term.value(), describe(m.meta.configuration));
}
std::string body(const raft::TimeoutNow&) { return "TimeoutNow"; }
std::string body(const raft::ReadIndexRequest& m) {
  return fmt::format("ReadIndexRequest context={}", m.context);
}
std::string body(const raft::ReadIndexResponse& m) {
  return fmt::format("ReadIndexResponse context={} {}", m.context,
                     m.ok ? fmt::format("index={}", m.index.value()) : "refused");
}
std::string body(const raft::NotMember& m) {
  return fmt::format("NotMember as of {}", m.as_of.index.value());
}
template <class Other>
std::string body(const Other&) {
  return "?";
}

}  // namespace

std::string describe(const raft::Message& message) {
  return fmt::format("{}->{} term={} {}", message.from.value(), message.to.value(),
                     message.term.value(),
                     std::visit([](const auto& one) { return body(one); }, message.body));
}

std::string describe(const raft::Configuration& configuration) {
  std::string text;
  for (const auto& [id, member] : configuration.members)
    text += fmt::format("{}{}{}{}", text.empty() ? "" : " ", id.value(), member.voter ? "v" : "",
                        member.outgoing ? "o" : "");
  return text;
}

std::string describe(const raft::Entry& entry) {
  const std::string at = fmt::format("{}/{}", entry.index.value(), entry.term.value());
  switch (entry.kind) {
    case raft::EntryKind::noop: return at + " noop";
    case raft::EntryKind::command: return at + " " + *entry.data;
    case raft::EntryKind::configuration: {
      const auto decoded = raft::decode_configuration(*entry.data);
      return at + " members " + (decoded ? describe(*decoded) : "?");
    }
  }
  return at;
}

}  // namespace golden
