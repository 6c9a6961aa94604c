// A server on a loopback port with its io_context on a thread, and a blocking client that speaks
// bytes to it, for the tests of session and server. A wait of ten seconds fails the test.
#pragma once

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "net/as_tuple.hpp"
#include "http/response_parser.hpp"
#include "http/server.hpp"

namespace test {

using asio::ip::tcp;
using std::chrono::milliseconds;

inline http::Response text_response(int status, std::string body) {
  http::Response response;
  response.status = status;
  response.content_type = "text/plain";
  response.body = std::move(body);
  return response;
}

inline http::Response render_error(int status, std::string_view detail) {
  return text_response(status, "error: " + std::string(detail));
}

// `pieces` times 1000 bytes, every second one from a later turn of the loop; broken at its end
// where asked.
class Pieces : public http::BodySource {
 public:
  Pieces(asio::io_context& io, std::size_t pieces, bool broken, std::size_t& asked)
      : io_(io), left_(pieces), broken_(broken), asked_(asked) {}
  void next(std::function<void(Piece)> done) override {
    ++asked_;
    Piece piece;
    if (left_ > 0) piece = {std::string(1000, 's'), After::more};
    else piece.after = broken_ ? After::broken : After::end;
    if (left_ > 0) --left_;
    if (left_ % 2 == 0) return done(std::move(piece));
    asio::post(io_, [done, piece] { done(piece); });
  }
  void cancel() override { left_ = 0; }

 private:
  asio::io_context& io_;
  std::size_t left_;
  const bool broken_;
  std::size_t& asked_;
};

// Paths: /big/N answers N bytes; /stream/N streams N pieces, /cut/N breaks off behind them;
// /throw throws; /wait waits until release() is called; everything else answers
// "METHOD PATH BODY".
class TestServer {
 public:
  explicit TestServer(http::Limits limits = {}, net::TlsContext::Pointer tls = nullptr)
      : logger_(base::LogLevel::off, base::LogFormat::text),
        gate_(io_, asio::steady_timer::time_point::max()),
        server_(
            io_, logger_, limits, [this](const http::Request& request) { return handle(request); },
            render_error) {
    server_.use_tls(std::move(tls));
    const auto listening = server_.listen("127.0.0.1", 0);
    REQUIRE(listening.ok());
    thread_ = std::thread([this] { io_.run(); });
  }
  ~TestServer() {
    release();
    if (!stopped_.valid()) stop(milliseconds(0));
    thread_.join();  // run() returns by itself
  }

  std::uint16_t port() const { return server_.port(); }
  void release() {
    asio::post(io_, [this] { gate_.cancel(); });
  }
  // Returns once the server has begun to stop; stopped() once it has ended.
  void stop(milliseconds deadline) {
    stopped_ = done_.get_future();
    std::promise<void> begun;
    asio::post(io_, [&] {
      server_.stop(deadline, [this] { done_.set_value(); });
      begun.set_value();
    });
    begun.get_future().wait();
  }
  bool stopped() { return stopped_.wait_for(milliseconds(10000)) == std::future_status::ready; }
  bool stopping_still() { return stopped_.wait_for(milliseconds(0)) != std::future_status::ready; }
  http::Counts counts() {
    std::promise<http::Counts> counts;
    asio::post(io_, [&] { counts.set_value(server_.counts()); });
    return counts.get_future().get();
  }
  std::uint64_t handshakes_failed() { return counts().handshakes_failed; }
  void use_tls(net::TlsContext::Pointer tls) {
    std::promise<void> done;
    asio::post(io_, [&] {
      server_.use_tls(tls);
      done.set_value();
    });
    done.get_future().wait();
  }
  std::size_t connections() { return counts().connections; }
  std::size_t pieces_asked() {
    std::promise<std::size_t> count;
    asio::post(io_, [&] { count.set_value(pieces_asked_); });
    return count.get_future().get();
  }
  // Waits until a handler waits at the gate.
  void await_waiting() { waiting_.get_future().wait(); }

