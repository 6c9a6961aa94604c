// The connections that other nodes dial to this one: accepts, shakes hands, reads messages.
// A connection ends at the first thing that is not as it should be; its peer dials again.
// Owned by Transport and by its own coroutines; io thread only.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
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
           std::shared_ptr<const Handshake> self, ListenerEvents events);

  // See Transport::listen. Once.
  base::Result<base::Ok, std::string> listen(const std::string& address);
  std::uint16_t port() const { return port_; }  // 0 where not listening
  void close();

  // Where the node said that it can be dialled; nullopt where it is not connected.
  std::optional<std::string> address_of(NodeId id) const;

 private:
  using Acceptor = std::shared_ptr<asio::ip::tcp::acceptor>;
  struct Inbound {
    explicit Inbound(asio::ip::tcp::socket socket)
        : connection(std::make_shared<Connection>(std::move(socket))) {}
    std::shared_ptr<Connection> connection;
    Handshake other;  // where established
    bool established = false;
    bool replaced = false;
  };

  asio::error_code listen_at(const asio::ip::tcp::endpoint& endpoint);
  static asio::awaitable<void> accept(std::shared_ptr<Listener> self, Acceptor acceptor);
  void take(asio::ip::tcp::socket socket);
  static asio::awaitable<void> serve(std::shared_ptr<Listener> self,
                                     std::shared_ptr<Inbound> inbound, std::string name);
  // Both give the reason why the connection has to end; the first an empty one where it need not.
  asio::awaitable<std::string> shake_hands(Inbound& inbound, FrameDecoder& decoder);
  asio::awaitable<std::string> receive(Inbound& inbound, FrameDecoder& decoder);
  // Hands on what is whole in `decoder`. The reason as above.
  std::string deliver(const Inbound& inbound, FrameDecoder& decoder);
  void establish(const std::shared_ptr<Inbound>& inbound);
  void end(const std::shared_ptr<Inbound>& inbound, const std::string& name,
           const std::string& reason);

  asio::io_context& io_;
  base::Logger& logger_;
  const TransportLimits limits_;
  const std::shared_ptr<const Handshake> self_;  // the transport changes it
  const ListenerEvents events_;
  std::vector<Acceptor> acceptors_;
  std::uint16_t port_ = 0;
  asio::steady_timer accept_pause_;
  std::set<std::shared_ptr<Inbound>> inbound_;
  std::map<NodeId, std::shared_ptr<Inbound>> established_;
  std::string last_refusal_;  // an equal one is not logged again
  bool closed_ = false;
};

}  // namespace raft
