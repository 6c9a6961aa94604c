#include "bench/bare_server.hpp"

#include <pthread.h>

#include <asio/post.hpp>
#include <stdexcept>

namespace bench {

BareServer::BareServer(std::string body) : body_(std::move(body)) {
  const auto listening = server_.listen("127.0.0.1", 0);
  if (!listening) throw std::runtime_error(listening.error());
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), thread_name);
    io_.run();
  });
}

BareServer::~BareServer() {
  asio::post(io_, [this] { server_.stop(std::chrono::milliseconds(100), [] {}); });
  thread_.join();
}

asio::awaitable<http::Response> BareServer::answer() const {
  http::Response response;
  response.content_type = "application/json";
  response.body = body_;
  co_return response;
}

}  // namespace bench
