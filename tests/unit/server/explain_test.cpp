#include "server/explain.hpp"

#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <filesystem>
#include <sstream>

#include "parse_options.hpp"
#include "server/cluster_commands.hpp"
#include "server/settings.hpp"
#include "temporary_directory.hpp"

namespace json = boost::json;
using server::ServerOptions;

namespace {

ServerOptions parse_whole(const std::vector<std::string>& args, const Variables& variables = {}) {
  auto options = parse(args, variables);
  REQUIRE(options);
  return *options;
}

// "setting: value (from)" of one setting.
std::string row_of(const ServerOptions& options, std::string_view setting) {
  const auto value = json::parse(server::explain_config(options, cli::OutputFormat::json));
  for (const auto& row : value.at("settings").as_array()) {
    if (row.at("setting").as_string() != setting) continue;
    return std::string(row.at("value").as_string()) + " (" +
           std::string(row.at("from").as_string()) + ")";
  }
  return "none";
}

}  // namespace

TEST_CASE("each setting is explained by where it came from") {
  const auto options =
      parse_whole({"--explain-config", "-p", "90", "--election-timeout-ms", "300", "-H", "::1"},
            {{"IPAM_PORT", "80"}, {"IPAM_AUTH", "required"}, {"IPAM_CONFIG_FILE", "other"}});
  REQUIRE(options.explain == cli::OutputFormat::table);
  CHECK(row_of(options, "port") == "90 (--port)");
  CHECK(row_of(options, "host") == "::1 (--host)");
  CHECK(row_of(options, "auth") == "required (IPAM_AUTH)");
  CHECK(row_of(options, "db") == "ipam-data (default)");
  CHECK(row_of(options, "heartbeat-ms") == "60 (other settings)");
  CHECK(row_of(options, "log-level") == "info (default)");
  CHECK(row_of(options, "config") == " (default)");  // for other commands: no cluster here
  CHECK(row_of(options, "address") == "none");
  const auto both = parse_whole({"--explain-config", "-a", "h:1"}, {{"IPAM_HOST", "g"}});
  CHECK(row_of(both, "host") == "h (--address)");
  CHECK(row_of(both, "port") == "1 (--address)");
  const std::string table = server::explain_config(options, cli::OutputFormat::table);
  CHECK(table.starts_with("SETTING"));
  const std::string auth = table.substr(table.find("\nauth ") + 1);
  CHECK(auth.substr(0, auth.find('\n')).ends_with("  required   IPAM_AUTH"));
}

TEST_CASE("every setting of the table is in the explanation, with its default and its values") {
  const auto value = json::parse(server::explain_config(parse_whole({"--explain-config"}),
                                                        cli::OutputFormat::json));
  const auto& rows = value.at("settings").as_array();
  CHECK(rows.size() == server::server_settings().size() - 1);  // all but --address
  for (const auto& row : rows) {
    CAPTURE(row);
    CHECK((row.at("value") == row.at("default") || row.at("setting") == "config"));
    CHECK(row.at("source") == "default");
  }
}

TEST_CASE("what cluster.json says is explained too, and nothing is made by that") {
  const TemporaryDirectory directory;
  std::ostringstream out;
  cli::Io io{out, out};
  const std::string data = directory / "n1";
  REQUIRE(server::cluster_init({"--data-dir", data, "--api-addr", "127.0.0.1:9000"}, io) == 0);
  const std::string file = data + "/cluster.json";
  const auto options =
      parse_whole({"--cluster", "--explain-config", "--output", "json"},
            {{"IPAM_DB_PATH", data}, {"IPAM_HOST", "h"}});
  REQUIRE(options.explain == cli::OutputFormat::json);
  CHECK(row_of(options, "port") == "9000 (" + file + " (api_addr))");
  CHECK(row_of(options, "host") == "h (IPAM_HOST)");
  CHECK(row_of(options, "config") == file + " (IPAM_DB_PATH)");
  CHECK(row_of(options, "cluster") == "true (--cluster)");
  CHECK(row_of(options, "db") == data + " (" + file + " (data_dir))");
  CHECK(row_of(options, "node_id") == "1 (" + file + " (node_id))");
  CHECK(row_of(options, "initial_members") ==
        "1:localhost:5000 (" + file + " (initial_members))");
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(data)) files += entry.exists();
  CHECK(files == 2);  // cluster.json and cluster.secret, as init made them
}

TEST_CASE("a secret is never shown, whether it is set or not") {
  ServerOptions options;
  server::Setting secret{.option = "word", .value_name = "TEXT",
                         .kind = server::text(&ServerOptions::data_dir), .help = "a word"};
  secret.secret = true;
  for (const auto format :
       {cli::OutputFormat::table, cli::OutputFormat::csv, cli::OutputFormat::json}) {
    options.data_dir = "open sesame";
    const std::string text = server::explain_config(options, format, {secret});
    CHECK(text.find("sesame") == std::string::npos);
    CHECK(text.find("(secret)") != std::string::npos);
    options.data_dir.clear();
    CHECK(server::explain_config(options, format, {secret}).find("(secret)") ==
          std::string::npos);
  }
}
