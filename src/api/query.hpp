// The query parameters of a request, checked against those that its route knows. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/action.hpp"
#include "base/result.hpp"
#include "http/message.hpp"

namespace api {

// A time of RFC 3339 as it comes in a query, where a + that was not encoded is a blank.
std::optional<ipam::TimeMs> parse_query_time(std::string_view text);

class Query {
 public:
  // The error is a 400 that names the parameter and those that are known.
  static base::Result<Query, http::Response> parse(std::string_view raw,
                                                   std::span<const std::string_view> known);

  // nullptr where it is not given.
  const std::string* find(std::string_view name) const;
  std::optional<std::string> text(std::string_view name) const;  // a copy of the same

  // ---- the usual kinds; the error is the answer ----
  base::Result<bool, http::Response> boolean(std::string_view name) const;  // default: false
  base::Result<std::uint64_t, http::Response> whole_number(std::string_view name,
                                                           std::uint64_t max,
                                                           std::uint64_t otherwise) const;
  // An RFC 3339 time.
  base::Result<std::optional<ipam::TimeMs>, http::Response> moment(std::string_view name) const;
  base::Result<Consistency, http::Response> consistency() const;

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;
};

}  // namespace api
