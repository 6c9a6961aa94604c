// Every error that a user of the API can see, in one table: status, reason and title. A reason is a
// promise to scripts: it is never renamed, and never reused for something else.
// The body is application/problem+json (RFC 9457) plus "error" and "code", which older users read.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "api/action.hpp"
#include "http/message.hpp"
#include "ipam/errors.hpp"

namespace api {

enum class Problem : std::uint8_t {
  // The state machine refuses (ipam/errors.hpp).
  network_not_found,
  allocation_not_found,
  network_exists,
  network_full,
  network_has_allocations,
  child_holds_allocations,
  already_released,
  address_in_use,
  address_not_usable,
  hostname_in_use,
  stale_fence,
  idempotency_key_reused,
  invalid_argument,
  address_in_quarantine,
  vrf_not_found,
  vrf_exists,
  vrf_has_networks,
  vrf_is_default,
  precondition_failed,
  network_not_active,
  reservation_not_found,
  reservation_overlaps,
  address_reserved,
  too_many_reservations,
  allocation_in_the_way,
  network_in_the_way,
  networks_not_mergeable,
  too_much_to_move,
  token_not_found,
  token_exists,
  too_many_tokens,
  too_many_vrfs,
  unauthenticated,
  forbidden,
  // The request is wrong in itself.
  invalid_json,
  unknown_field,
  invalid_field,
  invalid_cidr,
  unknown_parameter,
  invalid_parameter,
  invalid_header,
  // Changes of the cluster's members.
  already_member,
  not_a_member,
  would_lose_quorum,
  no_successor,
  change_in_progress,
  not_a_cluster,
  // What was is no longer known.
  revision_compacted,
  // Who guesses secrets waits.
  too_many_attempts,
  too_many_requests,
  // HTTP itself.
  bad_request,
  not_found,
  method_not_allowed,
  request_timeout,
  length_required,
  body_too_large,
  uri_too_long,
  unsupported_media_type,
  expectation_failed,
  headers_too_large,
  internal_error,
  not_implemented,
  http_version_not_supported,
  // The node cannot answer now.
  no_leader,
  outcome_unknown,
  read_timeout,
  overloaded,
  insufficient_storage,
  shutting_down,
  not_ready,
};

struct ProblemRow {
  Problem problem;
  int status;
  std::string_view reason;  // SCREAMING_SNAKE_CASE; the type is /problems/ and it in kebab-case
  std::string_view title;
};

// In the order of the enum.
std::span<const ProblemRow> problem_table();
const ProblemRow& row_of(Problem problem);
std::string type_of(const ProblemRow& row);  // "/problems/network-full"

// `detail` is a sentence for the user, without capital and full stop. A 503 gets Retry-After.
// `operation` is the one of a transaction that failed, counted from 0.
http::Response problem(Problem problem, std::string_view detail,
                       std::optional<std::uint32_t> operation = std::nullopt);
// The same with one more member.
http::Response problem_with(Problem problem, std::string_view detail, std::string_view member,
                            std::uint64_t value);
// 412 with the entity tag of now, in the header and as current_etag.
http::Response problem_precondition_failed(std::string_view detail, ipam::Revision current);

Problem problem_of(ipam::ErrorCode code);
http::Response problem(const ipam::Error& error);

// 204 where the change is done.
http::Response member_change_response(MemberChangeResult result, std::uint64_t node_id);

}  // namespace api
