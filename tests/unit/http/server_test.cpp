#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "fixture.hpp"

using test::Client;
using test::get;
using test::TestServer;
using std::chrono::milliseconds;

namespace {

http::Handler nothing() {
  return [](const http::Request&) -> asio::awaitable<http::Response> {
    co_return http::Response{};
  };
}

}  // namespace

TEST_CASE("stop closes idle connections at once and lets a request under way finish") {
  TestServer server;
  Client idle(server.port());
  CHECK(idle.ask(get("/")).status == 200);
  Client busy(server.port());
  busy.send(get("/wait"));
  server.await_waiting();
  Client half(server.port());
  half.send("GET /half HTTP/1.1\r\n");
  while (server.connections() < 3) std::this_thread::yield();
  server.stop(milliseconds(10000));
  CHECK(idle.receive().body == "closed");
  CHECK(server.stopping_still());
  server.release();
  CHECK(busy.receive().status == 200);
  CHECK_FALSE(busy.keep_alive());
  CHECK(busy.receive().body == "closed");
}

TEST_CASE("done comes once the last session has ended, and no connection is accepted meanwhile") {
  TestServer server;
  auto busy = std::make_unique<Client>(server.port());
  busy->send(get("/wait"));
  server.await_waiting();
  server.stop(milliseconds(10000));
  CHECK_THROWS(Client(server.port()));
  CHECK(server.stopping_still());
  server.release();
  CHECK(busy->receive().status == 200);
  busy.reset();
  CHECK(server.stopped());
}

TEST_CASE("stop without connections is done at once") {
  TestServer server;
  server.stop(milliseconds(10000));
  CHECK(server.stopped());
}

TEST_CASE("what does not end by the deadline of stop is closed") {
  TestServer server;
  Client half(server.port());
  CHECK(half.ask(get("/")).status == 200);
  half.send("GET / HTTP/1.1\r\n");
  Client reader(server.port(), 4096);
  reader.send(get("/big/30000000"));
  while (server.connections() < 2) std::this_thread::yield();
  server.stop(milliseconds(50));
  CHECK(server.stopped());
  CHECK(reader.read_to_end().size() < 30000000);
}

TEST_CASE("many connections at once are all served") {
  TestServer server;
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 200; ++i) {
    clients.push_back(std::make_unique<Client>(server.port()));
    clients.back()->send(get("/" + std::to_string(i)));
  }
  for (std::size_t i = 0; i < clients.size(); ++i)
    CHECK(clients[i]->receive().body == "GET /" + std::to_string(i) + " ");
}

TEST_CASE("a server listens on names and on IPv6, and says why it cannot") {
  asio::io_context io(1);
  base::Logger logger(base::LogLevel::off, base::LogFormat::text);
  const http::Limits limits;
  http::Server by_name(io, logger, limits, nothing(), test::render_error);
  CHECK(by_name.listen("localhost", 0).ok());
  CHECK(by_name.port() != 0);

  http::Server taken(io, logger, limits, nothing(), test::render_error);
  const auto again = taken.listen("127.0.0.1", by_name.port());
  REQUIRE_FALSE(again.ok());
  CHECK(again.error() ==
        fmt::format("cannot listen on 127.0.0.1:{}: address already in use", by_name.port()));

  http::Server unknown(io, logger, limits, nothing(), test::render_error);
  const auto nowhere = unknown.listen("no such host", 0);
  REQUIRE_FALSE(nowhere.ok());
  CHECK(nowhere.error().starts_with("cannot listen on no such host:0: "));

  http::Server foreign(io, logger, limits, nothing(), test::render_error);
  CHECK_FALSE(foreign.listen("192.0.2.1", 0).ok());

  http::Server six(io, logger, limits, nothing(), test::render_error);
  const auto listening = six.listen("::1", 0);
  if (!listening.ok()) MESSAGE("no IPv6 here: ", listening.error());
}

TEST_CASE("a server may be destroyed before its io_context with connections open") {
  asio::io_context io(1);
  base::Logger logger(base::LogLevel::off, base::LogFormat::text);
  auto server = std::make_unique<http::Server>(io, logger, http::Limits{}, nothing(),
                                               test::render_error);
  REQUIRE(server->listen("127.0.0.1", 0).ok());
  Client client(server->port());
  while (server->counts().connections == 0) io.run_one();
  server.reset();
  CHECK(client.read_to_end().empty());
  io.run();
}
