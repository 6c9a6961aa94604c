#include "raft/transport/listener.hpp"

#include <algorithm>
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

std::string name_of(const tcp::endpoint& endpoint) {
  return fmt::format("{}:{}", endpoint.address().to_string(), endpoint.port());
}

// A host of IPv6 has a whole /64 to come from.
asio::ip::address origin_of(const asio::ip::address& address) {
  if (!address.is_v6()) return address;
  const asio::ip::address_v6 v6 = address.to_v6();
  if (v6.is_v4_mapped()) return asio::ip::make_address_v4(asio::ip::v4_mapped, v6);
  asio::ip::address_v6::bytes_type bytes = v6.to_bytes();
  std::fill(bytes.begin() + 8, bytes.end(), std::uint8_t{0});
  return asio::ip::address_v6(bytes);
}

std::chrono::milliseconds now() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace

Listener::Listener(asio::io_context& io, base::Logger& logger, const TransportLimits& limits,
                   std::shared_ptr<const Handshake> self, const Credentials& credentials,
                   std::shared_ptr<const TransportTls> tls, ListenerEvents events)
    : io_(io), logger_(logger), limits_(limits), self_(std::move(self)),
      credentials_(credentials), tls_(std::move(tls)), events_(std::move(events)),
      accept_pause_(io), refusals_(limits.refusal_window, limits.refusal_lines_max) {}

Listener::Inbound::Inbound(tcp::socket socket, net::TlsContext::Pointer tls,
                           const tcp::endpoint& from)
    : name(name_of(from)), origin(origin_of(from.address())),
      connection(std::make_shared<Connection>(std::move(socket), std::move(tls))) {}

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
  asio::error_code gone;
  const tcp::endpoint from = socket.remote_endpoint(gone);
  if (gone) return;
  const auto inbound = std::make_shared<Inbound>(std::move(socket), tls_->accepting, from);
  inbound->connection->set_options();
  make_room_for(*inbound);
  inbound_.insert(inbound);
  strangers_.push_back(inbound);
  spawn(io_.get_executor(), logger_, "connection from " + inbound->name,
        serve(shared_from_this(), inbound));
}

// A node introduces itself within moments, a stranger that waits does not: so the oldest goes, of
// the same address where that has too many.
void Listener::make_room_for(const Inbound& newcomer) {
  const auto is_neighbour = [&newcomer](const std::shared_ptr<Inbound>& stranger) {
    return stranger->origin == newcomer.origin;
  };
  const auto neighbours = std::count_if(strangers_.begin(), strangers_.end(), is_neighbour);
  auto oldest = strangers_.end();
  if (static_cast<std::size_t>(neighbours) >= limits_.strangers_per_address_max)
    oldest = std::find_if(strangers_.begin(), strangers_.end(), is_neighbour);
  else if (strangers_.size() >= limits_.strangers_max)
    oldest = strangers_.begin();
  if (oldest == strangers_.end()) return;
  (*oldest)->crowded_out = true;
  (*oldest)->connection->close();
  strangers_.erase(oldest);
}

asio::awaitable<void> Listener::serve(std::shared_ptr<Listener> self,
                                      std::shared_ptr<Inbound> inbound) {
  FrameDecoder decoder(handshake_bytes_max);
  std::optional<PeerRefusal> refusal;
  std::string reason;
  std::exception_ptr escaped;  // from a callback: not ours, but the connection must not stay behind
  try {
    refusal = co_await self->introduce(*inbound, decoder);
    if (!refusal && !self->closed_) {
      self->establish(inbound);
      reason = co_await self->receive(*inbound, decoder);
    }
  } catch (...) {
    escaped = std::current_exception();
    reason = "its message could not be handled";
  }
  if (inbound->established)
    self->end(inbound, reason);
  else
    self->refuse(inbound, refusal.value_or(PeerRefusal{RefusalReason::broke_off, reason}));
  if (escaped) std::rethrow_exception(escaped);
}

asio::awaitable<std::optional<PeerRefusal>> Listener::introduce(Inbound& inbound,
                                                            FrameDecoder& decoder) {
  Connection& connection = *inbound.connection;
  connection.expire_after(limits_.handshake_timeout);
  Handshake own = *self_;
  own.nonce = new_nonce();
  Introduction introduction(Introduction::Role::acceptor, own, credentials_, NodeId());
  std::string anybody;
  std::optional<PeerRefusal> refusal = co_await connection.secure(std::move(anybody));
  if (!refusal) refusal = co_await connection.introduce(introduction, decoder);
  if (inbound.crowded_out)
    co_return PeerRefusal{RefusalReason::crowded, "others came before it had introduced itself"};
  if (refusal) co_return refusal;
  inbound.other = introduction.other();
  if (!established_.contains(inbound.other.node_id) &&
      established_.size() >= limits_.inbound_connections_max)
    co_return PeerRefusal{RefusalReason::crowded,
                      fmt::format("{} nodes are connected", established_.size())};
  decoder.set_limit(frame_bytes_max);
  co_return std::nullopt;
}

void Listener::establish(const std::shared_ptr<Inbound>& inbound) {
  inbound->established = true;
  strangers_.remove(inbound);
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
    const std::size_t size = co_await connection.read_some(asio::buffer(chunk), error);
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

void Listener::refuse(const std::shared_ptr<Inbound>& inbound, const PeerRefusal& refusal) {
  inbound->connection->close();
  inbound_.erase(inbound);
  strangers_.remove(inbound);
  if (closed_) return;
  const std::optional<std::uint64_t> not_logged = refusals_.note(refusal, now());
  if (!not_logged) return;
  const std::string others =
      *not_logged == 0 ? "" : fmt::format(" (and {} more since the last such line)", *not_logged);
  logger_.warning("raft", "refused the connection from {}: {}{}", inbound->name, refusal.text,
                  others);
}

void Listener::end(const std::shared_ptr<Inbound>& inbound, const std::string& reason) {
  inbound->connection->close();
  inbound_.erase(inbound);
  if (inbound->replaced) return;
  const NodeId id = inbound->other.node_id;
  established_.erase(id);
  if (closed_) return;
  logger_.info("raft", "connection from node {} at {} ended: {}", id.value(), inbound->name,
               reason);
  events_.on_disconnect(id);
}

}  // namespace raft
