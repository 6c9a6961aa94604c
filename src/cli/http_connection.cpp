#include "cli/http_connection.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <optional>

#include "http/response_parser.hpp"

namespace cli {

namespace {

constexpr std::size_t body_bytes_max = std::size_t{1} << 30;  // the list of ten million records
// One that is handed over as it comes takes no memory.
constexpr std::size_t streamed_bytes_max = std::numeric_limits<std::int64_t>::max();

class Socket {
 public:
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Socket& operator=(Socket&&) = delete;
  ~Socket() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

// Waits until the socket can do what `events` says; the reason where it cannot in time.
std::optional<std::string> wait_for(const Socket& socket, short events,
                                    std::chrono::milliseconds timeout) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + timeout;
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd poll_socket{socket.get(), events, 0};
    const int ready = ::poll(&poll_socket, 1, left > 0 ? static_cast<int>(left) : 0);
    if (ready > 0) return std::nullopt;
    if (ready == 0) return "timed out";
    if (errno != EINTR) return std::strerror(errno);
  }
}

base::Result<Socket, std::string> connect_address(const addrinfo& address,
                                                  std::chrono::milliseconds timeout) {
  Socket socket(::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket.get() < 0) return base::fail(std::string(std::strerror(errno)));
  if (::connect(socket.get(), address.ai_addr, address.ai_addrlen) == 0) return socket;
  if (errno != EINPROGRESS) return base::fail(std::string(std::strerror(errno)));
  if (auto reason = wait_for(socket, POLLOUT, timeout)) return base::fail(*reason);
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0) return base::fail(std::string(std::strerror(error)));
  return socket;
}

// Tries the addresses of the name in turn; the error is the last one's.
base::Result<Socket, std::string> connect_to(const Endpoint& endpoint,
                                             std::chrono::milliseconds timeout) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(endpoint.port);
  const int error = ::getaddrinfo(endpoint.host.c_str(), port.c_str(), &hints, &found);
  if (error != 0) return base::fail(std::string(::gai_strerror(error)));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, ::freeaddrinfo);
  std::string reason = "no address";
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
    auto socket = connect_address(*address, timeout);
    if (socket) return socket;
    reason = socket.error();
  }
  return base::fail(reason);
}

// Sends all of it, or says why not; a server may answer and close before it has read everything.
std::optional<std::string> send_all(const Socket& socket, std::string_view bytes,
                                    std::chrono::milliseconds timeout) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return std::strerror(errno);
    if (auto reason = wait_for(socket, POLLOUT, timeout)) return reason;
  }
  return std::nullopt;
}

base::Result<http::Response, std::string> receive(const Socket& socket, http::Method method,
                                                  std::chrono::milliseconds timeout,
                                                  const Connection::TakeBytes& take) {
  http::Limits limits;
  limits.body_bytes_max = take ? streamed_bytes_max : body_bytes_max;
  http::ResponseParser parser(limits);
  parser.expect(method);
  using Step = http::ResponseParser::Step;
  while (true) {
    const auto room = parser.prepare();
    const ssize_t received = ::recv(socket.get(), room.data(), room.size(), 0);
    Step step = Step::need_more;
    if (received > 0) {
      parser.commit(static_cast<std::size_t>(received));
      step = parser.next();
    } else if (received == 0) {
      step = parser.finish();
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (auto reason = wait_for(socket, POLLIN, timeout)) return base::fail(*reason);
    } else if (errno != EINTR) {
      return base::fail(std::string(std::strerror(errno)));
    }
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
    const http::Request& request, const TakeBytes& take) {
  const auto socket = connect_to(url_.endpoint, timeouts_.connect);
  if (!socket) {
    return base::fail(ConnectionError{
        ConnectionError::Kind::not_reachable,
        fmt::format("cannot reach {}: {}", to_string(url_), socket.error())});
  }
  const auto unsent = send_all(*socket, serialize_request(request, url_), timeouts_.idle);
  const bool makes_file = take && request.method == http::Method::post;
  auto response = receive(*socket, request.method,
                          makes_file ? timeouts_.idle_of_file : timeouts_.idle, take);
  if (!response) {
    return base::fail(
        ConnectionError{ConnectionError::Kind::no_answer,
                        fmt::format("no answer from {}: {}", to_string(url_),
                                    unsent ? *unsent : response.error())});
  }
  return std::move(*response);
}

}  // namespace cli
