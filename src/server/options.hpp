// The options of `ipam server`, from command line, environment and cluster.json, in this order; all
// checked, so that the runtime can take them as they are. What there is to set: settings.hpp.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/result.hpp"
#include "cli/arguments.hpp"
#include "cli/client.hpp"
#include "cli/output.hpp"
#include "http/limits.hpp"
#include "ipam/model.hpp"
#include "server/cluster_config.hpp"

namespace server {

// Where a value came from.
struct Origin {
  enum class Source : std::uint8_t { option, variable, file };
  Source source = Source::option;
  std::string name;  // "--port", "IPAM_PORT" or the path of cluster.json
};

struct ServerOptions {
  bool help = false;  // --help: nothing else is read then
  std::optional<cli::OutputFormat> explain;  // --explain-config: print the settings, start nothing
  std::string host = "0.0.0.0";
  std::uint16_t port = 8080;  // 0: any that is free
  // The directory that holds raft.db and state.db.
  std::string data_dir = "ipam-data";
  // Cluster mode exactly where this is set.
  std::optional<ClusterConfig> cluster;
  bool auth_required = false;  // whoever asks needs a token
  bool peer_auth_required = false;  // nodes need to prove the cluster's secret
  std::string cluster_secret_file;
  std::string cluster_secret;  // empty: none
  // PEM files. HTTP speaks TLS where there is a certificate; the key is there exactly then.
  std::string tls_cert;
  std::string tls_key;
  std::string tls_client_ca;  // clients have to show a certificate of it; empty: they need not
  // PEM files of TLS between the nodes; all three or none.
  std::string peer_tls_cert;
  std::string peer_tls_key;
  std::string peer_tls_ca;
  std::string config_file;  // where `cluster` was read from
  base::LogFormat log_format = base::LogFormat::text;
  base::LogLevel log_level = base::LogLevel::info;
  std::uint32_t election_timeout_ms = 1000;
  std::uint32_t heartbeat_ms = 100;
  std::uint64_t log_entries_kept = 10000;
  // 60 to ipam::idempotency_seconds_max.
  std::uint32_t idempotency_seconds = ipam::idempotency_seconds_default;
  std::uint32_t history_days = 400;  // 0: for ever
  http::Limits http;
  std::uint32_t requests_per_second = 0;  // of each token or address; 0: as many as they like
  // By option; one that is not there has its default.
  std::map<std::string, Origin, std::less<>> origins;
};

// `args` is what follows `server`. Reads cluster.json in cluster mode. An error names the flag
// or the variable, or the file and its key; all are wrong usage (exit code 2).
base::Result<ServerOptions, cli::CommandError> parse_server_options(
    const std::vector<std::string>& args, const cli::Environment& environment);

cli::CommandSpec server_spec();
std::string server_help();

}  // namespace server
