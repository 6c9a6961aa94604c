// The audit log: filters and pages, and the check that it is whole.
#include <fmt/format.h>

#include "api/handlers.hpp"
#include "api/pages.hpp"
#include "api/problems.hpp"
#include "api/render.hpp"

namespace api {

namespace {

constexpr std::uint64_t audit_limit_default = 100;
constexpr std::uint64_t audit_limit_max = 10000;  // some 4 MB of answer
// Room that an entry takes, so that a long list is not copied while it grows.
constexpr std::size_t entry_bytes_typical = 320;

// One entry more than the page has tells that there is another page.
http::Response render_audit(const ipam::HistoryAnswer& answer, std::uint64_t limit,
                            const http::Request& request) {
  const auto* entries = std::get_if<std::vector<ipam::AuditEntry>>(&answer);
  ASSERT(entries);
  std::string body;
  body.reserve(2 + entries->size() * entry_bytes_typical);
  JsonWriter json(body);
  json.begin_array();
  for (std::size_t i = 0; i < entries->size() && i < limit; ++i)
    write_audit_entry(json, (*entries)[i]);
  json.end_array();
  http::Response response = json_response(200, std::move(body));
  // Older entries never change: the last one shown is all that a cursor has to know.
  if (entries->size() > limit)
    response.headers.push_back(
        next_page_link(request, ipam::to_string((*entries)[limit - 1].id)));
  return response;
}

http::Response render_verification(const ipam::HistoryAnswer& answer) {
  const auto* found = std::get_if<ipam::Verification>(&answer);
  ASSERT(found);
  std::string body;
  JsonWriter json(body);
  json.begin_object();
  json.boolean("intact", found->intact);
  if (found->intact) json.null("problem");
  else json.text("problem", found->problem);
  json.count("entries", found->entries);
  json.count("rows", found->rows);
  json.text("hash", base::to_hex(found->head));
  json.end_object();
  return json_response(200, std::move(body));
}

}  // namespace

Body list_audit(const Call& call) {
  const auto limit = call.query.whole_number("limit", audit_limit_max, audit_limit_default);
  if (!limit) return Answer{limit.error()};
  ipam::AuditQuery query;
  query.limit = *limit + 1;
  query.resource = call.query.text("resource");
  query.actor = call.query.text("actor");
  query.action = call.query.text("action");
  const auto since = call.query.moment("since");
  if (!since) return Answer{since.error()};
  const auto until = call.query.moment("until");
  if (!until) return Answer{until.error()};
  query.since = *since;
  query.until = *until;
  if (const std::string* cursor = call.query.find("cursor")) {
    query.before = ipam::parse_audit_id(*cursor);
    if (!query.before) return Answer{invalid_cursor(*cursor)};
  }
  return ReadHistory{call.consistency, std::move(query),
                     [limit = *limit, request = call.request](const ipam::HistoryAnswer& answer) {
                       return render_audit(answer, limit, request);
                     }};
}

Body verify_audit(const Call& call) {
  return ReadHistory{call.consistency, ipam::VerifyQuery{}, render_verification};
}

}  // namespace api
