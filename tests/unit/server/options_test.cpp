#include <doctest/doctest.h>

#include <map>
#include <sstream>

#include "parse_options.hpp"
#include "server/cluster_commands.hpp"
#include "server/options.hpp"
#include "temporary_directory.hpp"

using server::ServerOptions;

namespace {

std::string listen_of(const std::vector<std::string>& args, const Variables& variables = {}) {
  const auto options = parse(args, variables);
  return options ? options->host + " " + std::to_string(options->port) : options.error().message;
}

// Writes the configuration of one node alone and returns the file.
std::string make_cluster(const TemporaryDirectory& directory, const std::string& name) {
  std::ostringstream out;
  cli::Io io{out, out};
  const std::string data = directory / name;
  REQUIRE(server::cluster_init({"--data-dir", data, "--api-addr", "127.0.0.1:9000"}, io) == 0);
  return data + "/cluster.json";
}

}  // namespace

TEST_CASE("the defaults of a server") {
  const auto options = parse({});
  REQUIRE(options);
  CHECK(options->host == "0.0.0.0");
  CHECK(options->port == 8080);
  CHECK(options->data_dir == "ipam-data");
  CHECK_FALSE(options->cluster);
  CHECK_FALSE(options->help);
  CHECK(options->log_format == base::LogFormat::text);
  CHECK(options->log_level == base::LogLevel::info);
  CHECK(options->election_timeout_ms == 1000);
  CHECK(options->heartbeat_ms == 100);
}

TEST_CASE("host and port come from the command line, then the environment") {
  CHECK(listen_of({"-p", "9000"}) == "0.0.0.0 9000");
  CHECK(listen_of({"--port", "0"}) == "0.0.0.0 0");
  CHECK(listen_of({"-H", "localhost"}) == "localhost 8080");
  CHECK(listen_of({"--host", "::1", "--port=1"}) == "::1 1");
  CHECK(listen_of({"--host", "[::1]"}) == "::1 8080");
  CHECK(listen_of({"-a", "10.0.0.1:80"}) == "10.0.0.1 80");
  CHECK(listen_of({"--address", "[::]:8081"}) == ":: 8081");
  const Variables variables = {{"IPAM_HOST", "h"}, {"IPAM_PORT", "7"}};
  CHECK(listen_of({}, variables) == "h 7");
  CHECK(listen_of({"--port", "8"}, variables) == "h 8");
  CHECK(listen_of({"--host", "g"}, variables) == "g 7");
  CHECK(listen_of({"-a", "g:8"}, variables) == "g 8");
  CHECK(listen_of({}, {{"IPAM_HOST", ""}, {"IPAM_PORT", ""}}) == "0.0.0.0 8080");
  // What Kubernetes sets beside a service named ipam.
  CHECK(listen_of({}, {{"IPAM_PORT", "tcp://10.96.0.1:80"}}) == "0.0.0.0 8080");
}

TEST_CASE("the other options of a server") {
  const auto options =
      parse({"--db", "d", "--log-format", "json", "--log-level", "debug", "--election-timeout-ms",
             "300", "--heartbeat-ms", "50", "--output", "json", "--token", "t"});
  REQUIRE(options);
  CHECK(options->data_dir == "d");
  CHECK(options->log_format == base::LogFormat::json);
  CHECK(options->log_level == base::LogLevel::debug);
  CHECK(options->election_timeout_ms == 300);
  CHECK(options->heartbeat_ms == 50);
  CHECK(parse({"--log-level", "warning"})->log_level == base::LogLevel::warning);
  CHECK(parse({"--log-level", "error"})->log_level == base::LogLevel::error);
  CHECK(parse({}, {{"IPAM_DB_PATH", "e"}})->data_dir == "e");
  CHECK(parse({"--db", "d"}, {{"IPAM_DB_PATH", "e"}})->data_dir == "d");
}

TEST_CASE("whether a token is needed comes from the command line, then the environment") {
  const Variables variables{{"IPAM_AUTH", "required"}};
  CHECK_FALSE(parse({})->auth_required);
  CHECK(parse({}, variables)->auth_required);
  CHECK_FALSE(parse({"--auth", "off"}, variables)->auth_required);
  CHECK(parse({"--auth", "required"})->auth_required);
  CHECK(parse({"--auth", "on"}).error().message == "--auth must be required or off, not 'on'");
  CHECK(parse({}, {{"IPAM_AUTH", "yes"}}).error().message ==
        "IPAM_AUTH must be required or off, not 'yes'");
}

