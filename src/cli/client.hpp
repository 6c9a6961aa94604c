// The API as commands call it: sends one request over a Connection, and turns every way in which it
// can go wrong into the one line and the exit code that the user gets.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "cli/arguments.hpp"
#include "cli/connection.hpp"

namespace cli {

// What scripts test for; contract part A.
enum class ExitCode : int { ok = 0, failed = 1, usage = 2, not_reachable = 3 };

// One line for stderr, without "Error: ".
struct CommandError {
  ExitCode code = ExitCode::failed;
  std::string message;
};

inline CommandError failed(std::string message) { return {ExitCode::failed, std::move(message)}; }
inline CommandError usage(std::string message) { return {ExitCode::usage, std::move(message)}; }
inline CommandError usage(const UsageError& error) { return usage(error.message); }

// A POST of `path`, which is what follows /api/v1.
http::Request text_post(std::string_view path, std::string query, std::string_view content_type,
                        std::string body);

using Query = std::vector<std::pair<std::string, std::string>>;

class Client {
 public:
  // `connection` outlives the client. `server` is how messages call the other side.
  Client(Connection& connection, std::string server, std::string token)
      : connection_(connection), server_(std::move(server)), token_(std::move(token)) {}

  // `path` is what follows /api/v1, decoded. The body of a 2xx answer; all else is an error.
  base::Result<std::string, CommandError> get(std::string_view path, const Query& query = {});
  // The same where the server reads all that it has before it says something.
  base::Result<std::string, CommandError> get_after_work(std::string_view path);
  // The first `limit` objects of a list, as one array: page after page.
  base::Result<std::string, CommandError> get_first(std::string_view path, const Query& query,
                                                    std::uint64_t limit);
  // Hands the body of a 200 over as it comes, until it ends or `take` gives false.
  base::Result<base::Ok, CommandError> stream(std::string_view path, const Query& query,
                                              const Connection::TakeBytes& take);
  // The same of a POST without a body that changes nothing, and makes a file first; gives the head.
  base::Result<http::Response, CommandError> stream_post(std::string_view path, const Query& query,
                                                         const Connection::TakeBytes& take);
  base::Result<std::string, CommandError> post(std::string_view path,
                                               const boost::json::object& body);
  base::Result<std::string, CommandError> patch(std::string_view path,
                                                const boost::json::object& body);
  base::Result<std::string, CommandError> remove(std::string_view path);

  // Reads a body that get() or post() gave. A list must hold objects alone.
  base::Result<boost::json::array, CommandError> list(std::string_view body) const;
  base::Result<boost::json::object, CommandError> object(std::string_view body) const;

  // A write that may be sent again, with the same key, until its outcome is known. Every answer
  // that is about the request counts as one; refused() makes an error of it.
  base::Result<http::Response, CommandError> post_exactly_once(http::Request request,
                                                               const std::string& key,
                                                               const std::function<void()>& pause);
  CommandError refused(const http::Response& response) const;

 private:
  using Wait = Connection::Wait;
  base::Result<http::Response, CommandError> exchange(
      http::Request request, const Connection::TakeBytes& take = nullptr, Wait wait = Wait::usual);
  base::Result<std::string, CommandError> send(http::Request request);
  CommandError not_ipam() const;

  Connection& connection_;
  const std::string server_;
  const std::string token_;
};

}  // namespace cli
