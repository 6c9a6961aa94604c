// Changes of role in words: for the log, the audit and the labels of metrics. Pure.
#pragma once

#include <string>
#include <string_view>

#include "raft/core/role_change.hpp"

namespace raft {

// Why a leader hands over.
enum class HandOverCause : std::uint8_t { operator_asked, stopping, disk_low, disk_stalled };

// In the style of a metric's label, such as "leader_silent".
std::string_view name_of(RoleCause cause);
// Such as "nothing was heard of the leader, node 2, for 1350 ms".
std::string describe_cause(const RoleChange& change, std::uint64_t tick_ms);
// What happened, with its cause: a line of the log of node `self`.
std::string describe(const RoleChange& change, NodeId self, std::uint64_t tick_ms);
std::string_view describe(HandOverCause cause);

}  // namespace raft
