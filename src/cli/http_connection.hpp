// A Connection to a server over TCP or TLS: HTTP/1.1 on blocking calls with deadlines. Each request
// has a connection of its own: a command makes one to three of them, and a kept connection that the
// server has just closed would leave a write in doubt. Asio would bring an event loop for nothing.
#pragma once

#include <chrono>

#include "cli/connection.hpp"
#include "cli/endpoint.hpp"
#include "net/tls_context.hpp"

namespace cli {

struct Timeouts {
  std::chrono::milliseconds connect{5000};
  // From the last progress (bytes sent or received). Above what a server takes to answer 504.
  std::chrono::milliseconds idle{30000};
  // The same of Wait::long_work: a node copies its database before it sends a backup, and reads
  // all of it before it says whether it is whole (ten million allocations: more than a minute).
  std::chrono::milliseconds idle_of_long_work{600000};
};

class HttpConnection : public Connection {
 public:
  // REQUIRES: `tls`, a client's, where the URL is https.
  explicit HttpConnection(ServerUrl url, net::TlsContext::Pointer tls = nullptr,
                          Timeouts timeouts = {})
      : url_(std::move(url)), tls_(std::move(tls)), timeouts_(timeouts) {}

  base::Result<http::Response, ConnectionError> perform(const http::Request& request) override {
    return exchange(request, Wait::usual, nullptr);
  }
  base::Result<http::Response, ConnectionError> stream(const http::Request& request, Wait wait,
                                                       const TakeBytes& take) override {
    return exchange(request, wait, take);
  }

 private:
  base::Result<http::Response, ConnectionError> exchange(const http::Request& request, Wait wait,
                                                         const TakeBytes& take);

  const ServerUrl url_;
  const net::TlsContext::Pointer tls_;
  const Timeouts timeouts_;
};

// The bytes of a request, with Host, Content-Length and Connection: close. Pure.
// REQUIRES: header values without control characters.
std::string serialize_request(const http::Request& request, const ServerUrl& url);

}  // namespace cli
