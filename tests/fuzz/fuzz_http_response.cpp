// Responses: whatever a server sends, the client's parser neither crashes nor exceeds its limits,
// and it reads the same whole and in parts. The first byte says how to cut, and whether to HEAD.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.hpp"
#include "http/response_parser.hpp"

namespace {

using http::ResponseParser;
using Step = http::ResponseParser::Step;

void append(std::string& out, const ResponseParser& parser, Step step, const http::Limits& limits) {
  if (step == Step::need_more) return;
  const http::Response& response = parser.response();
  ASSERT(response.body.size() <= limits.body_bytes_max);
  ASSERT(response.headers.size() <= limits.headers_max);
  if (step == Step::error) {
    ASSERT(!parser.error().empty());
    out.append("error ").append(parser.error());
    return;
  }
  ASSERT(response.status >= 200 && response.status <= 999);
  out.append(std::to_string(response.status)).append(response.content_type);
  for (const http::Header& header : response.headers)
    out.append(header.name).append(":").append(header.value).append("\n");
  out.append(response.body).append(parser.keep_alive() ? "k" : "c");
}

std::string account(std::string_view bytes, std::size_t part, http::Method method) {
  http::Limits limits;
  limits.request_line_bytes_max = 256;
  limits.header_bytes_max = 512;
  limits.headers_max = 12;
  limits.body_bytes_max = 1024;
  ResponseParser parser(limits);
  parser.expect(method);
  std::string out;
  Step step = Step::need_more;
  while (!bytes.empty() && step != Step::error) {
    parser.feed(bytes.substr(0, part));
    bytes.remove_prefix(std::min(part, bytes.size()));
    while ((step = parser.next()) == Step::response) append(out, parser, step, limits);
    append(out, parser, step, limits);
  }
  if (step != Step::error) append(out, parser, parser.finish(), limits);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const http::Method method = data[0] >= 128 ? http::Method::head : http::Method::get;
  ASSERT(account(bytes, 1 + data[0] % 64, method) ==
         account(bytes, std::max<std::size_t>(bytes.size(), 1), method));
  return 0;
}
