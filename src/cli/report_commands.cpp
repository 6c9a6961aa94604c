#include <fmt/format.h>

#include "cli/commands.hpp"

namespace cli {

namespace {

std::string utilization(const boost::json::object& stats) {
  const boost::json::value* value = stats.if_contains("utilization_percent");
  if (value == nullptr || !value->is_number()) return "";
  return fmt::format("{:.1f}%", value->to_number<double>());
}

// The contract's columns, in its order.
std::vector<Column> stats_columns() {
  return {
      {"Network", field("cidr")},
      {"Total IPs", field("total_ips"), Shown::always, false, true},
      {"Allocated", field("allocated_ips"), Shown::always, false, true},
      {"Available", field("available_ips"), Shown::always, false, true},
      {"Reserved", field("reserved_ips"), Shown::always, false, true},
      {"Utilization", utilization, Shown::always, false, true},
      {"Network ID", field("network_id"), Shown::csv_only},
  };
}

// One network's statistics; where they do not name its CIDR, the network itself is asked for it.
base::Result<boost::json::object, CommandError> with_cidr(Client& client, const std::string& id,
                                                          const std::string& body) {
  auto stats = client.object(body);
  if (!stats || stats->contains("cidr")) return stats;
  auto answer = client.get("/networks/" + id);
  if (!answer) return base::fail(answer.error());
  auto network = client.object(*answer);
  if (!network) return base::fail(network.error());
  (*stats)["cidr"] = text_of(*network, "cidr");
  return stats;
}

CommandResult stats(Context& context) {
  std::string id;
  if (const auto name = context.arguments.get("network-id")) {
    auto found = find_network(context, *name);
    if (!found) return base::fail(found.error());
    id = *found;
  }
  auto answer = context.client.get(id.empty() ? "/stats" : "/networks/" + id + "/stats");
  if (!answer) return base::fail(answer.error());
  if (context.format == OutputFormat::json) {
    print_json(context.io, *answer);
    return base::Ok{};
  }
  boost::json::array rows;
  if (id.empty()) {
    auto list = context.client.list(*answer);
    if (!list) return base::fail(list.error());
    rows = std::move(*list);
  } else {
    auto row = with_cidr(context.client, id, *answer);
    if (!row) return base::fail(row.error());
    rows.emplace_back(std::move(*row));
  }
  if (rows.empty() && context.format == OutputFormat::table) {
    context.io.out << "No networks found\n";
  } else {
    print_rows(context, stats_columns(), rows);
  }
  return base::Ok{};
}

CommandResult check_stats(const Arguments& arguments) {
  if (arguments.get("network-id") == "")
    return base::fail(usage("--network-id must not be empty"));
  return base::Ok{};
}

constexpr std::uint64_t audit_limit_max = 1'000'000'000;

CommandResult check_audit(const Arguments& arguments) {
  const auto limit =
      parse_number("--limit", arguments.get("limit").value_or("100"), 1, audit_limit_max);
  if (!limit) return base::fail(usage(limit.error()));
  return base::Ok{};
}

CommandResult audit(Context& context) {
  Query query{{"limit", context.arguments.get("limit").value_or("100")}};
  for (const char* filter : {"resource", "actor", "action", "since", "until"})
    if (const auto value = context.arguments.get(filter)) query.emplace_back(filter, *value);
  auto answer = context.client.get("/audit", query);
  if (!answer) return base::fail(answer.error());
  if (context.format == OutputFormat::json) {
    print_json(context.io, *answer);
    return base::Ok{};
  }
  auto entries = context.client.list(*answer);
  if (!entries) return base::fail(entries.error());
  if (entries->empty() && context.format == OutputFormat::table) {
    context.io.out << "No audit entries found\n";
    return base::Ok{};
  }
  print_rows(context,
             {{"ID", field("id"), Shown::csv_only},
              {"Time", field("timestamp")},
              {"Action", field("action")},
              {"Resource", field("resource")},
              {"Details", field("details"), Shown::always, true},
              {"User", field("user")}},
             *entries);
  return base::Ok{};
}

CommandResult verify_audit(Context& context) {
  auto answer = context.client.get_after_work("/audit/verify");
  if (!answer) return base::fail(answer.error());
  auto found = context.client.object(*answer);
  if (!found) return base::fail(found.error());
  const boost::json::value* intact = found->if_contains("intact");
  const bool whole = intact != nullptr && intact->is_bool() && intact->get_bool();
  if (context.format == OutputFormat::json) {
    print_json(context.io, *answer);
  } else {
    context.io.out << (whole ? "Intact\n" : "Damaged\n");
    print_field(context.io, "Audit entries", text_of(*found, "entries"));
    print_field(context.io, "Rows", text_of(*found, "rows"));
    print_field(context.io, "Hash of the last entry", text_of(*found, "hash"));
  }
  if (whole) return base::Ok{};
  return base::fail(failed("state.db is not what was written: " + text_of(*found, "problem")));
}

}  // namespace

std::vector<Command> report_commands() {
  return {
      {{"stats",
        "Show how full the networks are.",
        {},
        {{"network-id", 'n', "ID", "of this network only"}},
        {"ipam stats", "ipam stats -n net-1"}},
       check_stats,
       stats},
      {{"audit",
        "Show who changed what, newest first.",
        {},
        {{"limit", 0, "N", "so many entries at most (default 100)"},
         {"resource", 0, "ID", "about this object, such as net-1"},
         {"actor", 0, "USER", "made by this user"},
         {"action", 0, "ACTION", "of this kind, such as ip_allocated"},
         {"since", 0, "TIME", "not before this time (RFC 3339)"},
         {"until", 0, "TIME", "before this time (RFC 3339)"}},
        {"ipam audit --limit 20", "ipam audit --resource net-1 --since 2024-01-15T00:00:00Z"}},
       check_audit,
       audit},
      {{"audit verify",
        "Check that the audit log and state.db are what was written.",
        {},
        {},
        {"ipam audit verify"}},
       nullptr,
       verify_audit},
  };
}

}  // namespace cli
