// Messages between nodes over TCP. Each node dials every other one and sends its messages on the
// connection it dialled; it reads those of the others on the connections that it accepted.
// Runs on the io thread; not thread-safe. Loses messages rather than queue without limit: Raft
// sends again.
#pragma once

#include <asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/log.hpp"
#include "base/result.hpp"
#include "raft/core/message.hpp"
#include "raft/transport/connection.hpp"
#include "raft/transport/limits.hpp"

namespace raft {

// Called on the io thread; must not throw. Each may call back into the transport, also close().
struct TransportEvents {
  // A well-formed message from a peer that passed the handshake; message.from is that peer.
  std::function<void(Message)> on_message;
  // The connection that `peer` had dialled broke, and no newer one has taken its place: its process
  // may have died.
  std::function<void(NodeId peer)> on_disconnect;
};

class Transport {
 public:
  // `io`, `logger` outlive the transport and the coroutines that close() leaves to end in io.run().
  Transport(asio::io_context& io, base::Logger& logger, const Handshake& self,
            TransportEvents events, const TransportLimits& limits = {},
            const Credentials& credentials = {});
  ~Transport();

  // Listens on host:port (the own raft_addr). A host that resolves to no local address is listened
  // to on all interfaces. Port 0 takes a free one. The error is a text for the user. Once; blocks
  // to resolve the host.
  base::Result<base::Ok, std::string> listen(const std::string& address);
  std::uint16_t port() const;  // 0 where not listening

  // Dials those who are new, hangs up on those who are gone. Never contains the node itself.
  // Addresses are resolved anew at each dial. Reconnects with a growing, bounded, jittered delay.
  void set_peers(const std::map<NodeId, std::string>& address_of);

  // What handshakes from now on say and compare.
  void set_cluster_epoch(std::uint64_t epoch);

  // With what connections from now on are made; those that are there go on. Before listen() and
  // set_peers() where none may be plain.
  void use_tls(TransportTls tls);

  // Queues `message` for message.to until flush(). False where it was certainly not sent: no
  // connection, unknown peer, full queue, or beyond a limit of codec.hpp. A node that is not among
  // the peers but has dialled us is dialled back at the address of its handshake, while its
  // connection lasts. REQUIRES: message.from is this node.
  bool send(const Message& message);
  // What is queued leaves: one write for each peer, as far as its socket takes it at once.
  void flush();

  // Connections that were not let in, since the start.
  const RefusalCounts& refusals() const;

  // Closes everything; the coroutines end by themselves soon after.
  void close();

 private:
  struct Implementation;
  std::shared_ptr<Implementation> implementation_;
};

}  // namespace raft
