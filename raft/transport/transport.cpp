#include "raft/transport/transport.hpp"

#include "base/assert.hpp"
#include "raft/transport/listener.hpp"
#include "raft/transport/peer.hpp"

namespace raft {

// Shared with the events of the listener, so that a callback may destroy the Transport.
struct Transport::Implementation : std::enable_shared_from_this<Implementation> {
  Implementation(asio::io_context& io_context, base::Logger& log, const Handshake& handshake,
                 const Credentials& proof, TransportEvents callbacks,
                 const TransportLimits& bounds)
      : io(io_context), logger(log), self(std::make_shared<Handshake>(handshake)),
        credentials(proof), events(std::move(callbacks)), limits(bounds) {
    self->proof = proof_of(credentials);
  }

  struct Known {
    std::shared_ptr<Peer> peer;
    // Set by set_peers(). The others are learned: nodes that are connected to us, at most
    // inbound_connections_max.
    bool configured = false;
  };

  void make_listener();
  void dial(NodeId id, const std::string& address, bool configured);
  void set_peers(const std::map<NodeId, std::string>& address_of);
  bool send(const Message& message);
  void flush();
  void close();

  asio::io_context& io;
  base::Logger& logger;
  const std::shared_ptr<Handshake> self;  // shared with the connections
  const Credentials credentials;
  const std::shared_ptr<TransportTls> tls = std::make_shared<TransportTls>();  // shared as well
  const TransportEvents events;
  const TransportLimits limits;
  std::shared_ptr<Listener> listener;
  std::map<NodeId, Known> known;
  bool closed = false;
};

void Transport::Implementation::make_listener() {
  ListenerEvents hooks;
  hooks.on_connect = [weak = weak_from_this()](const Handshake& other) {
    const auto owner = weak.lock();
    if (!owner || owner->closed) return;
    const auto found = owner->known.find(other.node_id);
    const bool reachable =
        found != owner->known.end() &&
        (found->second.configured || (!found->second.peer->closed() &&
                                      found->second.peer->address() == other.address));
    if (!reachable)
      owner->dial(other.node_id, other.address, false);
    else
      found->second.peer->dial_now();  // it has just started, perhaps
  };
  hooks.on_message = [weak = weak_from_this()](Message message) {
    const auto owner = weak.lock();
    if (owner && !owner->closed) owner->events.on_message(std::move(message));
  };
  hooks.on_disconnect = [weak = weak_from_this()](NodeId id) {
    const auto owner = weak.lock();
    if (!owner || owner->closed) return;
    const auto found = owner->known.find(id);
    if (found != owner->known.end() && !found->second.configured) {
      found->second.peer->close();
      owner->known.erase(found);
    }
    owner->events.on_disconnect(id);
  };
  listener = std::make_shared<Listener>(io, logger, limits, self, credentials, tls,
                                        std::move(hooks));
}

void Transport::Implementation::dial(NodeId id, const std::string& address, bool configured) {
  Known& entry = known[id];
  if (entry.peer) entry.peer->close();
  entry.configured = configured;
  entry.peer = std::make_shared<Peer>(io, logger, limits, self, credentials, tls, id, address);
  entry.peer->may_retire(!configured);
  entry.peer->start();
}

void Transport::Implementation::set_peers(const std::map<NodeId, std::string>& address_of) {
  if (closed) return;
  ASSERT(!address_of.contains(self->node_id));
  for (auto it = known.begin(); it != known.end();) {
    Known& entry = it->second;
    if (entry.configured && !address_of.contains(it->first)) {
      // A removed node that is still connected has to be told that it was removed.
      entry.configured = false;
      entry.peer->may_retire(true);
      if (!listener->address_of(it->first)) {
        entry.peer->close();
        it = known.erase(it);
        continue;
      }
    }
    ++it;
  }
  for (const auto& [id, address] : address_of) {
    const auto found = known.find(id);
    if (found == known.end() || found->second.peer->closed() ||
        found->second.peer->address() != address) {
      dial(id, address, true);
    } else {
      found->second.configured = true;
      found->second.peer->may_retire(false);
    }
  }
}

bool Transport::Implementation::send(const Message& message) {
  ASSERT(message.from == self->node_id);
  if (closed) return false;
  const auto found = known.find(message.to);
  if (found != known.end() && !found->second.peer->closed())
    return found->second.peer->send(message);
  // A learned peer that retired: dialled again, too late for this message.
  if (const auto address = listener->address_of(message.to)) dial(message.to, *address, false);
  return false;
}

void Transport::Implementation::flush() {
  for (const auto& [id, entry] : known) entry.peer->flush();
}

void Transport::Implementation::close() {
  if (closed) return;
  closed = true;
  listener->close();
  for (const auto& [id, entry] : known) entry.peer->close();
  known.clear();
}

Transport::Transport(asio::io_context& io, base::Logger& logger, const Handshake& self,
                     TransportEvents events, const TransportLimits& limits,
                     const Credentials& credentials)
    : implementation_(std::make_shared<Implementation>(io, logger, self, credentials,
                                                       std::move(events), limits)) {
  ASSERT(self.node_id && (!credentials.required || !credentials.secret.empty()));
  implementation_->make_listener();
}

Transport::~Transport() { close(); }

base::Result<base::Ok, std::string> Transport::listen(const std::string& address) {
  return implementation_->listener->listen(address);
}

std::uint16_t Transport::port() const { return implementation_->listener->port(); }

void Transport::set_peers(const std::map<NodeId, std::string>& address_of) {
  implementation_->set_peers(address_of);
}

void Transport::set_cluster_epoch(std::uint64_t epoch) {
  implementation_->self->cluster_epoch = epoch;
}

void Transport::use_tls(TransportTls tls) {
  ASSERT((tls.accepting != nullptr) == (tls.dialling != nullptr));
  *implementation_->tls = std::move(tls);
}

bool Transport::send(const Message& message) { return implementation_->send(message); }

void Transport::flush() { implementation_->flush(); }

const RefusalCounts& Transport::refusals() const {
  return implementation_->listener->refusals();
}

void Transport::close() { implementation_->close(); }

}  // namespace raft
