#include "server/restore_command.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <filesystem>
#include <limits>
#include <optional>
#include <random>

#include "cli/client.hpp"
#include "cli/commands.hpp"
#include "cli/endpoint.hpp"
#include "cli/target.hpp"
#include "server/backup_facts.hpp"
#include "server/cluster_commands.hpp"
#include "server/directory_lock.hpp"
#include "server/new_file.hpp"
#include "server/restoration.hpp"
#include "sqlite/posix_file_system.hpp"

namespace server {
namespace {

using cli::CommandError;
using cli::failed;
using cli::usage;

constexpr std::uint64_t id_max = std::numeric_limits<std::int64_t>::max();
// So many that two restorations of one backup hardly ever draw the same, and that a few hundred
// million of them fit into the epoch.
constexpr std::uint32_t epochs_max = 0x7fffffff;

base::Result<std::uint64_t, CommandError> read_id(const cli::Arguments& arguments,
                                                  const std::string& option) {
  const auto id =
      cli::parse_number("--" + option, arguments.get(option).value_or("1"), 1, id_max);
  if (!id) return base::fail(usage(id.error()));
  return *id;
}

// nullopt: of a server alone.
base::Result<std::optional<ClusterConfig>, CommandError> read_cluster(
    const cli::Arguments& arguments) {
  if (!arguments.has("raft-addr")) {
    for (const char* option : {"node-id", "cluster-id", "api-addr", "cluster"})
      if (arguments.has(option))
        return base::fail(usage(fmt::format("--{} goes with --raft-addr alone", option)));
    return std::optional<ClusterConfig>();
  }
  ClusterConfig config;
  const auto node_id = read_id(arguments, "node-id");
  if (!node_id) return base::fail(node_id.error());
  const auto cluster_id = read_id(arguments, "cluster-id");
  if (!cluster_id) return base::fail(cluster_id.error());
  config.node_id = *node_id;
  config.cluster_id = *cluster_id;
  config.raft_addr = *arguments.get("raft-addr");
  config.api_addr = arguments.get("api-addr").value_or(config.api_addr);
  for (const auto& [flag, address] :
       {std::pair{"--raft-addr", config.raft_addr}, {"--api-addr", config.api_addr}})
    if (const auto endpoint = cli::parse_endpoint(address); !endpoint)
      return base::fail(
          usage(fmt::format("{} '{}' {}: it must be host:port", flag, address, endpoint.error())));
  config.initial_members = {{config.node_id, config.raft_addr}};
  config.enable_single_node = true;
  return std::optional(std::move(config));
}

NodeSpec spec_of(const std::optional<ClusterConfig>& cluster, const std::string& directory) {
  NodeSpec spec;
  spec.data_dir = directory;
  spec.initial_members = {{1, ""}};
  if (!cluster) return spec;
  spec.cluster_mode = true;
  spec.node_id = cluster->node_id;
  spec.cluster_id = cluster->cluster_id;
  spec.raft_addr = cluster->raft_addr;
  spec.initial_members = cluster->initial_members;
  return spec;
}

std::string start_command(const std::optional<ClusterConfig>& cluster,
                          const std::string& directory) {
  const std::string config = (std::filesystem::path(directory) / cluster_config_name).string();
  return cluster ? "ipam server --cluster --config " + config : "ipam server --db " + directory;
}

void print_table(const Restoration& done, const std::optional<ClusterConfig>& cluster,
                 const std::string& directory, cli::Io& io) {
  const cli::BackupFacts facts = facts_of(done.backup);
  io.out << fmt::format(
      "Restored {} as of revision {}, digest {}\n"
      "Holds: {} VRFs, {} networks, {} active allocations, {} audit entries\n",
      directory, facts.revision, facts.digest, facts.vrfs, facts.networks, facts.allocations,
      facts.audit_entries);
  if (cluster)
    io.out << fmt::format(
        "Node {} of cluster {} is its only member, in epoch {}. Nodes of the cluster that the\n"
        "backup is of are refused: wipe them and add them anew.\n",
        cluster->node_id, cluster->cluster_id, done.founding.after.epoch);
  io.out << fmt::format("\nStart it with:\n  {}\n", start_command(cluster, directory));
  if (cluster)
    io.out << "Then let further nodes join (ipam cluster join, ipam cluster add-node).\n";
}

void print_json(const Restoration& done, const std::optional<ClusterConfig>& cluster,
                const std::string& directory, cli::Io& io) {
  const cli::BackupFacts facts = facts_of(done.backup);
  boost::json::object text{{"data_dir", directory},
                           {"revision", facts.revision},
                           {"digest", facts.digest},
                           {"vrfs", facts.vrfs},
                           {"networks", facts.networks},
                           {"allocations", facts.allocations},
                           {"audit_entries", facts.audit_entries},
                           {"audit_hash", facts.audit_hash}};
  if (cluster) {
    text["node_id"] = cluster->node_id;
    text["cluster_id"] = cluster->cluster_id;
    text["epoch"] = done.founding.after.epoch;
  }
  io.out << boost::json::serialize(text) << '\n';
}

base::Result<base::Ok, CommandError> undo_cut_off(sqlite::FileSystem& files,
                                                  const std::string& directory, cli::Io& io) {
  try {
    if (!files.exists(directory)) return base::Ok();
    auto lock = DirectoryLock::try_acquire(directory);
    if (!lock) return base::fail(failed(lock.error()));
    if (!*lock) return base::fail(failed(directory + " is in use by another ipam"));
    if (undo_cut_off_restoration(files, directory))
      io.err << fmt::format("{} was left half restored by a command that was cut off: begun anew\n",
                            directory);
  } catch (const std::system_error& error) {
    return base::fail(failed(error.what()));
  }
  return base::Ok();
}

base::Result<base::Ok, CommandError> restore(const cli::Arguments& arguments, cli::Io& io) {
  auto cluster = read_cluster(arguments);
  if (!cluster) return base::fail(cluster.error());
  std::string directory = *cluster ? cli::cluster_data_dir_default : cli::data_dir_default;
  for (const char* option : {"db", "data-dir"})
    directory = arguments.get(option).value_or(directory);
  if (directory.empty()) return base::fail(usage("--data-dir must not be empty"));
  if (*cluster) (*cluster)->data_dir = directory;
  const std::string file = arguments.positional(0);
  sqlite::PosixFileSystem files;
  auto checked = state::check_backup(files, file);  // before anything is made
  if (!checked) return base::fail(failed(checked.error()));
  if (auto undone = undo_cut_off(files, directory, io); !undone) return undone;
  if (auto ready = prepare_directory(directory); !ready) return ready;
  auto lock = DirectoryLock::try_acquire(directory);
  if (!lock) return base::fail(failed(lock.error()));
  if (!*lock) return base::fail(failed(directory + " is in use by another ipam"));
  std::random_device random;
  const std::uint64_t incarnation = std::uint64_t{random()} << 32 | random();
  const std::uint64_t epochs = 1 + random() % epochs_max;
  auto done = restore_directory(files, file, std::move(*checked), spec_of(*cluster, directory),
                                incarnation, epochs);
  if (!done) return base::fail(failed(done.error()));
  if (*cluster) {
    const std::string config = (std::filesystem::path(directory) / cluster_config_name).string();
    if (auto written = write_new_file(config, serialize_cluster_config(**cluster)); !written)
      return base::fail(failed(written.error()));
  }
  if (arguments.get("output") == "json")
    print_json(*done, *cluster, directory, io);
  else
    print_table(*done, *cluster, directory, io);
  return base::Ok();
}

}  // namespace

cli::CommandSpec restore_spec() {
  return {"restore",
          "Make a new data directory from a backup: of a server alone, or with --raft-addr of the "
          "first node of a new cluster.",
          {{"FILE", "a file that ipam backup made"}},
          {{"data-dir", 0, "DIR",
            "data directory to make (default ipam-data; ipam-cluster-data of a cluster)"},
           {"raft-addr", 0, "ADDR", "host:port where further nodes will reach it"},
           {"node-id", 0, "N", "with --raft-addr: this node's id (default 1)"},
           {"cluster-id", 0, "N", "with --raft-addr: the cluster's id (default 1)"},
           {"api-addr", 0, "ADDR",
            "with --raft-addr: host:port of its API (default 0.0.0.0:8080)"}},
          {"ipam restore ipam.db --data-dir ipam-data",
           "ipam restore ipam.db --data-dir node1-data --node-id 1 --cluster-id 100 \\",
           "  --raft-addr node1.example.com:5001"}};
}

int restore(const std::vector<std::string>& args, cli::Io& io) {
  return cli::run_foreign(restore_spec(), args, io, [&io](const cli::Arguments& arguments) {
    return restore(arguments, io);
  });
}

}  // namespace server
