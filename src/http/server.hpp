// The HTTP server on an io_context: accepts, runs one session coroutine per connection, and pauses
// accept at the connection limit. Runs on the io thread.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/log.hpp"
#include "base/result.hpp"
#include "http/limits.hpp"
#include "http/message.hpp"

namespace http {

// Answers one request; the request outlives the call. Must not throw: an exception is logged and
// answered with 500.
using Handler = std::function<asio::awaitable<Response>(const Request&)>;
// Makes the body of an error that the server itself answers (400, 408, 411, 413, 414, 417, 431, 501,
// 505, 500 …), so that all errors have one shape.
using ErrorRenderer = std::function<Response(int status, std::string_view detail)>;

class Server {
 public:
  Server(asio::io_context& io, base::Logger& logger, const Limits& limits, Handler handler,
         ErrorRenderer render_error);
  ~Server();

  // The error is a text for the user: "cannot listen on 0.0.0.0:8080: address already in use".
  base::Result<base::Ok, std::string> listen(const std::string& host, std::uint16_t port);
  std::uint16_t port() const;  // the one bound, also where 0 was asked for

  // Stops accepting, lets requests under way finish until the deadline, then closes the rest.
  // `done` is called once all sessions have ended.
  void stop(std::chrono::milliseconds deadline, std::function<void()> done);

 private:
  struct Implementation;
  std::shared_ptr<Implementation> implementation_;
};

}  // namespace http
