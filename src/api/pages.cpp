#include "api/pages.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "api/problems.hpp"
#include "api/render.hpp"
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

base::Result<PageRequest, http::Response> PageRequest::read(
    const Call& call, std::span<const std::string_view> sorts) {
  PageRequest page;
  page.request.path = call.request.path;
  page.request.query = call.request.query;
  const std::string* const cursor = call.query.find("cursor");
  if (call.query.find("limit") || cursor) {
    const auto limit = call.query.whole_number("limit", page_limit_max, page_limit_default);
    if (!limit) return base::fail(limit.error());
    page.limit = *limit;
  }
  if (cursor) {
    const std::size_t dot = cursor->find('.');
    const auto revision = parse_whole_number(cursor->substr(0, dot));
    if (!revision || *revision > ipam::number_max || dot == std::string::npos)
      return base::fail(invalid_cursor(*cursor));
    page.cursor = {ipam::Revision(*revision), cursor->substr(dot + 1)};
  }
  if (const std::string* sort = call.query.find("sort")) {
    page.descending = sort->starts_with('-');
    const std::string_view wanted = std::string_view(*sort).substr(page.descending ? 1 : 0);
    const auto known = std::find(sorts.begin(), sorts.end(), wanted);
    if (known == sorts.end())
      return base::fail(problem(
          Problem::invalid_parameter,
          fmt::format("sort must be one of {}, with '-' before it for the other way round, not {}",
                      fmt::join(sorts, ", "), quoted(*sort))));
    page.sort = *known;
  }
  return page;
}

http::Response PageRequest::refuse_cursor() const {
  return invalid_cursor(fmt::format("{}.{}", cursor->revision.value(), cursor->key));
}

// ---- ListBody ----

bool ListBody::add(std::string_view key, std::string_view object) {
  if (page_.limit && count_ == *page_.limit) {
    is_full_ = true;
    return false;
  }
  if (count_++ > 0) bytes_ += ',';
  bytes_ += object;
  last_key_ = key;
  return true;
}

std::size_t ListBody::room() const {
  const std::uint64_t left = page_.limit ? *page_.limit - count_ + 1 : list_objects_max;
  return std::min<std::uint64_t>(left, list_objects_max);
}

// The first is as large as what is looked for, as if nothing were filtered out.
std::uint64_t DescendingWindow::before(std::uint64_t position, std::size_t room) {
  size_ = size_ == 0 ? room : std::min<std::uint64_t>(2 * size_, list_visits_max);
  return position > size_ ? position - size_ : 1;
}

ListReader::Step ListBody::step(bool at_end) {
  const bool is_whole = at_end || is_full_;
  if (is_whole) bytes_ += ']';
  if (is_whole && !has_sent_) return response();
  if (!is_whole && (page_.limit || bytes_.size() < list_piece_bytes)) return ListReader::Yield{};
  has_sent_ = true;
  return ListReader::Piece{std::exchange(bytes_, {}), is_whole};
}

http::Response ListBody::response() {
  http::Response response = list_head(revision_);
  response.body = std::move(bytes_);
  if (is_full_)
    response.headers.push_back(next_page_link(
        page_.request, fmt::format("{}.{}", revision_.value(), last_key_)));
  return response;
}

}  // namespace api
