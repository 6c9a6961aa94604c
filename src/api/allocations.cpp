// Allocations: requests into commands and queries. What is active is read from memory, what ended
// from state.db.
#include <fmt/format.h>

#include "api/allocation_filter.hpp"
#include "api/handlers.hpp"
#include "api/json.hpp"
#include "api/problems.hpp"
#include "api/render.hpp"

namespace api {

namespace {

using Filter = AllocationFilter;

http::Response render_active(const ipam::StateMachine& state, const Filter& filter) {
  if (filter.network_id && !state.network(*filter.network_id))
    return network_not_found(ipam::to_string(*filter.network_id));
  std::string body;
  JsonWriter json(body);
  const auto write = [&](const ipam::Allocation& allocation) {
    if (filter.admits(allocation)) write_allocation(json, allocation);
  };
  json.begin_array();
  if (filter.ip) {
    for (const ipam::Allocation* allocation : state.allocations_holding(*filter.ip))
      write(*allocation);
  } else if (filter.network_id) {
    state.for_each_allocation_in(*filter.network_id, write);
  } else {
    if (filter.admits_all()) body.reserve(2 + state.allocation_count() * allocation_bytes_typical);
    state.for_each_allocation(write);
  }
  json.end_array();
  return json_response(200, std::move(body));
}

http::Response render_ever(const ipam::HistoryAnswer& answer, const Filter& filter) {
  const auto* allocations = std::get_if<std::vector<ipam::Allocation>>(&answer);
  ASSERT(allocations);
  std::string body;
  if (filter.admits_all()) body.reserve(2 + allocations->size() * allocation_bytes_typical);
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
  const auto read = AllocationFilter::read(call.query);
  if (!read) return Answer{read.error()};
  const Filter& filter = *read;
  const bool has_ended = filter.status && *filter.status != ipam::AllocationStatus::allocated;
  if (*all || has_ended)
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
