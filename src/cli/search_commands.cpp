// What finds: an address, and a search over everything.
#include <fmt/format.h>

#include "cli/allocation_options.hpp"
#include "cli/commands.hpp"

namespace cli {

namespace {

// "192.168.1.1", or "192.168.1.1 - 192.168.1.5".
std::string reserved_text(const boost::json::object& reservation) {
  const std::string start = text_of(reservation, "start");
  const std::string end = text_of(reservation, "end");
  return start == end ? start : fmt::format("{} - {}", start, end);
}

CommandResult address_show(Context& context) {
  Query query;
  if (const auto vrf = context.arguments.get("vrf")) query.emplace_back("vrf", *vrf);
  add_at(context.arguments, query);
  auto answer = context.client.get("/addresses/" + context.arguments.positional(0), query);
  if (!answer) return base::fail(answer.error());
  if (context.format == OutputFormat::json) {
    print_json(context.io, *answer);
    return base::Ok{};
  }
  auto address = context.client.object(*answer);
  if (!address) return base::fail(address.error());
  boost::json::array holders;
  if (const auto* held = address->if_contains("allocation"); held && held->is_object())
    holders.push_back(*held);
  if (const auto* history = address->if_contains("history"); history && history->is_array())
    for (const auto& ended : history->as_array())
      if (ended.is_object()) holders.push_back(ended);
  if (context.format == OutputFormat::csv) {
    print_rows(context, allocation_columns(), holders);
    return base::Ok{};
  }
  print_field(context.io, "IP", text_of(*address, "ip"));
  print_field(context.io, "Status", text_of(*address, "status"));
  if (const auto* network = address->if_contains("network"); network && network->is_object())
    print_field(context.io, "Network",
                fmt::format("{} ({})", text_of(network->as_object(), "id"),
                            text_of(network->as_object(), "cidr")));
  print_field(context.io, "Quarantine until", text_of(*address, "quarantine_ends_at"));
  if (const auto* reserved = address->if_contains("reservation"); reserved && reserved->is_object())
    print_field(context.io, "Reservation",
                fmt::format("{} ({}) {}", text_of(reserved->as_object(), "id"),
                            reserved_text(reserved->as_object()),
                            text_of(reserved->as_object(), "reason")));
  if (!holders.empty()) print_rows(context, allocation_columns(), holders);
  return base::Ok{};
}

constexpr std::uint64_t search_limit_max = 1000;

CommandResult check_search(const Arguments& arguments) {
  const auto limit =
      parse_number("--limit", arguments.get("limit").value_or("100"), 1, search_limit_max);
  if (!limit) return base::fail(usage(limit.error()));
  return base::Ok{};
}

// A result of the search as one row: its object, with what all kinds have in a table.
boost::json::object row_of(const boost::json::object& result) {
  boost::json::object row;
  row["type"] = text_of(result, "type");
  const auto* value = result.if_contains(text_of(result, "type"));
  if (value == nullptr || !value->is_object()) return row;
  const boost::json::object& object = value->as_object();
  row["id"] = text_of(object, "id");
  row["address"] = object.contains("cidr") ? text_of(object, "cidr") : address_text(object);
  if (object.contains("start")) row["address"] = reserved_text(object);
  row["name"] = text_of(object, "hostname");
  row["description"] = text_of(object, object.contains("reason") ? "reason" : "description");
  row["tags"] = text_of(object, "tags");
  return row;
}

CommandResult search(Context& context) {
  Query query = {{"q", context.arguments.positional(0)},
                 {"limit", context.arguments.get("limit").value_or("100")}};
  if (const auto cursor = context.arguments.get("cursor")) query.emplace_back("cursor", *cursor);
  auto answer = context.client.get("/search", query);
  if (!answer) return base::fail(answer.error());
  if (context.format == OutputFormat::json) {
    print_json(context.io, *answer);
    return base::Ok{};
  }
  auto found = context.client.object(*answer);
  if (!found) return base::fail(found.error());
  boost::json::array rows;
  if (const auto* results = found->if_contains("results"); results && results->is_array())
    for (const auto& result : results->as_array())
      if (result.is_object()) rows.push_back(row_of(result.as_object()));
  const std::string cursor = text_of(*found, "next_cursor");
  if (rows.empty() && cursor.empty() && context.format == OutputFormat::table) {
    context.io.out << "Nothing found\n";
    return base::Ok{};
  }
  print_rows(context,
             {{"Type", field("type")},
              {"ID", field("id")},
              {"Address", field("address")},
              {"Hostname", field("name"), Shown::always, true},
              {"Description", field("description"), Shown::always, true, false, true},
              {"Tags", field("tags"), Shown::always, true, false, true}},
             rows);
  if (!cursor.empty() && context.format == OutputFormat::table)
    context.io.out << fmt::format("There may be more: go on with --cursor {}\n", cursor);
  return base::Ok{};
}

}  // namespace

std::vector<Command> search_commands() {
  return {
      {{"search",
        "Find networks, reservations and allocations by address, CIDR, id or text.",
        {{"WHAT", "10.0.0.5, 10.0.0.0/8, alloc-7, or a part of a hostname, tag or description"}},
        {{"limit", 0, "N", "so many results at most (default 100)"},
         {"cursor", 0, "CURSOR", "go on behind an earlier search"}},
        {"ipam search web-01", "ipam search 10.0.0.5 --output json"}},
       check_search,
       search},
      {{"address show",
        "Show who holds an address, and who held it before.",
        {{"IP", "the address"}},
        {{"vrf", 0, "VRF", "the VRF that it is in (default)"},
         at_option()},
        {"ipam address show 192.168.1.1", "ipam address show 2001:db8::1 --output json"}},
       nullptr,
       address_show},
  };
}

}  // namespace cli
