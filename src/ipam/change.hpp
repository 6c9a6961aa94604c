// The change stream: what applying a command did, in order. Three consumers read it: the writer of
// state.db, the watch hub, the audit log (design.md, rule 3). Pure.
#pragma once

#include <variant>
#include <vector>

#include "ipam/errors.hpp"
#include "ipam/model.hpp"

namespace ipam {

struct NetworkPut {
  Network network;
};
struct NetworkDeleted {
  NetworkId id;
};
// Also with status released or expired: memory then forgets it, state.db keeps it as history.
struct AllocationPut {
  Allocation allocation;
};
struct AuditAppended {
  AuditEntry entry;
};

using Change = std::variant<NetworkPut, NetworkDeleted, AllocationPut, AuditAppended>;

// What the client is told.
using Outcome = std::variant<Error, Network, Allocation, std::monostate>;

struct Applied {
  Outcome outcome;
  std::vector<Change> changes;  // empty where the outcome is an Error
};

}  // namespace ipam