TEST_CASE("how long history is kept comes from the command line, then the environment") {
  const Variables variables{{"IPAM_HISTORY_RETENTION", "30"}};
  CHECK(parse({})->history_days == 400);
  CHECK(parse({}, variables)->history_days == 30);
  CHECK(parse({"--history-retention", "0"}, variables)->history_days == 0);
  CHECK(parse({"--history-retention", "-1"}).error().message.find("--history-retention") !=
        std::string::npos);
  CHECK(parse({}, {{"IPAM_HISTORY_RETENTION", "36501"}})
            .error()
            .message.find("IPAM_HISTORY_RETENTION") != std::string::npos);
}

TEST_CASE("the heartbeat follows a short election timeout") {
  CHECK(parse({"--election-timeout-ms", "100"})->heartbeat_ms == 20);
  CHECK(parse({"--election-timeout-ms", "60000"})->heartbeat_ms == 100);
  CHECK(parse({"--election-timeout-ms", "100", "--heartbeat-ms", "50"})->heartbeat_ms == 50);
}

TEST_CASE("wrong usage of a server names the flag or the variable") {
  const std::tuple<std::vector<std::string>, Variables, std::string> rows[] = {
      {{"-p", "65536"}, {}, "--port must be a whole number from 0 to 65535, not '65536'"},
      {{"-p", "x"}, {}, "--port must be a whole number from 0 to 65535, not 'x'"},
      {{}, {{"IPAM_PORT", "x"}}, "IPAM_PORT must be a whole number from 0 to 65535, not 'x'"},
      {{"-H", ""}, {}, "--host '' has no host"},
      {{"-H", "a b"}, {}, "--host 'a b' has a character that no host name has"},
      {{"-H", "1:2"}, {}, "--host '1:2' has no IPv6 address in its brackets"},
      {{}, {{"IPAM_HOST", "a b"}}, "IPAM_HOST 'a b' has a character that no host name has"},
      {{"-a", "h"}, {}, "--address 'h' has no port: it must be host:port"},
      {{"-a", "h:1", "-p", "2"},
       {},
       "--address gives host and port: leave out --host and --port"},
      {{"--log-format", "xml"}, {}, "--log-format must be text or json, not 'xml'"},
      {{"--log-level", "loud"},
       {},
       "--log-level must be debug, info, warning or error, not 'loud'"},
      {{"--election-timeout-ms", "99"},
       {},
       "--election-timeout-ms must be a whole number from 100 to 60000, not '99'"},
      {{"--election-timeout-ms", "60001"},
       {},
       "--election-timeout-ms must be a whole number from 100 to 60000, not '60001'"},
      {{"--heartbeat-ms", "501"},
       {},
       "--heartbeat-ms must be a whole number from 10 to 500, not '501' (half the election "
       "timeout)"},
      {{"--config", "f"}, {}, "--config needs --cluster"},
      {{"--cluster", "--config", "f", "--db", "d"},
       {},
       "--db does not go with --config: the data directory is where cluster.json says"},
      {{"--cluster", "--config", ""}, {}, "--config must not be empty"},
      {{"--db", ""}, {}, "--db must not be empty"},
      {{}, {{"IPAM_CLUSTER_MODE", "x"}}, "IPAM_CLUSTER_MODE must be true or false, not 'x'"},
      {{"--prot", "1"},
       {},
       "unknown option '--prot' for 'ipam server'; did you mean '--port'? (see 'ipam server "
       "--help')"},
      {{"extra"}, {}, "unexpected argument 'extra' for 'ipam server' (see 'ipam server --help')"},
  };
  for (const auto& [args, variables, message] : rows) {
    CAPTURE(args);
    const auto options = parse(args, variables);
    REQUIRE_FALSE(options);
    CHECK(options.error().code == cli::ExitCode::usage);
    CHECK(options.error().message == message);
  }
}

TEST_CASE("in cluster mode address and directory come from cluster.json") {
  const TemporaryDirectory directory;
  const std::string file = make_cluster(directory, "n1");
  for (const auto& [args, variables] :
       {std::pair<std::vector<std::string>, Variables>{{"--cluster", "--config", file}, {}},
        {{"--config", file}, {{"IPAM_CLUSTER_MODE", "true"}}},
        {{}, {{"IPAM_CLUSTER_MODE", "1"}, {"IPAM_CONFIG_FILE", file}}},
        {{"--cluster", "--db", directory / "n1"}, {}},
        {{"--cluster", "--db", directory / "n1"}, {{"IPAM_CONFIG_FILE", "other"}}},
        {{"--cluster"}, {{"IPAM_DB_PATH", directory / "n1"}}},
        {{"--cluster", "--config", file}, {{"IPAM_DB_PATH", "other"}}}}) {
    CAPTURE(args);
    const auto options = parse(args, variables);
    REQUIRE(options);
    REQUIRE(options->cluster);
    CHECK(options->cluster->node_id == 1);
    CHECK(options->config_file == file);
    CHECK(options->data_dir == directory / "n1");
    CHECK(options->host == "127.0.0.1");
    CHECK(options->port == 9000);
  }
  CHECK(listen_of({"--cluster", "--config", file, "--port", "8081"}) == "127.0.0.1 8081");
  CHECK(listen_of({"--cluster", "--config", file}, {{"IPAM_PORT", "7"}}) == "127.0.0.1 7");
  CHECK_FALSE(parse({}, {{"IPAM_CLUSTER_MODE", "0"}, {"IPAM_CONFIG_FILE", file}})->cluster);
}

