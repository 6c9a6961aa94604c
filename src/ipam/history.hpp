// Questions about what is no longer (or never was) in memory: answered from state.db. Pure types;
// state/ answers them, api/ asks them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "ipam/model.hpp"

namespace ipam {

// Newest first.
struct AuditQuery {
  std::uint64_t limit = 100;
  std::optional<AuditId> before = std::nullopt;  // only entries older than this one
  std::optional<std::string> resource = std::nullopt;
  std::optional<std::string> actor = std::nullopt;
  std::optional<std::string> action = std::nullopt;
  std::optional<TimeMs> since = std::nullopt;  // included
  std::optional<TimeMs> until = std::nullopt;  // not included
};
// Is what this node has on its disk what was written there?
struct VerifyQuery {};
// All allocations that ever were, by id; of one network where given.
struct AllocationsQuery {
  std::optional<NetworkId> network_id;
};
struct AllocationQuery {
  AllocationId id;
};

struct Verification {
  bool intact = false;
  std::string problem;        // a sentence; empty where intact
  std::uint64_t entries = 0;  // of the audit log, whose chain was walked
  std::uint64_t rows = 0;     // of all tables, whose checksums were compared
  base::Sha256 head{};        // the hash of the last audit entry
};

// The allocations that hold or held the address, in whichever network, the newest first.
struct AddressQuery {
  Address address;
  std::uint64_t limit = 100;
};

using HistoryQuery =
    std::variant<AuditQuery, AllocationsQuery, AllocationQuery, VerifyQuery, AddressQuery>;
// AllocationQuery gives a list of none or one.
using HistoryAnswer =
    std::variant<std::vector<AuditEntry>, std::vector<Allocation>, Verification>;

}  // namespace ipam
