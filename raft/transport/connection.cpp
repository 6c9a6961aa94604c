#include "raft/transport/connection.hpp"

#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <array>
#include <asio/connect.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <cctype>
#include <cerrno>
#include <system_error>

#include "raft/transport/address.hpp"

namespace raft {
namespace {

// An idle connection to a machine that vanished ends after 5 + 3 * 2 seconds, one with unsent
// bytes after 10.
constexpr int keepalive_idle_seconds = 5;
constexpr int keepalive_interval_seconds = 2;
constexpr int keepalive_probes = 3;
constexpr int unacknowledged_milliseconds_max = 10000;

}  // namespace

std::string text_of(const asio::error_code& error) {
  std::string text = error.message();
  if (text.size() > 1 && std::islower(static_cast<unsigned char>(text[1])))
    text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

void Connection::expire_after(std::chrono::milliseconds duration) {
  if (closed_) return;
  deadline_ = std::chrono::steady_clock::now() + duration;
  if (!timer_runs_ || deadline_ < timer_.expiry()) start_timer();
}

void Connection::start_timer() {
  timer_runs_ = true;
  timer_.expires_at(deadline_);
  auto on_timer = [weak = weak_from_this()](const asio::error_code& error) {
    const std::shared_ptr<Connection> self = weak.lock();
    if (error || !self || self->closed_) return;  // error: the timer was set anew, or closed
    self->timer_runs_ = false;
    if (self->deadline_ == std::chrono::steady_clock::time_point::max()) return;
    if (std::chrono::steady_clock::now() < self->deadline_) return self->start_timer();
    self->timed_out_ = true;
    self->close();
  };
  timer_.async_wait(std::move(on_timer));
}

void Connection::close() {
  if (closed_) return;
  closed_ = true;
  stream_.close();
  lookup_.cancel();
  timer_.cancel();
}

std::string Connection::reason(const asio::error_code& error) const {
  if (timed_out_) return "timed out";
  if (!stream_.failure().empty()) return "TLS: " + stream_.failure();
  if (error == asio::error::eof) return "closed by the other side";
  return text_of(error);
}

asio::awaitable<std::string> Connection::dial(std::string address) {
  const std::optional<HostPort> target = split_address(address);
  if (!target) co_return fmt::format("{} is not a host:port", address);
  asio::error_code error;
  const auto numeric = asio::ip::make_address(target->host, error);
  if (!error) {
    const asio::ip::tcp::endpoint endpoint(numeric, target->port);
    co_await stream_.socket().async_connect(endpoint,
                                            asio::redirect_error(asio::use_awaitable, error));
  } else {
    const FoundEndpoints found = co_await lookup_.run(target->host, target->port);
    if (found.error || closed_)
      co_return fmt::format("cannot resolve {}: {}", address, reason(found.error));
    co_await asio::async_connect(stream_.socket(), found.endpoints,
                                 asio::redirect_error(asio::use_awaitable, error));
  }
  if (error || closed_) co_return fmt::format("cannot connect to {}: {}", address, reason(error));
  set_options();
  co_return std::string();
}

void Connection::set_options() {
  asio::error_code ignored;  // the socket may be broken already: the next wait on it will tell
  asio::ip::tcp::socket& socket = stream_.socket();
  socket.non_blocking(true, ignored);  // for try_write()
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  const int fd = socket.native_handle();
  const auto set = [fd](int name, int value) {
    (void)::setsockopt(fd, IPPROTO_TCP, name, &value, sizeof value);
  };
  set(TCP_KEEPIDLE, keepalive_idle_seconds);
  set(TCP_KEEPINTVL, keepalive_interval_seconds);
  set(TCP_KEEPCNT, keepalive_probes);
  set(TCP_USER_TIMEOUT, unacknowledged_milliseconds_max);
}

asio::awaitable<std::optional<PeerRefusal>> Connection::secure(std::string host) {
  const net::Handshake outcome = co_await stream_.handshake(std::move(host));
  if (outcome == net::Handshake::done && !closed_) co_return std::nullopt;
  if (timed_out_)
    co_return PeerRefusal{RefusalReason::timed_out, "no TLS handshake came: timed out"};
  if (outcome == net::Handshake::plain_http)
    co_return PeerRefusal{RefusalReason::not_a_node, "it does not speak this protocol"};
  if (outcome == net::Handshake::failed)
    co_return PeerRefusal{RefusalReason::broke_off, "no TLS handshake came: " + stream_.failure()};
  const std::string why = "TLS: " + stream_.failure();
  co_await hear_out();
  co_return PeerRefusal{RefusalReason::no_certificate, why};
}

// Closing with bytes unread would reset the connection and could take the alert with it that tells
// the other side why. The deadline goes on.
asio::awaitable<void> Connection::hear_out() {
  asio::ip::tcp::socket& socket = stream_.socket();
  asio::error_code error;
  socket.shutdown(asio::ip::tcp::socket::shutdown_send, error);
  std::array<char, 1024> dropped;
  while (!error)
    co_await socket.async_read_some(asio::buffer(dropped),
                                    asio::redirect_error(asio::use_awaitable, error));
}

std::size_t Connection::try_write(base::BytesView bytes) {
  if (closed_ || stream_.has_tls()) return 0;  // TLS may keep something back: that takes a wait
  std::error_code error;
  return stream_.try_write_some({asio::buffer(bytes.data(), bytes.size()), {}}, error);
}

asio::awaitable<bool> Connection::write(base::BytesView bytes) {
  const net::Stream::Outcome outcome = co_await stream_.write(bytes);
  const bool failed = static_cast<bool>(std::get<0>(outcome));
  if (failed) close();
  co_return !failed && !closed_;
}

asio::awaitable<std::size_t> Connection::read_some(asio::mutable_buffer buffer,
                                                   asio::error_code& error) {
  const net::Stream::Outcome outcome = co_await stream_.read_some(buffer);
  error = std::get<0>(outcome);
  co_return error ? 0 : std::get<1>(outcome);
}

asio::awaitable<std::optional<PeerRefusal>> Connection::introduce(Introduction& introduction,
                                                              FrameDecoder& decoder) {
  const auto ended = [this, &introduction](std::string_view how) {
    const RefusalReason reason =
        timed_out_ ? RefusalReason::timed_out : RefusalReason::broke_off;
    return PeerRefusal{reason, fmt::format("{}: {}", introduction.missing(), how)};
  };
  std::array<char, handshake_bytes_max> chunk;
  base::Bytes out = introduction.start();
  while (true) {
    bool written = true;
    if (!out.empty()) written = co_await write(out);
    out.clear();
    if (introduction.refusal()) co_return introduction.refusal();
    if (!written || closed_) co_return ended(timed_out_ ? "timed out" : "the connection broke");
    if (introduction.done()) co_return std::nullopt;
    if (const std::optional<base::BytesView> payload = decoder.next()) {
      out = introduction.receive(*payload);
      continue;
    }
    if (decoder.failed())
      co_return PeerRefusal{RefusalReason::not_a_node, "it does not speak this protocol"};
    asio::error_code error;
    const std::size_t size = co_await read_some(asio::buffer(chunk), error);
    if (error) co_return ended(reason(error));
    decoder.feed(base::BytesView(chunk.data(), size));
  }
}

Nonce new_nonce() {
  Nonce nonce;
  // So few are never cut short (getrandom(2)).
  if (::getrandom(nonce.data(), nonce.size(), 0) != static_cast<ssize_t>(nonce.size()))
    throw std::system_error(errno, std::generic_category(), "getrandom");
  return nonce;
}

}  // namespace raft
