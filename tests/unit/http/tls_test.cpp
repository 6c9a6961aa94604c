#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <thread>

#include "fixture.hpp"
#include "net/tls_engine.hpp"
#include "tests/unit/net/certificates.hpp"

using net::TlsEngine;
using std::chrono::milliseconds;
using test::Client;
using test::get;
using test::Pki;
using test::TestServer;
using Step = net::TlsEngine::Step;

namespace {

// The bytes of a Client, encrypted by an engine.
class TlsClient {
 public:
  TlsClient(std::uint16_t port, net::TlsContext::Pointer context, int receive_buffer_bytes = 0)
      : wire_(port, receive_buffer_bytes), engine_(std::move(context), "localhost"),
        parser_(limits()) {
    while (true) {
      const Step step = engine_.handshake();
      if (!send_output() || step == Step::failed) return;
      secured_ = step == Step::done;
      if (secured_ || !feed()) return;
    }
  }
  bool secured() const { return secured_; }
  bool send(std::string_view bytes) {
    return engine_.write(bytes) == Step::done && send_output();
  }
  http::Response receive() {
    parser_.expect(http::Method::get);
    while (true) {
      const auto step = parser_.next();
      if (step == http::ResponseParser::Step::response) return parser_.response();
      if (step == http::ResponseParser::Step::error)
        return test::text_response(0, std::string(parser_.error()));
      const std::string bytes = read();
      if (bytes.empty()) return test::text_response(0, end_);
      const auto room = parser_.prepare();
      const std::size_t size = std::min(room.size(), bytes.size());
      std::copy_n(bytes.begin(), size, room.begin());
      parser_.commit(size);
      left_ = bytes.substr(size);
    }
  }
  http::Response ask(std::string_view bytes) {
    send(bytes);
    return receive();
  }
  // Empty at the end: end() then says how it ended.
  std::string read() {
    if (!left_.empty()) return std::exchange(left_, {});
    std::array<char, 20000> room{};
    while (true) {
      std::size_t size = 0;
      const Step step = engine_.read(room, size);
      if (step == Step::done) return std::string(room.data(), size);
      end_ = step == Step::closed ? "closed" : step == Step::failed ? engine_.failure() : "cut off";
      if (step != Step::need_input || !feed()) return "";
    }
  }
  const std::string& end() const { return end_; }
  const TlsEngine& engine() const { return engine_; }
  Client& wire() { return wire_; }

 private:
  static http::Limits limits() {
    http::Limits limits;
    limits.body_bytes_max = 64u << 20;
    return limits;
  }
  bool send_output() {
    std::string out;
    engine_.take_output(out);
    return out.empty() || wire_.send(out);
  }
  bool feed() {
    const std::string some = wire_.read_some();
    engine_.feed(some);
    return !some.empty();
  }

  Client wire_;
  TlsEngine engine_;
  http::ResponseParser parser_;
  bool secured_ = false;
  std::string left_, end_;
};

}  // namespace

