#include "http/response_writer.hpp"

#include <array>
#include <charconv>

#include "base/assert.hpp"
#include "http/fields.hpp"

namespace http {
namespace {

constexpr std::size_t number_bytes_max = 20;
// Of a status line with its phrase, and of the fields that the writer makes itself but for Date and
// Content-Type: each of them once.
constexpr std::size_t own_bytes_max = 256;

char* put(char* at, std::string_view bytes) {
  bytes.copy(at, bytes.size());
  return at + bytes.size();
}

char* put_number(char* at, std::uint64_t number) {
  return std::to_chars(at, at + number_bytes_max, number).ptr;
}

char* put_field(char* at, std::string_view name, std::string_view value) {
  at = put(put(at, name), ": ");
  char* const end = put(at, value);
  if (!is_field_text(value))
    for (; at != end; ++at)
      if (!is_field_text({at, 1})) *at = ' ';
  return put(end, "\r\n");
}

std::size_t field_bytes(std::string_view name, std::string_view value) {
  return name.size() + value.size() + 4;
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
  // Lengthened once, for all that may come, and cut to what did.
  std::size_t bytes_max = own_bytes_max + field_bytes("Date", options.date) +
                          field_bytes("Content-Type", response.content_type);
  for (const Header& header : response.headers)
    bytes_max += field_bytes(header.name, header.value);
  const std::size_t begin = out.size();
  out.resize(begin + bytes_max);
  char* at = put(out.data() + begin, "HTTP/1.1 ");
  at = put_number(at, static_cast<std::uint64_t>(response.status));
  *at++ = ' ';
  at = put(put(at, reason_phrase(response.status)), "\r\n");
  if (!options.date.empty()) at = put_field(at, "Date", options.date);
  if (!response.content_type.empty()) at = put_field(at, "Content-Type", response.content_type);
  for (const Header& header : response.headers) {
    ASSERT_MSG(is_token(header.name), "a handler's header name");
    if (!is_writers_own(header.name)) at = put_field(at, header.name, header.value);
  }
  if (response.stream && !response.stream_bytes) {
    if (options.minor_version >= 1) at = put(at, "Transfer-Encoding: chunked\r\n");
  } else if (response.status != 204 && response.status != 304) {
    at = put(at, "Content-Length: ");
    at = put_number(at, response.stream ? *response.stream_bytes : response.body.size());
    at = put(at, "\r\n");
  }
  if (!options.keep_alive) at = put(at, "Connection: close\r\n");
  else if (options.minor_version == 0) at = put(at, "Connection: keep-alive\r\n");
  at = put(at, "\r\n");
  ASSERT(at <= out.data() + out.size());
  out.resize(static_cast<std::size_t>(at - out.data()));
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
