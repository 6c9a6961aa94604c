#include <fmt/format.h>

#include <limits>

#include "cli/commands.hpp"

namespace cli {

namespace {

const OptionSpec config_option = {"config", 0, "FILE", "cluster.json of the node to ask"};

std::string or_dash(const boost::json::object& object, std::string_view key) {
  const std::string text = text_of(object, key);
  return text.empty() ? "-" : text;
}

std::string voter_text(const boost::json::object& member) {
  const boost::json::value* voter = member.if_contains("voter");
  if (voter == nullptr || !voter->is_bool()) return "-";
  return voter->as_bool() ? "yes" : "no";
}

std::string last_heard_text(const boost::json::object& member) {
  const std::string text = text_of(member, "last_heard_ms");
  return text.empty() ? "-" : text + " ms ago";
}

std::vector<Column> member_columns() {
  const auto dashed = [](std::string key) {
    return [key](const boost::json::object& member) { return or_dash(member, key); };
  };
  return {
      {"Node", field("node_id")},
      {"Address", field("addr")},
      {"Role", field("role")},
      {"Voter", voter_text},
      {"Match", dashed("match_index"), Shown::table_only, false, true},
      {"Match", field("match_index"), Shown::csv_only},
      {"Lag", dashed("lag"), Shown::table_only, false, true},
      {"Lag", field("lag"), Shown::csv_only},
      {"Last heard", last_heard_text, Shown::table_only, false, true},
      {"Last heard ms", field("last_heard_ms"), Shown::csv_only},
  };
}

CommandResult cluster_status(Context& context) {
  auto answer = context.client.get("/cluster/status");
  if (!answer) return base::fail(answer.error());
  if (context.format == OutputFormat::json) {
    print_json(context.io, *answer);
    return base::Ok{};
  }
  auto status = context.client.object(*answer);
  if (!status) return base::fail(status.error());
  boost::json::array members;
  if (const boost::json::value* value = status->if_contains("members")) {
    auto list = context.client.list(boost::json::serialize(*value));
    if (!list) return base::fail(list.error());
    members = std::move(*list);
  }
  if (context.format == OutputFormat::csv) {
    print_rows(context, member_columns(), members);
    return base::Ok{};
  }
  const std::string leader = text_of(*status, "leader_id");
  const std::vector<std::pair<std::string, std::string>> lines = {
      {"Node", text_of(*status, "node_id")},
      {"Cluster", text_of(*status, "cluster_id")},
      {"Role", text_of(*status, "role")},
      {"Raft state", text_of(*status, "raft_state")},
      {"Leader", leader == "0" || leader.empty() ? "none" : leader},
      {"Term", text_of(*status, "term")},
      {"Commit index", text_of(*status, "commit_index")},
      {"Applied index", text_of(*status, "applied_index")},
      {"Digest", text_of(*status, "digest")},
      {"Last log index", text_of(*status, "last_log_index")},
      {"Snapshot index", text_of(*status, "snapshot_index")},
  };
  for (const auto& [title, value] : lines) {
    if (!value.empty()) context.io.out << fmt::format("{:<16}{}\n", title + ":", printable(value));
  }
  context.io.out << "\n";
  print_rows(context, member_columns(), members);
  return base::Ok{};
}

CommandResult check_node_id(const Arguments& arguments) {
  const auto id = parse_number("ID", arguments.positional(0), 1,
                               std::numeric_limits<std::int64_t>::max());
  if (!id) return base::fail(usage(id.error()));
  return base::Ok{};
}

CommandResult check_add_node(const Arguments& arguments) {
  if (auto checked = check_node_id(arguments); !checked) return checked;
  const auto address = parse_endpoint(arguments.positional(1));
  if (!address) {
    return base::fail(usage(fmt::format("ADDR '{}' {}: it must be host:port",
                                        arguments.positional(1), address.error())));
  }
  return base::Ok{};
}

CommandResult add_node(Context& context) {
  const auto id = parse_number("ID", context.arguments.positional(0), 1,
                               std::numeric_limits<std::int64_t>::max());
  if (!id) return base::fail(usage(id.error()));
  boost::json::object body;
  body["node_id"] = *id;
  body["addr"] = context.arguments.positional(1);
  auto answer = context.client.post("/cluster/nodes", body);
  if (!answer) return base::fail(answer.error());
  if (context.format == OutputFormat::table)
    context.io.out << fmt::format("Node {} added successfully\n", *id);
  return base::Ok{};
}

CommandResult set_address(Context& context) {
  const auto id = parse_number("ID", context.arguments.positional(0), 1,
                               std::numeric_limits<std::int64_t>::max());
  if (!id) return base::fail(usage(id.error()));
  boost::json::object body;
  body["addr"] = context.arguments.positional(1);
  auto answer = context.client.patch(fmt::format("/cluster/nodes/{}", *id), body);
  if (!answer) return base::fail(answer.error());
  if (context.format == OutputFormat::table)
    context.io.out << fmt::format("Node {} is at {} now\n", *id,
                                  printable(context.arguments.positional(1)));
  return base::Ok{};
}

CommandResult remove_node(Context& context) {
  const auto id = parse_number("ID", context.arguments.positional(0), 1,
                               std::numeric_limits<std::int64_t>::max());
  if (!id) return base::fail(usage(id.error()));
  auto answer = context.client.remove(fmt::format("/cluster/nodes/{}", *id));
  if (!answer) return base::fail(answer.error());
  if (context.format == OutputFormat::table)
    context.io.out << fmt::format("Node {} removed successfully\n", *id);
  return base::Ok{};
}

CommandResult check_transfer_leader(const Arguments& arguments) {
  const auto text = arguments.get("node-id");
  if (!text) return base::Ok{};
  const auto id = parse_number("--node-id", *text, 1, std::numeric_limits<std::int64_t>::max());
  if (!id) return base::fail(usage(id.error()));
  return base::Ok{};
}

CommandResult transfer_leader(Context& context) {
  boost::json::object body;
  if (const auto text = context.arguments.get("node-id"))
    body["node_id"] = *parse_number("--node-id", *text, 1,
                                    std::numeric_limits<std::int64_t>::max());
  auto answer = context.client.post("/cluster/transfer-leader", body);
  if (!answer) return base::fail(answer.error());
  if (context.format != OutputFormat::table) return base::Ok{};
  auto text = context.client.get("/cluster/status");
  if (!text) return base::fail(text.error());
  auto status = context.client.object(*text);
  if (!status) return base::fail(status.error());
  context.io.out << fmt::format("Node {} leads now\n", printable(text_of(*status, "leader_id")));
  return base::Ok{};
}

CommandResult cut_log(Context& context) {
  auto answer = context.client.post("/cluster/snapshot", {});
  if (!answer) return base::fail(answer.error());
  if (context.format == OutputFormat::json) {
    print_json(context.io, *answer);
    return base::Ok{};
  }
  auto cut = context.client.object(*answer);
  if (!cut) return base::fail(cut.error());
  print_field(context.io, "Durable index", text_of(*cut, "durable_index"));
  print_field(context.io, "Log begins after", text_of(*cut, "snapshot_index"));
  return base::Ok{};
}

}  // namespace

std::vector<Command> cluster_commands() {
  return {
      {{"cluster status",
        "Show what a node knows of its cluster.",
        {},
        {config_option},
        {"ipam cluster status --config node1-data/cluster.json",
         "ipam cluster status --server http://localhost:8081"}},
       nullptr,
       cluster_status,
       true},
      {{"cluster add-node",
        "Add a node to the cluster. It votes once it has caught up.",
        {{"ID", "the new node's id"}, {"ADDR", "its Raft address, host:port"}},
        {config_option},
        {"ipam cluster add-node 4 node4.example.com:5004 --server http://localhost:8081"}},
       check_add_node,
       add_node,
       true},
      {{"cluster set-address",
        "Tell the cluster where a node's Raft port is from now on.",
        {{"ID", "the node's id"}, {"ADDR", "its new Raft address, host:port"}},
        {config_option},
        {"ipam cluster set-address 3 node3.example.net:5003 --server http://localhost:8081"}},
       check_add_node,
       set_address,
       true},
      {{"cluster remove-node",
        "Remove a node from the cluster.",
        {{"ID", "the node's id"}},
        {config_option},
        {"ipam cluster remove-node 4 --config node1-data/cluster.json"}},
       check_node_id,
       remove_node,
       true},
      {{"cluster transfer-leader",
        "Let another node lead.",
        {},
        {{"node-id", 0, "ID", "the node that shall lead (default: the one with most of the log)"},
         config_option},
        {"ipam cluster transfer-leader --node-id 2 --server http://localhost:8081",
         "ipam cluster transfer-leader --config node1-data/cluster.json"}},
       check_transfer_leader,
       transfer_leader,
       true},
      {{"cluster snapshot",
        "Have a node write out its state and cut its log up to there.",
        {},
        {config_option},
        {"ipam cluster snapshot --server http://localhost:8081",
         "ipam cluster snapshot --config node1-data/cluster.json"}},
       nullptr,
       cut_log,
       true},
  };
}

}  // namespace cli
