// Questions about what is no longer (or never was) in memory: answered from state.db. Pure types;
// state/ answers them, api/ asks them.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "ipam/model.hpp"

namespace ipam {

// Newest first.
struct AuditQuery {
  std::uint64_t limit = 100;
};
// All allocations that ever were, by id; of one network where given.
struct AllocationsQuery {
  std::optional<NetworkId> network_id;
};
struct AllocationQuery {
  AllocationId id;
};

using HistoryQuery = std::variant<AuditQuery, AllocationsQuery, AllocationQuery>;
// AllocationQuery gives a list of none or one.
using HistoryAnswer = std::variant<std::vector<AuditEntry>, std::vector<Allocation>>;

}  // namespace ipam
