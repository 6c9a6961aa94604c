// Going on after the loss of a quorum: one surviving node becomes the only member of its cluster,
// in a new epoch, with everything that its log holds. Pure; performed by an operator's command
// while the node is stopped, never by a node itself, for it may lose what others acknowledged.
#pragma once

#include <optional>
#include <string>
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

// A new cluster, of `self` alone, that goes on from a copy of the state of another one.
struct Founding {
  Configuration before;  // as the copy has it
  Configuration after;
  PersistBatch batch;    // to be written to an empty raft.db
};

// `epochs` (at least 1) go by at once: random, so that neither a member of the cluster that was
// lost nor one of another restoration of it is of the new one's epoch.
Founding plan_founding(const SnapshotMeta& state, NodeId self, std::string address,
                       std::uint64_t epochs);

}  // namespace raft