TEST_CASE("with TLS a connection serves small, large and streamed answers one after the other") {
  const Pki pki;
  TestServer server({}, pki.server_context());
  TlsClient client(server.port(), pki.client_context());
  REQUIRE(client.secured());
  for (int i = 0; i < 20; ++i) CHECK(client.ask(get("/a")).body == "GET /a ");
  CHECK(client.ask(get("/big/5000000")).body == std::string(5000000, 'b'));
  CHECK(client.ask(get("/stream/100")).body == std::string(100000, 's'));
  std::string pipelined;
  for (int i = 0; i < 100; ++i) pipelined += get(i == 50 ? "/big/40000" : "/p");
  client.send(pipelined);
  for (int i = 0; i < 100; ++i) CHECK(client.receive().status == 200);
  const std::string body(100000, 'x');
  CHECK(client.ask("POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + body).body ==
        "POST /b " + body);
  client.send("GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  CHECK(client.receive().body == "GET /last ");
  CHECK(client.read().empty());
  CHECK(client.end() == "closed");  // with a close_notify
  CHECK(server.handshakes_failed() == 0);
}

TEST_CASE("a slow reader gets all of a large answer over TLS, and one that reads nothing is cut") {
  const Pki pki;
  http::Limits limits;
  limits.write_timeout = milliseconds(300);
  TestServer server(limits, pki.server_context());
  TlsClient slow(server.port(), pki.client_context(), 4096);
  CHECK(slow.ask(get("/big/8000000")).body.size() == 8000000);
  TlsClient silent(server.port(), pki.client_context(), 4096);
  silent.send(get("/big/30000000"));
  while (server.connections() > 1) std::this_thread::yield();
  std::size_t received = 0;
  for (std::string part; !(part = silent.read()).empty();) received += part.size();
  CHECK(received < 30000000);
  CHECK(silent.end() == "cut off");
}

TEST_CASE("over TLS half a request and then silence is answered with 408 and closed") {
  const Pki pki;
  http::Limits limits;
  limits.request_timeout = milliseconds(60);
  TestServer server(limits, pki.server_context());
  TlsClient client(server.port(), pki.client_context());
  client.send("GET / HT");
  CHECK(client.receive().status == 408);
  CHECK(client.read().empty());
  CHECK(client.end() == "closed");
}

TEST_CASE("plain HTTP at a TLS port is told so with a plain 400") {
  const Pki pki;
  TestServer server({}, pki.server_context());
  for (const char* method : {"GET", "DELETE", "PATCH", "OPTIONS"}) {
    Client client(server.port());
    const auto response = client.ask(std::string(method) + " / HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(response.status == 400);
    CHECK(response.body == "error: this port speaks https: use https:// in the URL");
    CHECK_FALSE(client.keep_alive());
    CHECK(client.receive().body == "closed");
  }
  CHECK(server.handshakes_failed() == 4);
}

TEST_CASE("garbage, half a handshake and silence at a TLS port are cut off, others are served") {
  const Pki pki;
  http::Limits limits;
  limits.handshake_timeout = milliseconds(60);
  TestServer server(limits, pki.server_context());
  Client garbage(server.port());
  garbage.send(std::string(1000, '\x7f'));
  garbage.read_to_end();
  Client half(server.port());
  half.send(std::string("\x16\x03\x01\x02", 4));
  Client silent(server.port());
  CHECK(half.read_to_end().empty());
  CHECK(silent.read_to_end().empty());
  CHECK(server.handshakes_failed() == 3);
  TlsClient client(server.port(), pki.client_context());
  CHECK(client.ask(get("/")).status == 200);
}

TEST_CASE("a client without the certificate that is asked for is refused before any request") {
  const Pki pki;
  TestServer server({}, pki.server_context(true));
  TlsClient without(server.port(), pki.client_context());
  CHECK(without.ask(get("/")).status == 0);
  CHECK(without.end().find("certificate required") != std::string::npos);
  TlsClient with(server.port(), pki.client_context(true));
  CHECK(with.ask(get("/")).status == 200);
}

TEST_CASE("new certificates are for new connections; those under way go on with theirs") {
  const Pki first, second;
  TestServer server({}, first.server_context());
  TlsClient old(server.port(), first.client_context());
  CHECK(old.ask(get("/")).status == 200);
  server.use_tls(second.server_context());
  CHECK(old.ask(get("/")).status == 200);
  TlsClient fresh(server.port(), second.client_context());
  CHECK(fresh.ask(get("/")).status == 200);
  TlsClient refused(server.port(), first.client_context());
  CHECK_FALSE(refused.secured());
  CHECK(old.ask(get("/")).status == 200);
}

TEST_CASE("a server stops with handshakes and TLS connections under way") {
  const Pki pki;
  TestServer server({}, pki.server_context());
  Client half(server.port());
  half.send(std::string("\x16\x03\x01\x02", 4));
  TlsClient idle(server.port(), pki.client_context());
  CHECK(idle.ask(get("/")).status == 200);
  TlsClient busy(server.port(), pki.client_context());
  busy.send(get("/wait"));
  server.await_waiting();
  server.stop(milliseconds(10000));
  half.read_to_end();
  CHECK(idle.read().empty());
  CHECK(idle.end() == "closed");
  CHECK(server.stopping_still());
  server.release();
  CHECK(busy.receive().status == 200);
  CHECK(server.stopped());
}
