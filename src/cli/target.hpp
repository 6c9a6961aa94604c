// Decides whom a command speaks to: a server, or the database that this process opens itself. The
// CLI works whether or not a server runs, so the choice is made anew by every command.
#pragma once

#include <memory>
#include <string>

#include "cli/client.hpp"
#include "cli/run.hpp"

namespace cli {

struct Target {
  std::unique_ptr<Connection> connection;
  std::string name;  // for messages: the URL, or the data directory
  std::string token = {};  // for who gives none: of the server that holds a directory of ours
};

// The command line goes before the environment, and within each a server before a file before a
// directory: --server, --config, --db, IPAM_SERVER, IPAM_CONFIG_FILE, IPAM_DB_PATH, default.
// `cluster_command`: the command makes sense on a cluster only, as if --cluster were given.
base::Result<Target, CommandError> choose_target(const Arguments& arguments,
                                                 const Environment& environment,
                                                 const Hooks& hooks, bool cluster_command);

// --token or IPAM_TOKEN; empty where there is none.
base::Result<std::string, CommandError> choose_token(const Arguments& arguments,
                                                     const Environment& environment);

inline constexpr const char* data_dir_default = "ipam-data";
inline constexpr const char* cluster_data_dir_default = "ipam-cluster-data";

}  // namespace cli
