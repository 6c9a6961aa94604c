// `ipam export`: what the server writes goes to standard output as it comes.
#include "cli/commands.hpp"
#include "transfer/writer.hpp"

namespace cli {

namespace {

CommandResult check_export(const Arguments& arguments) {
  const std::string format = arguments.get("format").value_or("json");
  const auto parsed = transfer::parse_export_format(format);
  if (!parsed)
    return base::fail(usage("--format must be csv, json, hosts or zone, not '" + format + "'"));
  const bool is_zone = *parsed == transfer::ExportFormat::zone;
  if (is_zone != arguments.has("zone"))
    return base::fail(usage("--format zone and --zone NAME go together"));
  if (!is_zone && arguments.has("name-server"))
    return base::fail(usage("--name-server goes with --format zone"));
  return base::Ok{};
}

CommandResult export_rows(Context& context) {
  const Arguments& arguments = context.arguments;
  Query query{{"format", arguments.get("format").value_or("json")}};
  if (const auto name = arguments.get("network")) {
    const auto id = find_network(context, *name);
    if (!id) return base::fail(id.error());
    query.emplace_back("network_id", *id);
  }
  for (const auto& [option, parameter] : {std::pair{"vrf", "vrf"},
                                          {"within", "within"},
                                          {"zone", "zone"},
                                          {"name-server", "name_server"}})
    if (const auto value = arguments.get(option)) query.emplace_back(parameter, *value);
  std::ostream& out = context.io.out;
  const auto streamed = context.client.stream("/export", query, [&out](std::string_view bytes) {
    out << bytes;
    return out.good();
  });
  if (!streamed) return base::fail(streamed.error());
  out.flush();
  if (!out.good()) return base::fail(failed("cannot write to standard output"));
  return base::Ok{};
}

}  // namespace

std::vector<Command> export_commands() {
  return {
      {{"export",
        "Write networks and allocations as a file to standard output.",
        {},
        {{"format", 'f', "FORMAT",
          "json (default) or csv, which ipam import reads; hosts; or zone, a zone file",
          {"json", "csv", "hosts", "zone"}},
         {"vrf", 0, "VRF", "of this VRF alone"},
         {"network", 0, "NETWORK", "of this network alone, by its id or its CIDR"},
         {"within", 0, "CIDR", "what lies in this CIDR"},
         {"zone", 0, "NAME", "of format zone: example.com, or 2.0.192.in-addr.arpa"},
         {"name-server", 0, "NAME", "of format zone: its first name server (ns.ZONE)"}},
        {"ipam export --format csv > ipam.csv",
         "ipam export --format zone --zone example.com > example.com.zone"}},
       check_export,
       export_rows},
  };
}

}  // namespace cli
