// The one thing that a command needs: someone who answers requests. A server behind a socket
// (http_connection.hpp) or the database that this process has opened itself (server/); a command
// cannot tell which. Used from one thread.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "http/message.hpp"

namespace cli {

struct ConnectionError {
  enum class Kind : unsigned char {
    not_reachable,  // nothing was sent: the request was certainly not performed
    no_answer,      // sent, but the answer did not come or was broken: a write may have happened
  };
  Kind kind = Kind::not_reachable;
  std::string message;  // names the server and the reason: "cannot reach http://…: …"
};

class Connection {
 public:
  virtual ~Connection() = default;
  virtual base::Result<http::Response, ConnectionError> perform(const http::Request& request) = 0;
};

}  // namespace cli
