// The HTTP layer alone, for a load generator: every request is answered by a fixed JSON of 200
// bytes. Ends at SIGINT or SIGTERM.
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "http/server.hpp"

int main(int argc, char** argv) {
  const auto port = static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 8080);
  asio::io_context io(1);
  base::Logger logger(base::LogLevel::info, base::LogFormat::text);
  const std::string json = "{\"text\":\"" + std::string(189, 'x') + "\"}";
  const http::Handler handler = [&](const http::Request&) -> asio::awaitable<http::Response> {
    http::Response response;
    response.content_type = "application/json";
    response.body = json;
    co_return response;
  };
  const http::ErrorRenderer render_error = [](int status, std::string_view detail) {
    http::Response response;
    response.status = status;
    response.content_type = "text/plain";
    response.body = detail;
    return response;
  };
  http::Server server(io, logger, http::Limits{}, handler, render_error);
  const auto listening = server.listen("127.0.0.1", port);
  if (!listening) {
    std::fprintf(stderr, "%s\n", listening.error().c_str());
    return 1;
  }
  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](const std::error_code&, int) {
    server.stop(std::chrono::milliseconds(1000), [] {});
  });
  io.run();
}
