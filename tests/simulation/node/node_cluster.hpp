// The whole nodes of one simulation, members or not, and the operator who replaces broken ones.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "simulated_node.hpp"

namespace simulation {

class NodeCluster {
 public:
  // Begins with `size` voters. The world outlives the cluster.
  NodeCluster(NodeWorld& world, const NodeSettings& settings, std::size_t size);

  SimulatedNode& node(raft::NodeId id) { return *nodes_[id.value() - 1]; }
  std::size_t size() const { return nodes_.size(); }
  raft::NodeId id_at(std::size_t number) const { return raft::NodeId(number + 1); }

  // The running leader of the latest term; nullptr where there is none.
  SimulatedNode* leader();
  std::vector<raft::NodeId> running() const;
  // A node with a new id and an empty disk; nullptr where there are too many already.
  SimulatedNode* add_node();
  // Asks a running node to add or remove a member.
  void change_members(bool add, raft::NodeId id);
  // Once a second: a node that does not open any more is removed, and another one added.
  void operate();

  // Whether all members run, agree, and have applied all that the leader has.
  bool converged();
  bool removed_have_stopped();
  bool recovering() const;
  bool damaged() const;
  // A line for each node, for a person.
  std::string describe() const;

  const NodeSettings& settings() const { return settings_; }

 private:
  NodeWorld& world_;
  const NodeSettings settings_;
  std::vector<std::unique_ptr<SimulatedNode>> nodes_;  // by id - 1
  std::vector<raft::NodeId> replacements_;             // to be added
  std::vector<raft::NodeId> replaced_;
};

// As the founders of a cluster of `size` have it.
raft::Configuration founding_configuration(std::size_t size);

}  // namespace simulation
