#include "server/options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/endpoint.hpp"

namespace server {

using cli::CommandError;
using cli::usage;

namespace {

constexpr std::uint64_t election_timeout_ms_min = 100;    // below, a slow disk loses elections
constexpr std::uint64_t election_timeout_ms_max = 60000;  // above, nobody waits for fail-over
constexpr std::uint64_t heartbeat_ms_min = 10;
constexpr std::uint64_t log_entries_min = 10;        // each cut is a write
constexpr std::uint64_t idempotency_seconds_min = 60;
constexpr std::uint64_t log_entries_max = 10000000;  // the log is held in memory

constexpr std::uint64_t history_days_max = 36500;  // a hundred years

using Step = base::Result<base::Ok, CommandError>;

cli::CommandSpec make_spec() {
  cli::CommandSpec spec{"server", "Run a server, alone or as a node of a cluster."};
  spec.options = {
      {"port", 'p', "PORT", "port to listen on (default 8080; IPAM_PORT); 0: any"},
      {"host", 'H', "HOST", "address to listen on (default 0.0.0.0; IPAM_HOST)"},
      {"address", 'a', "HOST:PORT", "both of them"},
      {"db", 0, "DIR", "data directory (default ipam-data; IPAM_DB_PATH)"},
      {"cluster", 0, "", "run as a node of a cluster (IPAM_CLUSTER_MODE=true)"},
      {"config", 0, "FILE",
       "cluster.json (default ipam-cluster-data/cluster.json; IPAM_CONFIG_FILE)"},
      {"auth", 0, "MODE",
       "required: only with a token; off: everybody may do everything (default off; IPAM_AUTH)"},
      {"log-format", 0, "FORMAT", "text or json (default text)"},
      {"log-level", 0, "LEVEL", "debug, info, warning or error (default info)"},
      {"election-timeout-ms", 0, "MS", "without a leader for so long, elect one (default 1000)"},
      {"heartbeat-ms", 0, "MS", "how often a leader shows that it lives (default 100)"},
      {"log-entries-kept", 0, "N", "log entries kept for slow followers (default 10000)"},
      {"idempotency-retention", 0, "SECONDS",
       "how long the answer to an Idempotency-Key is kept (default 86400)"},
      {"history-retention", 0, "DAYS",
       "how long it is kept what was before (default 400; IPAM_HISTORY_RETENTION); 0: for ever"},
  };
  spec.examples = {"ipam server", "ipam server --port 9000 --db /var/lib/ipam",
                   "ipam server --cluster --config node1-data/cluster.json --port 8081"};
  return spec;
}

Step read_port(std::string_view name, const std::string& text, ServerOptions& options) {
  const auto port = cli::parse_number(name, text, 0, 65535);
  if (!port) return base::fail(usage(port.error()));
  options.port = static_cast<std::uint16_t>(*port);
  return base::Ok{};
}

Step read_host(std::string_view name, const std::string& text, ServerOptions& options) {
  const bool bare_ipv6 = text.find(':') != std::string::npos && !text.starts_with('[');
  const std::string bracketed = bare_ipv6 ? "[" + text + "]" : text;
  const auto endpoint = cli::parse_endpoint(bracketed + ":1");
  if (!endpoint) return base::fail(usage(fmt::format("{} '{}' {}", name, text, endpoint.error())));
  options.host = endpoint->host;
  return base::Ok{};
}

// The file, then what overrides it.
Step read_listen_address(const cli::Arguments& arguments, const cli::Environment& environment,
                         ServerOptions& options) {
  if (options.cluster) {
    const auto endpoint = cli::parse_endpoint(options.cluster->api_addr);
    ASSERT(endpoint.ok());  // check_cluster_config() has seen it
    options.host = endpoint->host;
    options.port = endpoint->port;
  }
  if (const auto text = environment.get("IPAM_HOST")) {
    if (auto done = read_host("IPAM_HOST", *text, options); !done) return done;
  }
  const auto port = environment.get("IPAM_PORT");
  // Kubernetes sets IPAM_PORT=tcp://10.0.0.1:80 in each pod beside a service named ipam.
  if (port && !port->starts_with("tcp://")) {
    if (auto done = read_port("IPAM_PORT", *port, options); !done) return done;
  }
  if (const auto text = arguments.get("address")) {
    if (arguments.has("host") || arguments.has("port"))
      return base::fail(usage("--address gives host and port: leave out --host and --port"));
    const auto endpoint = cli::parse_endpoint(*text, cli::PortZero::allowed);
    if (!endpoint) {
      return base::fail(
          usage(fmt::format("--address '{}' {}: it must be host:port", *text, endpoint.error())));
    }
    options.host = endpoint->host;
    options.port = endpoint->port;
  }
  if (const auto text = arguments.get("host")) {
    if (auto done = read_host("--host", *text, options); !done) return done;
  }
  if (const auto text = arguments.get("port")) {
    if (auto done = read_port("--port", *text, options); !done) return done;
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
std::string choose_config_file(const cli::Arguments& arguments,
                               const cli::Environment& environment) {
  const auto in = [](std::string_view directory) {
    return fmt::format("{}/{}", directory, cluster_config_name);
  };
  if (const auto file = arguments.get("config")) return *file;
  if (const auto directory = arguments.get("db")) return in(*directory);
  if (const auto file = environment.get("IPAM_CONFIG_FILE")) return *file;
  if (const auto directory = environment.get("IPAM_DB_PATH")) return in(*directory);
  return in(cluster_data_dir_default);
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
    options.data_dir =
        arguments.get("db").value_or(environment.get("IPAM_DB_PATH").value_or(options.data_dir));
    return base::Ok{};
  }
  if (arguments.has("config") && arguments.has("db")) {
    return base::fail(usage(
        "--db does not go with --config: the data directory is where cluster.json says"));
  }
  options.config_file = choose_config_file(arguments, environment);
  auto config = read_cluster_config(options.config_file);
  if (!config) return base::fail(usage(config.error()));
  options.data_dir = data_directory(*config, options.config_file);
  options.cluster = std::move(*config);
  return base::Ok{};
}

Step read_log(const cli::Arguments& arguments, ServerOptions& options) {
  const std::string format = arguments.get("log-format").value_or("text");
  if (format != "text" && format != "json") {
    return base::fail(usage(fmt::format("--log-format must be text or json, not '{}'", format)));
  }
  options.log_format = format == "json" ? base::LogFormat::json : base::LogFormat::text;
  const std::array<std::pair<std::string_view, base::LogLevel>, 5> levels = {{
      {"debug", base::LogLevel::debug},
      {"info", base::LogLevel::info},
      {"warning", base::LogLevel::warning},
      {"warn", base::LogLevel::warning},
      {"error", base::LogLevel::error},
  }};
  const std::string name = arguments.get("log-level").value_or("info");
  for (const auto& [known, level] : levels) {
    if (name != known) continue;
    options.log_level = level;
    return base::Ok{};
  }
  return base::fail(usage(
      fmt::format("--log-level must be debug, info, warning or error, not '{}'", name)));
}

Step read_auth(const cli::Arguments& arguments, const cli::Environment& environment,
               ServerOptions& options) {
  const auto option = arguments.get("auth");
  const std::string mode = option.value_or(environment.get("IPAM_AUTH").value_or("off"));
  if (mode != "required" && mode != "off")
    return base::fail(usage(fmt::format("{} must be required or off, not '{}'",
                                        option ? "--auth" : "IPAM_AUTH", mode)));
  options.auth_required = mode == "required";
  return base::Ok{};
}

Step read_raft(const cli::Arguments& arguments, ServerOptions& options) {
  if (const auto text = arguments.get("election-timeout-ms")) {
    const auto timeout = cli::parse_number("--election-timeout-ms", *text, election_timeout_ms_min,
                                           election_timeout_ms_max);
    if (!timeout) return base::fail(usage(timeout.error()));
    options.election_timeout_ms = static_cast<std::uint32_t>(*timeout);
  }
  // One lost heartbeat must not start an election.
  const std::uint32_t heartbeat_ms_max = options.election_timeout_ms / 2;
  options.heartbeat_ms = std::min(options.heartbeat_ms, options.election_timeout_ms / 5);
  if (const auto text = arguments.get("heartbeat-ms")) {
    const auto heartbeat =
        cli::parse_number("--heartbeat-ms", *text, heartbeat_ms_min, heartbeat_ms_max);
    if (!heartbeat) {
      return base::fail(usage(heartbeat.error().message + " (half the election timeout)"));
    }
    options.heartbeat_ms = static_cast<std::uint32_t>(*heartbeat);
  }
  if (const auto text = arguments.get("log-entries-kept")) {
    const auto count =
        cli::parse_number("--log-entries-kept", *text, log_entries_min, log_entries_max);
    if (!count) return base::fail(usage(count.error()));
    options.log_entries_kept = *count;
  }
  if (const auto text = arguments.get("idempotency-retention")) {
    const auto seconds = cli::parse_number("--idempotency-retention", *text,
                                           idempotency_seconds_min,
                                           ipam::idempotency_seconds_max);
    if (!seconds) return base::fail(usage(seconds.error()));
    options.idempotency_seconds = static_cast<std::uint32_t>(*seconds);
  }
  return base::Ok{};
}

Step read_history(const cli::Arguments& arguments, const cli::Environment& environment,
                  ServerOptions& options) {
  const auto option = arguments.get("history-retention");
  const auto text = option ? option : environment.get("IPAM_HISTORY_RETENTION");
  if (!text) return base::Ok{};
  const auto days = cli::parse_number(option ? "--history-retention" : "IPAM_HISTORY_RETENTION",
                                      *text, 0, history_days_max);
  if (!days) return base::fail(usage(days.error()));
  options.history_days = static_cast<std::uint32_t>(*days);
  return base::Ok{};
}

}  // namespace

base::Result<ServerOptions, CommandError> parse_server_options(
    const std::vector<std::string>& args, const cli::Environment& environment) {
  const auto arguments = cli::parse_arguments(make_spec(), args);
  if (!arguments) return base::fail(usage(arguments.error()));
  ServerOptions options;
  if (arguments->has("help")) {
    options.help = true;
    return options;
  }
  // Flags before the file: wrong usage is reported even where the file is broken too.
  if (auto done = read_log(*arguments, options); !done) return base::fail(done.error());
  if (auto done = read_auth(*arguments, environment, options); !done)
    return base::fail(done.error());
  if (auto done = read_raft(*arguments, options); !done) return base::fail(done.error());
  if (auto done = read_history(*arguments, environment, options); !done)
    return base::fail(done.error());
  if (auto done = read_data_dir(*arguments, environment, options); !done)
    return base::fail(done.error());
  if (auto done = read_listen_address(*arguments, environment, options); !done)
    return base::fail(done.error());
  return options;
}

std::string server_help() { return cli::help_text(make_spec()); }

}  // namespace server
