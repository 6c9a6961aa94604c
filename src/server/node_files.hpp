// Opens the files of a data directory and brings them in line with each other: raft.db (the log and
// who this node is) and state.db (how far the state has come). What is found wrong is said in one
// text for the user, and nothing is changed then.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "raft/core/node.hpp"
#include "raft/storage/log_store.hpp"
#include "sqlite/file_system.hpp"
#include "state/state_store.hpp"

namespace server {

// What the configuration says about a node.
struct NodeSpec {
  std::filesystem::path data_dir;
  bool cluster_mode = false;
  std::uint64_t node_id = 1;
  std::uint64_t cluster_id = 1;
  std::string raft_addr;                                  // empty in standalone mode
  std::map<std::uint64_t, std::string> initial_members;  // of a founder: with itself
  // How long the outcome of a write that came to this node with an Idempotency-Key is kept.
  std::uint32_t idempotency_seconds = ipam::idempotency_seconds_default;
  std::uint32_t history_days = 0;  // how long state.db keeps history; 0: for ever
};

struct NodeFiles {
  std::unique_ptr<raft::LogStore> log_store;
  raft::Identity identity;
  raft::DurableState durable;
  std::unique_ptr<state::StateStore> state_store;
  ipam::StateMachine state_machine;
  bool configuration_stored = false;  // state.db knows the members already
};

// `files` outlives what is returned. `incarnation` is a random number for a new directory.
base::Result<NodeFiles, std::string> open_node_files(sqlite::FileSystem& files,
                                                     const NodeSpec& spec,
                                                     std::uint64_t incarnation, state::Post post,
                                                     state::OnFailure on_failure,
                                                     state::Execution execution =
                                                         state::Execution::thread);

}  // namespace server
