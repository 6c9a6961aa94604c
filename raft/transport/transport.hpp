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

namespace raft {

// What a connection says first; the other side checks it and answers with its own.
struct Handshake {
  std::uint16_t protocol_min = 1;
  std::uint16_t protocol_max = 1;
  std::uint64_t cluster_id = 0;
  std::uint64_t cluster_epoch = 0;
  NodeId node_id;
  std::uint64_t incarnation = 0;
  // Where the sender's own raft listener can be dialled. A peer that is in no configuration of ours
  // yet (or no more) is answered there.
  std::string address;
};

struct TransportEvents {
  // A well-formed message from a peer that passed the handshake; message.from is that peer.
  std::function<void(Message)> on_message;
  // The connection that `peer` had dialled broke: its process may have died.
  std::function<void(NodeId peer)> on_disconnect;
};

class Transport {
 public:
  // `io`, `logger` outlive the transport.
  Transport(asio::io_context& io, base::Logger& logger, const Handshake& self,
            TransportEvents events);
  ~Transport();

  // Listens on host:port (the own raft_addr). A host that resolves to no local address is listened
  // to on all interfaces. The error is a text for the user.
  base::Result<base::Ok, std::string> listen(const std::string& address);

  // Dials those who are new, hangs up on those who are gone. Never contains the node itself.
  // Addresses are resolved anew at each dial. Reconnects with a growing, bounded, jittered delay.
  void set_peers(const std::map<NodeId, std::string>& address_of);

  // Queues `message` for message.to. False where it was certainly not sent: no connection, unknown
  // peer or full queue. A node that is not among the peers but has dialled us is dialled back at the
  // address of its handshake (a bounded number of such nodes is remembered).
  bool send(Message message);

  // Closes everything; the coroutines end by themselves soon after.
  void close();

 private:
  struct Implementation;
  std::shared_ptr<Implementation> implementation_;
};

}  // namespace raft
