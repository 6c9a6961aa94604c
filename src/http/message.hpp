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
  std::string path;   // percent-decoded, without query; starts with '/'
  std::string query;  // raw, without '?'
  std::vector<Header> headers;
  std::string body;
  bool keep_alive = true;

  // nullptr where there is none.
  const std::string* header(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string content_type;  // empty: no body
  std::vector<Header> headers;
  std::string body;
};

bool equal_ignoring_case(std::string_view a, std::string_view b);
std::string_view to_string(Method method);
std::string_view reason_phrase(int status);

// Decodes a raw query string into pairs ('+' is a space). nullopt: bad percent-encoding, or more
// than 64 pairs.
std::optional<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view query);

}  // namespace http
