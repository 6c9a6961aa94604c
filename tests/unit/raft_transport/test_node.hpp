// A node around one Transport in an io_context of the test, and waiting without sleeping.
#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "raft/transport/transport.hpp"

namespace raft::test {

using namespace std::chrono_literals;

inline TransportLimits fast_limits() {
  TransportLimits limits;
  limits.reconnect_delay_min = 1ms;
  limits.reconnect_delay_max = 20ms;
  limits.keepalive_interval = 20ms;
  // A test that is about one of these sets it; otherwise a starved machine must not trip over it.
  limits.dial_timeout = limits.handshake_timeout = limits.write_timeout = 600s;
  limits.inbound_silence_timeout = 600s;
  return limits;
}

// Runs the io_context until `done`. The bound is for a broken build only.
template <class Predicate>
bool run_until(asio::io_context& io, Predicate done) {
  const auto end = std::chrono::steady_clock::now() + 300s;
  io.restart();
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    if (io.run_one_for(100ms) == 0) io.restart();
  }
  return true;
}

// Whether nothing keeps the io_context running any more.
inline bool ends_by_itself(asio::io_context& io) {
  io.restart();
  io.run_for(300s);
  return io.stopped();
}

inline Handshake handshake_of(std::uint64_t id, std::uint64_t cluster = 1) {
  Handshake self;
  self.cluster_id = cluster;
  self.node_id = NodeId{id};
  self.process.incarnation = 1000 + id;
  return self;
}

// A port that is free now.
inline std::uint16_t free_port(asio::io_context& io) {
  asio::ip::tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
  return acceptor.local_endpoint().port();
}

struct TestNode {
 private:
  asio::io_context& io_;

 public:
  TestNode(asio::io_context& io, base::Logger& logger, std::uint64_t node, std::uint16_t port = 0,
           TransportLimits limits = fast_limits(), std::uint64_t cluster = 1,
           const Credentials& credentials = {})
      : io_(io),
        id(node),
        address("127.0.0.1:" + std::to_string(port == 0 ? free_port(io) : port)) {
    Handshake self = handshake_of(node, cluster);
    self.address = address;
    TransportEvents events;
    events.on_message = [this](Message message) {
      received.push_back(std::move(message));
      if (on_message) on_message(received.back());
    };
    events.on_disconnect = [this](NodeId peer) {
      lost.push_back(peer);
      if (on_disconnect) on_disconnect(peer);
    };
    transport = std::make_unique<Transport>(io, logger, self, std::move(events), limits,
                                            credentials);
    const auto listening = transport->listen(address);
    REQUIRE(listening.ok());
  }

  bool send(std::uint64_t to, std::uint64_t context) {
    return send({id, NodeId{to}, Term{1}, ReadIndexRequest{context}});
  }
  // What is sent in one go leaves together. One flush is due at a time: one for each message would
  // keep the io_context so busy with them that it hardly looks at the sockets.
  bool send(const Message& message) {
    const bool taken = transport->send(message);
    if (flush_due_) return taken;
    flush_due_ = true;
    asio::post(io_, [this, alive = std::weak_ptr<int>(alive_)] {
      if (!alive.lock()) return;
      flush_due_ = false;
      if (transport) transport->flush();
    });
    return taken;
  }
  std::uint64_t context(std::size_t at) const {
    return std::get<ReadIndexRequest>(received[at].body).context;
  }

  NodeId id;
  std::string address;
  std::vector<Message> received;
  std::vector<NodeId> lost;
  std::function<void(const Message&)> on_message;
  std::function<void(NodeId)> on_disconnect;
  std::unique_ptr<Transport> transport;

 private:
  bool flush_due_ = false;
  const std::shared_ptr<int> alive_ = std::make_shared<int>();
};

inline void introduce(std::vector<TestNode*> nodes) {
  for (TestNode* node : nodes) {
    std::map<NodeId, std::string> peers;
    for (const TestNode* other : nodes)
      if (other != node) peers[other->id] = other->address;
    node->transport->set_peers(peers);
  }
}

// Sends until one message arrives: the connection from a to b works then.
inline bool connect(asio::io_context& io, TestNode& a, TestNode& b) {
  const std::size_t before = b.received.size();
  bool sent = false;
  const bool arrived = run_until(io, [&] {
    sent = sent || a.send(b.id.value(), 0);
    return b.received.size() > before;
  });
  b.received.clear();
  return arrived;
}

// stderr as text, while it lives.
class CapturedLog {
 public:
  CapturedLog() : file_(std::tmpfile()), saved_(::dup(2)) {
    std::fflush(stderr);
    ::dup2(::fileno(file_), 2);
  }
  ~CapturedLog() {
    std::fflush(stderr);
    ::dup2(saved_, 2);
    ::close(saved_);
    std::fclose(file_);
  }
  std::string text() {
    std::fflush(stderr);
    std::string out(1u << 20, '\0');
    const ssize_t size = ::pread(::fileno(file_), out.data(), out.size(), 0);
    out.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return out;
  }
  bool has(const std::string& part) { return text().find(part) != std::string::npos; }

 private:
  std::FILE* file_;
  int saved_;
};

}  // namespace raft::test
