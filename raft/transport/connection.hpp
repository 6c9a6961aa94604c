// One TCP connection, plain or with TLS over it, with a deadline: when it passes, the socket is
// closed and whatever waits on it ends with an error. Held by shared_ptr by the coroutines that use
// it. io thread only.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "net/stream.hpp"
#include "raft/transport/frame.hpp"
#include "raft/transport/introduction.hpp"
#include "raft/transport/name_lookup.hpp"

namespace raft {

// The TLS of new connections in both directions; none in either: plain. Each side shows a
// certificate, and asks for one of the CA that it trusts.
struct TransportTls {
  net::TlsContext::Pointer accepting;
  net::TlsContext::Pointer dialling;
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // To dial with, and one that was accepted; `tls`: with TLS.
  Connection(asio::io_context& io, net::TlsContext::Pointer tls)
      : stream_(asio::ip::tcp::socket(io), std::move(tls)),
        lookup_(io.get_executor()),
        timer_(io) {}
  Connection(asio::ip::tcp::socket socket, net::TlsContext::Pointer tls)
      : stream_(std::move(socket), std::move(tls)),
        lookup_(stream_.socket().get_executor()),
        timer_(stream_.socket().get_executor()) {}

  // Replaces the deadline. Cheap: the timer is set anew only where the deadline comes nearer.
  void expire_after(std::chrono::milliseconds duration);
  void expire_never() { deadline_ = std::chrono::steady_clock::time_point::max(); }

  void close();
  bool closed() const { return closed_; }
  // "timed out" where the deadline closed it, otherwise what TLS or `error` says.
  std::string reason(const asio::error_code& error) const;

  // Resolves and connects. The text says what failed; empty where nothing did.
  asio::awaitable<std::string> dial(std::string address);
  // No delay, and a peer whose machine vanished is noticed by the kernel within seconds.
  void set_options();

  // First of all: the handshake of TLS, where there is any; why it failed, or nullopt. `host`: of
  // one that was dialled, whom the certificate has to name.
  asio::awaitable<std::optional<PeerRefusal>> secure(std::string host);

  // How many of them the socket took at once; 0 with TLS, and where it failed: then whoever waits
  // for the connection is told. REQUIRES: no write waits.
  std::size_t try_write(base::BytesView bytes);
  // False where it could not be written; the connection is closed then. `bytes` outlives the wait.
  asio::awaitable<bool> write(base::BytesView bytes);
  // Bytes read, at least one; 0 where the connection ended: `error` says how. `buffer` and `error`
  // outlive the wait.
  asio::awaitable<std::size_t> read_some(asio::mutable_buffer buffer, asio::error_code& error);
  // Carries the introduction to its end; why the connection was refused, or nullopt. What follows
  // it stays in `decoder`. Both outlive the wait.
  asio::awaitable<std::optional<PeerRefusal>> introduce(Introduction& introduction,
                                                    FrameDecoder& decoder);

 private:
  void start_timer();
  asio::awaitable<void> hear_out();

  net::Stream stream_;
  NameLookup lookup_;
  asio::steady_timer timer_;
  std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::time_point::max();
  bool timer_runs_ = false;
  bool timed_out_ = false;
  bool closed_ = false;
};

// For the handshake of one connection. Throws std::system_error where the system has no randomness.
Nonce new_nonce();

// The text of `error`, as it stands in the middle of a sentence.
std::string text_of(const asio::error_code& error);

}  // namespace raft
