// Requests: whatever the bytes, the parser neither crashes nor exceeds its limits, and it finds the
// same requests and the same error in them whole and in parts. The first byte says how to cut.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.hpp"
#include "http/request_parser.hpp"

namespace {

using http::RequestParser;
using Step = http::RequestParser::Step;

http::Limits small_limits() {
  http::Limits limits;  // small, so that the fuzzer reaches them
  limits.request_line_bytes_max = 256;
  limits.header_bytes_max = 512;
  limits.headers_max = 12;
  limits.body_bytes_max = 1024;
  return limits;
}

// Appends what the parser makes of its bytes; false after an error.
bool account(RequestParser& parser, const http::Limits& limits, std::string& out) {
  while (true) {
    const Step step = parser.next();
    if (step == Step::need_more) return true;
    const http::Request& request = parser.request();
    ASSERT(request.body.size() <= limits.body_bytes_max);
    ASSERT(request.headers.size() <= limits.headers_max);
    if (step == Step::error) {
      ASSERT(parser.error().status >= 400 && parser.error().status <= 505);
      out.append("error ").append(std::to_string(parser.error().status));
      out.append(parser.error().detail);
      return false;
    }
    ASSERT(request.path == "*" || request.path.front() == '/');
    out.append(to_string(request.method)).append(request.path).append("?").append(request.query);
    out.append(request.keep_alive ? "k" : "c");
    for (const http::Header& header : request.headers)
      out.append(header.name).append(":").append(header.value).append("\n");
    out.append(request.body).append("\n");
    (void)http::parse_query(request.query);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t part = 1 + data[0] % 64;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const http::Limits limits = small_limits();

  RequestParser whole(limits);
  whole.feed(bytes);
  std::string expected;
  account(whole, limits, expected);

  RequestParser parts(limits);
  std::string found;
  for (bool goes_on = true; goes_on && !bytes.empty();) {
    parts.feed(bytes.substr(0, part));
    bytes.remove_prefix(std::min(part, bytes.size()));
    goes_on = account(parts, limits, found);
    (void)parts.take_expectation();
  }
  ASSERT(found == expected);
  return 0;
}
