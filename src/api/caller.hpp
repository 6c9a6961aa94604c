// Who sent a request, and which secret came with it. Pure; the lookup that turns the one into the
// other is server/'s.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "http/message.hpp"
#include "ipam/state_machine.hpp"

namespace api {

struct Caller {
  std::string actor = "system";  // for the audit log
  ipam::Role role = ipam::Role::admin;
  std::vector<ipam::VrfId> vrfs = {};  // limited to these, ascending; empty: not limited
  ipam::TokenId token = {};            // none where it is somebody of this machine

  friend bool operator==(const Caller&, const Caller&) = default;

  bool is_limited() const { return !vrfs.empty(); }
  bool may_see(ipam::VrfId vrf) const;
  // nullptr where it is not there, or not for the caller to see.
  const ipam::Network* network(const ipam::StateMachine& state, ipam::NetworkId id) const;
};

// Why a request is not answered for its sender: 401, and 429 for the last two.
enum class Denial : std::uint8_t {
  no_token,
  unknown_token,
  expired_token,
  revoked_token,  // while the request was being answered
  too_many_attempts,
  too_many_requests,  // of somebody; see request_rate.hpp
};
using Identity = std::variant<Caller, Denial>;

// The hash of the secret in `Authorization: Bearer SECRET`; nullopt where there is none, or
// several, or something else (RFC 6750 §2.1).
std::optional<base::Sha256> presented_hash(const http::Request& request);

// Of whoever has the secret of this hash, at this time: a Caller, unknown_token or expired_token.
Identity identify(const ipam::StateMachine& state, const base::Sha256& hash, ipam::TimeMs now);

// Where no token is asked for: why a browser's page of another site may change nothing, for it
// needs no more than that its user can reach this server; nullopt: it is none, or only reads.
std::optional<http::Response> refuse_foreign_page(const http::Request& request);

// Whether it is answered without a token.
bool is_open(const http::Request& request);

// 401 with WWW-Authenticate, or 429 with Retry-After.
http::Response denied(Denial denial);

}  // namespace api
