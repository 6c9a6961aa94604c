// What one client may take from the others: connections, time and memory.
#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <thread>

#include "fixture.hpp"
#include "http/session.hpp"

using test::Client;
using test::get;
using test::TestServer;
using std::chrono::milliseconds;

namespace {

void wait_until(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::yield();
  }
}

std::string head_of_post(std::size_t body_bytes) {
  return "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body_bytes) +
         "\r\n\r\n";
}

}  // namespace

TEST_CASE("a newcomer beyond the limit takes the place of the connection that is idle longest") {
  http::Limits limits;
  limits.connections_max = 3;
  TestServer server(limits);
  Client first(server.port());
  CHECK(first.ask(get("/1")).status == 200);
  Client second(server.port());
  CHECK(second.ask(get("/2")).status == 200);
  CHECK(first.ask(get("/1")).status == 200);
  Client third(server.port());
  third.send("GET /3 HTTP/1.1\r\n");
  wait_until([&] { return server.connections() == 3; });
  CHECK(server.counts().dropped_for_newcomer == 0);  // nobody goes before somebody comes

  Client fourth(server.port());
  CHECK(fourth.ask(get("/4")).body == "GET /4 ");
  CHECK(second.receive().body == "closed");
  CHECK(first.ask(get("/1")).status == 200);
  CHECK(third.ask("Host: a\r\n\r\n").body == "GET /3 ");
  CHECK(server.counts().dropped_for_newcomer == 1);
}

TEST_CASE("a newcomer waits where all have a request under way, and nobody is cut for it") {
  http::Limits limits;
  limits.connections_max = 2;
  TestServer server(limits);
  Client busy(server.port());
  busy.send(get("/wait"));
  server.await_waiting();
  Client half(server.port());
  half.send("GET /half HTTP/1.1\r\n");
  wait_until([&] { return server.connections() == 2; });
  Client third(server.port());  // connected by the kernel, not accepted yet
  third.send(get("/3"));
  CHECK(half.ask("Host: a\r\n\r\n").body == "GET /half ");
  CHECK(third.receive().body == "GET /3 ");  // half has become idle
  CHECK(half.receive().body == "closed");
  auto fourth = std::make_unique<Client>(server.port());
  CHECK(fourth->ask(get("/4")).status == 200);
  server.release();
  CHECK(busy.receive().status == 200);
  CHECK(server.counts().dropped_for_newcomer == 2);
}

TEST_CASE("one address has so many connections and no more, others are served") {
  http::Limits limits;
  limits.connections_per_address_max = 2;
  TestServer server(limits);
  auto first = std::make_unique<Client>(server.port());
  CHECK(first->ask(get("/1")).status == 200);
  Client second(server.port());
  CHECK(second.ask(get("/2")).status == 200);
  Client third(server.port());
  CHECK(third.read_to_end().empty());
  Client other(server.port(), 0, "127.0.0.2");
  CHECK(other.ask(get("/other")).status == 200);
  CHECK(server.counts().refused_for_address == 1);
  first.reset();
  wait_until([&] { return server.connections() == 2; });
  Client fourth(server.port());
  CHECK(fourth.ask(get("/4")).status == 200);
}

TEST_CASE("the addresses of an IPv6 network count as one, those of IPv4 do not") {
  const auto source = [](const char* text) {
    return http::source_of(asio::ip::make_address(text));
  };
  CHECK(source("2001:db8::1") == source("2001:db8::ffff:0:0:1"));
  CHECK(source("2001:db8::1") != source("2001:db8:0:1::1"));
  CHECK(source("192.0.2.1") != source("192.0.2.2"));
}

TEST_CASE("a body may take longer than the request timeout, as long as it keeps its pace") {
  http::Limits limits;
  limits.request_timeout = milliseconds(400);
  limits.pace_bytes_per_second_min = 5000;
  TestServer server(limits);
  Client slow(server.port());
  std::string body;
  slow.send(head_of_post(40000));
  for (int i = 0; i < 20; ++i) {
    const std::string piece(2000, static_cast<char>('a' + i));
    body += piece;
    REQUIRE(slow.send(piece));
    // Eight times the pace; a second in all.
    if (i < 19) CHECK_FALSE(slow.has_input_within(milliseconds(50)));
  }
  CHECK(slow.receive().body == "POST /x " + body);
  CHECK(server.counts().slow_senders == 0);
}

