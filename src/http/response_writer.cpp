#include "http/response_writer.hpp"

#include <array>
#include <charconv>

#include "base/assert.hpp"
#include "http/fields.hpp"

namespace http {
namespace {

void append_number(std::string& out, std::uint64_t number) {
  std::array<char, 20> digits{};
  const auto [end, ec] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), end);
}

void append_value(std::string& out, std::string_view value) {
  if (is_field_text(value)) {
    out.append(value);
    return;
  }
  for (const char c : value) out.push_back(is_field_text({&c, 1}) ? c : ' ');
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ");
  append_value(out, value);
  out.append("\r\n");
}

bool is_writers_own(std::string_view name) {
  switch (name.size()) {
    case 4: return equal_ignoring_case(name, "date");
    case 10: return equal_ignoring_case(name, "connection");
    case 14: return equal_ignoring_case(name, "content-length");
    case 17: return equal_ignoring_case(name, "transfer-encoding");
    default: return false;
  }
}

}  // namespace

bool has_body(int status, Method method) {
  return method != Method::head && status >= 200 && status != 204 && status != 304;
}

void write_head(std::string& out, const Response& response, const WriteOptions& options) {
  ASSERT(response.status >= 200 && response.status <= 999);
  out.append("HTTP/1.1 ");
  append_number(out, static_cast<std::size_t>(response.status));
  out.push_back(' ');
  out.append(reason_phrase(response.status)).append("\r\n");
  if (!options.date.empty()) append_field(out, "Date", options.date);
  if (!response.content_type.empty()) append_field(out, "Content-Type", response.content_type);
  for (const Header& header : response.headers) {
    ASSERT_MSG(is_token(header.name), "a handler's header name");
    if (!is_writers_own(header.name)) append_field(out, header.name, header.value);
  }
  if (response.stream && !response.stream_bytes) {
    if (options.minor_version >= 1) out.append("Transfer-Encoding: chunked\r\n");
  } else if (response.status != 204 && response.status != 304) {
    out.append("Content-Length: ");
    append_number(out, response.stream ? *response.stream_bytes : response.body.size());
    out.append("\r\n");
  }
  if (!options.keep_alive) out.append("Connection: close\r\n");
  else if (options.minor_version == 0) out.append("Connection: keep-alive\r\n");
  out.append("\r\n");
}

void write_chunk(std::string& out, std::string_view bytes) {
  std::array<char, 16> digits{};
  const auto [end, ec] =
      std::to_chars(digits.data(), digits.data() + digits.size(), bytes.size(), 16);
  out.append(digits.data(), end).append("\r\n").append(bytes).append("\r\n");
}

void write_response(std::string& out, const Response& response, const WriteOptions& options) {
  write_head(out, response, options);
  if (has_body(response.status, options.method)) out.append(response.body);
}

}  // namespace http
