#include <fmt/format.h>

#include <algorithm>

#include "cli/commands.hpp"
#include "ipam/address.hpp"

namespace cli {

namespace {

constexpr std::uint64_t number_max = std::uint64_t{1} << 53;  // JSON numbers are exact up to here

// "192.168.1.1", or "192.168.1.1 - 192.168.1.5" for a block.
std::string address_text(const boost::json::object& allocation) {
  const std::string last = text_of(allocation, "end_ip");
  const std::string first = text_of(allocation, "ip");
  return last.empty() ? first : first + " - " + last;
}

std::vector<Column> allocation_columns() {
  return {
      {"ID", field("id")},
      {"IP", address_text, Shown::table_only},
      {"IP", field("ip"), Shown::csv_only},
      {"End IP", field("end_ip"), Shown::csv_only},
      {"Network", field("network_id")},
      {"Hostname", field("hostname"), Shown::always, true},
      {"Status", field("status")},
      {"Expires", field("expires_at"), Shown::always, false, false, true},
      {"Description", field("description"), Shown::always, true, false, true},
      {"Tags", field("tags"), Shown::csv_only},
      {"Allocated", field("allocated_at"), Shown::csv_only},
      {"Released", field("released_at"), Shown::csv_only},
  };
}

CommandResult check_allocate(const Arguments& arguments) {
  if (arguments.has("network-id") == arguments.has("cidr")) {
    return base::fail(usage(arguments.has("cidr")
                                ? "--network-id and --cidr do not go together"
                                : "'ipam allocate' needs --network-id or --cidr"));
  }
  if (const auto count = arguments.get("count")) {
    const bool negative = count->starts_with('-') && count->size() > 1 &&
                          count->find_first_not_of("0123456789", 1) == std::string::npos;
    const bool zero =
        !count->empty() && count->find_first_not_of('0') == std::string::npos;
    if (negative || zero) return base::fail(usage("count must be at least 1"));
    const auto number = parse_number("--count", *count, 1, number_max);
    if (!number) return base::fail(usage(number.error()));
  }
  if (const auto ttl = arguments.get("ttl")) {
    const auto number = parse_number("--ttl", *ttl, 1, number_max);
    if (!number) return base::fail(usage(number.error()));
  }
  for (const char* option : {"network-id", "cidr"}) {
    if (arguments.get(option) == "")
      return base::fail(usage(fmt::format("--{} must not be empty", option)));
  }
  return base::Ok{};
}

CommandResult check_network_option(const Arguments& arguments) {
  if (arguments.get("network-id") == "")
    return base::fail(usage("--network-id must not be empty"));
  return base::Ok{};
}

base::Result<boost::json::object, CommandError> allocation_body(Context& context) {
  const Arguments& arguments = context.arguments;
  boost::json::object body;
  if (const auto cidr = arguments.get("cidr")) {
    body["cidr"] = *cidr;
  } else {
    auto id = find_network(context.client, arguments.get("network-id").value_or(""));
    if (!id) return base::fail(id.error());
    body["network_id"] = *id;
  }
  for (const char* option : {"hostname", "description"}) {
    if (const auto text = arguments.get(option)) body[option] = *text;
  }
  for (const char* option : {"count", "ttl"}) {
    if (const auto text = arguments.get(option)) {
      const auto number = parse_number(option, *text, 1, number_max);
      if (!number) return base::fail(usage(number.error()));
      body[option] = *number;
    }
  }
  if (const auto tags = arguments.get("tags")) {
    boost::json::array list;
    for (const std::string& tag : split_list(*tags)) list.emplace_back(tag);
    body["tags"] = std::move(list);
  }
  return body;
}

CommandResult allocate(Context& context) {
  auto body = allocation_body(context);
  if (!body) return base::fail(body.error());
  auto answer = context.client.post("/allocations", *body);
  if (!answer) return base::fail(answer.error());
  if (context.format == OutputFormat::json) {
    print_json(context.io, *answer);
    return base::Ok{};
  }
  auto allocation = context.client.object(*answer);
  if (!allocation) return base::fail(allocation.error());
  if (context.format == OutputFormat::csv) {
    print_rows(context, allocation_columns(), {*allocation});
    return base::Ok{};
  }
  const bool block = !text_of(*allocation, "end_ip").empty();
  context.io.out << (block ? "IP range allocated successfully\n" : "IP allocated successfully\n");
  print_field(context.io, block ? "IP range" : "IP", address_text(*allocation));
  print_field(context.io, "ID", text_of(*allocation, "id"));
  print_field(context.io, "Network", text_of(*allocation, "network_id"));
  print_field(context.io, "Hostname", text_of(*allocation, "hostname"));
  print_field(context.io, "Expires", text_of(*allocation, "expires_at"));
  return base::Ok{};
}

// Whether the record is active and holds the address. Looked at here even though the server was
// asked for just those: a server that does not know the filter answers with all.
bool holds(const boost::json::object& allocation, const ipam::Address& address) {
  if (text_of(allocation, "status") != "allocated") return false;
  const auto first = ipam::parse_address(text_of(allocation, "ip"));
  const std::string end = text_of(allocation, "end_ip");
  const auto last = end.empty() ? first : ipam::parse_address(end);
  return first && last && first->family == address.family && *first <= address &&
         address <= *last;
}

CommandResult release(Context& context) {
  const auto address = ipam::parse_address(context.arguments.positional(0));
  if (!address) {
    return base::fail(
        failed(fmt::format("invalid IP address '{}'", context.arguments.positional(0))));
  }
  const std::string ip = ipam::to_string(*address);
  Query query = {{"ip", ip}};
  if (const auto name = context.arguments.get("network-id")) {
    auto id = find_network(context.client, *name);
    if (!id) return base::fail(id.error());
    query.emplace_back("network_id", *id);
  }
  auto answer = context.client.get("/allocations", query);
  if (!answer) return base::fail(answer.error());
  auto allocations = context.client.list(*answer);
  if (!allocations) return base::fail(allocations.error());
  std::vector<const boost::json::object*> holders;
  for (const boost::json::value& allocation : *allocations) {
    if (holds(allocation.as_object(), *address)) holders.push_back(&allocation.as_object());
  }
  if (holders.empty())
    return base::fail(failed(fmt::format("no active allocation holds IP {}", ip)));
  if (holders.size() > 1) {
    std::string networks;
    for (const boost::json::object* holder : holders)
      networks += (networks.empty() ? "" : ", ") + text_of(*holder, "network_id");
    return base::fail(failed(fmt::format(
        "IP {} is allocated in several networks ({}): name one with -n", ip, networks)));
  }
  const boost::json::object& holder = *holders.front();
  const std::string id = text_of(holder, "id");
  if (ipam::parse_address(text_of(holder, "ip")) != address) {
    return base::fail(failed(
        fmt::format("IP {} is inside the block {} ({}): release its first address {}, which "
                    "releases the whole block",
                    ip, address_text(holder), id, text_of(holder, "ip"))));
  }
  auto released = context.client.post("/allocations/" + id + "/release", {});
  if (!released) return base::fail(released.error());
  if (context.format != OutputFormat::table) return base::Ok{};
  const bool block = !text_of(holder, "end_ip").empty();
  context.io.out << "IP released successfully\n";
  print_field(context.io, block ? "IP range" : "IP", address_text(holder));
  print_field(context.io, "ID", id);
  return base::Ok{};
}

CommandResult list_allocations(Context& context) {
  Query query;
  if (const auto name = context.arguments.get("network-id")) {
    auto id = find_network(context.client, *name);
    if (!id) return base::fail(id.error());
    query.emplace_back("network_id", *id);
  }
  if (context.arguments.has("all")) query.emplace_back("all", "true");
  auto answer = context.client.get("/allocations", query);
  if (!answer) return base::fail(answer.error());
  if (context.format == OutputFormat::json) {
    print_json(context.io, *answer);
    return base::Ok{};
  }
  auto allocations = context.client.list(*answer);
  if (!allocations) return base::fail(allocations.error());
  if (allocations->empty() && context.format == OutputFormat::table) {
    context.io.out << "No allocations found\n";
  } else {
    print_rows(context, allocation_columns(), *allocations);
  }
  return base::Ok{};
}

}  // namespace

std::vector<Command> allocation_commands() {
  return {
      {{"allocate",
        "Allocate the next free address of a network, or a block of several in a row.",
        {},
        {{"network-id", 'n', "ID", "the network to allocate from (net-1)"},
         {"cidr", 'c', "CIDR", "or its CIDR"},
         {"count", 'k', "N", "addresses in a row, as one block (default 1)"},
         {"description", 'd', "TEXT", "what the address is for"},
         {"hostname", 'H', "NAME", "the host that gets it"},
         {"tags", 't', "A,B", "tags, separated by commas"},
         {"ttl", 'T', "SECONDS", "release it by itself after so long"}},
        {"ipam allocate -n net-1 -H web-01 -t production",
         "ipam allocate -c 192.168.1.0/24 -k 5 -T 3600"}},
       check_allocate,
       allocate},
      {{"release",
        "Release an address, or a whole block by its first address.",
        {{"IP", "the address"}},
        {{"network-id", 'n', "ID", "its network, where several networks have it"}},
        {"ipam release 192.168.1.1", "ipam release 10.0.0.5 -n net-2"}},
       check_network_option,
       release},
      {{"list",
        "List allocations.",
        {},
        {{"network-id", 'n', "ID", "of this network only"},
         {"all", 'a', "", "released and expired ones too"}},
        {"ipam list -n net-1", "ipam list --all --output json"}},
       check_network_option,
       list_allocations},
  };
}

}  // namespace cli
