#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "cli/http_connection.hpp"

using cli::ConnectionError;
using cli::HttpConnection;

namespace {

// Listens on a port of loopback that is free. `serve` answers one connection with fixed bytes.
class Listener {
 public:
  Listener() : descriptor_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    socklen_t size = sizeof address;
    REQUIRE(::getsockname(descriptor_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
    REQUIRE(::listen(descriptor_, 1) == 0);
  }
  Listener(const Listener&) = delete;
  ~Listener() {
    if (thread_.joinable()) thread_.join();
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  cli::ServerUrl url() const { return {{"127.0.0.1", port_}, ""}; }

  // Reads until `until` has come, sends `bytes` one by one where `slowly`, and closes.
  void serve(std::string until, std::string bytes, bool slowly = false) {
    thread_ = std::thread([this, until, bytes, slowly] {
      const int peer = ::accept(descriptor_, nullptr, nullptr);
      char buffer[4096];
      while (received_.find(until) == std::string::npos) {
        const ssize_t size = ::recv(peer, buffer, sizeof buffer, 0);
        if (size <= 0) break;
        received_.append(buffer, static_cast<std::size_t>(size));
      }
      const std::size_t step = slowly ? 1 : bytes.size();
      for (std::size_t i = 0; i < bytes.size(); i += step)
        ::send(peer, bytes.data() + i, std::min(step, bytes.size() - i), MSG_NOSIGNAL);
      ::close(peer);
    });
  }
  const std::string& received() {
    thread_.join();
    return received_;
  }
  void close() { ::close(std::exchange(descriptor_, -1)); }

 private:
  int descriptor_;
  std::uint16_t port_ = 0;
  std::thread thread_;
  std::string received_;
};

http::Request get(std::string path) {
  http::Request request;
  request.path = std::move(path);
  return request;
}

}  // namespace

TEST_CASE("a request is written with its target encoded") {
  http::Request request = get("/api/v1/networks/a b%/?#é");
  request.query = "cidr=10.0.0.0%2F8";
  request.headers.push_back({"Accept", "application/json"});
  CHECK(cli::serialize_request(request, {{"::1", 8080}, "/ipam"}) ==
        "GET /ipam/api/v1/networks/a%20b%25/%3F%23%C3%A9?cidr=10.0.0.0%2F8 HTTP/1.1\r\n"
        "Host: [::1]:8080\r\nUser-Agent: ipam/" IPAM_VERSION
        "\r\nConnection: close\r\n"
        "Accept: application/json\r\n\r\n");
  request = get("/x");
  request.method = http::Method::post;
  request.body = "{}";
  CHECK(cli::serialize_request(request, {{"h", 1}, ""}) ==
        "POST /x HTTP/1.1\r\nHost: h:1\r\nUser-Agent: ipam/" IPAM_VERSION
        "\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}");
}

TEST_CASE("an answer is read whatever its framing") {
  const std::string answers[] = {
      "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\nhello",
      "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
      "HTTP/1.1 201 Created\r\n\r\nhello",
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello",
  };
  for (const std::string& bytes : answers) {
    for (const bool slowly : {false, true}) {
      CAPTURE(bytes);
      Listener listener;
      listener.serve("\r\n\r\nbody", bytes, slowly);
      http::Request request = get("/x");
      request.method = http::Method::post;
      request.body = "body";
      HttpConnection connection(listener.url());
      const auto response = connection.perform(request);
      REQUIRE(response);
      CHECK(response->status == 201);
      CHECK(response->body == "hello");
      CHECK(listener.received().starts_with("POST /x HTTP/1.1\r\nHost: 127.0.0.1:"));
    }
  }
}

TEST_CASE("a refused connection is not reachable") {
  Listener listener;
  listener.close();
  HttpConnection connection(listener.url());
  const auto response = connection.perform(get("/"));
  REQUIRE_FALSE(response);
  CHECK(response.error().kind == ConnectionError::Kind::not_reachable);
  CHECK(response.error().message ==
        "cannot reach " + to_string(listener.url()) + ": Connection refused");
}

TEST_CASE("a name without an address is not reachable") {
  HttpConnection connection({{"name.invalid", 80}, ""});
  const auto response = connection.perform(get("/"));
  REQUIRE_FALSE(response);
  CHECK(response.error().kind == ConnectionError::Kind::not_reachable);
}

TEST_CASE("a connection that ends early or speaks something else gives no answer") {
  for (const char* bytes :
       {"", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", "SSH-2.0-x\r\n"}) {
    Listener listener;
    listener.serve("\r\n\r\n", bytes);
    HttpConnection connection(listener.url());
    const auto response = connection.perform(get("/"));
    REQUIRE_FALSE(response);
    CHECK(response.error().kind == ConnectionError::Kind::no_answer);
    CHECK(response.error().message.starts_with("no answer from http://127.0.0.1:"));
  }
}

TEST_CASE("a server that says nothing gives no answer in time") {
  Listener listener;  // accepts nothing: the kernel completes the connection
  cli::Timeouts timeouts;
  timeouts.idle = std::chrono::milliseconds(1);
  HttpConnection connection(listener.url(), nullptr, timeouts);
  const auto response = connection.perform(get("/"));
  REQUIRE_FALSE(response);
  CHECK(response.error().kind == ConnectionError::Kind::no_answer);
  CHECK(response.error().message.ends_with(": timed out"));
  timeouts = {.idle = std::chrono::seconds(20), .idle_of_long_work = std::chrono::milliseconds(1)};
  const auto began = std::chrono::steady_clock::now();
  HttpConnection patient(listener.url(), nullptr, timeouts);
  const auto worked_on = patient.stream(get("/"), cli::Connection::Wait::long_work,
                                        [](std::string_view) { return true; });
  REQUIRE_FALSE(worked_on);
  CHECK(worked_on.error().message.ends_with(": timed out"));
  CHECK(std::chrono::steady_clock::now() - began < timeouts.idle);
}
