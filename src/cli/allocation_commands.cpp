#include <fmt/format.h>

#include "cli/allocation_options.hpp"
#include "cli/commands.hpp"

namespace cli {

namespace {

CommandResult check_allocate(const Arguments& arguments) {
  if (arguments.has("network-id") == arguments.has("cidr")) {
    return base::fail(usage(arguments.has("cidr")
                                ? "--network-id and --cidr do not go together"
                                : "'ipam allocate' needs --network-id or --cidr"));
  }
  if (arguments.has("vrf") && !arguments.has("cidr"))
    return base::fail(usage("--vrf goes with --cidr"));
  if (const auto count = arguments.get("count")) {
    const bool negative = count->starts_with('-') && count->size() > 1 &&
                          count->find_first_not_of("0123456789", 1) == std::string::npos;
    const bool zero =
        !count->empty() && count->find_first_not_of('0') == std::string::npos;
    if (negative || zero) return base::fail(usage("count must be at least 1"));
    const auto number = parse_number("--count", *count, 1, number_max);
    if (!number) return base::fail(usage(number.error()));
  }
  if (auto numbers = check_numbers(arguments, {"ttl", "align"}); !numbers) return numbers;
  if (const auto pairs = arguments.get("metadata"))
    if (auto read = read_metadata(*pairs, false); !read) return base::fail(read.error());
  for (const char* option : {"network-id", "cidr"}) {
    if (arguments.get(option) == "")
      return base::fail(usage(fmt::format("--{} must not be empty", option)));
  }
  return base::Ok{};
}

base::Result<boost::json::object, CommandError> allocation_body(Context& context) {
  const Arguments& arguments = context.arguments;
  boost::json::object body;
  if (const auto cidr = arguments.get("cidr")) {
    body["cidr"] = *cidr;
    if (const auto vrf = arguments.get("vrf")) body["vrf"] = *vrf;
  } else {
    auto id = find_network(context, arguments.get("network-id").value_or(""));
    if (!id) return base::fail(id.error());
    body["network_id"] = *id;
  }
  for (const char* option : {"hostname", "description", "ip", "strategy", "owner"}) {
    if (const auto text = arguments.get(option)) body[option] = *text;
  }
  if (const auto first = arguments.get("range-start")) body["range_start"] = *first;
  if (const auto last = arguments.get("range-end")) body["range_end"] = *last;
  if (arguments.has("scattered")) body["contiguous"] = false;
  if (arguments.has("unique-hostname")) body["unique_hostname"] = true;
  if (arguments.has("force")) body["force"] = true;
  for (const char* option : {"count", "ttl", "align"}) {
    if (const auto text = arguments.get(option)) {
      const auto number = parse_number(option, *text, 1, number_max);
      if (!number) return base::fail(usage(number.error()));
      body[option] = *number;
    }
  }
  for (const char* option : {"tags", "exclude"}) {
    if (const auto items = arguments.get(option)) body[option] = json_list(*items);
  }
  if (const auto pairs = arguments.get("metadata")) {
    auto metadata = read_metadata(*pairs, false);
    if (!metadata) return base::fail(metadata.error());
    body["metadata"] = *std::move(metadata);
  }
  return body;
}

CommandResult print_scattered(Context& context, const std::string& answer) {
  auto allocations = context.client.list(answer);
  if (!allocations) return base::fail(allocations.error());
  if (context.format == OutputFormat::table)
    context.io.out << allocations->size() << " IPs allocated successfully\n";
  print_rows(context, allocation_columns(), *allocations);
  return base::Ok{};
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
  if (context.arguments.has("scattered")) return print_scattered(context, *answer);
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

CommandResult check_list(const Arguments& arguments) {
  if (auto checked = check_network_option(arguments); !checked) return checked;
  return check_limit(arguments);
}

CommandResult list_allocations(Context& context) {
  Query query;
  if (const auto name = context.arguments.get("network-id")) {
    auto id = find_network(context, *name);
    if (!id) return base::fail(id.error());
    query.emplace_back("network_id", *id);
  }
  if (context.arguments.has("all")) query.emplace_back("all", "true");
  for (const char* option : {"hostname", "owner", "tag", "status", "within"})
    if (const auto text = context.arguments.get(option)) query.emplace_back(option, *text);
  if (const auto text = context.arguments.get("query")) query.emplace_back("q", *text);
  auto answer = get_list(context, "/allocations", std::move(query));
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
         {"vrf", 0, "VRF", "the VRF of the CIDR (default)"},
         {"count", 'k', "N", "addresses in a row, as one block (default 1)"},
         {"description", 'd', "TEXT", "what the address is for"},
         {"hostname", 'H', "NAME", "the host that gets it"},
         {"tags", 't', "A,B", "tags, separated by commas"},
         {"ttl", 'T', "SECONDS", "release it by itself after so long"},
         {"ip", 0, "IP", "this address, or the start of the block"},
         {"force", 0, "", "with --ip: also one that is kept from being handed out"},
         {"range-start", 0, "IP", "not below this address"},
         {"range-end", 0, "IP", "not above this address"},
         {"exclude", 0, "A,B", "none of these addresses, ranges (10.0.0.5-10.0.0.9) or CIDRs"},
         {"align", 0, "N", "the first address is a multiple of N, a power of two"},
         {"scattered", 0, "", "-k addresses wherever they are free, each as one record"},
         {"strategy", 0, "NAME", "first, last, random, sparse or sticky",
          {"first", "last", "random", "sparse", "sticky"}},
         {"owner", 0, "NAME", "whose it is"},
         {"metadata", 0, "K=V,...", "texts to keep with it"},
         {"unique-hostname", 0, "", "fail where the network has the hostname already"}},
        {"ipam allocate -n net-1 -H web-01 -t production",
         "ipam allocate -c 192.168.1.0/24 -k 5 -T 3600",
         "ipam allocate -n net-1 --ip 192.168.1.20 --owner team-web --metadata rack=7"}},
       check_allocate,
       allocate},
      {{"list",
        "List allocations.",
        {},
        {{"network-id", 'n', "ID", "of this network only"},
         {"all", 'a', "", "released and expired ones too"},
         {"hostname", 'H', "NAME", "with this hostname"},
         {"owner", 0, "NAME", "of this owner"},
         {"tag", 't', "TAG", "with this tag"},
         {"status", 0, "STATUS", "allocated, released or expired",
          {"allocated", "released", "expired"}},
         {"within", 0, "CIDR", "that lie in there"},
         {"query", 'q', "TEXT", "with this text in any field"},
         {"limit", 0, "N", "so many at most"},
         at_option()},
        {"ipam list -n net-1", "ipam list --within 10.0.0.0/8 --owner team-web",
         "ipam list --all --output json", "ipam list --at 2026-01-15T10:30:00Z"}},
       check_list,
       list_allocations},
  };
}

}  // namespace cli
