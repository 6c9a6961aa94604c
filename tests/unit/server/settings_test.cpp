// The table of settings, walked row by row: what holds for each of them, whoever adds the next.
#include "parse_options.hpp"
#include "server/settings.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "server/cluster_commands.hpp"
#include "server/options.hpp"
#include "temporary_directory.hpp"

using server::ServerOptions;
using server::Setting;

namespace {

// Rows that do not hang on others: a valid and another valid text, and one that is refused.
struct Values {
  std::string first;
  std::string second;
  std::string wrong;
};

std::optional<Values> values_of(const Setting& setting) {
  if (setting.option == "heartbeat-ms") return Values{"50", "60", "9"};  // half the other at most
  if (const auto* kind = std::get_if<server::NumberKind>(&setting.kind))
    return Values{std::to_string(kind->minimum), std::to_string(kind->maximum),
                  std::to_string(kind->maximum + 1)};
  if (const auto* kind = std::get_if<server::ChoiceKind>(&setting.kind))
    return Values{std::string(kind->words.front()), std::string(kind->words.back()), "neither"};
  if (std::holds_alternative<server::FlagKind>(setting.kind)) return Values{"false", "true", "2"};
  return std::nullopt;
}

std::string upper(std::string_view option) {
  std::string name = "IPAM_";
  for (const char c : option)
    name += c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return name;
}

}  // namespace

TEST_CASE("options, variables and keys of settings are unique and follow one rule") {
  std::set<std::string_view> options;
  std::set<std::string_view> variables;
  for (const Setting& setting : server::server_settings()) {
    CAPTURE(setting.option);
    CHECK(options.insert(setting.option).second);
    CHECK_FALSE(setting.help.empty());
    CHECK(setting.help.find('\n') == std::string_view::npos);
    const bool is_flag = std::holds_alternative<server::FlagKind>(setting.kind);
    CHECK(setting.value_name.empty() == (is_flag || setting.option == "cluster"));
    if (setting.variable.empty()) continue;
    CHECK(variables.insert(setting.variable).second);
    const bool older = setting.option == "db" || setting.option == "cluster" ||
                       setting.option == "config";
    if (!older) CHECK(setting.variable == upper(setting.option));
  }
}

TEST_CASE("the option of a setting wins over its variable, and each is named where it is wrong") {
  for (const Setting& setting : server::server_settings()) {
    const auto values = values_of(setting);
    if (!values || setting.variable.empty()) continue;
    CAPTURE(setting.option);
    const std::string variable(setting.variable);
    const auto by_variable = parse({}, {{variable, values->first}});
    REQUIRE(by_variable);
    CHECK(server::show_setting(setting, *by_variable) == values->first);
    CHECK(by_variable->origins.at(std::string(setting.option)).name == variable);
    const auto wrong_variable = parse({}, {{variable, values->wrong}});
    REQUIRE_FALSE(wrong_variable);
    CHECK(wrong_variable.error().message.starts_with(variable + " must be "));
    if (setting.value_name.empty()) continue;
    const std::string option = "--" + std::string(setting.option);
    const auto by_option = parse({option, values->second}, {{variable, values->first}});
    REQUIRE(by_option);
    CHECK(server::show_setting(setting, *by_option) == values->second);
    CHECK(by_option->origins.at(std::string(setting.option)).name == option);
    const auto wrong_option = parse({option, values->wrong}, {{variable, values->first}});
    REQUIRE_FALSE(wrong_option);
    CHECK(wrong_option.error().message.starts_with(option + " must be "));
    CHECK(wrong_option.error().code == cli::ExitCode::usage);
  }
}

TEST_CASE("the default of a setting is what an empty command line gives, and is itself valid") {
  const auto options = parse({});
  REQUIRE(options);
  for (const Setting& setting : server::server_settings()) {
    if (setting.option == "config") continue;  // only in cluster mode
    CAPTURE(setting.option);
    const std::string fallback = server::default_of(setting);
    CHECK(server::show_setting(setting, *options) == fallback);
    CHECK_FALSE(options->origins.contains(std::string(setting.option)));
    ServerOptions again;
    if (!fallback.empty()) CHECK(server::apply_setting(setting, "it", fallback, again));
  }
}

TEST_CASE("cluster.json may give the settings that have a key there, below variable and option") {
  const TemporaryDirectory directory;
  std::ostringstream out;
  cli::Io io{out, out};
  const std::string data = directory / "n1";
  REQUIRE(server::cluster_init({"--data-dir", data}, io) == 0);
  const std::string file = data + "/cluster.json";
  auto config = server::read_cluster_config(file);
  REQUIRE(config);
  std::size_t keys = 0;
  for (const Setting& setting : server::server_settings()) {
    const auto values = values_of(setting);
    if (!values || setting.file_key.empty() || setting.option == "port") continue;
    CAPTURE(setting.option);
    ++keys;
    const std::string key(setting.file_key);
    const std::string option = "--" + std::string(setting.option);
    config->settings = {{key, values->first}};
    write_file(file, server::serialize_cluster_config(*config));
    const auto again = server::read_cluster_config(file);
    REQUIRE(again);
    CHECK(*again == *config);
    const auto by_file = parse({"--cluster", "--config", file});
    REQUIRE(by_file);
    CHECK(server::show_setting(setting, *by_file) == values->first);
    CHECK(by_file->origins.at(std::string(setting.option)).name == file);
    const auto by_option = parse({"--cluster", "--config", file, option, values->second});
    REQUIRE(by_option);
    CHECK(server::show_setting(setting, *by_option) == values->second);
    const auto by_variable =
        parse({"--cluster", "--config", file}, {{std::string(setting.variable), values->second}});
    REQUIRE(by_variable);
    CHECK(server::show_setting(setting, *by_variable) == values->second);
    config->settings = {{key, values->wrong}};
    write_file(file, server::serialize_cluster_config(*config));
    const auto wrong = parse({"--cluster", "--config", file});
    REQUIRE_FALSE(wrong);
    CHECK(wrong.error().message.starts_with(file + ": " + key + ": must be "));
  }
  CHECK(keys >= 3);
}

TEST_CASE("a setting in cluster.json is a text, a whole number or a boolean") {
  const std::string_view rest =
      R"("node_id":1,"cluster_id":1,"raft_addr":"a:1","enable_single_node":true})";
  const auto read = [rest](std::string_view text) {
    const auto config = server::parse_cluster_config(
        "{\"heartbeat_ms\":" + std::string(text) + "," + std::string(rest), "f");
    return config ? config->settings.at("heartbeat_ms") : config.error();
  };
  CHECK(read("70") == "70");
  CHECK(read("\"70\"") == "70");
  CHECK(read("true") == "true");
  CHECK(read("[70]") == "f: heartbeat_ms: must be a text, a whole number, true or false");
  CHECK(read("7.5") == "f: heartbeat_ms: must be a text, a whole number, true or false");
}
