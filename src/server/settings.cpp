#include "server/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/endpoint.hpp"
#include "server/cluster_config.hpp"
#include "server/options.hpp"

namespace server {

using cli::usage;

namespace {

constexpr std::uint64_t election_timeout_ms_min = 100;    // below, a slow disk loses elections
constexpr std::uint64_t election_timeout_ms_max = 60000;  // above, nobody waits for fail-over
constexpr std::uint64_t heartbeat_ms_min = 10;
constexpr std::uint64_t heartbeat_ms_max = election_timeout_ms_max / 2;  // and see check_heartbeat
constexpr std::uint64_t log_entries_min = 10;        // each cut is a write
constexpr std::uint64_t log_entries_max = 10000000;  // the log is held in memory
constexpr std::uint64_t idempotency_seconds_min = 60;
constexpr std::uint64_t history_days_max = 36500;  // a hundred years
constexpr std::uint64_t port_max = 65535;
constexpr std::uint64_t connections_max = 1'000'000;  // each has a descriptor, which cost memory
// Every request that is no transaction and no import fits (api::json_body_bytes_max), and the API
// takes none that is larger.
constexpr std::uint64_t body_bytes_min = 64u << 10;
constexpr std::uint64_t body_bytes_max = http::Limits{}.body_bytes_max;
// Two of the largest bodies, or answers, in strings that grew by doubling.
constexpr std::uint64_t buffered_bytes_min = 32u << 20;
constexpr std::uint64_t buffered_bytes_max = 1ull << 40;
constexpr std::uint64_t timeout_ms_min = 100;  // below, an honest client on a busy machine is late
constexpr std::uint64_t timeout_ms_max = 3'600'000;
constexpr std::uint64_t pace_max = 1u << 30;
constexpr std::uint64_t requests_per_second_max = 1'000'000;

Step read_host(std::string_view name, const std::string& text, ServerOptions& options) {
  const bool bare_ipv6 = text.find(':') != std::string::npos && !text.starts_with('[');
  const std::string bracketed = bare_ipv6 ? "[" + text + "]" : text;
  const auto endpoint = cli::parse_endpoint(bracketed + ":1");
  if (!endpoint) return base::fail(usage(fmt::format("{} '{}' {}", name, text, endpoint.error())));
  options.host = endpoint->host;
  return base::Ok{};
}

Step read_address(std::string_view name, const std::string& text, ServerOptions& options) {
  const auto endpoint = cli::parse_endpoint(text, cli::PortZero::allowed);
  if (!endpoint) {
    return base::fail(usage(
        fmt::format("{} '{}' {}: it must be host:port", name, text, endpoint.error())));
  }
  options.host = endpoint->host;
  options.port = endpoint->port;
  return base::Ok{};
}

Kind http_limit(std::size_t http::Limits::* member, std::uint64_t minimum, std::uint64_t maximum) {
  return number([member](ServerOptions& o) -> std::size_t& { return o.http.*member; }, minimum,
                maximum);
}

Kind http_timeout(std::chrono::milliseconds http::Limits::* member) {
  return NumberKind{timeout_ms_min, timeout_ms_max,
                    [member](const ServerOptions& options) {
                      return static_cast<std::uint64_t>((options.http.*member).count());
                    },
                    [member](ServerOptions& options, std::uint64_t value) {
                      options.http.*member = std::chrono::milliseconds(value);
                    }};
}

Kind auth_kind() {
  return ChoiceKind{
      {"required", "off"},
      [](const ServerOptions& options) -> std::size_t { return options.auth_required ? 0 : 1; },
      [](ServerOptions& options, std::size_t word) { options.auth_required = word == 0; }};
}

Kind peer_auth_kind() {
  return ChoiceKind{
      {"required", "off"},
      [](const ServerOptions& o) -> std::size_t { return o.peer_auth_required ? 0 : 1; },
      [](ServerOptions& o, std::size_t word) { o.peer_auth_required = word == 0; }};
}

Kind log_format_kind() {
  static constexpr std::array formats = {base::LogFormat::text, base::LogFormat::json};
  return ChoiceKind{{"text", "json"},
                    [](const ServerOptions& options) -> std::size_t {
                      return options.log_format == base::LogFormat::json ? 1 : 0;
                    },
                    [](ServerOptions& options, std::size_t word) {
                      options.log_format = formats.at(word);
                    }};
}

Kind log_level_kind() {
  static constexpr std::array levels = {base::LogLevel::debug, base::LogLevel::info,
                                        base::LogLevel::warning, base::LogLevel::error};
  return ChoiceKind{{"debug", "info", "warning", "error"},
                    [](const ServerOptions& options) {
                      const auto* const level =
                          std::find(levels.begin(), levels.end(), options.log_level);
                      return static_cast<std::size_t>(level - levels.begin());
                    },
                    [](ServerOptions& options, std::size_t word) {
                      options.log_level = levels.at(word);
                    }};
}

// ---- The table ----
//
// How to add a setting: give ServerOptions a member with its default, and add a row here. That is
// all; the parser, --help, --explain-config, completions, man page and docs/configuration.md have
// it then (the last with --write of its test). Kinds, by example:
//
//   a number   {.option = "body-bytes-max", .value_name = "N", .variable = "IPAM_BODY_BYTES_MAX",
//               .kind = number(&ServerOptions::body_bytes_max, 1024, 1u << 30), .help = "…"}
//   in a struct of it   number([](ServerOptions& o) -> auto& { return o.limits.x; }, …)
//   a text     .kind = text(&ServerOptions::name)
//   a file     .kind = file(&ServerOptions::tls_cert); in cluster.json relative to its folder
//   a flag     .kind = flag(&ServerOptions::strict), without value_name
//   a choice   .kind = ChoiceKind{{"off", "on"}, get the word's index, set it}
//   its own    .kind = SpecialKind{read, show, "its default as text"}
//
// The members stand in this order, each left out where there is none. With `.file_key = "tls_cert"`
// cluster.json may give it as well, below variable and option; with `.secret = true` the value is
// never printed. The variable is IPAM_ and the option in capitals, unless it is older than this.
std::vector<Setting> make_settings() {
  return {
      {.option = "port", .short_name = 'p', .value_name = "PORT", .variable = "IPAM_PORT",
       .file_key = "api_addr", .kind = number(&ServerOptions::port, 0, port_max),
       .help = "port to listen on; 0: any"},
      {.option = "host", .short_name = 'H', .value_name = "HOST", .variable = "IPAM_HOST",
       .file_key = "api_addr",
       .kind = SpecialKind{read_host, [](const ServerOptions& o) { return o.host; }, "0.0.0.0"},
       .help = "address to listen on"},
      {.option = "address", .short_name = 'a', .value_name = "HOST:PORT",
       .kind = SpecialKind{read_address, nullptr, ""}, .help = "both of them"},
      {.option = "db", .value_name = "DIR", .variable = "IPAM_DB_PATH", .file_key = "data_dir",
       .kind = SpecialKind{nullptr, [](const ServerOptions& o) { return o.data_dir; }, "ipam-data"},
       .help = "data directory"},
      {.option = "cluster", .variable = "IPAM_CLUSTER_MODE",
       .kind = SpecialKind{nullptr,
                           [](const ServerOptions& o) {
                             return std::string(o.cluster ? "true" : "false");
                           },
                           "false"},
       .help = "run as a node of a cluster"},
      {.option = "config", .value_name = "FILE", .variable = "IPAM_CONFIG_FILE",
       .kind = SpecialKind{nullptr, [](const ServerOptions& o) { return o.config_file; },
                           "ipam-cluster-data/cluster.json"},
       .help = "cluster.json"},
      {.option = "auth", .value_name = "MODE", .variable = "IPAM_AUTH", .file_key = "auth",
       .kind = auth_kind(),
       .help = "required: only with a token; off: everybody may do everything"},
      {.option = "peer-auth", .value_name = "MODE", .variable = "IPAM_PEER_AUTH",
       .file_key = "peer_auth", .kind = peer_auth_kind(),
       .help = "required: nodes have to prove the cluster's secret; off: they need not"},
      {.option = "cluster-secret-file", .value_name = "FILE",
       .variable = "IPAM_CLUSTER_SECRET_FILE", .file_key = "cluster_secret_file",
       .kind = file(&ServerOptions::cluster_secret_file),
       .help = "the cluster's secret, else cluster.secret in the data directory; "
               "IPAM_CLUSTER_SECRET has the text itself"},
      {.option = "tls-cert", .value_name = "FILE", .variable = "IPAM_TLS_CERT",
       .file_key = "tls_cert", .kind = file(&ServerOptions::tls_cert),
       .help = "certificate and chain in PEM form: HTTP speaks TLS alone"},
      {.option = "tls-key", .value_name = "FILE", .variable = "IPAM_TLS_KEY",
       .file_key = "tls_key", .kind = file(&ServerOptions::tls_key), .help = "its private key"},
      {.option = "tls-client-ca", .value_name = "FILE", .variable = "IPAM_TLS_CLIENT_CA",
       .file_key = "tls_client_ca", .kind = file(&ServerOptions::tls_client_ca),
       .help = "clients have to show a certificate of this CA"},
      {.option = "peer-tls-cert", .value_name = "FILE", .variable = "IPAM_PEER_TLS_CERT",
       .file_key = "peer_tls_cert", .kind = file(&ServerOptions::peer_tls_cert),
       .help = "certificate that this node shows to the others, PEM: TLS between the nodes"},
      {.option = "peer-tls-key", .value_name = "FILE", .variable = "IPAM_PEER_TLS_KEY",
       .file_key = "peer_tls_key", .kind = file(&ServerOptions::peer_tls_key),
       .help = "its key"},
      {.option = "peer-tls-ca", .value_name = "FILE", .variable = "IPAM_PEER_TLS_CA",
       .file_key = "peer_tls_ca", .kind = file(&ServerOptions::peer_tls_ca),
       .help = "who signs the certificates of nodes; a node without one of its is refused"},
      {.option = "log-format", .value_name = "FORMAT", .variable = "IPAM_LOG_FORMAT",
       .kind = log_format_kind(), .help = "text or json"},
      {.option = "log-level", .value_name = "LEVEL", .variable = "IPAM_LOG_LEVEL",
       .kind = log_level_kind(), .help = "debug, info, warning or error"},
      {.option = "election-timeout-ms", .value_name = "MS",
       .variable = "IPAM_ELECTION_TIMEOUT_MS", .file_key = "election_timeout_ms",
       .kind = number(&ServerOptions::election_timeout_ms, election_timeout_ms_min,
                      election_timeout_ms_max),
       .help = "without a leader for so long, elect one"},
      {.option = "heartbeat-ms", .value_name = "MS", .variable = "IPAM_HEARTBEAT_MS",
       .file_key = "heartbeat_ms",
       .kind = number(&ServerOptions::heartbeat_ms, heartbeat_ms_min, heartbeat_ms_max),
       .help = "how often a leader shows that it lives; at most half the election timeout"},
      {.option = "log-entries-kept", .value_name = "N", .variable = "IPAM_LOG_ENTRIES_KEPT",
       .kind = number(&ServerOptions::log_entries_kept, log_entries_min, log_entries_max),
       .help = "log entries kept for slow followers"},
      {.option = "idempotency-retention", .value_name = "SECONDS",
       .variable = "IPAM_IDEMPOTENCY_RETENTION",
       .kind = number(&ServerOptions::idempotency_seconds, idempotency_seconds_min,
                      ipam::idempotency_seconds_max),
       .help = "how long the answer to an Idempotency-Key is kept"},
      {.option = "history-retention", .value_name = "DAYS", .variable = "IPAM_HISTORY_RETENTION",
       .kind = number(&ServerOptions::history_days, 0, history_days_max),
       .help = "how long it is kept what was before; 0: for ever"},
      {.option = "connections-max", .value_name = "N", .variable = "IPAM_CONNECTIONS_MAX",
       .kind = http_limit(&http::Limits::connections_max, 1, connections_max),
       .help = "HTTP connections; beyond, the one goes that was idle longest"},
      {.option = "connections-per-address-max", .value_name = "N",
       .variable = "IPAM_CONNECTIONS_PER_ADDRESS_MAX",
       .kind = http_limit(&http::Limits::connections_per_address_max, 1, connections_max),
       .help = "HTTP connections from one IPv4 address or IPv6 /64; closed beyond"},
      {.option = "requests-per-second", .value_name = "N",
       .variable = "IPAM_REQUESTS_PER_SECOND",
       .kind = number(&ServerOptions::requests_per_second, 0, requests_per_second_max),
       .help = "of each token, or address without tokens; 0: no limit"},
      {.option = "body-bytes-max", .value_name = "N", .variable = "IPAM_BODY_BYTES_MAX",
       .kind = http_limit(&http::Limits::body_bytes_max, body_bytes_min, body_bytes_max),
       .help = "of a request"},
      {.option = "request-bytes-max", .value_name = "N", .variable = "IPAM_REQUEST_BYTES_MAX",
       .kind = http_limit(&http::Limits::request_bytes_max, buffered_bytes_min,
                          buffered_bytes_max),
       .help = "memory for large requests, all together"},
      {.option = "answer-bytes-max", .value_name = "N", .variable = "IPAM_ANSWER_BYTES_MAX",
       .kind = http_limit(&http::Limits::answer_bytes_max, buffered_bytes_min, buffered_bytes_max),
       .help = "memory for answers that wait for their client, all together"},
      {.option = "handshake-timeout-ms", .value_name = "MS",
       .variable = "IPAM_HANDSHAKE_TIMEOUT_MS",
       .kind = http_timeout(&http::Limits::handshake_timeout),
       .help = "for the handshake of TLS"},
      {.option = "request-timeout-ms", .value_name = "MS", .variable = "IPAM_REQUEST_TIMEOUT_MS",
       .kind = http_timeout(&http::Limits::request_timeout),
       .help = "for the head of a request, and each share of its body"},
      {.option = "write-timeout-ms", .value_name = "MS", .variable = "IPAM_WRITE_TIMEOUT_MS",
       .kind = http_timeout(&http::Limits::write_timeout),
       .help = "for a client to take each share of an answer"},
      {.option = "pace-bytes-per-second-min", .value_name = "N",
       .variable = "IPAM_PACE_BYTES_PER_SECOND_MIN",
       .kind = http_limit(&http::Limits::pace_bytes_per_second_min, 1, pace_max),
       .help = "what makes the share of a timeout"},
      {.option = "idle-timeout-ms", .value_name = "MS", .variable = "IPAM_IDLE_TIMEOUT_MS",
       .kind = http_timeout(&http::Limits::idle_timeout),
       .help = "after it a connection without a request is closed"},
  };
}

// "debug, info, warning or error"
std::string enumerate(const std::vector<std::string_view>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += words[i];
  }
  return text;
}

Step apply_choice(const ChoiceKind& choice, std::string_view name, const std::string& text,
                  ServerOptions& options) {
  const std::string_view word = text == "warn" ? "warning" : std::string_view(text);
  const auto found = std::find(choice.words.begin(), choice.words.end(), word);
  if (found == choice.words.end()) {
    return base::fail(
        usage(fmt::format("{} must be {}, not '{}'", name, enumerate(choice.words), text)));
  }
  choice.set(options, static_cast<std::size_t>(found - choice.words.begin()));
  return base::Ok{};
}

}  // namespace