TEST_CASE("a body that stalls is given up, however fast it came before") {
  http::Limits limits;
  limits.request_timeout = milliseconds(100);
  for (const bool chunked : {false, true}) {
    TestServer server(limits);
    Client client(server.port());
    if (chunked)
      client.send("POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n");
    else
      client.send(head_of_post(8'000'000));
    client.send(std::string(1'000'000, 'x'));
    while (!client.has_input_within(milliseconds(20)) && client.send("x")) continue;
    CHECK(client.receive().status == 408);
    CHECK(server.counts().slow_senders == 1);
    CHECK(server.counts().request_bytes == 0);  // while it lingers
  }
}

TEST_CASE("a reader that takes a byte now and then is cut off, one that keeps its pace is not") {
  http::Limits limits;
  limits.write_timeout = milliseconds(500);
  limits.pace_bytes_per_second_min = 200'000;
  TestServer server(limits);
  Client fair(server.port(), 4096);
  Client mean(server.port(), 4096);
  fair.send(get("/big/1000000"));
  mean.send(get("/big/1000000"));
  const auto began = std::chrono::steady_clock::now();
  auto next = began;
  std::size_t of_fair = 0;
  while (of_fair < 1'000'000) {
    const std::size_t taken = fair.take(16384);
    REQUIRE(taken > 0);
    of_fair += taken;
    if (server.counts().slow_readers == 0) mean.take(1);
    next += milliseconds(5);  // a megabyte a second or so
    wait_until([&] { return std::chrono::steady_clock::now() >= next; });
  }
  CHECK(std::chrono::steady_clock::now() - began > milliseconds(1000));
  CHECK(server.counts().slow_readers == 1);
  CHECK(server.counts().answer_bytes == 0);
}

TEST_CASE("large bodies have a bound together, small ones always find room") {
  http::Limits limits;
  limits.request_bytes_max = 300'000;  // a string that grew to 80,000 holds 131,072 or so
  TestServer server(limits);
  Client first(server.port());
  Client second(server.port());
  Client third(server.port());
  for (Client* client : {&first, &second}) {
    client->send(head_of_post(80'000) + std::string(79'999, 'x'));
    wait_until([&, before = client == &first ? 79'999u : 159'998u] {
      return server.counts().request_bytes >= before;
    });
  }
  third.send(head_of_post(8'000'000) + std::string(200'000, 'x'));
  CHECK(third.receive().status == 503);
  CHECK_FALSE(third.keep_alive());
  CHECK(server.counts().refused_for_memory == 1);
  Client small(server.port());
  CHECK(small.ask(head_of_post(10'000) + std::string(10'000, 'y')).status == 200);

  CHECK(first.ask("x").status == 200);
  CHECK(second.ask("x").status == 200);
  CHECK(first.ask(get("/")).status == 200);
  wait_until([&] { return server.counts().request_bytes == 0; });
  CHECK(second.ask(head_of_post(80'000) + std::string(80'000, 'x')).status == 200);
}

TEST_CASE("answers that wait have a bound together: who has waited longest is cut") {
  http::Limits limits;
  limits.answer_bytes_max = 40'000'000;
  TestServer server(limits);
  Client first(server.port(), 4096);
  first.send(get("/big/15000000"));
  wait_until([&] { return server.counts().answer_bytes > 15'000'000; });
  Client second(server.port(), 4096);
  second.send(get("/big/15000000"));
  wait_until([&] { return server.counts().answer_bytes > 30'000'000; });
  Client third(server.port(), 4096);
  third.send(get("/big/15000000"));
  wait_until([&] { return server.counts().cut_for_memory == 1; });
  CHECK(first.read_to_end().size() < 15'000'000);
  CHECK(second.receive().body.size() == 15'000'000);
  CHECK(third.receive().body.size() == 15'000'000);
  CHECK(server.counts().answer_bytes == 0);
  CHECK(server.counts().cut_for_memory == 1);
}
