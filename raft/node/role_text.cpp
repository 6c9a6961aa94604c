#include "raft/node/role_text.hpp"

#include <fmt/format.h>

#include "base/assert.hpp"

namespace raft {

std::string_view name_of(RoleCause cause) {
  switch (cause) {
    case RoleCause::started: return "started";
    case RoleCause::only_voter: return "only_voter";
    case RoleCause::leader_silent: return "leader_silent";
    case RoleCause::leader_disconnected: return "leader_disconnected";
    case RoleCause::no_leader: return "no_leader";
    case RoleCause::asked_by_leader: return "asked_by_leader";
    case RoleCause::handed_over: return "handed_over";
    case RoleCause::higher_term: return "higher_term";
    case RoleCause::no_quorum: return "no_quorum";
    case RoleCause::removed: return "removed";
  }
  UNREACHABLE();
}

std::string describe_cause(const RoleChange& change, std::uint64_t tick_ms) {
  const std::uint64_t peer = change.peer.value();
  switch (change.cause) {
    case RoleCause::started:
      return fmt::format("no leader was heard of in the {} ms since the start",
                         change.ticks * tick_ms);
    case RoleCause::only_voter: return "it is the only voter";
    case RoleCause::leader_silent:
      return fmt::format("nothing was heard of the leader, node {}, for {} ms", peer,
                         change.ticks * tick_ms);
    case RoleCause::leader_disconnected:
      return fmt::format("the connection from the leader, node {}, broke", peer);
    case RoleCause::no_leader: return "there is no leader";
    case RoleCause::asked_by_leader: return fmt::format("node {} hands over to it", peer);
    case RoleCause::handed_over: return fmt::format("it has handed over to node {}", peer);
    case RoleCause::higher_term: return fmt::format("node {} is in that term already", peer);
    case RoleCause::no_quorum: return "too few voters were heard for an election timeout";
    case RoleCause::removed: return "it is no member any more";
  }
  UNREACHABLE();
}

std::string describe(const RoleChange& change, NodeId self, std::uint64_t tick_ms) {
  const std::string cause = describe_cause(change, tick_ms);
  const std::uint64_t id = self.value(), term = change.term.value();
  switch (change.event) {
    case RoleEvent::campaigns:
      return fmt::format("node {} asks for votes in term {}: {}", id, term + 1, cause);
    case RoleEvent::leads: return fmt::format("node {} leads in term {}: {}", id, term, cause);
    case RoleEvent::leads_no_more:
      return fmt::format("node {} leads no more, as of term {}: {}", id, term, cause);
    case RoleEvent::hand_over_failed:
      return fmt::format("node {} leads on in term {}: node {} did not take over in time", id, term,
                         change.peer.value());
  }
  UNREACHABLE();
}

std::string_view describe(HandOverCause cause) {
  switch (cause) {
    case HandOverCause::operator_asked: return "an operator asked for it";
    case HandOverCause::stopping: return "this process is stopping";
    case HandOverCause::disk_low: return "the disk of this node is nearly full";
    case HandOverCause::disk_stalled:
      return "a write of this node takes longer than an election timeout";
  }
  UNREACHABLE();
}

}  // namespace raft
