#include "server/cluster_commands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <limits>

#include "cli/client.hpp"
#include "cli/commands.hpp"
#include "server/cluster_secret.hpp"
#include "server/new_file.hpp"
#include "server/secret.hpp"

namespace server {

using cli::CommandError;
using cli::failed;
using cli::usage;

namespace {

constexpr std::uint64_t id_max = std::numeric_limits<std::int64_t>::max();

enum class Kind : std::uint8_t { init, join };

cli::CommandSpec make_spec(Kind kind) {
  const bool init = kind == Kind::init;
  cli::CommandSpec spec{init ? "cluster init" : "cluster join",
                        init ? "Write the configuration of a cluster's first node."
                             : "Write the configuration of a further node."};
  const std::string required = "; required";
  const std::string raft_addr_note = init ? " (default localhost:5000)" : required;
  spec.options = {
      {"node-id", 0, "N", "this node's id" + (init ? " (default 1)" : required)},
      {"cluster-id", 0, "N", "the cluster's id, the same on all its nodes (default 1)"},
      {"raft-addr", 0, "ADDR", "host:port where the other nodes reach it" + raft_addr_note},
      {"data-dir", 0, "DIR", "data directory to make (default ipam-cluster-data)"},
      {"initial-members", 0, "LIST",
       "\"1:host:port,2:host:port\": who founds the cluster" +
           (init ? std::string(" (default: it alone)") : required)},
      {"api-addr", 0, "ADDR", "host:port of its API (default 0.0.0.0:8080)"},
      {"secret-file", 0, "FILE",
       "the cluster's secret, a copy of another node's cluster.secret (IPAM_CLUSTER_SECRET_FILE; "
       "IPAM_CLUSTER_SECRET has the text itself)" +
           (init ? std::string("; default: a new one") : std::string())},
  };
  if (init) {
    spec.options.push_back({"single-node", 0, "", "a cluster of this node alone"});
    spec.examples = {
        "ipam cluster init --node-id 1 --cluster-id 100 --raft-addr localhost:5001 --single-node",
        "ipam cluster init --node-id 1 --raft-addr n1:5001 --data-dir node1-data \\",
        "  --initial-members \"1:n1:5001,2:n2:5002,3:n3:5003\""};
  } else {
    spec.examples = {
        "ipam cluster join --node-id 2 --raft-addr n2:5002 --data-dir node2-data \\",
        "  --initial-members \"1:n1:5001,2:n2:5002,3:n3:5003\""};
  }
  return spec;
}

base::Result<base::Ok, CommandError> read_ids(const cli::Arguments& arguments,
                                              ClusterConfig& config) {
  const auto node_id =
      cli::parse_number("--node-id", arguments.get("node-id").value_or("1"), 1, id_max);
  if (!node_id) return base::fail(usage(node_id.error()));
  const auto cluster_id =
      cli::parse_number("--cluster-id", arguments.get("cluster-id").value_or("1"), 1, id_max);
  if (!cluster_id) return base::fail(usage(cluster_id.error()));
  config.node_id = *node_id;
  config.cluster_id = *cluster_id;
  return base::Ok{};
}

base::Result<base::Ok, CommandError> read_addresses(const cli::Arguments& arguments,
                                                    ClusterConfig& config) {
  config.raft_addr = arguments.get("raft-addr").value_or("localhost:5000");
  config.api_addr = arguments.get("api-addr").value_or(config.api_addr);
  for (const auto& [flag, address] : {std::pair{"--raft-addr", config.raft_addr},
                                      std::pair{"--api-addr", config.api_addr}}) {
    const auto endpoint = cli::parse_endpoint(address);
    if (!endpoint) {
      return base::fail(
          usage(fmt::format("{} '{}' {}: it must be host:port", flag, address, endpoint.error())));
    }
  }
  return base::Ok{};
}

// What the list of founders must fulfil, in the words of the flags.
base::Result<base::Ok, CommandError> check_members(const ClusterConfig& config) {
  const auto self = config.initial_members.find(config.node_id);
  if (self == config.initial_members.end()) {
    if (config.join) return base::Ok{};  // waits until the cluster adds it
    return base::fail(usage(fmt::format("--initial-members does not have --node-id {}: the node "
                                        "that founds a cluster must be in it",
                                        config.node_id)));
  }
  if (self->second != config.raft_addr) {
    return base::fail(
        usage(fmt::format("--initial-members has {} for node {}, but --raft-addr is {}",
                          self->second, config.node_id, config.raft_addr)));
  }
  if (const auto checked = check_cluster_config(config); !checked)
    return base::fail(usage("--initial-members: " + checked.error()));
  return base::Ok{};
}

base::Result<ClusterConfig, CommandError> make_config(Kind kind,
                                                      const cli::Arguments& arguments) {
  ClusterConfig config;
  config.join = kind == Kind::join;
  if (config.join) {
    std::string missing;
    for (const char* option : {"node-id", "raft-addr", "initial-members"}) {
      if (arguments.has(option)) continue;
      missing += fmt::format("{}--{}", missing.empty() ? "" : ", ", option);
    }
    if (!missing.empty())
      return base::fail(usage(fmt::format("'ipam cluster join' needs {}", missing)));
  }
  if (auto done = read_ids(arguments, config); !done) return base::fail(done.error());
  if (auto done = read_addresses(arguments, config); !done) return base::fail(done.error());
  config.data_dir = arguments.get("data-dir").value_or(std::string(cluster_data_dir_default));
  if (config.data_dir.empty()) return base::fail(usage("--data-dir must not be empty"));
  if (const auto list = arguments.get("initial-members")) {
    auto members = parse_initial_members(*list);
    if (!members) return base::fail(usage("--initial-members: " + members.error()));
    config.initial_members = std::move(*members);
  } else {
    config.initial_members.emplace(config.node_id, config.raft_addr);
  }
  if (arguments.has("single-node") && config.initial_members.size() > 1)
    return base::fail(usage("--single-node does not go with several --initial-members"));
  config.enable_single_node =
      arguments.has("single-node") || !arguments.has("initial-members");
  if (auto checked = check_members(config); !checked) return base::fail(checked.error());
  return config;
}

}  // namespace

base::Result<base::Ok, CommandError> prepare_directory(const std::string& directory) {
  namespace fs = std::filesystem;
  std::error_code error;
  const auto status = fs::status(directory, error);
  if (fs::exists(status) && !fs::is_directory(status)) {
    return base::fail(failed(
        fmt::format("{} is there and is no directory: choose another --data-dir", directory)));
  }
  // A write-ahead log without its database, too: it would be taken for that of a new one.
  for (const std::string_view name : {cluster_config_name, std::string_view("raft.db"),
                                      std::string_view("state.db"), std::string_view("raft.db-wal"),
                                      std::string_view("state.db-wal")}) {
    // symlink_status: a dangling link is something, too.
    if (!fs::exists(fs::symlink_status(fs::path(directory) / name, error))) continue;
    const fs::path config = fs::path(directory) / cluster_config_name;
    const std::string start =
        fs::exists(config, error)
            ? fmt::format("start it with `ipam server --cluster --config {}`, or ", config.string())
            : "";
    return base::fail(failed(fmt::format("{} already holds data ({}): {}choose another --data-dir",
                                         directory, name, start)));
  }
  fs::create_directories(directory, error);
  if (error)
    return base::fail(failed(fmt::format("cannot make {}: {}", directory, error.message())));
  return base::Ok{};
}

namespace {

// What the nodes prove to each other, and how the others come by it.
void print_secret(const ClusterConfig& config, bool has_secret, cli::Io& io) {
  const std::string file =
      (std::filesystem::path(config.data_dir) / cluster_secret_name).string();
  if (!has_secret) {
    io.out << fmt::format(
        "Cluster secret: none. A copy of cluster.secret of the node that ran `ipam cluster init`\n"
        "  belongs at {}, so that --peer-auth required can keep strangers out\n",
        file);
    return;
  }
  io.out << fmt::format("Cluster secret: {}\n", file);
  if (config.join) return;
  io.out << "  Each further node needs a copy: ipam cluster join … --secret-file FILE\n"
            "  Once all have it: ipam server … --peer-auth required\n";
}

void print_written(const ClusterConfig& config, const std::string& file, bool has_secret,
                   cli::Io& io) {
  const bool founder = config.initial_members.contains(config.node_id);
  io.out << fmt::format("{} node {} of cluster {}\n", config.join ? "Joined" : "Initialized",
                        config.node_id, config.cluster_id);
  io.out << fmt::format("Config: {}\nRaft address: {}\nMembers:\n", file, config.raft_addr);
  for (const auto& [id, address] : config.initial_members)
    io.out << fmt::format("  {}  {}\n", id, address);
  print_secret(config, has_secret, io);
  io.out << fmt::format("\nStart it with:\n  ipam server --cluster --config {}\n", file);
  if (!founder) {
    io.out << fmt::format(
        "Node {} is not among the members: it waits until the cluster adds it. On a member run:\n"
        "  ipam cluster add-node {} {} --config FILE\n",
        config.node_id, config.node_id, config.raft_addr);
  }
}

// Puts the given secret into the data directory, or for a first node a new one. One that lies there
// already stays: it was put there for this. Whether there is one now.
base::Result<bool, CommandError> write_secret(const ClusterConfig& config,
                                              const std::optional<std::string>& given) {
  const auto kept = kept_cluster_secret(config.data_dir);
  if (!kept) return base::fail(failed(kept.error()));
  if (!given && (*kept || config.join)) return kept->has_value();
  const std::string secret = given ? *given : new_cluster_secret();
  if (const auto written = keep_cluster_secret(config.data_dir, secret); !written)
    return base::fail(failed(written.error()));
  return true;
}

cli::CommandResult write_config(Kind kind, const cli::Arguments& arguments, cli::Io& io,
                                const cli::Environment& environment) {
  const auto config = make_config(kind, arguments);
  if (!config) return base::fail(config.error());
  if (arguments.get("secret-file") == "")
    return base::fail(usage("--secret-file must not be empty"));
  const auto given =
      given_cluster_secret(arguments.get("secret-file").value_or(""), environment);
  if (!given) return base::fail(usage(given.error()));
  const std::string text = serialize_cluster_config(*config);
  // The one field that is not checked by itself; JSON holds nothing but UTF-8.
  if (!parse_cluster_config(text, "")) return base::fail(usage("--data-dir must be UTF-8"));
  if (const auto ready = prepare_directory(config->data_dir); !ready)
    return base::fail(ready.error());
  // Before cluster.json, with which the directory counts as made.
  const auto has_secret = write_secret(*config, *given);
  if (!has_secret) return base::fail(has_secret.error());
  const std::string file =
      (std::filesystem::path(config->data_dir) / cluster_config_name).string();
  if (const auto written = write_new_file(file, text); !written)
    return base::fail(failed(written.error()));
  if (arguments.get("output") == "json") {
    io.out << text;
  } else {
    print_written(*config, file, *has_secret, io);
  }
  return base::Ok();
}

int run(Kind kind, const std::vector<std::string>& args, cli::Io& io,
        const cli::Environment& environment) {
  const auto command = [kind, &io, &environment](const cli::Arguments& arguments) {
    return write_config(kind, arguments, io, environment);
  };
  return cli::run_foreign(make_spec(kind), args, io, command);
}

}  // namespace

cli::CommandSpec cluster_init_spec() { return make_spec(Kind::init); }
cli::CommandSpec cluster_join_spec() { return make_spec(Kind::join); }

int cluster_init(const std::vector<std::string>& args, cli::Io& io,
                 const cli::Environment& environment) {
  return run(Kind::init, args, io, environment);
}

int cluster_join(const std::vector<std::string>& args, cli::Io& io,
                 const cli::Environment& environment) {
  return run(Kind::join, args, io, environment);
}

base::Result<std::map<std::uint64_t, std::string>, std::string> parse_initial_members(
    std::string_view text) {
  std::map<std::uint64_t, std::string> members;
  const std::string_view form = "each member must be ID:HOST:PORT";
  while (true) {
    const std::size_t comma = std::min(text.find(','), text.size());
    std::string_view part = text.substr(0, comma);
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    const std::size_t colon = part.find(':');
    std::uint64_t id = 0;
    const char* const end = part.data() + std::min(colon, part.size());
    const auto parsed = std::from_chars(part.data(), end, id);
    if (colon == std::string_view::npos || parsed.ec != std::errc() || parsed.ptr != end)
      return base::fail(fmt::format("'{}': {}", part, form));
    if (id == 0 || id > id_max)
      return base::fail(fmt::format("'{}': a node id must be from 1 to {}", part, id_max));
    const std::string_view address = part.substr(colon + 1);
    const auto endpoint = cli::parse_endpoint(address);
    if (!endpoint) return base::fail(fmt::format("'{}' {}: {}", part, endpoint.error(), form));
    if (!members.emplace(id, std::string(address)).second)
      return base::fail(fmt::format("duplicate node id {}", id));
    if (comma == text.size()) return members;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace server
