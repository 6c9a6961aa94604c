#include "cli/allocation_options.hpp"

#include <fmt/format.h>

#include "ipam/address.hpp"

namespace cli {

namespace {

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

}  // namespace

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

CommandResult print_allocation(Context& context, const std::string& answer) {
  if (context.format == OutputFormat::json) {
    print_json(context.io, answer);
    return base::Ok{};
  }
  auto allocation = context.client.object(answer);
  if (!allocation) return base::fail(allocation.error());
  if (context.format == OutputFormat::csv) {
    print_rows(context, allocation_columns(), {*allocation});
    return base::Ok{};
  }
  const bool block = !text_of(*allocation, "end_ip").empty();
  print_field(context.io, block ? "IP range" : "IP", address_text(*allocation));
  for (const auto& [title, key] :
       {std::pair{"ID", "id"}, {"Network", "network_id"}, {"Hostname", "hostname"},
        {"Description", "description"}, {"Tags", "tags"}, {"Owner", "owner"},
        {"Metadata", "metadata"}, {"Status", "status"}, {"Allocated", "allocated_at"},
        {"Expires", "expires_at"}, {"Released", "released_at"}, {"Fence", "fence"}})
    print_field(context.io, title, text_of(*allocation, key));
  return base::Ok{};
}

CommandResult check_network_option(const Arguments& arguments) {
  if (arguments.get("network-id") == "")
    return base::fail(usage("--network-id must not be empty"));
  return base::Ok{};
}

CommandResult check_numbers(const Arguments& arguments,
                            std::initializer_list<const char*> options) {
  for (const char* option : options) {
    const auto text = arguments.get(option);
    if (!text) continue;
    const auto number = parse_number(fmt::format("--{}", option), *text, 1, number_max);
    if (!number) return base::fail(usage(number.error()));
  }
  return base::Ok{};
}

boost::json::array json_list(const std::string& items) {
  boost::json::array list;
  for (const std::string& item : split_list(items)) list.emplace_back(item);
  return list;
}

base::Result<boost::json::value, CommandError> read_metadata(const std::string& pairs,
                                                             bool removes) {
  if (removes && pairs.empty()) return boost::json::value(nullptr);
  boost::json::object metadata;
  for (const std::string& pair : split_list(pairs)) {
    const std::size_t equals = pair.find('=');
    const std::string key = pair.substr(0, equals);
    if (key.empty() || (equals == std::string::npos && !removes))
      return base::fail(usage(fmt::format("--metadata must be KEY=VALUE,..., not '{}'", pair)));
    if (equals == std::string::npos)
      metadata[key] = nullptr;
    else
      metadata[key] = pair.substr(equals + 1);
  }
  return boost::json::value(std::move(metadata));
}

base::Result<boost::json::object, CommandError> find_holder(Context& context,
                                                            const std::string& name) {
  const auto address = ipam::parse_address(name);
  if (!address) return base::fail(failed(fmt::format("invalid IP address '{}'", name)));
  const std::string ip = ipam::to_string(*address);
  Query query = {{"ip", ip}};
  if (const auto network = context.arguments.get("network-id")) {
    auto id = find_network(context, *network);
    if (!id) return base::fail(id.error());
    query.emplace_back("network_id", *id);
  }
  add_at(context.arguments, query);
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
  return *holders.front();
}

}  // namespace cli
