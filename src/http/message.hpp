// HTTP/1.1 requests and responses as values (RFC 9110, RFC 9112). Pure; shared by parser, session,
// API and CLI.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace http {

enum class Method : std::uint8_t { get, head, post, put, patch, delete_, options, other };

struct Header {
  std::string name;  // as received; compare with equal_ignoring_case()
  std::string value;
};

struct Request {
  Method method = Method::get;
  std::string path;   // percent-decoded, without query; starts with '/', or is "*" (OPTIONS only)
  std::string query;  // raw, without '?'
  std::vector<Header> headers;
  std::string body;
  bool keep_alive = true;
  std::uint8_t minor_version = 1;  // of HTTP/1.x: 0 or 1

  // The first field of that name; nullptr where there is none.
  const std::string* header(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string content_type;  // empty: no Content-Type is sent
  std::vector<Header> headers;
  std::string body;

  // The first field of that name; nullptr where there is none.
  const std::string* header(std::string_view name) const;
};

bool equal_ignoring_case(std::string_view a, std::string_view b);
std::string_view to_string(Method method);
// Method::other for every token that is not one of ours.
Method parse_method(std::string_view token);
// Empty for a status that has no registered reason.
std::string_view reason_phrase(int status);

// Appends `text` percent-decoded; false: a '%' that two hex digits do not follow, or %00.
bool percent_decode(std::string_view text, std::string& out);

// Decodes a raw query string into pairs ('+' is a space). nullopt: bad percent-encoding, or more
// than 64 pairs.
std::optional<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view query);

}  // namespace http
