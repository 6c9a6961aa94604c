#include "cli/http_connection.hpp"

#include <fmt/format.h>

#include <limits>
#include <optional>

#include "cli/channel.hpp"
#include "http/response_parser.hpp"

namespace cli {

namespace {

constexpr std::size_t body_bytes_max = std::size_t{1} << 30;  // the list of ten million records
// One that is handed over as it comes takes no memory.
constexpr std::size_t streamed_bytes_max = std::numeric_limits<std::int64_t>::max();

base::Result<http::Response, std::string> receive(Channel& channel, http::Method method,
                                                  std::chrono::milliseconds timeout,
                                                  const Connection::TakeBytes& take) {
  http::Limits limits;
  limits.body_bytes_max = take ? streamed_bytes_max : body_bytes_max;
  http::ResponseParser parser(limits);
  parser.expect(method);
  using Step = http::ResponseParser::Step;
  while (true) {
    const auto received = channel.receive(parser.prepare(), timeout);
    if (!received) return base::fail(received.error());
    parser.commit(*received);
    const Step step = *received > 0 ? parser.next() : parser.finish();
    if (take && parser.has_head() && parser.head().status == 200 &&
        !take(parser.take_body_so_far()))
      return parser.take_response();
    if (step == Step::response) return parser.take_response();
    if (step == Step::error) return base::fail(std::string(parser.error()));
  }
}

}  // namespace

std::string serialize_request(const http::Request& request, const ServerUrl& url) {
  // The characters that RFC 3986 §3.3 allows in a path segment, and the slash.
  std::string target = url.prefix + percent_encode(request.path, "/!$&'()*+,;=:@");
  if (!request.query.empty()) target += "?" + request.query;
  std::string bytes =
      fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: ipam/{}\r\nConnection: close\r\n",
                  http::to_string(request.method), target, to_string(url.endpoint), IPAM_VERSION);
  for (const http::Header& header : request.headers)
    bytes += fmt::format("{}: {}\r\n", header.name, header.value);
  if (request.method != http::Method::get || !request.body.empty())
    bytes += fmt::format("Content-Length: {}\r\n", request.body.size());
  return bytes + "\r\n" + request.body;
}

base::Result<http::Response, ConnectionError> HttpConnection::exchange(
    const http::Request& request, Wait wait, const TakeBytes& take) {
  auto channel = Channel::open(url_.endpoint, url_.tls ? tls_ : nullptr, timeouts_.connect);
  if (!channel) {
    return base::fail(ConnectionError{
        ConnectionError::Kind::not_reachable,
        fmt::format("cannot reach {}: {}", to_string(url_), channel.error())});
  }
  const auto unsent = channel->send(serialize_request(request, url_), timeouts_.idle);
  const auto idle = wait == Wait::long_work ? timeouts_.idle_of_long_work : timeouts_.idle;
  auto response = receive(*channel, request.method, idle, take);
  if (!response) {
    // A server that refuses our certificate says so behind our handshake, and reads no request.
    return base::fail(
        ConnectionError{channel->refused() ? ConnectionError::Kind::not_reachable
                                           : ConnectionError::Kind::no_answer,
                        fmt::format("no answer from {}: {}", to_string(url_),
                                    unsent ? *unsent : response.error())});
  }
  return std::move(*response);
}

}  // namespace cli