const std::vector<Setting>& server_settings() {
  static const std::vector<Setting> settings = make_settings();
  return settings;
}

const Setting& server_setting(std::string_view option) {
  const auto& all = server_settings();
  const auto found = std::find_if(all.begin(), all.end(), [option](const Setting& setting) {
    return setting.option == option;
  });
  ASSERT(found != all.end());
  return *found;
}

Step apply_setting(const Setting& setting, std::string_view name, const std::string& text,
                   ServerOptions& options) {
  if (const auto* kind = std::get_if<NumberKind>(&setting.kind)) {
    const auto value = cli::parse_number(name, text, kind->minimum, kind->maximum);
    if (!value) return base::fail(usage(value.error()));
    kind->set(options, *value);
    return base::Ok{};
  }
  if (const auto* kind = std::get_if<TextKind>(&setting.kind)) {
    if (text.empty()) return base::fail(usage(fmt::format("{} must not be empty", name)));
    kind->place(options) = text;
    return base::Ok{};
  }
  if (const auto* kind = std::get_if<ChoiceKind>(&setting.kind))
    return apply_choice(*kind, name, text, options);
  if (const auto* kind = std::get_if<FlagKind>(&setting.kind)) {
    const auto value = cli::parse_boolean(name, text);
    if (!value) return base::fail(usage(value.error()));
    kind->place(options) = *value;
    return base::Ok{};
  }
  const auto& special = std::get<SpecialKind>(setting.kind);
  return special.read == nullptr ? base::Ok{} : special.read(name, text, options);
}

