// The connection that this node dials to one other node, to send it messages. Reconnects by itself
// until close(). The acceptor sends nothing after the introduction, so a read that completes says
// that the connection is gone. Owned by Transport and by its own coroutines; io thread only.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "base/log.hpp"
#include "base/random.hpp"
#include "raft/core/message.hpp"
#include "raft/transport/connection.hpp"
#include "raft/transport/limits.hpp"

namespace raft {

class Peer : public std::enable_shared_from_this<Peer> {
 public:
  // `io`, `logger` outlive the coroutines.
  Peer(asio::io_context& io, base::Logger& logger, const TransportLimits& limits,
       std::shared_ptr<const Handshake> self, const Credentials& credentials,
       std::shared_ptr<const TransportTls> tls, NodeId id, std::string address);

  void start();  // once
  void close();
  // Ends the pause before the next dial.
  void dial_now();
  bool closed() const { return closed_; }
  const std::string& address() const { return address_; }

  // A peer that may retire closes itself when nothing was sent for learned_idle_timeout.
  void may_retire(bool yes) { may_retire_ = yes; }

  // Queues until flush(). False where it was certainly not sent: not connected, queue full, or too
  // large.
  bool send(const Message& message);
  // What is queued leaves: at once as far as the socket takes it, the rest by the writer.
  void flush();

 private:
  // One established connection. Messages are encoded into `queued`, and all that queued up leaves
  // in one write: in flush(), or where an earlier write still waits, by the writer, which swaps it
  // with `in_flight`.
  struct Link {
    Link(asio::io_context& io, std::shared_ptr<Connection> used)
        : connection(std::move(used)), wake(io) {}
    std::shared_ptr<Connection> connection;
    asio::steady_timer wake;
    base::Bytes queued, in_flight;
    std::size_t queued_messages = 0, in_flight_messages = 0;
    bool writer_waits = false;
    void close();
  };

  static asio::awaitable<void> run(std::shared_ptr<Peer> self);
  static asio::awaitable<void> write(std::shared_ptr<Peer> self, std::shared_ptr<Link> link);
  // The text says what failed; empty where the connection is established.
  asio::awaitable<std::string> connect(Connection& connection);
  // TLS where there is any, then what both sides say first; why it failed, or nullopt.
  asio::awaitable<std::optional<PeerRefusal>> introduce(Connection& connection);
  // Ends when the connection does.
  asio::awaitable<std::string> watch(Connection& connection);
  // False where the connection broke.
  asio::awaitable<bool> write_queued(Link& link);
  asio::awaitable<void> pause();
  void log_failure(const std::string& failure);
  bool retired() const;

  asio::io_context& io_;
  base::Logger& logger_;
  const TransportLimits limits_;
  const std::shared_ptr<const Handshake> self_;  // the transport changes it
  const Credentials credentials_;
  const std::shared_ptr<const TransportTls> tls_;  // the transport changes it
  const NodeId id_;
  const std::string address_;
  base::Random random_;

  std::shared_ptr<Connection> dialing_;
  std::shared_ptr<Link> link_;  // where established
  asio::steady_timer pause_timer_;
  TransportLimits::Duration delay_;
  std::chrono::steady_clock::time_point last_send_;
  std::string last_failure_;  // an equal one is not logged again
  bool may_retire_ = false;
  bool closed_ = false;
};

}  // namespace raft
