// Whether the nodes still hold the same state: each tells the leader a digest of its state as of
// certain entries, and the leader finds who differs from a majority of the voters. It finds nodes
// that have come apart by a bug or by bad memory, before they do harm. Pure; owned by the driver.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "raft/core/configuration.hpp"

namespace raft {

class Digests {
 public:
  // What a node says of itself; of the node itself as well.
  void report(NodeId node, Index index, std::uint64_t digest);

  struct Verdict {
    NodeId node;
    Index index;
    std::uint64_t expected = 0;
  };
  // Who differs from a majority, each as of one entry, once.
  std::vector<Verdict> judge(const Configuration& configuration);
  // Of `node` as of that entry, where it is still remembered.
  std::optional<std::uint64_t> of(NodeId node, Index index) const;

 private:
  std::map<Index, std::map<NodeId, std::uint64_t>> reports_;  // of the latest few entries
};

}  // namespace raft
