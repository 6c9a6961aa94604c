#include "raft/transport/peer.hpp"

#include <algorithm>
#include <array>
#include <asio/buffer.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>

#include "raft/transport/address.hpp"
#include "raft/transport/codec.hpp"
#include "raft/transport/spawn.hpp"

namespace raft {
namespace {

// What one write deadline covers.
constexpr std::size_t write_slice_bytes = 1u << 20;
// Beyond it, an emptied buffer is given back.
constexpr std::size_t idle_capacity_bytes_max = 4u << 20;

void release(base::Bytes& buffer) {
  if (buffer.capacity() > idle_capacity_bytes_max)
    buffer = base::Bytes();
  else
    buffer.clear();
}

}  // namespace

void Peer::Link::close() {
  connection->close();
  wake.cancel();
}

Peer::Peer(asio::io_context& io, base::Logger& logger, const TransportLimits& limits,
           std::shared_ptr<const Handshake> self, const Credentials& credentials,
           std::shared_ptr<const TransportTls> tls, NodeId id, std::string address)
    : io_(io), logger_(logger), limits_(limits), self_(std::move(self)),
      credentials_(credentials), tls_(std::move(tls)), id_(id), address_(std::move(address)),
      random_(self_->process.incarnation ^ (id.value() << 32)),
      pause_timer_(io), delay_(limits.reconnect_delay_min),
      last_send_(std::chrono::steady_clock::now()) {}

void Peer::start() {
  spawn(io_.get_executor(), logger_, fmt::format("connection to node {}", id_.value()),
        run(shared_from_this()));
}

void Peer::close() {
  closed_ = true;
  if (dialing_) dialing_->close();
  if (link_) link_->close();
  link_.reset();
  pause_timer_.cancel();
}

void Peer::dial_now() { pause_timer_.cancel(); }

bool Peer::send(const Message& message) {
  last_send_ = std::chrono::steady_clock::now();
  if (!link_ || link_->connection->closed()) return false;
  Link& link = *link_;
  if (link.queued_messages + link.in_flight_messages >= limits_.queue_messages_max) return false;
  const std::size_t offset = begin_frame(link.queued);
  const bool encoded = encode(message, link.queued);
  if (!encoded || link.queued.size() + link.in_flight.size() > limits_.queue_bytes_max) {
    link.queued.resize(offset);
    if (!encoded) logger_.error("raft", "dropped a message to node {}: too large", id_.value());
    return false;
  }
  end_frame(link.queued, offset);
  ++link.queued_messages;
  return true;
}

void Peer::flush() {
  if (!link_ || link_->queued.empty() || !link_->writer_waits) return;  // or the writer has it
  Link& link = *link_;
  const std::size_t written = link.connection->try_write(link.queued);
  link.queued.erase(0, written);
  if (link.queued.empty()) {
    link.queued_messages = 0;
    return release(link.queued);
  }
  link.writer_waits = false;
  link.wake.cancel();
}

asio::awaitable<void> Peer::run(std::shared_ptr<Peer> self) {
  while (!self->closed_ && !self->retired()) {
    const auto connection = std::make_shared<Connection>(self->io_, self->tls_->dialling);
    self->dialing_ = connection;
    std::string failure = co_await self->connect(*connection);
    self->dialing_.reset();
    if (self->closed_) {
      connection->close();
      break;
    }
    if (failure.empty()) {
      self->logger_.info("raft", "connected to node {} at {}", self->id_.value(), self->address_);
      self->last_failure_.clear();
      self->delay_ = self->limits_.reconnect_delay_min;
      const auto link = std::make_shared<Link>(self->io_, connection);
      self->link_ = link;
      spawn(self->io_.get_executor(), self->logger_,
            fmt::format("sending to node {}", self->id_.value()), write(self, link));
      failure = co_await self->watch(*connection);
      link->close();
      if (self->link_ == link) self->link_.reset();
    }
    connection->close();
    if (self->closed_) break;
    self->log_failure(failure);
    co_await self->pause();
  }
  self->close();
}

asio::awaitable<std::string> Peer::connect(Connection& connection) {
  connection.expire_after(limits_.dial_timeout);
  std::string failure = co_await connection.dial(address_);
  if (!failure.empty()) co_return failure;
  connection.expire_after(limits_.handshake_timeout);
  const std::optional<PeerRefusal> refusal = co_await introduce(connection);
  if (refusal) {
    const bool nothing_came = refusal->reason == RefusalReason::timed_out ||
                              refusal->reason == RefusalReason::broke_off ||
                              refusal->reason == RefusalReason::not_a_node;
    co_return fmt::format("{} at {}: {}", nothing_came ? "no answer" : "refused the node",
                          address_, refusal->text);
  }
  connection.expire_never();
  co_return std::string();
}

asio::awaitable<std::optional<PeerRefusal>> Peer::introduce(Connection& connection) {
  std::string host = split_address(address_)->host;  // dial() has used it
  std::optional<PeerRefusal> refusal = co_await connection.secure(std::move(host));
  if (refusal) co_return refusal;
  Handshake own = *self_;
  own.nonce = new_nonce();
  Introduction introduction(Introduction::Role::dialer, own, credentials_, id_);
  FrameDecoder decoder(handshake_bytes_max);
  refusal = co_await connection.introduce(introduction, decoder);
  co_return refusal;
}

asio::awaitable<std::string> Peer::watch(Connection& connection) {
  std::array<char, 1> byte;
  asio::error_code error;
  co_await connection.read_some(asio::buffer(byte), error);
  if (!error) co_return "it spoke out of turn";
  co_return "connection lost: " + connection.reason(error);
}

asio::awaitable<void> Peer::write(std::shared_ptr<Peer> self, std::shared_ptr<Link> link) {
  while (!link->connection->closed()) {
    if (link->queued.empty()) {
      link->writer_waits = true;
      link->wake.expires_after(self->limits_.keepalive_interval);
      asio::error_code ignored;  // cancelled: there is something to send, or to end
      co_await link->wake.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
      link->writer_waits = false;
      if (link->connection->closed()) break;
      if (self->retired()) {
        self->close();
        break;
      }
      if (link->queued.empty()) append_frame(link->queued, {});  // a sign of life
    }
    const bool written = co_await self->write_queued(*link);
    if (!written) break;
  }
  link->close();
}

asio::awaitable<bool> Peer::write_queued(Link& link) {
  std::swap(link.queued, link.in_flight);
  link.in_flight_messages = std::exchange(link.queued_messages, 0);
  base::BytesView rest = link.in_flight;
  while (!rest.empty()) {
    const base::BytesView slice = rest.substr(0, write_slice_bytes);
    link.connection->expire_after(limits_.write_timeout);
    const bool written = co_await link.connection->write(slice);
    if (!written) co_return false;
    rest.remove_prefix(slice.size());
  }
  link.connection->expire_never();
  link.in_flight_messages = 0;
  release(link.in_flight);
  co_return true;
}

// Jitter keeps the nodes of a cluster from dialling a restarted one in step.
asio::awaitable<void> Peer::pause() {
  const auto delay = static_cast<std::uint64_t>(delay_.count());
  pause_timer_.expires_after(
      TransportLimits::Duration(random_.between(delay / 2, std::max<std::uint64_t>(delay, 1))));
  delay_ = std::min(delay_ * 2, limits_.reconnect_delay_max);
  asio::error_code ignored;
  co_await pause_timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

void Peer::log_failure(const std::string& failure) {
  if (failure == last_failure_) return;
  last_failure_ = failure;
  logger_.warning("raft", "node {}: {}", id_.value(), failure);
}

bool Peer::retired() const {
  return may_retire_ &&
         std::chrono::steady_clock::now() - last_send_ > limits_.learned_idle_timeout;
}

}  // namespace raft
