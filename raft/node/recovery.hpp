// Going on after the loss of a quorum: one surviving node becomes the only member of its cluster,
// in a new epoch, with everything that its log holds. Pure; performed by an operator's command
// while the node is stopped, never by a node itself, for it may lose what others acknowledged.
#pragma once

#include <vector>

#include "raft/core/node.hpp"
#include "raft/storage/log_store.hpp"

namespace raft {

struct Recovery {
  Configuration before;   // the latest that this node knows, committed or not
  Configuration after;    // this node alone
  std::vector<NodeId> dropped;
  LogPosition log_end;    // everything up to here is kept; what others had after it is lost
  Index known_committed;  // entries after it may or may not have been acknowledged: kept as well
  PersistBatch batch;     // to be written to raft.db
};

// nullopt: `self` is no member, so that it has nothing to go on with.
std::optional<Recovery> plan_recovery(const DurableState& durable, NodeId self);

}  // namespace raft
