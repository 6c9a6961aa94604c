#include "server/options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "cli/endpoint.hpp"
#include "server/cluster_secret.hpp"
#include "server/settings.hpp"

namespace server {

using cli::CommandError;
using cli::usage;

namespace {

// The value of a setting's variable. What starts with tcp:// is none of ours: Kubernetes sets
// IPAM_PORT=tcp://10.0.0.1:80 in each pod beside a service named ipam.
std::optional<std::string> get_variable(const Setting& setting,
                                        const cli::Environment& environment) {
  if (setting.variable.empty()) return std::nullopt;
  auto value = environment.get(std::string(setting.variable));
  if (value && value->starts_with("tcp://")) return std::nullopt;
  return value;
}

// Each setting by itself: its option, or else its variable.
Step read_each(const cli::Arguments& arguments, const cli::Environment& environment,
               ServerOptions& options) {
  for (const Setting& setting : server_settings()) {
    const std::string option(setting.option);
    if (auto text = arguments.get(option)) {
      if (setting.value_name.empty()) text = "true";
      options.origins[option] = {Origin::Source::option, "--" + option};
      if (auto done = apply_setting(setting, "--" + option, *text, options); !done) return done;
    } else if (const auto value = get_variable(setting, environment)) {
      options.origins[option] = {Origin::Source::variable, std::string(setting.variable)};
      if (auto done = apply_setting(setting, setting.variable, *value, options); !done)
        return done;
    }
  }
  if (arguments.has("address")) {
    if (arguments.has("host") || arguments.has("port"))
      return base::fail(usage("--address gives host and port: leave out --host and --port"));
    options.origins["host"] = options.origins["port"] = options.origins["address"];
  }
  return base::Ok{};
}

// What cluster.json gives and neither option nor variable has given.
Step read_file(ServerOptions& options) {
  if (!options.cluster) return base::Ok{};
  const auto endpoint = cli::parse_endpoint(options.cluster->api_addr);
  ASSERT(endpoint.ok());  // check_cluster_config() has seen it
  const auto is_open = [&options](const Setting& setting) {
    return options.origins.try_emplace(std::string(setting.option),
                                       Origin{Origin::Source::file, options.config_file})
        .second;
  };
  if (is_open(server_setting("host"))) options.host = endpoint->host;
  if (is_open(server_setting("port"))) options.port = endpoint->port;
  const auto folder = std::filesystem::path(options.config_file).parent_path();
  for (const auto& [key, given] : options.cluster->settings) {
    for (const Setting& setting : server_settings()) {
      if (setting.file_key != key || !is_open(setting)) continue;
      const auto* const kind = std::get_if<TextKind>(&setting.kind);
      const bool is_path = kind != nullptr && kind->is_path && !given.empty();
      const std::string text = is_path ? (folder / given).string() : given;
      const std::string name = fmt::format("{}: {}:", options.config_file, key);
      if (auto done = apply_setting(setting, name, text, options); !done) return done;
    }
  }
  return base::Ok{};
}

base::Result<bool, CommandError> is_cluster_mode(const cli::Arguments& arguments,
                                                 const cli::Environment& environment) {
  if (arguments.has("cluster")) return true;
  const auto text = environment.get("IPAM_CLUSTER_MODE");
  if (!text) return false;
  const auto mode = cli::parse_boolean("IPAM_CLUSTER_MODE", *text);
  if (!mode) return base::fail(usage(mode.error()));
  return *mode;
}

// --config, --db, IPAM_CONFIG_FILE, IPAM_DB_PATH, default: the first that is given.
void choose_config_file(const cli::Arguments& arguments, const cli::Environment& environment,
                        ServerOptions& options) {
  const auto use = [&options](std::string file, Origin origin) {
    options.config_file = std::move(file);
    options.origins["config"] = std::move(origin);
  };
  const auto in = [](std::string_view directory) {
    return fmt::format("{}/{}", directory, cluster_config_name);
  };
  if (const auto file = arguments.get("config"))
    use(*file, {Origin::Source::option, "--config"});
  else if (const auto directory = arguments.get("db"))
    use(in(*directory), {Origin::Source::option, "--db"});
  else if (const auto variable = environment.get("IPAM_CONFIG_FILE"))
    use(*variable, {Origin::Source::variable, "IPAM_CONFIG_FILE"});
  else if (const auto path = environment.get("IPAM_DB_PATH"))
    use(in(*path), {Origin::Source::variable, "IPAM_DB_PATH"});
  else
    options.config_file = in(cluster_data_dir_default);
}

Step read_data_dir(const cli::Arguments& arguments, const cli::Environment& environment,
                   ServerOptions& options) {
  const auto cluster_mode = is_cluster_mode(arguments, environment);
  if (!cluster_mode) return base::fail(cluster_mode.error());
  for (const char* option : {"db", "config"}) {
    if (arguments.get(option) == "")
      return base::fail(usage(fmt::format("--{} must not be empty", option)));
  }
  if (!*cluster_mode) {
    if (arguments.has("config")) return base::fail(usage("--config needs --cluster"));
    options.origins.erase("config");  // the variable may be set for other commands
    options.data_dir =
        arguments.get("db").value_or(environment.get("IPAM_DB_PATH").value_or(options.data_dir));
    return base::Ok{};
  }
  if (arguments.has("config") && arguments.has("db")) {
    return base::fail(usage(
        "--db does not go with --config: the data directory is where cluster.json says"));
  }
  choose_config_file(arguments, environment, options);
  auto config = read_cluster_config(options.config_file);
  if (!config) return base::fail(usage(config.error()));
  options.data_dir = data_directory(*config, options.config_file);
  options.origins["db"] = {Origin::Source::file, options.config_file};
  options.cluster = std::move(*config);
  return base::Ok{};
}

// --cluster-secret-file, IPAM_CLUSTER_SECRET, IPAM_CLUSTER_SECRET_FILE, cluster.json, or the one in
// the data directory: the first that is given.
Step read_cluster_secret(const cli::Environment& environment, ServerOptions& options) {
  if (!options.cluster) return base::Ok{};
  const auto origin = options.origins.find("cluster-secret-file");
  const bool by_option =
      origin != options.origins.end() && origin->second.source == Origin::Source::option;
  if (!by_option && environment.get("IPAM_CLUSTER_SECRET")) {
    options.cluster_secret_file.clear();
    options.origins["cluster-secret-file"] = {Origin::Source::variable, "IPAM_CLUSTER_SECRET"};
  }
  const auto given = given_cluster_secret(options.cluster_secret_file, environment);
  if (!given) return base::fail(usage(given.error()));
  const auto kept = *given ? given : kept_cluster_secret(options.data_dir);
  if (!kept) return base::fail(usage(kept.error()));
  options.cluster_secret = kept->value_or("");
  const bool proves = !options.cluster_secret.empty() || !options.peer_tls_cert.empty();
  if (!options.peer_auth_required || proves) return base::Ok{};
  const auto place = std::filesystem::path(options.data_dir) / cluster_secret_name;
  return base::fail(usage(fmt::format(
      "--peer-auth required needs the cluster's secret, and there is none: copy {} of another node "
      "to {}, name it with --cluster-secret-file, or give the nodes certificates (--peer-tls-cert)",
      cluster_secret_name, place.string())));
}

// TLS between the nodes: each shows a certificate and knows whom to trust.
Step check_peer_tls(const ServerOptions& options) {
  std::string given, missing;
  for (const auto& [option, file] : {std::pair{"--peer-tls-cert", &options.peer_tls_cert},
                                     std::pair{"--peer-tls-key", &options.peer_tls_key},
                                     std::pair{"--peer-tls-ca", &options.peer_tls_ca}})
    (file->empty() ? missing : given) = option;
  if (given.empty() || missing.empty()) return base::Ok{};
  return base::fail(usage(fmt::format("{} needs {} as well", given, missing)));
}

// One lost heartbeat must not start an election.
Step check_heartbeat(ServerOptions& options) {
  const auto origin = options.origins.find("heartbeat-ms");
  if (origin == options.origins.end()) {
    options.heartbeat_ms = std::min(options.heartbeat_ms, options.election_timeout_ms / 5);
    return base::Ok{};
  }
  const auto& range = std::get<NumberKind>(server_setting("heartbeat-ms").kind);
  const auto checked =
      cli::parse_number(origin->second.name, std::to_string(options.heartbeat_ms), range.minimum,
                        options.election_timeout_ms / 2);
  if (!checked) return base::fail(usage(checked.error().message + " (half the election timeout)"));
  return base::Ok{};
}

Step check_tls(const ServerOptions& options) {
  if (options.tls_cert.empty() != options.tls_key.empty())
    return base::fail(usage("--tls-cert and --tls-key go together"));
  if (!options.tls_client_ca.empty() && options.tls_cert.empty())
    return base::fail(usage("--tls-client-ca needs --tls-cert and --tls-key"));
  return base::Ok{};
}

base::Result<cli::OutputFormat, CommandError> read_format(const cli::Arguments& arguments) {
  const std::string name = arguments.get("output").value_or("table");
  if (name == "table") return cli::OutputFormat::table;
  if (name == "json") return cli::OutputFormat::json;
  if (name == "csv") return cli::OutputFormat::csv;
  return base::fail(usage(fmt::format("--output must be table, json or csv, not '{}'", name)));
}

}  // namespace

cli::CommandSpec server_spec() {
  cli::CommandSpec spec{"server", "Run a server, alone or as a node of a cluster."};
  spec.options = setting_options();
  spec.options.push_back(
      {"explain-config", 0, "", "print every setting and where it comes from, and start nothing"});
  spec.examples = {"ipam server", "ipam server --port 9000 --db /var/lib/ipam",
                   "ipam server --cluster --config node1-data/cluster.json --port 8081",
                   "ipam server --port 9000 --explain-config"};
  return spec;
}

base::Result<ServerOptions, CommandError> parse_server_options(
    const std::vector<std::string>& args, const cli::Environment& environment) {
  const auto arguments = cli::parse_arguments(server_spec(), args);
  if (!arguments) return base::fail(usage(arguments.error()));
  ServerOptions options;
  if (arguments->has("help")) {
    options.help = true;
    return options;
  }
  if (arguments->has("explain-config")) {
    const auto format = read_format(*arguments);
    if (!format) return base::fail(format.error());
    options.explain = *format;
  }
  // Options before the file: wrong usage is reported even where the file is broken too.
  if (auto done = read_each(*arguments, environment, options); !done)
    return base::fail(done.error());
  if (auto done = read_data_dir(*arguments, environment, options); !done)
    return base::fail(done.error());
  if (auto done = read_file(options); !done) return base::fail(done.error());
  if (auto done = check_peer_tls(options); !done) return base::fail(done.error());
  if (auto done = read_cluster_secret(environment, options); !done)
    return base::fail(done.error());
  if (auto done = check_heartbeat(options); !done) return base::fail(done.error());
  if (auto done = check_tls(options); !done) return base::fail(done.error());
  return options;
}

std::string server_help() { return cli::help_text(server_spec()); }

}  // namespace server
