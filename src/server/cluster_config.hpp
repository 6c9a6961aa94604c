// cluster.json: who a node is and who founds its cluster. Written once by `ipam cluster init` or
// `join`, read by `ipam server --cluster` at each start. What the cluster looks like later is in
// its log; this file says only how it began.
// The data directory is the folder that cluster.json lies in, unless `data_dir` is absolute: a
// relative one was relative to where `cluster init` ran, which says nothing later on.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace server {

struct ClusterConfig {
  std::uint64_t node_id = 0;
  std::uint64_t cluster_id = 0;
  std::string raft_addr;                  // host:port; how the other nodes reach this one
  std::string api_addr = "0.0.0.0:8080";  // host:port to listen on; a flag or variable wins
  std::string data_dir;                   // as given; see data_directory()
  bool join = false;
  std::map<std::uint64_t, std::string> initial_members;  // id → host:port
  bool enable_single_node = false;
  // Keys that settings.hpp knows, their values as texts; parse_server_options() checks them.
  std::map<std::string, std::string> settings;

  friend bool operator==(const ClusterConfig&, const ClusterConfig&) = default;
};

inline constexpr std::string_view cluster_config_name = "cluster.json";
inline constexpr std::string_view cluster_data_dir_default = "ipam-cluster-data";

// What the fields must fulfil together, whoever filled them in. The error starts with the key:
// "raft_addr: …".
base::Result<base::Ok, std::string> check_cluster_config(const ClusterConfig& config);

// Required keys: node_id, cluster_id, raft_addr, and initial_members unless the node joins or is
// alone. `file` is how errors call it: one line each, "FILE: KEY: reason".
base::Result<ClusterConfig, std::string> parse_cluster_config(std::string_view text,
                                                              std::string_view file);
// The same of a file. A file that is not there gives an error that suggests `ipam cluster init`.
base::Result<ClusterConfig, std::string> read_cluster_config(const std::string& file);

// Indented JSON with initial_members as a map; parse_cluster_config() gives the same back.
std::string serialize_cluster_config(const ClusterConfig& config);

// Where the node whose configuration lies at `file` keeps its data.
std::string data_directory(const ClusterConfig& config, const std::string& file);

}  // namespace server
