#include "server/cluster_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>

#include "cli/endpoint.hpp"
#include "cli/output.hpp"
#include "server/duplicate_keys.hpp"
#include "server/settings.hpp"

namespace server {

namespace json = boost::json;

namespace {

constexpr std::size_t file_bytes_max = 1u << 20;  // thousands of members
constexpr std::string_view keys[] = {"node_id",         "cluster_id", "raft_addr",
                                     "api_addr",        "data_dir",   "join",
                                     "initial_members", "enable_single_node"};

using Check = base::Result<base::Ok, std::string>;

Check check_address(std::string_view key, const std::string& address) {
  const auto endpoint = cli::parse_endpoint(address);
  if (!endpoint) {
    return base::fail(fmt::format("{}: '{}' {}: it must be host:port", key,
                                  cli::printable(address), cli::printable(endpoint.error())));
  }
  return base::Ok{};
}

// Reads the fields of one object. The first error wins; every further read does nothing.
class FieldReader {
 public:
  explicit FieldReader(const json::object& object) : object_(object) {}

  void number(std::string_view key, std::uint64_t& out) {
    const json::value* value = find(key);
    if (value == nullptr) return;
    const auto* positive = value->if_uint64();
    const auto* any = value->if_int64();
    if (positive == nullptr && any == nullptr) return fail(key, "must be a whole number");
    if (any != nullptr && *any < 0) return fail(key, "must not be negative");
    out = positive != nullptr ? *positive : static_cast<std::uint64_t>(*any);
  }
  void text(std::string_view key, std::string& out) {
    const json::value* value = find(key);
    if (value == nullptr) return;
    if (!value->is_string()) return fail(key, "must be a text");
    out = value->as_string();
  }
  void boolean(std::string_view key, bool& out) {
    const json::value* value = find(key);
    if (value == nullptr) return;
    if (!value->is_bool()) return fail(key, "must be true or false");
    out = value->as_bool();
  }
  // A text, a whole number or a boolean, as text.
  void any(std::string_view key, std::map<std::string, std::string>& out) {
    const json::value* value = find(key);
    if (value == nullptr) return;
    if (value->is_string())
      out.emplace(key, value->as_string());
    else if (value->is_bool() || value->is_int64() || value->is_uint64())
      out.emplace(key, json::serialize(*value));
    else
      fail(key, "must be a text, a whole number, true or false");
  }
  void require(std::string_view key) {
    if (object_.if_contains(key) == nullptr) fail(key, "is missing");
  }
  void only(std::initializer_list<std::string_view> known) {
    for (const auto& field : object_) {
      if (std::find(known.begin(), known.end(), field.key()) == known.end())
        fail(json::serialize(field.key()), "unknown key");
    }
  }
  void fail(std::string_view key, std::string_view reason) {
    if (!error_) error_ = fmt::format("{}: {}", key, reason);
  }
  const std::optional<std::string>& error() const { return error_; }

 private:
  const json::value* find(std::string_view key) const {
    return error_ ? nullptr : object_.if_contains(key);
  }

