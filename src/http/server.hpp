// The HTTP server on an io_context: accepts, runs one session coroutine per connection, and keeps
// the limits of connections. Runs on the io thread.
#pragma once

#include <asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/log.hpp"
#include "base/result.hpp"
#include "http/counts.hpp"
#include "http/handler.hpp"
#include "http/limits.hpp"
#include "net/tls_context.hpp"

namespace http {

// REQUIRES: `io` and `logger` outlive the last session, so in practice the Server.
class Server {
 public:
  Server(asio::io_context& io, base::Logger& logger, const Limits& limits, Handler handler,
         ErrorRenderer render_error);
  ~Server();

  // The connections that are accepted from now on speak TLS with `context` and nothing else; those
  // that are there keep what they have. Before listen() at first.
  void use_tls(net::TlsContext::Pointer context);

  // Listens on every address of `host`: an IP, or a name such as localhost. "::" takes IPv4 too.
  // The error is a text for the user: "cannot listen on 0.0.0.0:8080: address already in use".
  base::Result<base::Ok, std::string> listen(const std::string& host, std::uint16_t port);
  std::uint16_t port() const;  // the one bound, also where 0 was asked for

  // Stops accepting, lets requests under way finish until the deadline, then closes the rest.
  // Connections without a request close at once. `done` is called once all sessions have ended;
  // after that nothing of the server keeps io_context::run() from returning. Call once.
  void stop(std::chrono::milliseconds deadline, std::function<void()> done);

  Counts counts() const;

 private:
  struct Implementation;
  std::shared_ptr<Implementation> implementation_;
};

}  // namespace http
