// Bytes to and from a server over TCP, with TLS over it where asked: blocking, with deadlines. One
// per request; one thread.
#pragma once

#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.hpp"
#include "cli/endpoint.hpp"
#include "net/tls_engine.hpp"

namespace cli {

// Owns a descriptor.
class Socket {
 public:
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Socket& operator=(Socket&&) = delete;
  ~Socket() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

class Channel {
 public:
  using Timeout = std::chrono::milliseconds;

  // Connects, and performs the handshake where there is a context, each within `timeout`. The
  // error says what the user can do about it where that is known.
  static base::Result<Channel, std::string> open(const Endpoint& endpoint,
                                                 net::TlsContext::Pointer tls, Timeout timeout);

  // Sends all of it, or says why not; a server may answer and close before it has read everything.
  // `timeout` is for each wait.
  std::optional<std::string> send(std::string_view bytes, Timeout timeout);
  // At least one byte; 0 at the end, which TLS tells from a connection that was cut off.
  base::Result<std::size_t, std::string> receive(std::span<char> into, Timeout timeout);

  // The server has refused to speak TLS with us, so that nothing that was sent has been read.
  bool refused() const { return refused_; }

 private:
  Channel(Socket socket, Endpoint endpoint)
      : socket_(std::move(socket)), endpoint_(std::move(endpoint)) {}
  std::optional<std::string> handshake(Timeout timeout);
  std::optional<std::string> send_output(Timeout timeout);
  std::optional<std::string> feed(Timeout timeout, bool& ended);
  std::string advice();

  Socket socket_;
  Endpoint endpoint_;
  std::unique_ptr<net::TlsEngine> tls_;
  bool has_received_ = false;
  bool refused_ = false;
};

}  // namespace cli