  const json::object& object_;
  std::optional<std::string> error_;
};

using Members = std::map<std::uint64_t, std::string>;

std::string duplicate_node(std::uint64_t id) {
  return fmt::format("initial_members: duplicate node id {}", id);
}

// {"1":"host:port"}
Check read_member_map(const json::object& map, Members& members) {
  for (const auto& field : map) {
    const std::string_view key = field.key();
    std::uint64_t id = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (error != std::errc() || end != key.data() + key.size()) {
      return base::fail(
          fmt::format("initial_members: {} is not a node id", json::serialize(field.key())));
    }
    if (!field.value().is_string())
      return base::fail(fmt::format("initial_members: the address of {} must be a text", id));
    if (!members.emplace(id, std::string(field.value().as_string())).second)
      return base::fail(duplicate_node(id));  // "1" and "01"
  }
  return base::Ok{};
}

// [{"node_id":1,"addr":"host:port"}]
Check read_member_list(const json::array& list, Members& members) {
  for (const json::value& item : list) {
    if (!item.is_object())
      return base::fail(std::string("initial_members: each must be an object"));
    FieldReader fields(item.as_object());
    std::uint64_t id = 0;
    std::string address;
    fields.only({"node_id", "addr"});
    fields.require("node_id");
    fields.require("addr");
    fields.number("node_id", id);
    fields.text("addr", address);
    if (fields.error()) return base::fail("initial_members: " + *fields.error());
    if (!members.emplace(id, address).second) return base::fail(duplicate_node(id));
  }
  return base::Ok{};
}

Check read_members(const json::object& object, Members& members) {
  const json::value* value = object.if_contains("initial_members");
  if (value == nullptr || value->is_null()) return base::Ok{};  // null: an empty map in Go
  if (value->is_object()) return read_member_map(value->as_object(), members);
  if (value->is_array()) return read_member_list(value->as_array(), members);
  return base::fail(std::string(
      "initial_members: must be a map of node id to host:port, or a list of node_id and addr"));
}

base::Result<ClusterConfig, std::string> read_fields(const json::object& object) {
  ClusterConfig config;
  FieldReader fields(object);
  for (const auto& field : object) {
    if (std::find(std::begin(keys), std::end(keys), field.key()) != std::end(keys)) continue;
    if (is_setting_key(field.key()))
      fields.any(field.key(), config.settings);
    else
      fields.fail(json::serialize(field.key()), "unknown key");
  }
  for (const std::string_view key : {"node_id", "cluster_id", "raft_addr"}) fields.require(key);
  fields.number("node_id", config.node_id);
  fields.number("cluster_id", config.cluster_id);
  fields.text("raft_addr", config.raft_addr);
  fields.text("api_addr", config.api_addr);
  fields.text("data_dir", config.data_dir);
  fields.boolean("join", config.join);
  fields.boolean("enable_single_node", config.enable_single_node);
  if (!config.join && !config.enable_single_node) fields.require("initial_members");
  if (fields.error()) return base::fail(*fields.error());
  if (auto members = read_members(object, config.initial_members); !members)
    return base::fail(members.error());
  if (config.enable_single_node && !config.join && config.initial_members.empty())
    config.initial_members.emplace(config.node_id, config.raft_addr);
  return config;
}

}  // namespace

base::Result<base::Ok, std::string> check_cluster_config(const ClusterConfig& config) {
  if (config.node_id == 0) return base::fail(std::string("node_id: must be at least 1, not 0"));
  if (config.cluster_id == 0)
    return base::fail(std::string("cluster_id: must be at least 1, not 0"));
  if (auto checked = check_address("raft_addr", config.raft_addr); !checked) return checked;
  if (auto checked = check_address("api_addr", config.api_addr); !checked) return checked;
  std::map<std::string, std::uint64_t> ids;
  for (const auto& [id, address] : config.initial_members) {
    if (id == 0)
      return base::fail(std::string("initial_members: a node id must be at least 1, not 0"));
    if (auto checked = check_address("initial_members", address); !checked) return checked;
    const auto [other, is_new] = ids.emplace(address, id);
    if (!is_new) {
      return base::fail(fmt::format("initial_members: nodes {} and {} have the same address {}",
                                    other->second, id, address));
    }
  }
  const auto self = config.initial_members.find(config.node_id);
  if (self == config.initial_members.end()) {
    if (config.join) return base::Ok{};
    return base::fail(fmt::format("initial_members: node_id {} is not among them", config.node_id));
  }
  if (self->second != config.raft_addr) {
    return base::fail(fmt::format("raft_addr: '{}' is not the address '{}' that initial_members "
                                  "has for node {}",
                                  config.raft_addr, self->second, config.node_id));
  }
  if (config.enable_single_node && config.initial_members.size() > 1)
    return base::fail(std::string("enable_single_node: initial_members has more than one node"));
  return base::Ok{};
}

base::Result<ClusterConfig, std::string> parse_cluster_config(std::string_view text,
                                                              std::string_view file) {
  const auto fail = [file](std::string_view reason) {
    return base::fail(fmt::format("{}: {}", file, reason));
  };
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  if (error) return fail("not valid JSON: " + error.message());
  if (!value.is_object()) return fail("not a JSON object");
  if (const auto key = find_duplicate_key(text)) {
    const bool is_id = key->find_first_not_of("0123456789") == std::string::npos;
    return fail(is_id ? "initial_members: duplicate node id " + *key
                      : fmt::format("{}: duplicate key", json::serialize(json::string(*key))));
  }
  auto config = read_fields(value.as_object());
  if (!config) return fail(config.error());
  if (const auto checked = check_cluster_config(*config); !checked) return fail(checked.error());
  return std::move(*config);
}

base::Result<ClusterConfig, std::string> read_cluster_config(const std::string& file) {
  std::error_code error;
  if (!std::filesystem::exists(file, error)) {
    return base::fail(
        fmt::format("{}: no such file; write one with `ipam cluster init` or `ipam cluster join`",
                    file));
  }
  if (!std::filesystem::is_regular_file(file, error))
    return base::fail(fmt::format("{}: not a file; name the cluster.json itself", file));
  std::ifstream in(file, std::ios::binary);
  std::string text(file_bytes_max + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!in.is_open() || in.bad())
    return base::fail(fmt::format("{}: cannot read it: {}", file, std::strerror(errno)));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > file_bytes_max) return base::fail(fmt::format("{}: too large", file));
  return parse_cluster_config(text, file);
}

std::string serialize_cluster_config(const ClusterConfig& config) {
  const auto quoted = [](std::string_view text) { return json::serialize(json::string(text)); };
  std::string members;
  for (const auto& [id, address] : config.initial_members)
    members += fmt::format("{}\n    \"{}\": {}", members.empty() ? "" : ",", id, quoted(address));
  std::string settings;
  for (const auto& [key, text] : config.settings)
    settings += fmt::format(",\n  {}: {}", quoted(key), quoted(text));
  return fmt::format(
      "{{\n"
      "  \"node_id\": {},\n"
      "  \"cluster_id\": {},\n"
      "  \"raft_addr\": {},\n"
      "  \"api_addr\": {},\n"
      "  \"data_dir\": {},\n"
      "  \"join\": {},\n"
      "  \"initial_members\": {{{}}},\n"
      "  \"enable_single_node\": {}{}\n"
      "}}\n",
      config.node_id, config.cluster_id, quoted(config.raft_addr), quoted(config.api_addr),
      quoted(config.data_dir), config.join, members.empty() ? members : members + "\n  ",
      config.enable_single_node, settings);
}

std::string data_directory(const ClusterConfig& config, const std::string& file) {
  if (std::filesystem::path(config.data_dir).is_absolute()) return config.data_dir;
  const std::filesystem::path parent = std::filesystem::path(file).parent_path();
  return parent.empty() ? "." : parent.string();
}

}  // namespace server
