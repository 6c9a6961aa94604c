#include "api/query.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "api/problems.hpp"
#include "api/text.hpp"

namespace api {

namespace {

http::Response invalid(std::string_view detail) {
  return problem(Problem::invalid_parameter, detail);
}

}  // namespace

base::Result<Query, http::Response> Query::parse(std::string_view raw,
                                                 std::span<const std::string_view> known) {
  Query query;
  auto pairs = http::parse_query(raw);
  if (!pairs)
    return base::fail(problem(Problem::bad_request,
                              "the query string has a bad percent-encoding or too many parts"));
  query.pairs_ = *std::move(pairs);
  for (std::size_t i = 0; i < query.pairs_.size(); ++i) {
    const std::string& name = query.pairs_[i].first;
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      const std::string names = known.empty() ? "none" : fmt::format("{}", fmt::join(known, ", "));
      return base::fail(problem(
          Problem::unknown_parameter,
          fmt::format("unknown query parameter {}; known parameters: {}", quoted(name), names)));
    }
    for (std::size_t j = 0; j < i; ++j)
      if (query.pairs_[j].first == name)
        return base::fail(invalid(fmt::format("{} is given twice", name)));
  }
  return query;
}

const std::string* Query::find(std::string_view name) const {
  for (const auto& [key, value] : pairs_)
    if (key == name) return &value;
  return nullptr;
}

std::optional<std::string> Query::text(std::string_view name) const {
  const std::string* value = find(name);
  return value ? std::optional(*value) : std::nullopt;
}

base::Result<bool, http::Response> Query::boolean(std::string_view name) const {
  const std::string* value = find(name);
  if (!value) return false;
  if (*value == "true") return true;
  if (*value == "false") return false;
  return base::fail(invalid(fmt::format("{} must be true or false, not {}", name, quoted(*value))));
}

std::optional<ipam::TimeMs> parse_query_time(std::string_view text) {
  constexpr std::size_t offset_bytes = 6;  // "+01:00"
  std::string moment(text);
  if (moment.size() > offset_bytes && moment[moment.size() - offset_bytes] == ' ')
    moment[moment.size() - offset_bytes] = '+';
  return ipam::parse_rfc3339(moment);
}

base::Result<std::uint64_t, http::Response> Query::whole_number(std::string_view name,
                                                                std::uint64_t max,
                                                                std::uint64_t otherwise) const {
  const std::string* value = find(name);
  if (!value) return otherwise;
  const auto number = parse_whole_number(*value);
  if (number && *number >= 1 && *number <= max) return *number;
  return base::fail(invalid(
      fmt::format("{} must be a whole number from 1 to {}, not {}", name, max, quoted(*value))));
}

base::Result<std::optional<ipam::TimeMs>, http::Response> Query::moment(
    std::string_view name) const {
  const std::string* value = find(name);
  if (!value) return std::optional<ipam::TimeMs>();
  if (const auto time = parse_query_time(*value)) return time;
  return base::fail(invalid(fmt::format(
      "{} must be a time such as 2024-01-15T10:30:00Z, not {}", name, quoted(*value))));
}

base::Result<Consistency, http::Response> Query::consistency() const {
  const std::string* value = find("consistency");
  if (!value || *value == "linearizable") return Consistency::linearizable;
  if (*value == "stale") return Consistency::stale;
  return base::fail(
      invalid(fmt::format("consistency must be linearizable or stale, not {}", quoted(*value))));
}

}  // namespace api