 private:
  asio::awaitable<http::Response> handle(const http::Request& request) {
    if (request.path == "/throw") throw std::runtime_error("as asked");
    if (request.path == "/wait") {
      waiting_.set_value();
      co_await gate_.async_wait(net::as_tuple);
    }
    if (request.path.starts_with("/stream/") || request.path.starts_with("/cut/")) {
      const std::size_t pieces = std::stoul(request.path.substr(request.path.rfind('/') + 1));
      http::Response response = text_response(200, "");
      response.stream =
          std::make_shared<Pieces>(io_, pieces, request.path[1] == 'c', pieces_asked_);
      if (request.query.starts_with("bytes="))
        response.stream_bytes = std::stoul(request.query.substr(6));
      co_return response;
    }
    if (request.path.starts_with("/big/"))
      co_return text_response(200, std::string(std::stoul(request.path.substr(5)), 'b'));
    co_return text_response(200, std::string(to_string(request.method)) + " " + request.path + " " +
                                     request.body);
  }

  asio::io_context io_{1};
  base::Logger logger_;
  asio::steady_timer gate_;
  std::size_t pieces_asked_ = 0;
  std::promise<void> waiting_;
  std::promise<void> done_;
  std::future<void> stopped_;
  http::Server server_;
  std::thread thread_;
};

class Client {
 public:
  explicit Client(std::uint16_t port, int receive_buffer_bytes = 0,
                  const char* address = "127.0.0.1")
      : socket_(io_), parser_(large_limits()) {
    socket_.open(tcp::v4());
    socket_.bind({asio::ip::make_address(address), 0});
    if (receive_buffer_bytes > 0)
      socket_.set_option(asio::socket_base::receive_buffer_size(receive_buffer_bytes));
    socket_.connect({asio::ip::address_v4::loopback(), port});
    const timeval patience{10, 0};
    ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  }

  // False where the server has closed.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent =
          ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  // The next response; status 0: none came.
  http::Response receive(http::Method method = http::Method::get) {
    parser_.expect(method);
    while (true) {
      const auto step = parser_.next();
      if (step == http::ResponseParser::Step::response) return parser_.response();
      if (step == http::ResponseParser::Step::error)
        return text_response(0, std::string(parser_.error()));
      const auto room = parser_.prepare();
      const ssize_t bytes = ::recv(socket_.native_handle(), room.data(), room.size(), 0);
      if (bytes <= 0) return text_response(0, bytes == 0 ? "closed" : "broken");
      parser_.commit(static_cast<std::size_t>(bytes));
    }
  }
  http::Response ask(std::string_view bytes) {
    send(bytes);
    return receive();
  }
  // Takes at most so much of what has come, or waits for something.
  std::size_t take(std::size_t bytes_max) {
    std::string bytes(bytes_max, '\0');
    const ssize_t taken = ::recv(socket_.native_handle(), bytes.data(), bytes.size(), 0);
    return taken < 0 ? 0 : static_cast<std::size_t>(taken);
  }
  // Waits for so long.
  bool has_input_within(milliseconds time) {
    pollfd descriptor{socket_.native_handle(), POLLIN, 0};
    return ::poll(&descriptor, 1, static_cast<int>(time.count())) > 0;
  }
  bool has_input() {
    char byte = 0;
    return ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
  }
  bool keep_alive() const { return parser_.keep_alive(); }

  // Everything until the server closes; `clean` is false after a reset or ten seconds.
  std::string read_to_end(bool* clean = nullptr) {
    std::string all;
    std::array<char, 65536> part{};
    while (true) {
      const ssize_t bytes = ::recv(socket_.native_handle(), part.data(), part.size(), 0);
      if (clean != nullptr) *clean = bytes == 0;
      if (bytes <= 0) return all;
      all.append(part.data(), static_cast<std::size_t>(bytes));
    }
  }
  // At least one byte; empty at the end.
  std::string read_some() {
    std::array<char, 20000> part{};
    const ssize_t bytes = ::recv(socket_.native_handle(), part.data(), part.size(), 0);
    return std::string(part.data(), bytes > 0 ? static_cast<std::size_t>(bytes) : 0);
  }
  std::string read_exactly(std::size_t size) {
    std::string all(size, '\0');
    const ssize_t bytes = ::recv(socket_.native_handle(), all.data(), size, MSG_WAITALL);
    all.resize(bytes < 0 ? 0 : static_cast<std::size_t>(bytes));
    return all;
  }

 private:
  static http::Limits large_limits() {
    http::Limits limits;
    limits.body_bytes_max = 64u << 20;
    return limits;
  }

  asio::io_context io_;
  tcp::socket socket_;
  http::ResponseParser parser_;
};

inline std::string get(std::string_view path) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n\r\n";
}

}  // namespace test
