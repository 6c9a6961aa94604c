// POST /allocations: the request into one command.
#include <fmt/format.h>

#include <limits>

#include "api/handlers.hpp"
#include "api/json.hpp"
#include "api/problems.hpp"
#include "api/render.hpp"

namespace api {

namespace {

constexpr std::uint64_t count_max = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t align_max = 1ull << 63;
constexpr std::uint64_t seconds_per_hour = 3600;

http::Response render_created_allocation(const ipam::Outcome& outcome) {
  if (const auto* error = std::get_if<ipam::Error>(&outcome)) return problem(*error);
  if (const auto* scattered = std::get_if<std::vector<ipam::Allocation>>(&outcome)) {
    std::string body;
    JsonWriter json(body);
    write_allocations(json, *scattered);
    return json_response(201, std::move(body));
  }
  const auto* allocation = std::get_if<ipam::Allocation>(&outcome);
  ASSERT(allocation);
  return with_entity_tag(created("/api/v1/allocations/" + ipam::to_string(allocation->id),
                                 allocation_json(*allocation)),
                         allocation->revision);
}

// The network of "network_id" or "cidr": exactly one. An id that cannot exist is a 404 like one
// that does not.
void read_network(Fields& fields, ipam::Allocate& command) {
  // Clients that always send both leave the other one empty.
  const std::string id_text = fields.unchecked_text("network_id").value_or("");
  const std::string cidr = fields.unchecked_text("cidr").value_or("");
  if (fields.problem()) return;
  if (!id_text.empty() && !cidr.empty())
    return fields.complain(Problem::invalid_field, "give either network_id or cidr, not both");
  if (id_text.empty() && cidr.empty())
    return fields.complain(Problem::invalid_field, "either network_id or cidr is required");
  if (!cidr.empty()) {
    const auto prefix = parse_cidr(cidr);
    if (!prefix) return fields.complain(Problem::invalid_cidr, prefix.error());
    command.network = *prefix;
    if (const auto vrf = fields.unchecked_text("vrf")) command.vrf = parse_vrf(*vrf);
    return;
  }
  if (fields.has("vrf"))
    return fields.complain(Problem::invalid_field, "vrf goes with cidr, not with network_id");
  const auto id = ipam::parse_network_id(id_text);
  if (!id)
    return fields.complain(Problem::network_not_found,
                           "network not found: " + id_text.substr(0, quoted_bytes_max));
  command.network = *id;
}

// "10.0.0.5", "10.0.0.5-10.0.0.9" or "10.0.0.0/28".
std::optional<ipam::AddressRange> parse_range(std::string_view text) {
  if (text.find('/') != std::string_view::npos) {
    const auto prefix = ipam::parse_prefix(text);
    if (!prefix) return std::nullopt;
    return ipam::AddressRange{prefix->base, prefix->last()};
  }
  const std::size_t dash = text.find('-');
  const auto first = ipam::parse_address(text.substr(0, dash));
  const auto last =
      dash == std::string_view::npos ? first : ipam::parse_address(text.substr(dash + 1));
  if (!first || !last || first->family != last->family || *last < *first) return std::nullopt;
  return ipam::AddressRange{*first, *last};
}

std::vector<ipam::AddressRange> read_exclude(Fields& fields) {
  std::vector<ipam::AddressRange> ranges;
  for (const std::string& text : fields.texts("exclude", ipam::exclude_max)) {
    const auto range = parse_range(text);
    if (range)
      ranges.push_back(*range);
    else
      fields.complain(Problem::invalid_field,
                      fmt::format("an element of \"exclude\" must be an address, a range such as "
                                  "10.0.0.5-10.0.0.9, or a CIDR, not {}",
                                  quoted(text)));
  }
  return ranges;
}

ipam::AllocateOptions read_options(Fields& fields) {
  ipam::AllocateOptions options;
  options.ip = read_address(fields, "ip");
  options.force = fields.boolean("force").value_or(false);
  options.range_start = read_address(fields, "range_start");
  options.range_end = read_address(fields, "range_end");
  options.exclude = read_exclude(fields);
  options.align = fields.whole_number("align", align_max).value_or(1);
  options.scattered = !fields.boolean("contiguous").value_or(true);
  options.strategy = read_strategy(fields);
  options.unique_hostname = fields.boolean("unique_hostname").value_or(false);
  options.owner = fields.text("owner", ipam::owner_bytes_max);
  options.metadata = fields.metadata("metadata");
  return options;
}

}  // namespace

std::optional<ipam::Address> read_address(Fields& fields, std::string_view name) {
  const auto text = fields.unchecked_text(name);
  if (!text) return std::nullopt;
  const auto address = ipam::parse_address(*text);
  if (!address)
    fields.complain(Problem::invalid_field,
                    fmt::format("\"{}\" must be an IPv4 or IPv6 address, not {}", name,
                                quoted(*text)));
  return address;
}

std::optional<ipam::Strategy> read_strategy(Fields& fields) {
  const auto text = fields.unchecked_text("strategy");
  if (!text) return std::nullopt;
  const auto strategy = ipam::parse_strategy(*text);
  if (!strategy)
    fields.complain(Problem::invalid_field,
                    fmt::format("\"strategy\" must be first, last, random, sparse or sticky, not "
                                "{}",
                                quoted(*text)));
  return strategy;
}

std::optional<std::uint64_t> read_ttl(Fields& fields) {
  if (fields.has("ttl") && fields.has("ttl_hours")) {
    fields.complain(Problem::invalid_field, "give either ttl (seconds) or ttl_hours, not both");
    return std::nullopt;
  }
  const auto hours = fields.whole_number("ttl_hours", ipam::ttl_seconds_max / seconds_per_hour);
  if (hours) return *hours * seconds_per_hour;
  return fields.whole_number("ttl", ipam::ttl_seconds_max);
}

Body create_allocation(const Call& call) {
  auto fields = Fields::read(
      call, {"network_id", "cidr", "count", "hostname", "description", "tags", "ttl",
             "ttl_hours", "ip", "force", "range_start", "range_end", "exclude", "align",
             "contiguous", "strategy", "unique_hostname", "owner", "metadata", "vrf",
             "dry_run"});
  if (!fields) return Answer{std::move(fields.error())};
  ipam::Allocate command;
  command.count = fields->whole_number("count", count_max).value_or(1);
  command.hostname = fields->hostname("hostname");
  command.description = fields->text("description", ipam::description_bytes_max);
  command.tags = fields->tags("tags");
  command.ttl_seconds = read_ttl(*fields);
  command.options = read_options(*fields);
  const bool dry_run = fields->boolean("dry_run").value_or(false);
  read_network(*fields, command);
  if (fields->problem()) return Answer{*fields->problem()};
  return write_or_dry_run(dry_run, {{.body = std::move(command)}, render_created_allocation});
}

}  // namespace api
