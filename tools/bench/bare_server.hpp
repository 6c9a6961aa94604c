// The HTTP layer alone, to compare with: it answers every request with the same body, on a thread
// of its own.
#pragma once

#include <asio/io_context.hpp>
#include <string>
#include <thread>

#include "http/server.hpp"

namespace bench {

class BareServer {
 public:
  static constexpr const char* thread_name = "bare";

  explicit BareServer(std::string body);
  ~BareServer();
  BareServer(const BareServer&) = delete;
  BareServer& operator=(const BareServer&) = delete;
  std::uint16_t port() const { return server_.port(); }

 private:
  asio::awaitable<http::Response> answer() const;

  const std::string body_;
  asio::io_context io_{1};
  base::Logger logger_{base::LogLevel::error, base::LogFormat::text};
  http::Server server_{io_, logger_, http::Limits{},
                       [this](const http::Request&) { return answer(); },
                       [](int status, std::string_view detail) {
                         http::Response response;
                         response.status = status;
                         response.body = detail;
                         return response;
                       }};
  std::thread thread_;
};

}  // namespace bench
