#include "api/problems.hpp"

#include <fmt/format.h>

#include <array>

#include "api/failed_attempts.hpp"
#include "api/json_writer.hpp"
#include "api/render.hpp"
#include "base/ascii.hpp"
#include "base/assert.hpp"

namespace api {

namespace {

using P = Problem;

constexpr std::array table{
    ProblemRow{P::network_not_found, 404, "NETWORK_NOT_FOUND", "Network not found"},
    ProblemRow{P::allocation_not_found, 404, "ALLOCATION_NOT_FOUND", "Allocation not found"},
    ProblemRow{P::network_exists, 409, "NETWORK_EXISTS", "Network exists already"},
    ProblemRow{P::network_full, 409, "NETWORK_FULL", "Network full"},
    ProblemRow{P::network_has_allocations, 409, "NETWORK_HAS_ALLOCATIONS",
               "Network has active allocations"},
    ProblemRow{P::child_holds_allocations, 409, "CHILD_HOLDS_ALLOCATIONS",
               "Addresses are in use by another network"},
    ProblemRow{P::already_released, 409, "ALREADY_RELEASED", "Allocation is released already"},
    ProblemRow{P::address_in_use, 409, "ADDRESS_IN_USE", "Address is in use"},
    ProblemRow{P::address_not_usable, 409, "ADDRESS_NOT_USABLE",
               "Address cannot be handed out by this network"},
    ProblemRow{P::hostname_in_use, 409, "HOSTNAME_IN_USE", "Hostname is in use"},
    ProblemRow{P::stale_fence, 409, "STALE_FENCE", "Fence is not the allocation's"},
    ProblemRow{P::idempotency_key_reused, 422, "IDEMPOTENCY_KEY_REUSED",
               "Idempotency key used before"},
    ProblemRow{P::invalid_argument, 400, "INVALID_ARGUMENT", "Invalid argument"},
    ProblemRow{P::address_in_quarantine, 409, "ADDRESS_IN_QUARANTINE", "Address is in quarantine"},
    ProblemRow{P::vrf_not_found, 404, "VRF_NOT_FOUND", "VRF not found"},
    ProblemRow{P::vrf_exists, 409, "VRF_EXISTS", "VRF exists already"},
    ProblemRow{P::vrf_has_networks, 409, "VRF_HAS_NETWORKS", "VRF has networks"},
    ProblemRow{P::vrf_is_default, 409, "VRF_IS_DEFAULT", "The default VRF stays as it is"},
    ProblemRow{P::precondition_failed, 412, "PRECONDITION_FAILED", "Object has changed"},
    ProblemRow{P::network_not_active, 409, "NETWORK_NOT_ACTIVE",
               "Network hands out nothing by itself"},
    ProblemRow{P::reservation_not_found, 404, "RESERVATION_NOT_FOUND", "Reservation not found"},
    ProblemRow{P::reservation_overlaps, 409, "RESERVATION_OVERLAPS",
               "Another reservation has some of the addresses"},
    ProblemRow{P::address_reserved, 409, "ADDRESS_RESERVED", "Address is reserved"},
    ProblemRow{P::too_many_reservations, 409, "TOO_MANY_RESERVATIONS",
               "Network has as many reservations as it may"},
    ProblemRow{P::allocation_in_the_way, 409, "ALLOCATION_IN_THE_WAY",
               "Allocation is in the way"},
    ProblemRow{P::network_in_the_way, 409, "NETWORK_IN_THE_WAY", "Network is in the way"},
    ProblemRow{P::networks_not_mergeable, 409, "NETWORKS_NOT_MERGEABLE",
               "Networks cannot be merged"},
    ProblemRow{P::too_much_to_move, 409, "TOO_MUCH_TO_MOVE", "Too much to move"},
    ProblemRow{P::token_not_found, 404, "TOKEN_NOT_FOUND", "Token not found"},
    ProblemRow{P::token_exists, 409, "TOKEN_EXISTS", "Token exists already"},
    ProblemRow{P::too_many_tokens, 409, "TOO_MANY_TOKENS", "Too many tokens"},
    ProblemRow{P::too_many_vrfs, 409, "TOO_MANY_VRFS", "Too many VRFs"},
    ProblemRow{P::unauthenticated, 401, "UNAUTHENTICATED", "No valid token"},
    ProblemRow{P::forbidden, 403, "FORBIDDEN", "Not allowed for this token"},

    ProblemRow{P::invalid_json, 400, "INVALID_JSON", "Invalid JSON"},
    ProblemRow{P::unknown_field, 400, "UNKNOWN_FIELD", "Unknown field"},
    ProblemRow{P::invalid_field, 400, "INVALID_FIELD", "Invalid field"},
    ProblemRow{P::invalid_cidr, 400, "INVALID_CIDR", "Invalid CIDR"},
    ProblemRow{P::unknown_parameter, 400, "UNKNOWN_PARAMETER", "Unknown query parameter"},
    ProblemRow{P::invalid_parameter, 400, "INVALID_PARAMETER", "Invalid query parameter"},
    ProblemRow{P::invalid_header, 400, "INVALID_HEADER", "Invalid header"},

    ProblemRow{P::already_member, 409, "ALREADY_MEMBER", "Node is a member already"},
    ProblemRow{P::not_a_member, 404, "NOT_A_MEMBER", "Node is not a member"},
    ProblemRow{P::would_lose_quorum, 409, "WOULD_LOSE_QUORUM", "Change would lose the quorum"},
    ProblemRow{P::no_successor, 409, "NO_SUCCESSOR", "Nobody else can lead"},
    ProblemRow{P::change_in_progress, 409, "CHANGE_IN_PROGRESS",
               "Another membership change is in progress"},
    ProblemRow{P::not_a_cluster, 404, "NOT_A_CLUSTER", "Not a cluster"},

    ProblemRow{P::revision_compacted, 410, "REVISION_COMPACTED", "Revision is compacted"},

    ProblemRow{P::too_many_attempts, 429, "TOO_MANY_ATTEMPTS", "Too many wrong tokens"},
    ProblemRow{P::too_many_requests, 429, "TOO_MANY_REQUESTS", "Too many requests"},

    ProblemRow{P::bad_request, 400, "BAD_REQUEST", "Bad request"},
    ProblemRow{P::not_found, 404, "NOT_FOUND", "No such route"},
    ProblemRow{P::method_not_allowed, 405, "METHOD_NOT_ALLOWED", "Method not allowed"},
    ProblemRow{P::request_timeout, 408, "REQUEST_TIMEOUT", "Request timeout"},
    ProblemRow{P::length_required, 411, "LENGTH_REQUIRED", "Length required"},
    ProblemRow{P::body_too_large, 413, "BODY_TOO_LARGE", "Body too large"},
    ProblemRow{P::uri_too_long, 414, "URI_TOO_LONG", "URI too long"},
    ProblemRow{P::unsupported_media_type, 415, "UNSUPPORTED_MEDIA_TYPE",
               "Unsupported media type"},
    ProblemRow{P::expectation_failed, 417, "EXPECTATION_FAILED", "Expectation failed"},
    ProblemRow{P::headers_too_large, 431, "HEADERS_TOO_LARGE", "Headers too large"},
    ProblemRow{P::internal_error, 500, "INTERNAL_ERROR", "Internal error"},
    ProblemRow{P::not_implemented, 501, "NOT_IMPLEMENTED", "Not implemented"},
    ProblemRow{P::http_version_not_supported, 505, "HTTP_VERSION_NOT_SUPPORTED",
               "HTTP version not supported"},

    ProblemRow{P::no_leader, 503, "NO_LEADER", "No leader"},
    ProblemRow{P::outcome_unknown, 504, "OUTCOME_UNKNOWN", "Outcome unknown"},
    ProblemRow{P::read_timeout, 503, "READ_TIMEOUT", "Read timeout"},
    ProblemRow{P::overloaded, 503, "OVERLOADED", "Overloaded"},
    ProblemRow{P::insufficient_storage, 507, "INSUFFICIENT_STORAGE", "Too little disk space"},
    ProblemRow{P::shutting_down, 503, "SHUTTING_DOWN", "Shutting down"},
    ProblemRow{P::not_ready, 503, "NOT_READY", "Not ready"},
};

constexpr bool in_enum_order() {
  for (std::size_t i = 0; i < table.size(); ++i)
    if (static_cast<std::size_t>(table[i].problem) != i) return false;
  return table.size() == static_cast<std::size_t>(P::not_ready) + 1;
}
static_assert(in_enum_order());

// The rows that stand for a status as such, for errors of HTTP itself.
constexpr bool is_http_row(const ProblemRow& row) {
  return row.problem >= P::bad_request && row.problem <= P::http_version_not_supported;
}

template <typename WriteMore>
http::Response problem_response(Problem problem, std::string_view detail,
                                const WriteMore& write_more) {
  const ProblemRow& row = row_of(problem);
  http::Response response;
  response.status = row.status;
  response.content_type = "application/problem+json";
  // A rate is of whole requests a second: the next one may come within one.
  if (row.status == 503 || problem == Problem::too_many_requests)
    response.headers.push_back({"Retry-After", "1"});
  if (row.status == 401) response.headers.push_back({"WWW-Authenticate", "Bearer"});
  if (problem == Problem::too_many_attempts)
    response.headers.push_back({"Retry-After", fmt::format_int(attempts_window_seconds).str()});
  JsonWriter json(response.body);
  json.begin_object();
  json.text("type", type_of(row));
  json.text("title", row.title);
  json.count("status", static_cast<unsigned>(row.status));
  json.text("detail", detail);
  json.text("error", detail);
  json.count("code", static_cast<unsigned>(row.status));
  json.text("reason", row.reason);
  write_more(json);
  json.end_object();
  return response;
}

}  // namespace

std::span<const ProblemRow> problem_table() { return table; }

const ProblemRow& row_of(Problem problem) {
  const auto index = static_cast<std::size_t>(problem);
  ASSERT(index < table.size());
  return table[index];
}

std::string type_of(const ProblemRow& row) {
  std::string type = "/problems/";
  for (const char c : row.reason) type += c == '_' ? '-' : base::lower_case(c);
  return type;
}

http::Response problem(Problem problem, std::string_view detail,
                       std::optional<std::uint32_t> operation) {
  if (!operation) return problem_with(problem, detail, "", 0);
  return problem_with(problem, fmt::format("operations[{}]: {}", *operation, detail), "operation",
                      *operation);
}

http::Response problem_with(Problem problem, std::string_view detail, std::string_view member,
                            std::uint64_t value) {
  return problem_response(problem, detail, [&](JsonWriter& json) {
    if (!member.empty()) json.count(member, value);
  });
}

http::Response problem_precondition_failed(std::string_view detail, ipam::Revision current) {
  const std::string tag = entity_tag(current);
  return with_entity_tag(
      problem_response(P::precondition_failed, detail,
                       [&](JsonWriter& json) { json.text("current_etag", tag); }),
      current);
}

Problem problem_of(ipam::ErrorCode code) {
  switch (code) {
    case ipam::ErrorCode::network_not_found: return P::network_not_found;
    case ipam::ErrorCode::allocation_not_found: return P::allocation_not_found;
    case ipam::ErrorCode::idempotency_key_reused: return P::idempotency_key_reused;
    case ipam::ErrorCode::network_exists: return P::network_exists;
    case ipam::ErrorCode::network_full: return P::network_full;
    case ipam::ErrorCode::network_has_allocations: return P::network_has_allocations;
    case ipam::ErrorCode::child_holds_allocations: return P::child_holds_allocations;
    case ipam::ErrorCode::already_released: return P::already_released;
    case ipam::ErrorCode::address_in_use: return P::address_in_use;
    case ipam::ErrorCode::address_not_usable: return P::address_not_usable;
    case ipam::ErrorCode::hostname_in_use: return P::hostname_in_use;
    case ipam::ErrorCode::stale_fence: return P::stale_fence;
    case ipam::ErrorCode::invalid_argument: return P::invalid_argument;
    case ipam::ErrorCode::address_in_quarantine: return P::address_in_quarantine;
    case ipam::ErrorCode::vrf_not_found: return P::vrf_not_found;
    case ipam::ErrorCode::vrf_exists: return P::vrf_exists;
    case ipam::ErrorCode::vrf_has_networks: return P::vrf_has_networks;
    case ipam::ErrorCode::vrf_is_default: return P::vrf_is_default;
    case ipam::ErrorCode::precondition_failed: return P::precondition_failed;
    case ipam::ErrorCode::network_not_active: return P::network_not_active;
    case ipam::ErrorCode::reservation_not_found: return P::reservation_not_found;
    case ipam::ErrorCode::reservation_overlaps: return P::reservation_overlaps;
    case ipam::ErrorCode::address_reserved: return P::address_reserved;
    case ipam::ErrorCode::too_many_reservations: return P::too_many_reservations;
    case ipam::ErrorCode::allocation_in_the_way: return P::allocation_in_the_way;
    case ipam::ErrorCode::network_in_the_way: return P::network_in_the_way;
    case ipam::ErrorCode::networks_not_mergeable: return P::networks_not_mergeable;
    case ipam::ErrorCode::too_much_to_move: return P::too_much_to_move;
    case ipam::ErrorCode::token_not_found: return P::token_not_found;
    case ipam::ErrorCode::token_exists: return P::token_exists;
    case ipam::ErrorCode::too_many_tokens: return P::too_many_tokens;
    case ipam::ErrorCode::too_many_vrfs: return P::too_many_vrfs;
    case ipam::ErrorCode::unauthenticated: return P::unauthenticated;
    case ipam::ErrorCode::forbidden: return P::forbidden;
  }
  UNREACHABLE();
}

http::Response problem(const ipam::Error& error) {
  if (error.code == ipam::ErrorCode::precondition_failed)
    return problem_precondition_failed(error.detail, error.current);
  return problem(problem_of(error.code), error.detail, error.operation);
}

http::Response member_change_response(MemberChangeResult result, std::uint64_t node_id) {
  switch (result) {
    case MemberChangeResult::done: return no_content();
    case MemberChangeResult::no_leader: return problem_no_leader();
    case MemberChangeResult::outcome_unknown:
      return problem(P::outcome_unknown,
                     "the membership change was sent to the cluster, but its result is not known "
                     "yet: it may or may not happen; look at GET /api/v1/cluster/status, then send "
                     "it again where it is missing (sending it twice does no harm)");
    case MemberChangeResult::already_member:
      return problem(P::already_member,
                     fmt::format("node {} is a member already, or its address is in use", node_id));
    case MemberChangeResult::not_a_member:
      return problem(P::not_a_member, fmt::format("node not found: {}", node_id));
    case MemberChangeResult::would_lose_quorum:
      return problem(P::would_lose_quorum,
                     fmt::format("without node {} too few members would be reachable to form a "
                                 "quorum; bring the others back first",
                                 node_id));
    case MemberChangeResult::change_in_progress:
      return problem(P::change_in_progress,
                     "another membership change is not finished yet; try again once it is");
    case MemberChangeResult::no_successor:
      return problem(P::no_successor, "the leader hears of no other voting member that could lead");
    case MemberChangeResult::not_a_cluster:
      return problem(P::not_a_cluster, "not a cluster: this server runs in standalone mode");
  }
  UNREACHABLE();
}

http::Response problem_no_leader() {
  return problem(P::no_leader, "no leader: nothing was changed; try again in a moment");
}

http::Response problem_outcome_unknown() {
  return problem(P::outcome_unknown,
                 "the change was sent to the cluster, but its result is not known yet: it may or "
                 "may not happen; to retry: if it had an Idempotency-Key, send it again with the "
                 "same key, to any node, and it happens once; without one, look with GET first: "
                 "an allocation sent again is a second one");
}

http::Response problem_read_timeout() {
  return problem(P::read_timeout,
                 "no leader confirmed in time that this node is up to date; try again, or read "
                 "with ?consistency=stale what this node has");
}

http::Response problem_revision_not_reached(std::uint64_t wanted, std::uint64_t applied) {
  return problem(P::read_timeout,
                 fmt::format("this node has not reached revision {} of X-Ipam-Min-Revision in "
                             "time, it is at {}: nothing was done; try again or at another node, "
                             "or take X-Ipam-Revision of an answer of this cluster",
                             wanted, applied));
}

http::Response problem_overloaded() {
  return problem(P::overloaded, "too many requests are waiting: nothing was changed; try again");
}

http::Response problem_shutting_down() {
  return problem(P::shutting_down, "this node is shutting down: nothing was changed");
}

http::Response problem_for_status(int status, std::string_view detail) {
  for (const ProblemRow& row : table)
    if (is_http_row(row) && row.status == status) return problem(row.problem, detail);
  if (status == 503) return problem(P::overloaded, detail);
  return problem(status >= 500 ? P::internal_error : P::bad_request, detail);
}

}  // namespace api
