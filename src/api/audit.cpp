// The audit log: filters and pages, and the check that it is whole.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

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

// Of the log that one question looks at where no index helps: a few milliseconds of state.db.
constexpr std::uint64_t entries_per_question = 10000;

// A page, asked for piece by piece from the newest entry on: older ones never change meanwhile.
class AuditPage {
 public:
  AuditPage(ipam::AuditQuery query, std::uint64_t limit, const http::Request& request)
      : query_(std::move(query)), limit_(limit), request_(request) {}

  void look(const ipam::StateMachine& state, ipam::HistoryQuery& query) {
    // One entry more than the page has tells that there is another page.
    query_.limit = limit_ + 1 - found_.size();
    if (query_.resource || !(query_.actor || query_.action)) {  // which needs no scan
      query = query_;
      return;
    }
    if (query_.until || query_.since) {
      query = newest_before(query_.until ? *query_.until : *query_.since);
      return;
    }
    const ipam::AuditId newest_next(state.counters().next_audit);
    query_.before = std::min(query_.before.value_or(newest_next), newest_next);
    const std::uint64_t end = query_.before->value();
    const std::uint64_t begin = end > entries_per_question ? end - entries_per_question : 1;
    query_.from = std::max(oldest_, ipam::AuditId(begin));
    query = query_;
  }
  std::optional<http::Response> render(const ipam::HistoryAnswer& answer) {
    const auto* const entries = std::get_if<std::vector<ipam::AuditEntry>>(&answer);
    ASSERT(entries);
    if (is_bound_asked_) {
      take_bound(entries->empty() ? ipam::AuditId(1) : entries->front().id + 1);
      return std::nullopt;
    }
    found_.insert(found_.end(), entries->begin(), entries->end());
    if (found_.size() > limit_ || query_.from <= oldest_) return page();
    query_.before = query_.from;
    return std::nullopt;
  }

 private:
  // The clock of the entries never goes back: a time is a number of one of them.
  ipam::AuditQuery newest_before(ipam::TimeMs time) {
    is_bound_asked_ = true;
    return {.limit = 1, .until = time};
  }
  // The first entry that is not before the time.
  void take_bound(ipam::AuditId first) {
    is_bound_asked_ = false;
    if (query_.until) {
      query_.before = std::min(query_.before.value_or(first), first);
      query_.until.reset();
    } else {
      oldest_ = first;
      query_.since.reset();
    }
  }
  http::Response page() const {
    std::string body;
    body.reserve(2 + found_.size() * entry_bytes_typical);
    JsonWriter json(body);
    json.begin_array();
    for (std::size_t i = 0; i < found_.size() && i < limit_; ++i)
      write_audit_entry(json, found_[i]);
    json.end_array();
    http::Response response = json_response(200, std::move(body));
    // The last one shown is all that a cursor has to know.
    if (found_.size() > limit_)
      response.headers.push_back(
          next_page_link(request_, ipam::to_string(found_[limit_ - 1].id)));
    return response;
  }

  ipam::AuditQuery query_;  // the next one, or the one under way
  ipam::AuditId oldest_{1};      // that may be shown
  bool is_bound_asked_ = false;  // by the question under way
  const std::uint64_t limit_;
  const http::Request request_;
  std::vector<ipam::AuditEntry> found_;
};

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
  const auto page = std::make_shared<AuditPage>(std::move(query), *limit, call.request);
  return ReadHistory{
      call.consistency, ipam::AuditQuery(),
      [page](const ipam::HistoryAnswer& answer) { return page->render(answer); },
      [page](const ipam::StateMachine& state, ipam::HistoryQuery& asked) {
        page->look(state, asked);
      }};
}

Body verify_audit(const Call& call) {
  return ReadHistory{call.consistency, ipam::VerifyQuery{}, render_verification};
}

}  // namespace api
