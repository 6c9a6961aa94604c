#include "cli/client.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/endpoint.hpp"
#include "cli/output.hpp"

namespace cli {

namespace {

// With half a second between them: an election takes less than a second, a restart a few.
constexpr int attempts_max = 40;

// Of one request for a list: few of them, none of which takes long.
constexpr std::uint64_t page_size = 1000;

// Of the Link to the next page; empty where there is none.
std::string cursor_of(const http::Response& response) {
  constexpr std::string_view name = "cursor=";
  const std::string* const link = response.header("Link");
  const std::size_t at = link ? link->rfind(name) : std::string::npos;
  if (at == std::string::npos) return {};
  const std::size_t begin = at + name.size();
  return link->substr(begin, link->find_first_of("&>", begin) - begin);
}

http::Request make_request(http::Method method, std::string_view path) {
  http::Request request;
  request.method = method;
  request.path = fmt::format("/api/v1{}", path);
  request.headers.push_back({"Accept", "application/json"});
  return request;
}

http::Request make_get(std::string_view path, const Query& query) {
  http::Request request = make_request(http::Method::get, path);
  for (const auto& [name, value] : query) {
    if (!request.query.empty()) request.query += "&";
    request.query += name + "=" + percent_encode(value);
  }
  return request;
}

// A proxy that lost the server while it waited says 502 or 504 in words of its own; a server says
// 504 where it does not know.
bool is_in_doubt(const http::Response& response) {
  return response.status == 502 || response.status == 504;
}

// What does not depend on the request, and so says nothing of an earlier attempt.
bool is_about_sender(const http::Response& response) {
  return response.status == 401 || response.status == 403 || response.status == 429;
}

// More requests than --requests-per-second allows: one of the next second may be sent again. After
// too many wrong tokens it is a minute.
bool is_held_up(const http::Response& response) {
  const std::string* const seconds = response.header("Retry-After");
  return response.status == 429 && seconds != nullptr && *seconds == "1";
}

}  // namespace

http::Request text_post(std::string_view path, std::string query, std::string_view content_type,
                        std::string body) {
  http::Request request = make_request(http::Method::post, path);
  request.query = std::move(query);
  request.headers.push_back({"Content-Type", std::string(content_type)});
  request.body = std::move(body);
  return request;
}

base::Result<http::Response, CommandError> Client::post_exactly_once(
    http::Request request, const std::string& key, const std::function<void()>& pause) {
  if (!token_.empty()) request.headers.push_back({"Authorization", "Bearer " + token_});
  request.headers.push_back({"Idempotency-Key", key});
  bool is_unknown = false;  // an attempt may have been carried out
  for (int attempt = 1;; ++attempt) {
    auto answer = connection_.perform(request);
    is_unknown = is_unknown || (answer ? is_in_doubt(*answer)
                                       : answer.error().kind == ConnectionError::Kind::no_answer);
    const bool is_known = answer && answer->status != 503 && !is_in_doubt(*answer);
    const bool is_last = is_known && !is_held_up(*answer);
    if (is_last && !(is_unknown && is_about_sender(*answer))) return std::move(*answer);
    if (!is_last && attempt < attempts_max) {
      pause();
      continue;
    }
    CommandError error = answer ? refused(*answer)
                                : CommandError{ExitCode::not_reachable, answer.error().message};
    if (is_unknown) {
      error.code = ExitCode::failed;
      error.message +=
          "; what was sent may or may not have been done: look before it is sent again";
    }
    return base::fail(std::move(error));
  }
}

base::Result<std::string, CommandError> Client::get(std::string_view path, const Query& query) {
  return send(make_get(path, query));
}

base::Result<std::string, CommandError> Client::get_after_work(std::string_view path) {
  std::string body;
  const auto take = [&body](std::string_view bytes) {
    body += bytes;
    return true;
  };
  auto answer = exchange(make_get(path, {}), take, Wait::long_work);
  if (!answer) return base::fail(answer.error());
  return body;
}

base::Result<base::Ok, CommandError> Client::stream(std::string_view path, const Query& query,
                                                    const Connection::TakeBytes& take) {
  auto answer = exchange(make_get(path, query), take);
  if (!answer) return base::fail(answer.error());
  return base::Ok{};
}

base::Result<http::Response, CommandError> Client::stream_post(
    std::string_view path, const Query& query, const Connection::TakeBytes& take) {
  http::Request request = make_get(path, query);
  request.method = http::Method::post;
  return exchange(std::move(request), take, Wait::long_work);
}

base::Result<std::string, CommandError> Client::post(std::string_view path,
                                                     const boost::json::object& body) {
  http::Request request = make_request(http::Method::post, path);
  if (!body.empty()) {
    request.headers.push_back({"Content-Type", "application/json"});
    request.body = boost::json::serialize(body);
  }
  return send(std::move(request));
}

base::Result<std::string, CommandError> Client::patch(std::string_view path,
                                                      const boost::json::object& body) {
  http::Request request = make_request(http::Method::patch, path);
  request.headers.push_back({"Content-Type", "application/merge-patch+json"});
  request.body = boost::json::serialize(body);
  return send(std::move(request));
}

base::Result<std::string, CommandError> Client::remove(std::string_view path) {
  return send(make_request(http::Method::delete_, path));
}

base::Result<std::string, CommandError> Client::get_first(std::string_view path,
                                                          const Query& query,
                                                          std::uint64_t limit) {
  std::string list;
  std::string cursor;
  do {
    const std::uint64_t count = std::min(limit, page_size);
    Query page = query;
    page.emplace_back("limit", fmt::format_int(count).str());
    if (!cursor.empty()) page.emplace_back("cursor", cursor);
    auto answer = exchange(make_get(path, page));
    if (!answer) return base::fail(answer.error());
    const std::string& body = answer->body;
    if (!body.starts_with('[') || !body.ends_with(']')) return base::fail(not_ipam());
    const std::string_view objects = std::string_view(body).substr(1, body.size() - 2);
    if (!list.empty() && !objects.empty()) list += ',';
    list += objects;
    limit -= count;
    cursor = cursor_of(*answer);
  } while (limit > 0 && !cursor.empty());
  return "[" + list + "]";
}

base::Result<std::string, CommandError> Client::send(http::Request request) {
  auto answer = exchange(std::move(request));
  if (!answer) return base::fail(answer.error());
  return std::move(answer->body);
}

base::Result<http::Response, CommandError> Client::exchange(http::Request request,
                                                            const Connection::TakeBytes& take,
                                                            Wait wait) {
  if (!token_.empty()) request.headers.push_back({"Authorization", "Bearer " + token_});
  auto answer = take ? connection_.stream(request, wait, take) : connection_.perform(request);
  const bool is_write = request.method != http::Method::get && !take;
  const std::string_view doubt =
      is_write ? "; the change may or may not have been made: look before you try again" : "";
  if (!answer) {
    const ConnectionError& error = answer.error();
    if (error.kind == ConnectionError::Kind::not_reachable) {
      return base::fail(CommandError{
          ExitCode::not_reachable,
          error.message + " (is `ipam server` running there, and is --server right?)"});
    }
    return base::fail(failed(fmt::format("{}{}", error.message, doubt)));
  }
  if (answer->status >= 200 && answer->status <= 299) return std::move(*answer);
  CommandError error = refused(*answer);
  // ipam's own 504 says what to do.
  if (is_in_doubt(*answer) && !answer->content_type.starts_with("application/problem+json"))
    error.message += doubt;
  return base::fail(std::move(error));
}

CommandError Client::refused(const http::Response& response) const {
  boost::system::error_code error;
  const boost::json::value problem = boost::json::parse(response.body, error);
  if (!error && problem.is_object()) {
    for (const std::string_view key : {"error", "detail", "title"}) {
      const std::string text = text_of(problem.as_object(), key);
      if (!text.empty()) return failed(printable(text));
    }
  }
  const std::string_view phrase = http::reason_phrase(response.status);  // may be empty
  return failed(fmt::format("{} answered {}{}{}", server_, response.status,
                            phrase.empty() ? "" : " ", phrase));
}

CommandError Client::not_ipam() const {
  return failed(
      fmt::format("{} gave an answer that is not ipam's; is --server right?", server_));
}

base::Result<boost::json::array, CommandError> Client::list(std::string_view body) const {
  boost::system::error_code error;
  boost::json::value value = boost::json::parse(body, error);
  if (error || !value.is_array()) return base::fail(not_ipam());
  const boost::json::array& items = value.as_array();
  const bool objects = std::all_of(items.begin(), items.end(),
                                   [](const boost::json::value& item) { return item.is_object(); });
  if (!objects) return base::fail(not_ipam());
  return std::move(value.as_array());
}

base::Result<boost::json::object, CommandError> Client::object(std::string_view body) const {
  boost::system::error_code error;
  boost::json::value value = boost::json::parse(body, error);
  if (error || !value.is_object()) return base::fail(not_ipam());
  return std::move(value.as_object());
}

}  // namespace cli
