// Allocations: requests into commands and queries. What is active is read from memory, what ended
// from state.db.
#include <fmt/format.h>

#include "api/handlers.hpp"
#include "api/json.hpp"
#include "api/problems.hpp"
#include "api/render.hpp"

namespace api {

namespace {

struct Filter {
  std::optional<ipam::NetworkId> network_id;
  std::optional<ipam::Address> ip;

  bool admits(const ipam::Allocation& allocation) const {
    if (network_id && allocation.network_id != *network_id) return false;
    return !ip || (allocation.first <= *ip && *ip <= allocation.last);
  }
};

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

}  // namespace api
