// Every way in which the state machine refuses a command. The one table of what users see (status,
// reason, title, type) is api/problems; a test walks both.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "ipam/model.hpp"

namespace ipam {

// Values are written to disk (outcome_codec): never reuse one.
enum class ErrorCode : std::uint8_t {
  network_not_found = 1,          // 404
  allocation_not_found = 2,       // 404
  network_exists = 3,             // 409 duplicate CIDR
  network_full = 4,               // 409 "no available IP addresses in 10.0.0.0/24"
  network_has_allocations = 5,    // 409 "cannot delete network with active allocations"
  child_holds_allocations = 6,    // 409 the new network would cover what its parent handed out
  already_released = 7,           // 409
  address_in_use = 8,             // 409 names the holder
  address_not_usable = 9,         // 409 outside the network, or a child network's
  hostname_in_use = 10,           // 409 names the holder
  stale_fence = 11,               // 409
  idempotency_key_reused = 12,    // 422 the key came with another request
  invalid_argument = 13,          // 400 what the API could not check on its own
  address_in_quarantine = 14,     // 409 it waits before it is handed out again
  vrf_not_found = 15,             // 404
  vrf_exists = 16,                // 409 the name is taken
  vrf_has_networks = 17,          // 409
  vrf_is_default = 18,            // 409 it is always there, under this name
  precondition_failed = 19,       // 412 the object has changed since the client saw it
  network_not_active = 20,        // 409 it hands out nothing by itself; force: true with an ip
  reservation_not_found = 21,     // 404
  reservation_overlaps = 22,      // 409 another of the network has some of its addresses
  address_reserved = 23,          // 409 names the reservation; force: true with an ip
  too_many_reservations = 24,     // 409 the network has reservations_max
  allocation_in_the_way = 25,     // 409 a network of that size would not hold it; names it
  network_in_the_way = 26,        // 409 names the parent or child that it would swap places with
  networks_not_mergeable = 27,    // 409 together they are not one block
  too_much_to_move = 28,          // 409 moves_max, change_bytes_max, change_steps_max
  token_not_found = 29,           // 404
  token_exists = 30,              // 409 the name is taken
  too_many_tokens = 31,           // 409
  unauthenticated = 32,           // 401 the token was revoked or expired meanwhile
  forbidden = 33,                 // 403 the token is limited to VRFs
  too_many_vrfs = 34,             // 409
};
inline constexpr ErrorCode error_code_last = ErrorCode::too_many_vrfs;

struct Error {
  ErrorCode code = ErrorCode::invalid_argument;
  std::string detail;  // a sentence for the user, without capital and full stop
  std::optional<std::uint32_t> operation = {};  // of the transaction, counted from 0, that failed
  Revision current = {};  // of the object, where a precondition failed

  friend bool operator==(const Error&, const Error&) = default;
};

}  // namespace ipam
