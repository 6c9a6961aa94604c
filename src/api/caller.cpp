#include "api/caller.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "api/problems.hpp"
#include "api/route_table.hpp"
#include "api/text.hpp"
#include "base/sha256.hpp"

namespace api {

namespace {

// The longest secret that is looked at: any of ours is shorter.
constexpr std::size_t secret_bytes_max = 512;

}  // namespace

bool Caller::may_see(ipam::VrfId vrf) const {
  return vrfs.empty() || std::binary_search(vrfs.begin(), vrfs.end(), vrf);
}

const ipam::Network* Caller::network(const ipam::StateMachine& state, ipam::NetworkId id) const {
  const ipam::Network* const network = state.network(id);
  return network != nullptr && may_see(network->vrf) ? network : nullptr;
}

std::optional<base::Sha256> presented_hash(const http::Request& request) {
  constexpr std::string_view scheme = "Bearer ";
  const std::string* found = nullptr;
  for (const http::Header& header : request.headers) {
    if (!http::equal_ignoring_case(header.name, "Authorization")) continue;
    if (found != nullptr) return std::nullopt;
    found = &header.value;
  }
  if (found == nullptr || found->size() <= scheme.size()) return std::nullopt;
  std::string_view secret = *found;
  if (!http::equal_ignoring_case(secret.substr(0, scheme.size()), scheme)) return std::nullopt;
  secret.remove_prefix(scheme.size());
  while (secret.starts_with(' ')) secret.remove_prefix(1);
  if (secret.empty() || secret.size() > secret_bytes_max) return std::nullopt;
  return base::sha256(secret);
}

Identity identify(const ipam::StateMachine& state, const base::Sha256& hash, ipam::TimeMs now) {
  const ipam::Token* const token = state.token_of(hash);
  if (token == nullptr) return Denial::unknown_token;
  if (token->is_expired(now)) return Denial::expired_token;
  return Caller{token->name, token->role, token->vrfs, token->id};
}

std::optional<http::Response> refuse_foreign_page(const http::Request& request) {
  using http::Method;
  if (request.method == Method::get || request.method == Method::head ||
      request.method == Method::options)
    return std::nullopt;
  const std::string* const origin = request.header("Origin");  // no page can leave it out
  if (origin == nullptr) return std::nullopt;
  const std::size_t scheme_end = origin->find("://");
  const std::string_view site = scheme_end == std::string::npos
                                    ? std::string_view(*origin)
                                    : std::string_view(*origin).substr(scheme_end + 3);
  // A proxy may ask under another name.
  for (const char* name : {"Host", "X-Forwarded-Host"})
    if (const std::string* const host = request.header(name);
        host != nullptr && http::equal_ignoring_case(*host, site))
      return std::nullopt;
  return problem(Problem::forbidden,
                 fmt::format("a page of {} may change nothing here, where no token is asked for: "
                             "start with --auth required, or leave Origin out",
                             quoted(*origin)));
}

bool is_open(const http::Request& request) {
  const Route* const route = find_route(request);
  return route != nullptr && !route->access.role;
}

// An unknown secret and none are told the same: only who has a secret of ours learns more.
http::Response denied(Denial denial) {
  switch (denial) {
    case Denial::expired_token: return problem(Problem::unauthenticated, "the token has expired");
    case Denial::revoked_token: return problem(Problem::unauthenticated, "the token was revoked");
    case Denial::too_many_attempts:
      return problem(Problem::too_many_attempts,
                     "too many wrong tokens came from this address: try again in a minute");
    case Denial::too_many_requests:
      return problem(Problem::too_many_requests,
                     "too many requests: nothing was changed; try again in a second");
    case Denial::no_token:
    case Denial::unknown_token: break;
  }
  return problem(Problem::unauthenticated,
                 "a valid token is needed: send it as Authorization: Bearer TOKEN");
}

}  // namespace api
