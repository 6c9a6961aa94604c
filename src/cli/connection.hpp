// The one thing that a command needs: someone who answers requests. A server behind a socket
// (http_connection.hpp) or the database that this process has opened itself (server/); a command
// cannot tell which. Used from one thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

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

  // Whether the other side may say nothing for as long as it takes to make or read a whole file.
  enum class Wait : unsigned char { usual, long_work };
  // The body of a 200 goes to `take` as it comes, and is not in the response; false from it ends
  // the exchange. Here: once all of it is there.
  using TakeBytes = std::function<bool(std::string_view)>;
  virtual base::Result<http::Response, ConnectionError> stream(const http::Request& request,
                                                               Wait /*wait*/,
                                                               const TakeBytes& take) {
    auto response = perform(request);
    if (response && response->status == 200) take(std::exchange(response->body, {}));
    return response;
  }
};

}  // namespace cli
