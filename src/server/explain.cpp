#include "server/explain.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>

namespace server {

namespace json = boost::json;

namespace {

constexpr std::string_view hidden = "(secret)";

std::string_view source_name(Origin::Source source) {
  switch (source) {
    case Origin::Source::option: return "command line";
    case Origin::Source::variable: return "environment";
    case Origin::Source::file: return "file";
  }
  return "";
}

// What a value may be: its range or its words.
void add_values(const Setting& setting, json::object& row) {
  if (const auto* kind = std::get_if<NumberKind>(&setting.kind)) {
    row["minimum"] = kind->minimum;
    row["maximum"] = kind->maximum;
  }
  if (const auto* kind = std::get_if<ChoiceKind>(&setting.kind)) {
    json::array words;
    for (const std::string_view word : kind->words) words.emplace_back(word);
    row["choices"] = std::move(words);
  }
}

json::object explain(const Setting& setting, const ServerOptions& options) {
  json::object row;
  std::string value = show_setting(setting, options);
  const std::string fallback = default_of(setting);
  const auto origin = options.origins.find(setting.option);
  if (origin != options.origins.end()) {
    row["source"] = source_name(origin->second.source);
    row["from"] = origin->second.source == Origin::Source::file
                      ? fmt::format("{} ({})", origin->second.name, setting.file_key)
                      : origin->second.name;
  } else {
    const std::string_view source =
        value != fallback && !value.empty() ? "other settings" : "default";
    row["source"] = source;
    row["from"] = source;
  }
  if (setting.secret && !value.empty()) value = hidden;
  row["setting"] = setting.option;
  row["value"] = value;
  row["default"] = fallback;
  row["option"] = fmt::format("--{}", setting.option);
  row["variable"] = setting.variable;
  row["file_key"] = setting.file_key;
  add_values(setting, row);
  row["help"] = setting.help;
  return row;
}

// What cluster.json alone can say.
void add_cluster(const ServerOptions& options, json::array& rows) {
  const ClusterConfig& config = *options.cluster;
  const auto add = [&options, &rows](std::string_view key, std::string value) {
    rows.push_back({{"setting", key},
                    {"value", std::move(value)},
                    {"source", "file"},
                    {"from", fmt::format("{} ({})", options.config_file, key)},
                    {"file_key", key}});
  };
  std::string members;
  for (const auto& [id, address] : config.initial_members)
    members += fmt::format("{}{}:{}", members.empty() ? "" : ",", id, address);
  add("node_id", std::to_string(config.node_id));
  add("cluster_id", std::to_string(config.cluster_id));
  add("raft_addr", config.raft_addr);
  add("join", config.join ? "true" : "false");
  add("initial_members", members);
  add("enable_single_node", config.enable_single_node ? "true" : "false");
}

}  // namespace

std::string explain_config(const ServerOptions& options, cli::OutputFormat format,
                           const std::vector<Setting>& settings) {
  json::array rows;
  for (const Setting& setting : settings) {
    const auto* const special = std::get_if<SpecialKind>(&setting.kind);
    if (special != nullptr && special->show == nullptr) continue;
    rows.push_back(explain(setting, options));
  }
  if (options.cluster) add_cluster(options, rows);
  if (format == cli::OutputFormat::json)
    return json::serialize(json::object{{"settings", std::move(rows)}}) + "\n";
  const std::vector<cli::Column> columns = {
      {"SETTING", cli::field("setting")}, {"VALUE", cli::field("value")},
      {"FROM", cli::field("from")}};
  return format == cli::OutputFormat::csv ? cli::render_csv(columns, rows)
                                          : cli::render_table(columns, rows, 0);
}

}  // namespace server
