#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <thread>

#include "fixture.hpp"

using test::Client;
using test::get;
using test::TestServer;
using std::chrono::milliseconds;

namespace {

std::size_t count_of(const std::string& text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
    ++count;
  return count;
}

}  // namespace

TEST_CASE("a connection serves one request after the other") {
  TestServer server;
  Client client(server.port());
  for (int i = 0; i < 50; ++i) {
    const auto response = client.ask(get("/" + std::to_string(i)));
    CHECK(response.status == 200);
    CHECK(response.body == "GET /" + std::to_string(i) + " ");
    CHECK(client.keep_alive());
    REQUIRE(response.header("date") != nullptr);
    CHECK(response.header("date")->ends_with(" GMT"));
    CHECK(response.header("date")->size() == 29);
  }
  CHECK(server.connections() == 1);
}

TEST_CASE("pipelined requests are answered in their order, whatever the size of the answers") {
  TestServer server;
  Client client(server.port());
  std::string requests;
  for (int i = 0; i < 300; ++i)
    requests += get(i % 50 == 7 ? "/big/40000" : "/" + std::to_string(i));
  REQUIRE(client.send(requests + "POST /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                                 "Content-Length: 2\r\n\r\nhi"));
  for (int i = 0; i < 300; ++i) {
    const auto response = client.receive();
    REQUIRE(response.status == 200);
    if (i % 50 == 7) CHECK(response.body == std::string(40000, 'b'));
    else CHECK(response.body == "GET /" + std::to_string(i) + " ");
  }
  CHECK(client.receive().body == "POST /last hi");
  CHECK_FALSE(client.keep_alive());
  CHECK(client.receive().body == "closed");
}

TEST_CASE("HEAD is answered with the length of what GET would give") {
  TestServer server;
  Client client(server.port());
  client.send("HEAD /big/40000 HTTP/1.1\r\nHost: a\r\n\r\n");
  const auto response = client.receive(http::Method::head);
  CHECK(response.status == 200);
  REQUIRE(response.header("content-length") != nullptr);
  CHECK(*response.header("content-length") == "40000");
  CHECK(client.ask(get("/next")).body == "GET /next ");
}

TEST_CASE("a client that expects 100-continue gets it before it sends the body") {
  TestServer server;
  Client client(server.port());
  client.send("POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  CHECK(client.read_exactly(25) == "HTTP/1.1 100 Continue\r\n\r\n");
  CHECK(client.ask("body").body == "POST /x body");
  CHECK(client.ask(get("/next")).status == 200);
}

TEST_CASE("what follows a HEAD and is no request is answered with a body") {
  TestServer server;
  for (const char* bad : {"\x01", "\r\n\r\n\r\n\r\n\r\n", "GET / HTTP/1.1\n\n"}) {
    CAPTURE(bad);
    Client client(server.port());
    client.send("HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n");
    REQUIRE(client.receive(http::Method::head).status == 200);
    client.send(bad);
    const http::Response refused = client.receive();
    CHECK(refused.status == 400);
    CHECK(!refused.body.empty());
  }
}

TEST_CASE("an HTTP/1.0 client is told of keep-alive, or the connection is closed") {
  TestServer server;
  Client kept(server.port());
  auto response = kept.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  REQUIRE(response.header("connection") != nullptr);
  CHECK(*response.header("connection") == "keep-alive");
  response = kept.ask("GET / HTTP/1.0\r\n\r\n");
  CHECK(*response.header("connection") == "close");
  CHECK(kept.receive().body == "closed");
}

TEST_CASE("an exception of the handler is answered with 500, and the connection goes on") {
  TestServer server;
  Client client(server.port());
  const auto response = client.ask(get("/throw"));
  CHECK(response.status == 500);
  CHECK(response.body == "error: internal error");
  CHECK(client.ask(get("/")).status == 200);
}

TEST_CASE("a malformed request is refused, answers before it stand, and the connection is closed") {
  TestServer server;
  Client client(server.port());
  client.send(get("/a") + "GET / HTTP/1.1\r\n\r\n" + get("/never"));
  CHECK(client.receive().body == "GET /a ");
  const auto response = client.receive();
  CHECK(response.status == 400);
  CHECK(response.body == "error: the Host field is missing");
  CHECK_FALSE(client.keep_alive());
  CHECK(client.receive().body == "closed");
}

TEST_CASE("half a request and then silence is answered with 408 and closed") {
  http::Limits limits;
  limits.request_timeout = milliseconds(40);
  TestServer server(limits);
  for (const char* half :
       {"GET / HT", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc"}) {
    Client client(server.port());
    client.send(half);
    CHECK(client.receive().status == 408);
    CHECK_FALSE(client.keep_alive());
    CHECK(client.receive().body == "closed");
  }
}

TEST_CASE("a request that trickles in has one deadline, not one for each byte") {
  http::Limits limits;
  limits.request_timeout = milliseconds(60);
  limits.header_bytes_max = 1u << 30;  // so that only the deadline can end it
  TestServer server(limits);
  Client client(server.port());
  client.send("GET / HTTP/1.1\r\nHost: a\r\nX: ");
  while (!client.has_input() && client.send("a")) std::this_thread::yield();
  CHECK(client.receive().status == 408);
}

TEST_CASE("a connection without a request is closed silently after the idle timeout") {
  http::Limits limits;
  limits.idle_timeout = milliseconds(40);
  TestServer server(limits);
  Client fresh(server.port());
  bool clean = false;
  CHECK(fresh.read_to_end(&clean).empty());
  CHECK(clean);
  Client used(server.port());
  CHECK(used.ask(get("/")).status == 200);
  CHECK(used.receive().body == "closed");
}

TEST_CASE("a handler may take longer than the timeouts of the network") {
  http::Limits limits;
  limits.idle_timeout = limits.request_timeout = limits.write_timeout = milliseconds(10);
  TestServer server(limits);
  Client slow(server.port());
  slow.send(get("/wait"));
  server.await_waiting();
  Client other(server.port());  // its idle timeout shows that the sweep ran
  CHECK(other.read_to_end().empty());
  server.release();
  CHECK(slow.receive().status == 200);
}

TEST_CASE("a slow reader gets all of a large answer") {
  TestServer server;
  Client client(server.port(), 4096);
  client.send(get("/big/8000000") + get("/next"));
  CHECK(client.receive().body == std::string(8000000, 'b'));
  CHECK(client.receive().body == "GET /next ");
}

TEST_CASE("a client that does not read its answer is dropped after the write timeout") {
  http::Limits limits;
  limits.write_timeout = milliseconds(40);
  limits.idle_timeout = milliseconds(40);
  TestServer server(limits);
  Client client(server.port(), 4096);
  client.send(get("/big/30000000"));
  while (!client.has_input()) std::this_thread::yield();
  while (server.connections() > 0) std::this_thread::yield();  // ends with the session's end
  CHECK(client.read_to_end().size() < 30000000);
}

TEST_CASE("a body that is too large is refused with 413, and a client in mid-send can read that") {
  http::Limits limits;
  limits.body_bytes_max = 1000;
  TestServer server(limits);
  Client client(server.port());
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n");
  CHECK(client.send(std::string(4000000, 'x')));  // drained, not reset
  const auto response = client.receive();
  CHECK(response.status == 413);
  CHECK(response.body == "error: the body is too large");
  CHECK(client.receive().body == "closed");
}

TEST_CASE("a client that goes on sending after its 413 is cut off after the linger timeout") {
  http::Limits limits;
  limits.body_bytes_max = 1000;
  limits.linger_timeout = milliseconds(40);
  TestServer server(limits);
  Client client(server.port());
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n");
  CHECK(client.receive().status == 413);
  while (client.send("x")) std::this_thread::yield();
  CHECK(server.connections() == 0);
}

TEST_CASE("a client that vanishes ends its session") {
  TestServer server;
  {
    Client client(server.port());
    client.send("GET / HTTP/1.1\r\nHo");
    Client other(server.port());
    CHECK(other.ask(get("/")).status == 200);
  }
  while (server.connections() > 0) std::this_thread::yield();
  CHECK(server.connections() == 0);
}

TEST_CASE("answers to pipelined requests leave together") {
  TestServer server;
  Client client(server.port());
  std::string requests;
  for (int i = 0; i < 20; ++i) requests += get("/");
  client.send(requests + "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const std::string all = client.read_to_end();
  CHECK(count_of(all, "HTTP/1.1 200 OK\r\n") == 21);
  CHECK(count_of(all, "Connection: close\r\n") == 1);
}
