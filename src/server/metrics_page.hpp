// The page that GET /metrics answers with: what the node has counted, and what it is now. On the io
// thread; reads /proc/self and the sizes of two files, none of which waits for a disk.
#pragma once

#include <cstdint>
#include <optional>
#include <filesystem>
#include <string>

#include "api/action.hpp"
#include "http/counts.hpp"
#include "ipam/state_machine.hpp"
#include "raft/node/snapshot_transfer.hpp"
#include "raft/transport/refusal.hpp"
#include "server/fullest_networks.hpp"
#include "server/node_metrics.hpp"

namespace server {

// What is so at this moment.
struct NodeReadings {
  api::NodeStatus status;
  const ipam::StateMachine* plan = nullptr;
  http::Counts http;
  std::size_t watchers = 0;
  std::size_t proposals_pending = 0;
  std::size_t state_changes_queued = 0;
  std::optional<raft::SnapshotProgress> snapshot;
  const raft::RefusalCounts* refusals = nullptr;  // at the raft port; none in standalone mode
  std::filesystem::path data_dir;
};

std::string metrics_page(const NodeMetrics& metrics, const NodeReadings& readings,
                         FullestNetworks& fullest);

}  // namespace server
