#include "api/pages.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "api/problems.hpp"
#include "api/text.hpp"

namespace api {

http::Header next_page_link(const http::Request& request, std::string_view cursor) {
  std::string query;
  std::string_view rest = request.query;
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    if (pair.empty() || pair.starts_with("cursor=")) continue;
    for (const char c : pair)  // what would end the Link early
      query += c == '<' || c == '>' || c == '"' ? fmt::format("%{:02X}", c) : std::string(1, c);
    query += '&';
  }
  return {"Link", fmt::format("<{}?{}cursor={}>; rel=\"next\"", request.path, query, cursor)};
}

http::Response invalid_cursor(std::string_view cursor) {
  return problem(Problem::invalid_parameter,
                 fmt::format("cursor must be one that a Link of this list gave, not {}",
                             quoted(cursor)));
}

}  // namespace api
