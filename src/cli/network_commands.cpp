#include <fmt/format.h>

#include "cli/commands.hpp"
#include "ipam/address.hpp"

namespace cli {

namespace {

std::vector<Column> network_columns() {
  return {
      {"ID", field("id")},
      {"CIDR", field("cidr")},
      {"Description", field("description"), Shown::always, true},
      {"Tags", field("tags"), Shown::always, true},
      {"Created", field("created_at")},
      {"Updated", field("updated_at"), Shown::csv_only},
  };
}

CommandResult network_add(Context& context) {
  boost::json::object body;
  body["cidr"] = context.arguments.positional(0);
  if (const auto description = context.arguments.get("description"))
    body["description"] = *description;
  if (const auto tags = context.arguments.get("tags")) {
    boost::json::array list;
    for (const std::string& tag : split_list(*tags)) list.emplace_back(tag);
    body["tags"] = std::move(list);
  }
  auto answer = context.client.post("/networks", body);
  if (!answer) return base::fail(answer.error());
  if (context.format == OutputFormat::json) {
    print_json(context.io, *answer);
    return base::Ok{};
  }
  auto network = context.client.object(*answer);
  if (!network) return base::fail(network.error());
  if (context.format == OutputFormat::csv) {
    print_rows(context, network_columns(), {*network});
    return base::Ok{};
  }
  context.io.out << "Network added successfully\n";
  print_field(context.io, "ID", text_of(*network, "id"));
  print_field(context.io, "CIDR", text_of(*network, "cidr"));
  print_field(context.io, "Description", text_of(*network, "description"));
  print_field(context.io, "Tags", text_of(*network, "tags"));
  return base::Ok{};
}

CommandResult network_list(Context& context) {
  auto answer = context.client.get("/networks");
  if (!answer) return base::fail(answer.error());
  if (context.format == OutputFormat::json) {
    print_json(context.io, *answer);
    return base::Ok{};
  }
  auto networks = context.client.list(*answer);
  if (!networks) return base::fail(networks.error());
  if (networks->empty() && context.format == OutputFormat::table) {
    context.io.out << "No networks found\n";
  } else {
    print_rows(context, network_columns(), *networks);
  }
  return base::Ok{};
}

CommandResult network_delete(Context& context) {
  auto id = find_network(context.client, context.arguments.positional(0));
  if (!id) return base::fail(id.error());
  auto answer = context.client.remove("/networks/" + *id);
  if (!answer) return base::fail(answer.error());
  if (context.format == OutputFormat::table) context.io.out << "Network deleted successfully\n";
  return base::Ok{};
}

}  // namespace

base::Result<std::string, CommandError> find_network(Client& client, const std::string& name) {
  if (name.find('/') == std::string::npos) return name;  // an id: the server knows it or not
  const auto prefix = ipam::parse_prefix(name);
  if (!prefix) return base::fail(failed(prefix.error()));
  const std::string cidr = ipam::to_string(*prefix);
  auto answer = client.get("/networks", {{"cidr", cidr}});
  if (!answer) return base::fail(answer.error());
  auto networks = client.list(*answer);
  if (!networks) return base::fail(networks.error());
  // Looked at again here: a server that does not know the filter answers with every network.
  for (const boost::json::value& network : *networks) {
    if (text_of(network.as_object(), "cidr") == cidr) return text_of(network.as_object(), "id");
  }
  return base::fail(failed("network not found: " + cidr));
}

std::vector<Command> network_commands() {
  return {
      {{"network add",
        "Add a network.",
        {{"CIDR", "the network, such as 10.0.0.0/16 or 2001:db8::/48"}},
        {{"description", 'd', "TEXT", "what the network is for"},
         {"tags", 't', "A,B", "tags, separated by commas"}},
        {"ipam network add 192.168.1.0/24 -d \"Office network\" -t production,office",
         "ipam network add 2001:db8::/64"}},
       nullptr,
       network_add},
      {{"network list",
        "List all networks.",
        {},
        {},
        {"ipam network list", "ipam network list --output csv > networks.csv"}},
       nullptr,
       network_list},
      {{"network delete",
        "Delete a network that has no active allocations.",
        {{"ID", "the network's id (net-1) or CIDR"}},
        {},
        {"ipam network delete net-1", "ipam network delete 192.168.1.0/24"}},
       nullptr,
       network_delete},
  };
}

}  // namespace cli
