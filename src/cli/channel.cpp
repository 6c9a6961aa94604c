#include "cli/channel.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace cli {

namespace {

constexpr std::size_t receive_bytes = 16384;

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

// At least one byte; 0 at the end.
base::Result<std::size_t, std::string> receive_some(const Socket& socket, std::span<char> into,
                                                    std::chrono::milliseconds timeout) {
  while (true) {
    const ssize_t received = ::recv(socket.get(), into.data(), into.size(), 0);
    if (received >= 0) return static_cast<std::size_t>(received);
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (auto reason = wait_for(socket, POLLIN, timeout)) return base::fail(*reason);
    } else if (errno != EINTR) {
      return base::fail(std::string(std::strerror(errno)));
    }
  }
}

std::string join(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "no host at all" : text;
}

}  // namespace

base::Result<Channel, std::string> Channel::open(const Endpoint& endpoint,
                                                 net::TlsContext::Pointer tls, Timeout timeout) {
  auto socket = connect_to(endpoint, timeout);
  if (!socket) return base::fail(socket.error());
  Channel channel(std::move(*socket), endpoint);
  if (!tls) return channel;
  channel.tls_ = std::make_unique<net::TlsEngine>(std::move(tls), endpoint.host);
  if (auto reason = channel.handshake(timeout)) return base::fail(*reason);
  return channel;
}

std::optional<std::string> Channel::handshake(Timeout timeout) {
  while (true) {
    const auto step = tls_->handshake();
    auto unsent = send_output(timeout);
    if (step == net::TlsEngine::Step::failed) return advice();
    if (unsent) return unsent;
    if (step == net::TlsEngine::Step::done) return std::nullopt;
    bool ended = false;
    if (auto reason = feed(timeout, ended)) return reason;
    if (ended) return "it closed the connection during the TLS handshake";
  }
}

// Why TLS failed, and what to do about it.
std::string Channel::advice() {
  using Distrust = net::TlsEngine::Distrust;
  switch (tls_->distrust()) {
    case Distrust::unknown_issuer:
      return fmt::format(
          "the certificate of {} is not trusted ({}): give its CA with --ca-cert FILE",
          endpoint_.host, tls_->distrust_text());
    case Distrust::other_host:
      return fmt::format(
          "the certificate of {} is one for {}: use such a name in the URL, or have one made that "
          "names {}",
          endpoint_.host, join(tls_->refused_names()), endpoint_.host);
    case Distrust::other: break;
    case Distrust::none: {
      const std::string& failure = tls_->failure();
      const auto has = [&failure](std::string_view part) {
        return failure.find(part) != std::string::npos;
      };
      // What OpenSSL calls an alert, and what it calls bytes that are none of TLS.
      if (has("certificate required") || has("sslv3 alert handshake failure"))
        return "it asks for a certificate of the client: give one with --client-cert FILE and "
               "--client-key FILE (" + failure + ")";
      if (has("unknown ca") || has("bad certificate") || has("certificate expired"))
        return fmt::format("it does not trust the certificate of --client-cert ({})", failure);
      if (has("wrong version number") || has("packet length too long"))
        return "it does not speak TLS on this port: use http:// in the URL";
      return "TLS failed: " + failure;
    }
  }
  return fmt::format("the certificate of {} is not trusted: {}", endpoint_.host,
                     tls_->distrust_text());
}

std::optional<std::string> Channel::send_output(Timeout timeout) {
  std::string bytes;
  tls_->take_output(bytes);
  return send_all(socket_, bytes, timeout);
}

std::optional<std::string> Channel::feed(Timeout timeout, bool& ended) {
  std::array<char, receive_bytes> bytes;
  const auto received = receive_some(socket_, bytes, timeout);
  if (!received) return received.error();
  ended = *received == 0;
  tls_->feed({bytes.data(), *received});
  return std::nullopt;
}

std::optional<std::string> Channel::send(std::string_view bytes, Timeout timeout) {
  if (!tls_) return send_all(socket_, bytes, timeout);
  if (tls_->write(bytes) != net::TlsEngine::Step::done) return advice();
  return send_output(timeout);
}

base::Result<std::size_t, std::string> Channel::receive(std::span<char> into, Timeout timeout) {
  if (!tls_) return receive_some(socket_, into, timeout);
  while (true) {
    std::size_t size = 0;
    const auto step = tls_->read(into, size);
    has_received_ = has_received_ || size > 0;
    if (step == net::TlsEngine::Step::done) return size;
    if (step == net::TlsEngine::Step::closed) return std::size_t{0};
    if (step == net::TlsEngine::Step::failed) {
      // Any other failure says nothing of what became of the request.
      refused_ = !has_received_ && tls_->blames_certificate();
      return base::fail(advice());
    }
    bool ended = false;
    if (auto reason = feed(timeout, ended)) return base::fail(*reason);
    if (ended) return base::fail(std::string("the connection was cut off"));
  }
}

}  // namespace cli
