#include "http/message.hpp"

#include <algorithm>
#include <array>

namespace http {
namespace {

constexpr std::size_t query_pairs_max = 64;

struct NamedMethod {
  Method method;
  std::string_view name;
};
constexpr std::array<NamedMethod, 7> methods{{{Method::get, "GET"},
                                              {Method::head, "HEAD"},
                                              {Method::post, "POST"},
                                              {Method::put, "PUT"},
                                              {Method::patch, "PATCH"},
                                              {Method::delete_, "DELETE"},
                                              {Method::options, "OPTIONS"}}};

struct Reason {
  int status;
  std::string_view phrase;
};
// RFC 9110 §15, RFC 6585. Sorted by status.
constexpr std::array<Reason, 39> reasons{{{100, "Continue"},
                                          {101, "Switching Protocols"},
                                          {200, "OK"},
                                          {201, "Created"},
                                          {202, "Accepted"},
                                          {204, "No Content"},
                                          {206, "Partial Content"},
                                          {301, "Moved Permanently"},
                                          {302, "Found"},
                                          {303, "See Other"},
                                          {304, "Not Modified"},
                                          {307, "Temporary Redirect"},
                                          {308, "Permanent Redirect"},
                                          {400, "Bad Request"},
                                          {401, "Unauthorized"},
                                          {403, "Forbidden"},
                                          {404, "Not Found"},
                                          {405, "Method Not Allowed"},
                                          {406, "Not Acceptable"},
                                          {408, "Request Timeout"},
                                          {409, "Conflict"},
                                          {410, "Gone"},
                                          {411, "Length Required"},
                                          {412, "Precondition Failed"},
                                          {413, "Content Too Large"},
                                          {414, "URI Too Long"},
                                          {415, "Unsupported Media Type"},
                                          {417, "Expectation Failed"},
                                          {421, "Misdirected Request"},
                                          {422, "Unprocessable Content"},
                                          {428, "Precondition Required"},
                                          {429, "Too Many Requests"},
                                          {431, "Request Header Fields Too Large"},
                                          {500, "Internal Server Error"},
                                          {501, "Not Implemented"},
                                          {503, "Service Unavailable"},
                                          {504, "Gateway Timeout"},
                                          {505, "HTTP Version Not Supported"},
                                          {507, "Insufficient Storage"}}};

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char l = lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

const std::string* find_header(const std::vector<Header>& headers, std::string_view name) {
  for (const Header& header : headers)
    if (header.name.size() == name.size() && equal_ignoring_case(header.name, name))
      return &header.value;
  return nullptr;
}

bool decode_query_part(std::string_view part, std::string& out) {
  std::string spaced(part);
  std::replace(spaced.begin(), spaced.end(), '+', ' ');
  return percent_decode(spaced, out);
}

}  // namespace

const std::string* Request::header(std::string_view name) const {
  return find_header(headers, name);
}

const std::string* Response::header(std::string_view name) const {
  return find_header(headers, name);
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  if (a == b) return true;  // as most are written
  for (std::size_t i = 0; i < a.size(); ++i)
    if (lower(a[i]) != lower(b[i])) return false;
  return true;
}

std::string_view to_string(Method method) {
  for (const NamedMethod& row : methods)
    if (row.method == method) return row.name;
  return "OTHER";
}

Method parse_method(std::string_view token) {
  for (const NamedMethod& row : methods)
    if (row.name == token) return row.method;  // methods are case-sensitive (RFC 9110 §9.1)
  return Method::other;
}

std::string_view reason_phrase(int status) {
  const auto found =
      std::lower_bound(reasons.begin(), reasons.end(), status,
                       [](const Reason& row, int wanted) { return row.status < wanted; });
  return found != reasons.end() && found->status == status ? found->phrase : std::string_view{};
}

bool percent_decode(std::string_view text, std::string& out) {
  while (true) {
    const std::size_t percent = text.find('%');
    out.append(text.substr(0, percent));
    if (percent == std::string_view::npos) return true;
    text.remove_prefix(percent + 1);
    if (text.size() < 2) return false;
    const int high = hex_value(text[0]);
    const int low = hex_value(text[1]);
    if (high < 0 || low < 0) return false;
    const int byte = high * 16 + low;
    if (byte == 0) return false;
    out.push_back(static_cast<char>(byte));
    text.remove_prefix(2);
  }
}

std::optional<std::vector<std::pair<std::string, std::string>>> parse_query(
    std::string_view query) {
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (pair.empty()) continue;
    if (pairs.size() == query_pairs_max) return std::nullopt;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    auto& [key, value] = pairs.emplace_back();
    if (!decode_query_part(pair.substr(0, equals), key)) return std::nullopt;
    if (equals < pair.size() && !decode_query_part(pair.substr(equals + 1), value))
      return std::nullopt;
  }
  return pairs;
}

}  // namespace http
