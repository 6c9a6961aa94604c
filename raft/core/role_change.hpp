// Why a node campaigns, leads, or leads no more: told by the core as data, for logs and metrics.
// Nothing is decided by it.
#pragma once

#include <cstdint>

#include "raft/core/types.hpp"

namespace raft {

enum class RoleEvent : std::uint8_t {
  campaigns,         // asks the others whether they would vote for it
  leads,
  leads_no_more,
  hand_over_failed,  // it leads on; `peer` did not take over in time
};

enum class RoleCause : std::uint8_t {
  // ---- of a campaign, and of leading after it ----
  started,              // no leader was heard of since the start
  only_voter,
  leader_silent,        // nothing was heard of the leader `peer` for `ticks`
  leader_disconnected,  // the connection from the leader `peer` broke
  no_leader,            // nobody was elected since another cause
  asked_by_leader,      // the leader `peer` hands over
  // ---- of leading no more ----
  handed_over,  // to `peer`
  higher_term,  // of `peer`
  no_quorum,    // too few voters were heard for an election timeout
  removed,      // a configuration without this node is committed
};

struct RoleChange {
  RoleEvent event = RoleEvent::campaigns;
  RoleCause cause = RoleCause::started;
  Term term;  // after it; of a campaign: before
  NodeId peer;
  unsigned ticks = 0;

  friend bool operator==(const RoleChange&, const RoleChange&) = default;
};

// Beyond, the oldest are forgotten: a host takes them each turn.
inline constexpr std::size_t role_changes_max = 64;

}  // namespace raft
