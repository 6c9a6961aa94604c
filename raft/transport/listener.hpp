// The connections that other nodes dial to this one: accepts, shakes hands, reads messages.
// A connection ends at the first thing that is not as it should be; its peer dials again.
// Until it has introduced itself it is a stranger: these have little room of their own, in which
// the newest wins, so that they cannot keep a node out.
// Owned by Transport and by its own coroutines; io thread only.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/result.hpp"
#include "raft/core/message.hpp"
#include "raft/transport/connection.hpp"
#include "raft/transport/handshake.hpp"
#include "raft/transport/limits.hpp"

namespace raft {

// Called on the io thread; each may call close().
struct ListenerEvents {
  std::function<void(const Handshake&)> on_connect;
  std::function<void(Message)> on_message;
  // Not where a newer connection of the same node took its place.
  std::function<void(NodeId)> on_disconnect;
};

class Listener : public std::enable_shared_from_this<Listener> {
 public:
  // `io`, `logger` outlive the coroutines.
  Listener(asio::io_context& io, base::Logger& logger, const TransportLimits& limits,
           std::shared_ptr<const Handshake> self, const Credentials& credentials,
           std::shared_ptr<const TransportTls> tls, ListenerEvents events);

  // See Transport::listen. Once.
  base::Result<base::Ok, std::string> listen(const std::string& address);
  std::uint16_t port() const { return port_; }  // 0 where not listening
  void close();

  // Where the node said that it can be dialled; nullopt where it is not connected.
  std::optional<std::string> address_of(NodeId id) const;

  // Of the connections that were not let in, since the start.
  const RefusalCounts& refusals() const { return refusals_.counts(); }

 private:
  using Acceptor = std::shared_ptr<asio::ip::tcp::acceptor>;
  struct Inbound {
    Inbound(asio::ip::tcp::socket socket, net::TlsContext::Pointer tls,
            const asio::ip::tcp::endpoint& from);
    const std::string name;  // of its end, for the log
    const asio::ip::address origin;  // whose bound it counts against; of IPv6 the /64
    const std::shared_ptr<Connection> connection;
    Handshake other;  // where established
    bool established = false;
    bool replaced = false;
    bool crowded_out = false;  // as a stranger
  };

  asio::error_code listen_at(const asio::ip::tcp::endpoint& endpoint);
  static asio::awaitable<void> accept(std::shared_ptr<Listener> self, Acceptor acceptor);
  void take(asio::ip::tcp::socket socket);
  static asio::awaitable<void> serve(std::shared_ptr<Listener> self,
                                     std::shared_ptr<Inbound> inbound);
  void make_room_for(const Inbound& newcomer);
  asio::awaitable<std::optional<PeerRefusal>> introduce(Inbound& inbound, FrameDecoder& decoder);
  // Gives the reason why the connection has to end.
  asio::awaitable<std::string> receive(Inbound& inbound, FrameDecoder& decoder);
  // Hands on what is whole in `decoder`. The reason as above.
  std::string deliver(const Inbound& inbound, FrameDecoder& decoder);
  void establish(const std::shared_ptr<Inbound>& inbound);
  // Of one that was established, of one that was not.
  void end(const std::shared_ptr<Inbound>& inbound, const std::string& reason);
  void refuse(const std::shared_ptr<Inbound>& inbound, const PeerRefusal& refusal);

  asio::io_context& io_;
  base::Logger& logger_;
  const TransportLimits limits_;
  const std::shared_ptr<const Handshake> self_;  // the transport changes it
  const Credentials credentials_;
  const std::shared_ptr<const TransportTls> tls_;  // the transport changes it
  const ListenerEvents events_;
  std::vector<Acceptor> acceptors_;
  std::uint16_t port_ = 0;
  asio::steady_timer accept_pause_;
  std::set<std::shared_ptr<Inbound>> inbound_;
  std::list<std::shared_ptr<Inbound>> strangers_;  // those not established; the oldest first
  std::map<NodeId, std::shared_ptr<Inbound>> established_;
  RefusalLog refusals_;
  bool closed_ = false;
};

}  // namespace raft
