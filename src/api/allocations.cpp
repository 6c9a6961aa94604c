// Allocations: requests into commands and queries. What is active is read from memory, what ended
// from state.db.
#include <fmt/format.h>

#include <limits>

#include "api/handlers.hpp"
#include "api/json.hpp"
#include "api/problems.hpp"
#include "api/render.hpp"

namespace api {

namespace {

constexpr std::uint64_t count_max = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t seconds_per_hour = 3600;

struct Filter {
  std::optional<ipam::NetworkId> network_id;
  std::optional<ipam::Address> ip;

  bool admits(const ipam::Allocation& allocation) const {
    if (network_id && allocation.network_id != *network_id) return false;
    return !ip || (allocation.first <= *ip && *ip <= allocation.last);
  }
};

std::string allocation_json(const ipam::Allocation& allocation) {
  std::string body;
  JsonWriter json(body);
  write_allocation(json, allocation);
  return body;
}

http::Response render_active(const ipam::StateMachine& state, const Filter& filter) {
  if (filter.network_id && !state.network(*filter.network_id))
    return network_not_found(ipam::to_string(*filter.network_id));
  std::string body;
  JsonWriter json(body);
  const auto write = [&](const ipam::Allocation& allocation) {
    write_allocation(json, allocation);
  };
  json.begin_array();
  if (filter.ip) {
    for (const ipam::Allocation* allocation : state.allocations_holding(*filter.ip))
      if (filter.admits(*allocation)) write(*allocation);
  } else if (filter.network_id) {
    state.for_each_allocation_in(*filter.network_id, write);
  } else {
    body.reserve(2 + state.allocation_count() * allocation_bytes_typical);
    state.for_each_allocation(write);
  }
  json.end_array();
  return json_response(200, std::move(body));
}

http::Response render_ever(const ipam::HistoryAnswer& answer, const Filter& filter) {
  const auto* allocations = std::get_if<std::vector<ipam::Allocation>>(&answer);
  ASSERT(allocations);
  std::string body;
  if (!filter.ip) body.reserve(2 + allocations->size() * allocation_bytes_typical);
  JsonWriter json(body);
  json.begin_array();
  for (const ipam::Allocation& allocation : *allocations)
    if (filter.admits(allocation)) write_allocation(json, allocation);
  json.end_array();
  return json_response(200, std::move(body));
}

http::Response render_created_allocation(const ipam::Outcome& outcome) {
  if (const auto* error = std::get_if<ipam::Error>(&outcome)) return problem(*error);
  const auto* allocation = std::get_if<ipam::Allocation>(&outcome);
  ASSERT(allocation);
  return created("/api/v1/allocations/" + ipam::to_string(allocation->id),
                 allocation_json(*allocation));
}

http::Response render_released(const ipam::Outcome& outcome) {
  if (const auto* error = std::get_if<ipam::Error>(&outcome)) return problem(*error);
  return no_content();
}

// The seconds of "ttl" or "ttl_hours".
std::optional<std::uint64_t> read_ttl(Fields& fields) {
  if (fields.has("ttl") && fields.has("ttl_hours")) {
    fields.complain(Problem::invalid_field, "give either ttl (seconds) or ttl_hours, not both");
    return std::nullopt;
  }
  const auto hours = fields.whole_number("ttl_hours", ipam::ttl_seconds_max / seconds_per_hour);
  if (hours) return *hours * seconds_per_hour;
  return fields.whole_number("ttl", ipam::ttl_seconds_max);
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
    return;
  }
  const auto id = ipam::parse_network_id(id_text);
  if (!id)
    return fields.complain(Problem::network_not_found,
                           "network not found: " + id_text.substr(0, quoted_bytes_max));
  command.network = *id;
}

}  // namespace

http::Response allocation_not_found(std::string_view id) {
  return problem(Problem::allocation_not_found,
                 "allocation not found: " + std::string(id.substr(0, quoted_bytes_max)));
}

Body list_allocations(const Call& call) {
  const auto all = call.query.boolean("all");
  if (!all) return Answer{all.error()};
  Filter filter;
  if (const std::string* text = call.query.find("network_id")) {
    filter.network_id = ipam::parse_network_id(*text);
    if (!filter.network_id) return Answer{network_not_found(*text)};
  }
  if (const std::string* text = call.query.find("ip")) {
    filter.ip = ipam::parse_address(*text);
    if (!filter.ip)
      return Answer{problem(
          Problem::invalid_parameter,
          fmt::format("ip must be an IPv4 or IPv6 address, not {}", quoted(*text)))};
  }
  if (*all)
    return ReadHistory{call.consistency, ipam::AllocationsQuery{filter.network_id},
                       [filter](const ipam::HistoryAnswer& answer) {
                         return render_ever(answer, filter);
                       }};
  return Read{call.consistency, [filter](const ipam::StateMachine& state) {
                return render_active(state, filter);
              }};
}

Body create_allocation(const Call& call) {
  auto fields = Fields::read(call.request, {"network_id", "cidr", "count", "hostname",
                                            "description", "tags", "ttl", "ttl_hours"});
  if (!fields) return Answer{std::move(fields.error())};
  ipam::Allocate command;
  command.count = fields->whole_number("count", count_max).value_or(1);
  command.hostname = fields->hostname("hostname");
  command.description = fields->text("description", ipam::description_bytes_max);
  command.tags = fields->tags("tags");
  command.ttl_seconds = read_ttl(*fields);
  read_network(*fields, command);
  if (fields->problem()) return Answer{*fields->problem()};
  return Write{{.body = std::move(command)}, render_created_allocation};
}

Body get_allocation(const Call& call) {
  const auto id = ipam::parse_allocation_id(call.id);
  if (!id) return Answer{allocation_not_found(call.id)};
  // Always from state.db: it holds every status, so one question answers for active and ended.
  return ReadHistory{call.consistency, ipam::AllocationQuery{*id},
                     [id = *id](const ipam::HistoryAnswer& answer) {
                       const auto* found = std::get_if<std::vector<ipam::Allocation>>(&answer);
                       ASSERT(found);
                       if (found->empty()) return allocation_not_found(ipam::to_string(id));
                       return json_response(200, allocation_json(found->front()));
                     }};
}

Body release_allocation(const Call& call) {
  const auto id = ipam::parse_allocation_id(call.id);
  if (!id) return Answer{allocation_not_found(call.id)};
  const auto fields = Fields::read(call.request, {});
  if (!fields) return Answer{fields.error()};
  return Write{{.body = ipam::Release{*id}}, render_released};
}

}  // namespace api
