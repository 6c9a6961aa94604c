// The routes as data: route() serves by them, openapi.json is written from them.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "api/handlers.hpp"

namespace api {

// `parameters` ends at the first empty one. Routes that read data also know "consistency".
struct Route {
  http::Method method;
  // Below /api/v1; what is in braces stands for one segment, two at most. The first is {id}.
  std::string_view pattern;
  Handler* handler;
  bool reads_data = false;
  std::array<std::string_view, 16> parameters{};
};

std::span<const Route> route_table();

}  // namespace api