std::string show_setting(const Setting& setting, const ServerOptions& options) {
  ServerOptions copy = options;  // `place` gives a reference that could be written to
  if (const auto* kind = std::get_if<NumberKind>(&setting.kind))
    return std::to_string(kind->get(copy));
  if (const auto* kind = std::get_if<TextKind>(&setting.kind)) return kind->place(copy);
  if (const auto* kind = std::get_if<ChoiceKind>(&setting.kind))
    return std::string(kind->words.at(kind->get(copy)));
  if (const auto* kind = std::get_if<FlagKind>(&setting.kind))
    return kind->place(copy) ? "true" : "false";
  const auto& special = std::get<SpecialKind>(setting.kind);
  return special.show == nullptr ? "" : special.show(copy);
}

std::string default_of(const Setting& setting) {
  if (const auto* kind = std::get_if<SpecialKind>(&setting.kind))
    return std::string(kind->default_text);
  return show_setting(setting, ServerOptions{});
}

std::vector<cli::OptionSpec> setting_options() {
  std::vector<cli::OptionSpec> options;
  for (const Setting& setting : server_settings()) {
    cli::OptionSpec option{std::string(setting.option), setting.short_name,
                           std::string(setting.value_name), std::string(setting.help)};
    if (const auto* kind = std::get_if<ChoiceKind>(&setting.kind))
      option.choices.assign(kind->words.begin(), kind->words.end());
    if (!setting.value_name.empty()) option.fallback = default_of(setting);
    option.variable = setting.variable;
    options.push_back(std::move(option));
  }
  return options;
}

bool is_setting_key(std::string_view key) {
  const auto& all = server_settings();
  return std::any_of(all.begin(), all.end(),
                     [key](const Setting& setting) { return setting.file_key == key; });
}

}  // namespace server
