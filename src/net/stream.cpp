#include "net/stream.hpp"

#include <algorithm>
#include <asio/error.hpp>
#include <utility>

#include "base/assert.hpp"

namespace net {
namespace {

// What one turn encrypts before the socket has taken it: four records.
constexpr std::size_t encrypted_bytes_max = 65536;
constexpr std::size_t sending_bytes_kept = 16384;
constexpr std::size_t receive_bytes = 16384;
// Of TLS itself, behind what the socket does not take: some hundred.
constexpr std::size_t own_answers_bytes_max = 16384;

bool is_would_block(const std::error_code& ec) {
  return ec == asio::error::would_block || ec == asio::error::try_again;
}

// The first byte of a TLS connection is 22, the type of a handshake record; of HTTP it is one of a
// method.
bool begins_like_http(char byte) { return byte >= 'A' && byte <= 'Z'; }

}  // namespace

asio::awaitable<Handshake> Stream::handshake(std::string host) {
  if (!context_) co_return Handshake::done;
  std::error_code ec;
  socket_.non_blocking(true, ec);
  tls_ = std::make_unique<TlsEngine>(context_, host);
  bool is_first = context_->is_server();
  while (true) {
    const TlsEngine::Step step = tls_->handshake();
    const std::error_code sent = co_await send_unsent();
    if (step == TlsEngine::Step::failed || step == TlsEngine::Step::closed) {
      failure_ = step == TlsEngine::Step::failed ? tls_->failure() : "closed by the other side";
      drop_tls();
      co_return Handshake::refused;
    }
    if (sent) {
      failure_ = sent.message();
      co_return Handshake::failed;
    }
    if (step == TlsEngine::Step::done) co_return Handshake::done;
    bool fed = false;
    while (!fed) {
      const auto waited = co_await socket_.async_wait(asio::socket_base::wait_read, as_tuple);
      ec = std::get<0>(waited);
      if (!ec && is_first) {
        char byte = 0;
        const std::size_t peeked =
            socket_.receive(asio::buffer(&byte, 1), asio::socket_base::message_peek, ec);
        if (peeked == 1) is_first = false;
        if (peeked == 1 && begins_like_http(byte)) {
          drop_tls();
          co_return Handshake::plain_http;
        }
      }
      if (!ec) ec = feed_from_socket(fed);
      if (ec) {
        failure_ = ec == asio::error::eof                 ? "closed by the other side"
                   : ec == asio::error::operation_aborted ? "cancelled"
                                                          : ec.message();
        co_return Handshake::failed;
      }
    }
  }
}

void Stream::drop_tls() {
  tls_.reset();
  context_.reset();
}

// Gives the engine what the socket has, if anything.
std::error_code Stream::feed_from_socket(bool& fed) {
  std::array<char, receive_bytes> bytes;
  std::error_code ec;
  const std::size_t size = socket_.read_some(asio::buffer(bytes), ec);
  if (is_would_block(ec)) return {};
  fed = size > 0;
  tls_->feed({bytes.data(), size});
  return ec;
}

asio::awaitable<Stream::Outcome> Stream::read_tls(asio::mutable_buffer buffer) {
  if (buffer.size() == 0) co_return Outcome(std::error_code(), 0);
  const std::span<char> into(static_cast<char*>(buffer.data()), buffer.size());
  while (true) {
    std::size_t size = 0;
    const TlsEngine::Step step = tls_->read(into, size);
    if (step == TlsEngine::Step::done) co_return Outcome(std::error_code(), size);
    if (step == TlsEngine::Step::closed) co_return Outcome(asio::error::eof, 0);
    if (step == TlsEngine::Step::failed) co_return Outcome(fail(), 0);
    if (const std::error_code ec = send_own_answers()) co_return Outcome(ec, 0);
    // Also where there is something already: otherwise whoever sends without a pause, or much that
    // is no data of ours, would have the io thread for himself, and no deadline could end it.
    const auto waited = co_await socket_.async_wait(asio::socket_base::wait_read, as_tuple);
    std::error_code ec = std::get<0>(waited);
    bool fed = false;
    if (!ec) ec = feed_from_socket(fed);
    if (ec == asio::error::eof) ec = asio::error::connection_reset;  // no close_notify: cut off
    if (ec) co_return Outcome(ec, 0);
  }
}

// What TLS says by itself while it reads, such as that it does not renegotiate, leaves at once.
// Whoever asks for more of it than he reads is cut off.
std::error_code Stream::send_own_answers() {
  const std::error_code ec = is_sending_ ? std::error_code() : try_send_unsent();
  if (ec && !is_would_block(ec)) return ec;
  if (tls_->output_bytes() <= own_answers_bytes_max) return {};
  failure_ = "it asks for more than it reads";
  return std::make_error_code(std::errc::protocol_error);
}

// The engine has failed: its alert is sent if that needs no wait.
std::error_code Stream::fail() {
  failure_ = tls_->failure();
  if (!is_sending_) try_send_unsent();
  return std::make_error_code(std::errc::protocol_error);
}

std::size_t Stream::encrypt(const Buffers& buffers, std::error_code& ec) {
  std::size_t taken = 0;
  for (const asio::const_buffer& buffer : buffers) {
    const std::size_t size = std::min(buffer.size(), encrypted_bytes_max - taken);
    if (size == 0) continue;
    const auto step = tls_->write({static_cast<const char*>(buffer.data()), size});
    if (step != TlsEngine::Step::done) {
      ec = fail();
      return taken;
    }
    taken += size;
  }
  return taken;
}

std::size_t Stream::try_write_tls(const Buffers& buffers, std::error_code& ec) {
  ec = try_send_unsent();
  if (ec) return 0;
  const std::size_t taken = encrypt(buffers, ec);
  if (ec) return 0;
  ec = try_send_unsent();
  // What does not fit stays unsent, and the next call says so.
  if (is_would_block(ec) && taken > 0) ec = {};
  return taken;
}

std::error_code Stream::try_send_unsent() {
  while (has_unsent()) {
    if (sent_ == sending_.size()) {
      sending_.clear();
      sent_ = 0;
      tls_->take_output(sending_);
    }
    std::error_code ec;
    sent_ += socket_.write_some(asio::buffer(sending_) + sent_, ec);
    if (ec) return ec;
  }
  if (sending_.capacity() > sending_bytes_kept) {
    std::string().swap(sending_);  // an assignment would keep the memory
    sent_ = 0;
  }
  return {};
}

// Some of what is unsent, then some of the buffers.
asio::awaitable<Stream::Outcome> Stream::write_tls(Buffers buffers) {
  ASSERT(!is_sending_);
  std::error_code ec;
  if (!has_unsent()) {
    const std::size_t taken = try_write_tls(buffers, ec);
    co_return Outcome(ec, taken);
  }
  ec = try_send_unsent();
  if (!is_would_block(ec)) co_return Outcome(ec, 0);
  is_sending_ = true;
  const auto waited = co_await socket_.async_write_some(asio::buffer(sending_) + sent_, as_tuple);
  is_sending_ = false;
  sent_ += std::get<1>(waited);
  co_return Outcome(std::get<0>(waited), 0);
}

asio::awaitable<std::error_code> Stream::send_unsent() {
  const Buffers nothing{};
  while (has_unsent()) {
    const auto outcome = co_await write_tls(nothing);
    if (std::get<0>(outcome)) co_return std::get<0>(outcome);
  }
  co_return std::error_code();
}

asio::awaitable<Stream::Outcome> Stream::write_all_tls(std::string_view bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size() || has_unsent()) {
    const Buffers left{asio::buffer(bytes.data() + taken, bytes.size() - taken),
                       asio::const_buffer()};
    const auto outcome = co_await write_tls(left);
    if (std::get<0>(outcome)) co_return Outcome(std::get<0>(outcome), taken);
    taken += std::get<1>(outcome);
  }
  co_return Outcome(std::error_code(), taken);
}

void Stream::shutdown_send(std::error_code& ec) {
  if (tls_) {
    tls_->close();
    ec = is_sending_ ? std::error_code() : try_send_unsent();
    if (ec) return;
  }
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ec);
}

}  // namespace net
