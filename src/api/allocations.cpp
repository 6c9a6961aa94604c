// Allocations: requests into commands and queries. What is active is read from memory, what ended
// from state.db.
#include <fmt/format.h>

#include <memory>

#include "api/allocation_list.hpp"
#include "api/handlers.hpp"
#include "api/json.hpp"
#include "api/object_at.hpp"
#include "api/problems.hpp"
#include "api/render.hpp"

namespace api {

http::Response allocation_not_found(std::string_view id) {
  return problem(Problem::allocation_not_found,
                 "allocation not found: " + std::string(id.substr(0, quoted_bytes_max)));
}

Body list_allocations(const Call& call) {
  const auto all = call.query.boolean("all");
  if (!all) return Answer{all.error()};
  const auto read = AllocationFilter::read(call.query);
  if (!read) return Answer{read.error()};
  if (call.caller.is_limited() && !read->network_id)
    return Answer{problem(Problem::forbidden,
                          fmt::format("the token {} is limited to VRFs: list the allocations of "
                                      "one network, by network_id",
                                      call.caller.actor))};
  const bool has_ended =
      *all || (read->status && *read->status != ipam::AllocationStatus::allocated);
  const auto moment = read_moment(call.query);
  if (!moment) return Answer{moment.error()};
  constexpr std::string_view sorts[] = {"id", "ip"};
  const auto page = PageRequest::read(call, sorts);
  if (!page) return Answer{page.error()};
  if (page->sort == "ip" && (page->descending || !read->network_id || has_ended || *moment))
    return Answer{problem(Problem::invalid_parameter,
                          "sort=ip goes upwards, and with network_id alone: without all, at and a "
                          "status other than allocated")};
  return ReadList{call.consistency, std::make_shared<AllocationList>(*read, call.caller, has_ended,
                                                                     *page, *moment)};
}

namespace {

// Who is limited sees the active ones alone: memory knows whose they are.
void show_limited(ipam::AllocationId id, const Caller& caller, ReadHistory& read) {
  const auto is_seen = std::make_shared<bool>(false);
  read.look = [is_seen, id, caller](const ipam::StateMachine& state, ipam::HistoryQuery&) {
    const auto held = state.allocation(id);
    *is_seen = held && caller.network(state, held->network_id);
  };
  read.render = [is_seen, id, render = std::move(read.render)](const ipam::HistoryAnswer& answer) {
    return *is_seen ? render(answer) : std::optional(allocation_not_found(ipam::to_string(id)));
  };
}

}  // namespace

Body get_allocation(const Call& call) {
  const auto id = ipam::parse_allocation_id(call.id);
  if (!id) return Answer{allocation_not_found(call.id)};
  const auto moment = read_moment(call.query);
  if (!moment) return Answer{moment.error()};
  if (*moment)
    return ReadList{call.consistency,
                    std::make_shared<AllocationAt>(*id, call.caller, **moment)};
  // One question answers for active and ended; the shell knows where each of them is.
  ReadHistory read{call.consistency, ipam::AllocationQuery{*id}, {}, {}};
  read.render = [id = *id](const ipam::HistoryAnswer& answer) {
    const auto* found = std::get_if<std::vector<ipam::Allocation>>(&answer);
    ASSERT(found);
    if (found->empty()) return allocation_not_found(ipam::to_string(id));
    return with_entity_tag(json_response(200, allocation_json(found->front())),
                           found->front().revision);
  };
  if (call.caller.is_limited()) show_limited(*id, call.caller, read);
  return read;
}

}  // namespace api
