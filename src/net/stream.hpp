// One TCP connection, plain or with TLS over it, behind one interface. Plain costs what the socket
// costs: a branch, and no coroutine of its own. io thread only; deadlines are its owner's, who ends
// a wait with cancel() or close().
//
// One coroutine may read while another writes. A read that was cancelled has lost nothing: reading
// and writing go on, with TLS too. A write that was cancelled has sent nobody knows how much.
#pragma once

#include <array>
#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/write.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>

#include "net/as_tuple.hpp"
#include "net/tls_engine.hpp"

namespace net {

enum class Handshake : unsigned char {
  done,
  // The client of this TLS server speaks plain HTTP. The stream is a plain one from here on, so
  // that it can be told; its bytes so far are gone.
  plain_http,
  // TLS could not agree, and an alert has said so; failure() says why. Plain from here on, so that
  // what still comes can be read and dropped: closing at once could take the alert with it.
  refused,
  failed,  // the connection broke off, or the wait was cancelled; failure() says so
};

class Stream {
 public:
  using Outcome = std::tuple<std::error_code, std::size_t>;
  using Buffers = std::array<asio::const_buffer, 2>;

  // Without a context it is plain. Nothing may wait on a stream that is moved.
  explicit Stream(asio::ip::tcp::socket socket, TlsContext::Pointer context = nullptr)
      : socket_(std::move(socket)), context_(std::move(context)) {}

  // For options, connecting and the endpoints; whatever reads or writes goes through the stream.
  asio::ip::tcp::socket& socket() { return socket_; }
  const asio::ip::tcp::socket& socket() const { return socket_; }

  // A dialled connection decides after it is made. REQUIRES: nothing was read or written.
  void use_tls(TlsContext::Pointer context) { context_ = std::move(context); }
  bool has_tls() const { return context_ != nullptr; }

  // First of all where has_tls(); `host` as in TlsEngine. Puts the socket into its non-blocking
  // mode. A plain stream is done at once.
  asio::awaitable<Handshake> handshake(std::string host = {});

  // At least one byte, or an error: eof at the end; with TLS that is the other side's close_notify,
  // while a connection that was cut off without one gives connection_reset.
  asio::awaitable<Outcome> read_some(asio::mutable_buffer buffer) {
    if (!tls_) return socket_.async_read_some(buffer, as_tuple);
    return read_tls(buffer);
  }

  // Some of it, as the socket takes it. With TLS the bytes given back are encrypted and will leave
  // with the next call, if they have not: all of it is on its way once nothing is left and
  // has_unsent() is false, and a call with nothing sends what is unsent. The time between two
  // returns is one of progress.
  asio::awaitable<Outcome> write_some(Buffers buffers) {
    if (!tls_) return socket_.async_write_some(buffers, as_tuple);
    return write_tls(buffers);
  }
  // The same at once or would_block. REQUIRES: a socket in non-blocking mode.
  std::size_t try_write_some(const Buffers& buffers, std::error_code& ec) {
    if (tls_) return try_write_tls(buffers, ec);
    // A single one goes by send(), which costs less than sendmsg().
    if (buffers[1].size() == 0) return socket_.write_some(buffers[0], ec);
    return socket_.write_some(buffers, ec);
  }
  bool has_unsent() const { return tls_ && (sent_ < sending_.size() || tls_->has_output()); }

  // All of it. `bytes` outlives the wait.
  asio::awaitable<Outcome> write(std::string_view bytes) {
    if (!tls_)
      return asio::async_write(socket_, asio::buffer(bytes.data(), bytes.size()), as_tuple);
    return write_all_tls(bytes);
  }

  // Says that nothing follows, so far as the socket takes it at once; reading goes on.
  void shutdown_send(std::error_code& ec);
  void cancel() {
    std::error_code ignored;
    socket_.cancel(ignored);
  }
  // Without a word to the other side. Ends all waits.
  void close() {
    std::error_code ignored;
    socket_.close(ignored);
  }
  bool is_open() const { return socket_.is_open(); }

  // Of TLS, in one line; empty where it did not fail.
  const std::string& failure() const { return failure_; }
  // After the handshake; nullopt where there is no TLS, or the other side showed none.
  std::optional<PeerCertificate> peer_certificate() const {
    return tls_ ? tls_->peer_certificate() : std::nullopt;
  }

 private:
  asio::awaitable<Outcome> read_tls(asio::mutable_buffer buffer);
  asio::awaitable<Outcome> write_tls(Buffers buffers);
  asio::awaitable<Outcome> write_all_tls(std::string_view bytes);
  std::size_t try_write_tls(const Buffers& buffers, std::error_code& ec);
  asio::awaitable<std::error_code> send_unsent();
  void drop_tls();
  std::error_code try_send_unsent();
  std::error_code feed_from_socket(bool& fed);
  std::size_t encrypt(const Buffers& buffers, std::error_code& ec);
  std::error_code fail();
  std::error_code send_own_answers();

  asio::ip::tcp::socket socket_;
  TlsContext::Pointer context_;
  std::unique_ptr<TlsEngine> tls_;
  std::string sending_;   // encrypted, sent up to sent_
  std::size_t sent_ = 0;
  bool is_sending_ = false;  // a coroutine waits with sending_ in its hands
  std::string failure_;
};

}  // namespace net
