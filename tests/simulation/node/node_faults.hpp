// The faults of whole nodes: those of the network as in level 1, and those of disks and clocks.
#pragma once

#include <string>
#include <vector>

#include "node_cluster.hpp"

namespace simulation {

enum class NodeFaultKind : std::uint8_t {
  power_cut,
  power_cut_of_many,
  power_cut_at_call,  // in the middle of a write
  kill,               // the page cache stays
  restart,            // in order
  pause,
  isolate,
  split,
  one_way,
  bridge,  // two halves that only one node reaches
  stranded_leader,  // the leader and at most one more, whose disks are slow: what it appends there
                    // is overwritten later, some of it before it is written
  bad_network,
  disconnect,
  slow_disk,
  clock_rate,
  wall_clock,
  add_member,
  remove_member,
  transfer,
  sync_fails,  // once
  call_fails,  // once, any call of the disk
  disk_full,
  disk_lies,  // syncs of raft.db do nothing, until a power cut
  bit_rot,    // in raft.db or its log; the process dies soon after
};
inline constexpr std::size_t node_fault_kinds = 24;
const char* name_of(NodeFaultKind kind);

struct NodeFault {
  Time at = 0;
  NodeFaultKind kind{};
  Time duration = 0;
  std::uint64_t salt = 0;
};

std::vector<NodeFault> plan_node_faults(std::uint64_t seed, Time until);

class NodeFaultInjector {
 public:
  NodeFaultInjector(NodeWorld& world, NodeCluster& cluster, std::vector<NodeFault> plan);

  // Those named in `skipped` do not happen.
  void start(const std::vector<bool>& skipped);
  void begin(std::size_t number);
  void end(std::size_t number);
  // Everything is well from now on; all nodes that were not removed run.
  void end_all();
  // After that, once there is a leader: a new member, whose snapshot meets an error of a disk. What
  // a node does not get over then keeps the cluster from converging.
  void end_amid_snapshot();

 private:
  raft::NodeId victim(base::Random& random);
  void stop(SimulatedNode& node, Stop how, Time down);
  void partition(NodeFaultKind kind, base::Random& random);
  void change_members(NodeFaultKind kind, base::Random& random);
  void strand_leader(base::Random& random);
  void spoil(SimulatedNode& node, const NodeFault& fault, base::Random& random);
  bool may_damage(raft::NodeId id);
  void cut_both(raft::NodeId a, raft::NodeId b);

  NodeWorld& world_;
  NodeCluster& cluster_;
  std::vector<NodeFault> plan_;
  LinkQuality usual_quality_;
  raft::NodeId damaged_;  // the last one whose disk lied or rotted
  std::vector<std::pair<std::size_t, raft::NodeId>> victims_;  // of faults that have not ended
  bool over_ = false;
};

}  // namespace simulation
