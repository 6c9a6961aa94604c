#include <doctest/doctest.h>

#include <string>
#include <thread>

#include "fixture.hpp"

using test::Client;
using test::get;
using test::TestServer;
using std::chrono::milliseconds;

TEST_CASE("a streamed body arrives whole, in chunks, and the connection goes on") {
  TestServer server;
  Client client(server.port());
  client.send(get("/stream/501") + get("/stream/0") + get("/next"));
  const auto response = client.receive();
  CHECK(response.header("content-length") == nullptr);
  CHECK(response.body == std::string(501000, 's'));
  CHECK(client.receive().body.empty());
  CHECK(client.receive().body == "GET /next ");
}

TEST_CASE("a streamed body whose length is known comes under a Content-Length") {
  TestServer server;
  Client client(server.port());
  client.send(get("/stream/501?bytes=501000") + get("/stream/0?bytes=0") + get("/next"));
  const auto response = client.receive();
  REQUIRE(response.header("content-length") != nullptr);
  CHECK(*response.header("content-length") == "501000");
  CHECK(response.header("transfer-encoding") == nullptr);
  CHECK(response.body == std::string(501000, 's'));
  CHECK(client.receive().body.empty());
  CHECK(client.receive().body == "GET /next ");
}

TEST_CASE("a streamed body of another length than was said is not taken for a whole one") {
  for (const char* const target : {"/stream/3?bytes=3001", "/cut/3?bytes=4000"}) {
    TestServer server;
    Client client(server.port());
    client.send(get(target) + get("/next"));
    CHECK(client.receive().status == 0);
  }
  TestServer server;
  Client client(server.port());
  client.send(get("/stream/3?bytes=2500") + get("/next"));
  CHECK(client.read_to_end().size() < 2500);  // cut before what would be taken for an answer
}

TEST_CASE("HEAD of a streamed body asks for no piece") {
  TestServer server;
  Client client(server.port());
  client.send("HEAD /stream/5 HTTP/1.1\r\nHost: a\r\n\r\n" + get("/next"));
  CHECK(client.receive(http::Method::head).status == 200);
  CHECK(client.receive().body == "GET /next ");
  CHECK(server.pieces_asked() == 0);
}

TEST_CASE("a client of HTTP/1.0 gets a streamed body until the end of the connection") {
  TestServer server;
  Client client(server.port());
  client.send("GET /stream/3 HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
  bool clean = false;
  const std::string all = client.read_to_end(&clean);
  CHECK(clean);
  CHECK(all.find("Transfer-Encoding") == std::string::npos);
  CHECK(all.ends_with("\r\n\r\n" + std::string(3000, 's')));
}

TEST_CASE("a streamed body that breaks off is not taken for a whole one") {
  TestServer server;
  Client client(server.port());
  client.send(get("/cut/3"));
  CHECK(client.receive().status == 0);
  // Where nothing but the end of the connection says that it is whole, a reset says that it is not.
  Client old(server.port());
  old.send("GET /cut/3 HTTP/1.0\r\nHost: a\r\n\r\n");
  bool clean = true;
  old.read_to_end(&clean);
  CHECK_FALSE(clean);
}

TEST_CASE("a slow reader of a stream costs no memory, and is cut off by the write timeout") {
  constexpr std::size_t pieces = 1'000'000;  // 1 GB
  http::Limits limits;
  limits.write_timeout = milliseconds(40);
  TestServer server(limits);
  Client client(server.port(), 4096);
  client.send(get("/stream/" + std::to_string(pieces)));
  while (!client.has_input()) std::this_thread::yield();
  while (server.connections() > 0) std::this_thread::yield();  // ends with the session's end
  CHECK(server.pieces_asked() < 20'000);                       // what the sockets' buffers hold
}

TEST_CASE("a stream does not hold the body of its request") {
  TestServer server;
  Client client(server.port(), 4096);
  client.send("GET /stream/100000000 HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" +
              std::string(1'000'000, 'x'));
  while (!client.has_input()) std::this_thread::yield();
  CHECK(server.counts().request_bytes == 0);
}

TEST_CASE("a server that stops ends its streams") {
  TestServer server;
  Client client(server.port(), 4096);
  client.send(get("/stream/100000000"));
  while (!client.has_input()) std::this_thread::yield();
  server.stop(milliseconds(100));
  CHECK(client.read_to_end().size() < 100'000'000'000u);
  CHECK(server.stopped());
}
