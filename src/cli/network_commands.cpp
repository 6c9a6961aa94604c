#include <fmt/format.h>

#include "cli/commands.hpp"
#include "ipam/address.hpp"

namespace cli {

namespace {

// Empty for the default one, so that who has no others sees nothing of it.
std::string vrf_unless_default(const boost::json::object& network) {
  const std::string vrf = text_of(network, "vrf");
  return vrf == "default" ? "" : vrf;
}

std::vector<Column> network_columns() {
  return {
      {"ID", field("id")},
      {"CIDR", field("cidr")},
      {"Description", field("description"), Shown::always, true},
      {"Tags", field("tags"), Shown::always, true},
      {"VRF", vrf_unless_default, Shown::table_only, false, false, true},
      {"VRF", field("vrf"), Shown::csv_only},
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
  if (const auto vrf = context.arguments.get("vrf")) body["vrf"] = *vrf;
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
  Query query;
  for (const char* filter : {"vrf", "within", "contains", "family", "tag"})
    if (const auto text = context.arguments.get(filter)) query.emplace_back(filter, *text);
  if (const auto text = context.arguments.get("search")) query.emplace_back("q", *text);
  auto answer = context.client.get("/networks", query);
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
  std::vector<std::string> ids;
  for (const boost::json::value& network : *networks)
    if (text_of(network.as_object(), "cidr") == cidr)
      ids.push_back(text_of(network.as_object(), "id"));
  if (ids.empty()) return base::fail(failed("network not found: " + cidr));
  if (ids.size() > 1)
    return base::fail(failed(fmt::format("{} is a network of several VRFs: name it by its id ({})",
                                         cidr, fmt::join(ids, ", "))));
  return ids.front();
}

std::vector<Command> network_commands() {
  return {
      {{"network add",
        "Add a network.",
        {{"CIDR", "the network, such as 10.0.0.0/16 or 2001:db8::/48"}},
        {{"description", 'd', "TEXT", "what the network is for"},
         {"tags", 't', "A,B", "tags, separated by commas"},
         {"vrf", 0, "VRF", "the VRF that it is in (default)"}},
        {"ipam network add 192.168.1.0/24 -d \"Office network\" -t production,office",
         "ipam network add 2001:db8::/64"}},
       nullptr,
       network_add},
      {{"network list",
        "List networks.",
        {},
        {{"vrf", 0, "VRF", "of this VRF only"},
         {"within", 0, "CIDR", "in this network, itself included"},
         {"contains", 0, "CIDR|IP", "that contain this network or address"},
         {"family", 0, "4|6", "of IPv4 or of IPv6"},
         {"tag", 't', "TAG", "with this tag"},
         {"search", 'q', "TEXT", "with this text in CIDR, description or tags"}},
        {"ipam network list", "ipam network list --contains 10.1.2.3",
         "ipam network list --output csv > networks.csv"}},
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