TEST_CASE("a cluster.json that is missing or broken is a failure, not wrong usage") {
  const TemporaryDirectory directory;
  const std::string file = directory / "cluster.json";
  const auto missing = parse({"--cluster", "--config", file});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == cli::ExitCode::usage);
  CHECK(missing.error().message ==
        file + ": no such file; write one with `ipam cluster init` or `ipam cluster join`");
  write_file(file, "{\"node_id\":0}");
  const auto broken = parse({"--cluster", "--config", file});
  REQUIRE_FALSE(broken);
  CHECK(broken.error().code == cli::ExitCode::usage);
  CHECK(broken.error().message == file + ": cluster_id: is missing");
}

TEST_CASE("the files of TLS come from options, variables or cluster.json, and only together") {
  const auto options = parse({"--tls-cert", "a.pem"}, {{"IPAM_TLS_KEY", "a.key"}});
  REQUIRE(options);
  CHECK(options->tls_cert == "a.pem");
  CHECK(options->tls_key == "a.key");
  CHECK(options->tls_client_ca.empty());
  CHECK(parse({"--tls-cert", "a.pem"}).error().message ==
        "--tls-cert and --tls-key go together");
  CHECK(parse({"--tls-key", "a.key"}).error().message == "--tls-cert and --tls-key go together");
  CHECK(parse({"--tls-client-ca", "a.pem"}).error().message ==
        "--tls-client-ca needs --tls-cert and --tls-key");

  const TemporaryDirectory directory;
  const std::string file = make_cluster(directory, "node");
  std::string text = read_file(file);
  text.insert(text.find('{') + 1, R"("tls_cert":"tls/a.pem","tls_key":"/etc/a.key",)");
  write_file(file, text);
  const auto node = parse({"--cluster", "--config", file});
  REQUIRE_MESSAGE(node.ok(), (node.ok() ? "" : node.error().message));
  CHECK(node->tls_cert == directory / "node" + "/tls/a.pem");
  CHECK(node->tls_key == "/etc/a.key");
}

TEST_CASE("help of the server wants nothing else") {
  const auto options = parse({"--cluster", "--help"});
  REQUIRE(options);
  CHECK(options->help);
  CHECK(server::server_help().find("Usage:\n  ipam server [options]") != std::string::npos);
  CHECK(server::server_help().find("--election-timeout-ms MS") != std::string::npos);
}

TEST_CASE("the limits of HTTP can be set, within ranges that make sense") {
  const auto options = parse({"--connections-max", "10", "--idle-timeout-ms", "1500",
                              "--requests-per-second", "30", "--body-bytes-max", "65536"},
                             {{"IPAM_CONNECTIONS_MAX", "20"},
                              {"IPAM_CONNECTIONS_PER_ADDRESS_MAX", "5"},
                              {"IPAM_REQUEST_TIMEOUT_MS", "2500"},
                              {"IPAM_PACE_BYTES_PER_SECOND_MIN", "1"}});
  REQUIRE(options);
  CHECK(options->http.connections_max == 10);
  CHECK(options->http.connections_per_address_max == 5);
  CHECK(options->http.idle_timeout == std::chrono::milliseconds(1500));
  CHECK(options->http.request_timeout == std::chrono::milliseconds(2500));
  CHECK(options->http.write_timeout == http::Limits{}.write_timeout);
  CHECK(options->http.pace_bytes_per_second_min == 1);
  CHECK(options->http.body_bytes_max == 65536);
  CHECK(options->requests_per_second == 30);
  for (const auto& [option, value] :
       {std::pair{"--connections-max", "0"}, {"--body-bytes-max", "1000"},
        {"--body-bytes-max", "8388609"}, {"--request-bytes-max", "1"}, {"--idle-timeout-ms", "1"},
        {"--pace-bytes-per-second-min", "0"}, {"--requests-per-second", "-1"}}) {
    const auto refused = parse({option, value});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.starts_with(option));
  }
}
