#include "raft/transport/listener.hpp"

#include <asio/buffer.hpp>
#include <asio/ip/v6_only.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <cerrno>

#include "base/assert.hpp"
#include "raft/transport/address.hpp"
#include "raft/transport/codec.hpp"
#include "raft/transport/spawn.hpp"

namespace raft {
namespace {

using asio::ip::tcp;

// Each connection has one buffer of this size: a batch of small messages in one read.
constexpr std::size_t read_bytes = 64u << 10;
// After a failed accept, such as one without a free file descriptor.
constexpr std::chrono::milliseconds accept_pause_duration{100};

std::string name_of(const tcp::socket& socket) {
  asio::error_code error;
  const tcp::endpoint endpoint = socket.remote_endpoint(error);
  if (error) return "unknown address";
  return fmt::format("{}:{}", endpoint.address().to_string(), endpoint.port());
}

}  // namespace

Listener::Listener(asio::io_context& io, base::Logger& logger, const TransportLimits& limits,
                   std::shared_ptr<const Handshake> self, ListenerEvents events)
    : io_(io), logger_(logger), limits_(limits), self_(std::move(self)), events_(std::move(events)),
      accept_pause_(io) {}

base::Result<base::Ok, std::string> Listener::listen(const std::string& address) {
  ASSERT(acceptors_.empty() && !closed_);
  const std::optional<HostPort> own = split_address(address);
  if (!own) return base::fail(fmt::format("cannot listen on {}: it is not a host:port", address));
  port_ = own->port;
  asio::error_code error;
  tcp::resolver resolver(io_);
  const auto found = resolver.resolve(own->host, std::to_string(own->port), error);
  std::set<asio::ip::address> tried;
  asio::error_code failure;
  for (const auto& entry : found) {
    const asio::ip::address ip = entry.endpoint().address();
    if (!tried.insert(ip).second) continue;
    error = listen_at(tcp::endpoint(ip, port_));
    const bool not_ours = error.value() == EADDRNOTAVAIL || error.value() == EAFNOSUPPORT;
    if (error && !not_ours) failure = error;
  }
  // The name is that of a NAT or of a container's host: every interface may be the one it leads to.
  if (acceptors_.empty() && !failure) {
    failure = listen_at(tcp::endpoint(asio::ip::address_v6::any(), port_));
    if (failure && failure != asio::error::address_in_use)
      failure = listen_at(tcp::endpoint(asio::ip::address_v4::any(), port_));
  }
  if (failure) {
    acceptors_.clear();
    port_ = 0;
    if (failure == asio::error::address_in_use)
      return base::fail(fmt::format(
          "cannot listen on {}: address already in use; is another node running?", address));
    return base::fail(fmt::format("cannot listen on {}: {}", address, text_of(failure)));
  }
  for (const Acceptor& acceptor : acceptors_)
    spawn(io_.get_executor(), logger_, "accepting peers", accept(shared_from_this(), acceptor));
  return base::Ok();
}

asio::error_code Listener::listen_at(const tcp::endpoint& endpoint) {
  asio::error_code error;
  const auto acceptor = std::make_shared<tcp::acceptor>(io_);
  acceptor->open(endpoint.protocol(), error);
  if (error) return error;
  // A restart must not wait until the connections of the former process have left TIME_WAIT.
  acceptor->set_option(tcp::acceptor::reuse_address(true), error);
  if (endpoint.address().is_v6())
    acceptor->set_option(asio::ip::v6_only(!endpoint.address().is_unspecified()), error);
  acceptor->bind(endpoint, error);
  if (error) return error;
  acceptor->listen(tcp::acceptor::max_listen_connections, error);
  if (error) return error;
  port_ = acceptor->local_endpoint(error).port();
  if (!error) acceptors_.push_back(acceptor);
  return error;
}

void Listener::close() {
  closed_ = true;
  asio::error_code ignored;
  for (const Acceptor& acceptor : acceptors_) acceptor->close(ignored);
  accept_pause_.cancel();
  for (const auto& inbound : inbound_) inbound->connection->close();
}

std::optional<std::string> Listener::address_of(NodeId id) const {
  const auto found = established_.find(id);
  if (closed_ || found == established_.end()) return std::nullopt;
  return found->second->other.address;
}

asio::awaitable<void> Listener::accept(std::shared_ptr<Listener> self, Acceptor acceptor) {
  while (!self->closed_) {
    asio::error_code error;
    tcp::socket socket = co_await acceptor->async_accept(
        asio::redirect_error(asio::use_awaitable, error));
    if (self->closed_) break;
    if (!error) {
      self->take(std::move(socket));
      continue;
    }
    self->logger_.warning("raft", "cannot accept a connection: {}", text_of(error));
    self->accept_pause_.expires_after(accept_pause_duration);
    co_await self->accept_pause_.async_wait(asio::redirect_error(asio::use_awaitable, error));
  }
}

void Listener::take(tcp::socket socket) {
  std::string name = name_of(socket);
  if (inbound_.size() >= limits_.inbound_connections_max) {
    logger_.warning("raft", "refused {}: {} connections are open", name, inbound_.size());
    return;  // closes it
  }
  const auto inbound = std::make_shared<Inbound>(std::move(socket));
  inbound->connection->set_options();
  inbound_.insert(inbound);
  std::string title = "connection from " + name;
  spawn(io_.get_executor(), logger_, std::move(title),
        serve(shared_from_this(), inbound, std::move(name)));
}

asio::awaitable<void> Listener::serve(std::shared_ptr<Listener> self,
                                      std::shared_ptr<Inbound> inbound, std::string name) {
  FrameDecoder decoder(handshake_bytes_max);
  std::string reason;
  std::exception_ptr escaped;  // from a callback: not ours, but the connection must not stay behind
  try {
    reason = co_await self->shake_hands(*inbound, decoder);
    if (reason.empty()) {
      self->establish(inbound);
      reason = co_await self->receive(*inbound, decoder);
    }
  } catch (...) {
    escaped = std::current_exception();
    reason = "its message could not be handled";
  }
  self->end(inbound, name, reason);
  if (escaped) std::rethrow_exception(escaped);
}

asio::awaitable<std::string> Listener::shake_hands(Inbound& inbound, FrameDecoder& decoder) {
  Connection& connection = *inbound.connection;
  connection.expire_after(limits_.handshake_timeout);
  std::string failure;
  std::optional<Handshake> other = co_await connection.read_handshake(decoder, failure);
  if (!other) co_return failure;
  // Answered also where it is refused, so that the other side can say why as well.
  base::Bytes answer;
  append_frame(answer, encode(*self_));
  const bool written = co_await connection.write(answer);
  if (!written) co_return "the connection broke during the handshake";
  if (const auto refusal = check(*self_, *other)) co_return *refusal;
  inbound.other = std::move(*other);
  decoder.set_limit(frame_bytes_max);
  co_return std::string();
}

void Listener::establish(const std::shared_ptr<Inbound>& inbound) {
  if (closed_) return;
  inbound->established = true;
  last_refusal_.clear();
  std::shared_ptr<Inbound>& current = established_[inbound->other.node_id];
  if (current) {  // the peer knows that the older one is broken before we do
    current->replaced = true;
    current->connection->close();
  }
  current = inbound;
  logger_.debug("raft", "node {} has connected", inbound->other.node_id.value());
  events_.on_connect(inbound->other);
}

asio::awaitable<std::string> Listener::receive(Inbound& inbound, FrameDecoder& decoder) {
  Connection& connection = *inbound.connection;
  std::vector<char> chunk(read_bytes);
  while (!closed_) {
    std::string reason = deliver(inbound, decoder);
    if (!reason.empty()) co_return reason;
    if (connection.closed()) break;
    connection.expire_after(limits_.inbound_silence_timeout);
    asio::error_code error;
    const std::size_t size = co_await connection.socket().async_read_some(
        asio::buffer(chunk), asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return connection.reason(error);
    decoder.feed(base::BytesView(chunk.data(), size));
  }
  co_return "closed";
}

std::string Listener::deliver(const Inbound& inbound, FrameDecoder& decoder) {
  // A callback may close this connection, or all of them.
  while (!closed_ && !inbound.connection->closed()) {
    const std::optional<base::BytesView> payload = decoder.next();
    if (decoder.failed()) return "it sent a damaged frame";
    if (!payload) break;
    if (payload->empty()) continue;  // a sign of life
    std::optional<Message> message = decode(*payload);
    if (!message) return "it sent a malformed message";
    if (message->from != inbound.other.node_id || message->to != self_->node_id)
      return fmt::format("it sent a message from node {} to node {}", message->from.value(),
                         message->to.value());
    message->sender = inbound.other.process;
    events_.on_message(std::move(*message));
  }
  return {};
}

void Listener::end(const std::shared_ptr<Inbound>& inbound, const std::string& name,
                   const std::string& reason) {
  inbound->connection->close();
  inbound_.erase(inbound);
  if (!inbound->established) {
    if (closed_) return;
    const bool repeated = reason == last_refusal_;  // peers dial again every second
    last_refusal_ = reason;
    if (!repeated) logger_.warning("raft", "refused the connection from {}: {}", name, reason);
    return;
  }
  if (inbound->replaced) return;
  const NodeId id = inbound->other.node_id;
  established_.erase(id);
  if (closed_) return;
  logger_.info("raft", "connection from node {} at {} ended: {}", id.value(), name, reason);
  events_.on_disconnect(id);
}

}  // namespace raft
