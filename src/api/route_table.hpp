// The routes as data: route() serves by them, openapi.json is written from them.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string_view>

#include "api/handlers.hpp"

namespace api {

// Who may use a route: nobody needs to be known where there is no role. It has no default, so that
// a route without one does not compile.
struct Access {
  std::optional<ipam::Role> role;
  // Also a token that is limited to VRFs: the handler, or the command where it is applied, leaves
  // out what lies in others.
  bool for_limited;

  constexpr Access(std::optional<ipam::Role> needed, bool is_for_limited)
      : role(needed), for_limited(is_for_limited) {}
};

// `parameters` ends at the first empty one. Routes that read data also know "consistency".
struct Route {
  http::Method method;
  // Below /api/v1; what is in braces stands for one segment, two at most. The first is {id}.
  std::string_view pattern;
  Handler* handler;
  Access access;
  bool reads_data = false;
  std::array<std::string_view, 16> parameters{};
};

std::span<const Route> route_table();

// nullptr: none has this method and path.
const Route* find_route(const http::Request& request);

}  // namespace api
