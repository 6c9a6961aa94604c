#include "net/stream.hpp"

#include <doctest/doctest.h>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <random>

#include "certificates.hpp"

using asio::ip::tcp;
using net::Handshake;
using net::Stream;
using test::Pki;

namespace {

// Two streams over loopback, and their io_context, which runs on the test's thread.
struct Pair {
  explicit Pair(bool tls) : Pair(Pki(), tls) {}
  Pair(const Pki& pki, bool tls)
      : Pair(tls ? pki.server_context() : nullptr, tls ? pki.client_context() : nullptr) {}
  Pair(net::TlsContext::Pointer server_context, net::TlsContext::Pointer client_context)
      : server(tcp::socket(io), std::move(server_context)),
        client(tcp::socket(io), std::move(client_context)) {
    tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
    client.socket().connect(acceptor.local_endpoint());
    acceptor.accept(server.socket());
    client.socket().non_blocking(true);
    server.socket().non_blocking(true);
  }
  void spawn(asio::awaitable<void> work) {
    ++running;
    asio::co_spawn(io, std::move(work), [this](std::exception_ptr failure) {
      --running;
      CHECK_FALSE(failure);
    });
  }
  // Until every coroutine has ended; a minute is for a broken build only.
  bool run() {
    io.restart();
    io.run_for(std::chrono::seconds(60));
    return running == 0;
  }
  void handshake() {
    Handshake at_server = Handshake::failed, at_client = Handshake::failed;
    spawn(shake(server, "", at_server));
    spawn(shake(client, "localhost", at_client));
    REQUIRE(run());
    INFO(server.failure(), " / ", client.failure());
    REQUIRE(at_server == Handshake::done);
    REQUIRE(at_client == Handshake::done);
  }
  static asio::awaitable<void> shake(Stream& stream, std::string host, Handshake& result) {
    result = co_await stream.handshake(std::move(host));
  }

  asio::io_context io{1};
  Stream server, client;
  int running = 0;
};

asio::awaitable<void> read_to(Stream& stream, std::size_t room, std::string& all,
                              std::error_code& end) {
  std::string part(room, '\0');
  while (true) {
    const auto outcome = co_await stream.read_some(asio::buffer(part));
    end = std::get<0>(outcome);
    if (end) co_return;
    all.append(part, 0, std::get<1>(outcome));
  }
}

asio::awaitable<void> write_and_close(Stream& stream, std::string first, std::string second) {
  Stream::Buffers left{asio::buffer(first), asio::buffer(second)};
  while (asio::buffer_size(left) > 0 || stream.has_unsent()) {
    std::error_code ec;
    std::size_t taken = stream.try_write_some(left, ec);
    if (ec == asio::error::would_block) {
      const auto outcome = co_await stream.write_some(left);
      ec = std::get<0>(outcome);
      taken = std::get<1>(outcome);
    }
    if (ec) co_return;
    for (asio::const_buffer& buffer : left) {
      const std::size_t part = std::min(taken, buffer.size());
      buffer += part;
      taken -= part;
    }
  }
  std::error_code ec;
  stream.shutdown_send(ec);
  CHECK_FALSE(ec);
}

asio::awaitable<void> write_all(Stream& stream, std::string bytes, std::error_code& ec) {
  const auto outcome = co_await stream.write(bytes);
  ec = std::get<0>(outcome);
  if (!ec) CHECK(std::get<1>(outcome) == bytes.size());
}

asio::awaitable<void> read_once(Stream& stream, std::error_code& ec, std::string& bytes) {
  std::string room(1000, '\0');
  const auto outcome = co_await stream.read_some(asio::buffer(room));
  ec = std::get<0>(outcome);
  bytes = room.substr(0, std::get<1>(outcome));
}

std::string noise(std::size_t size) {
  std::mt19937 random(static_cast<unsigned>(size));
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

}  // namespace

TEST_CASE("both directions at once carry what was written, small and large, plain and with TLS") {
  for (const bool tls : {false, true}) {
    CAPTURE(tls);
    Pair pair(tls);
    pair.handshake();
    CHECK(pair.client.peer_certificate().has_value() == tls);
    std::string at_server, at_client;
    std::error_code server_end, client_end;
    const std::string small = noise(10), large = noise(6'000'000), other = noise(3'000'000);
    pair.spawn(read_to(pair.server, 777, at_server, server_end));
    pair.spawn(read_to(pair.client, 100000, at_client, client_end));
    pair.spawn(write_and_close(pair.client, small, large));
    pair.spawn(write_and_close(pair.server, other, ""));
    REQUIRE(pair.run());
    CHECK(at_server == small + large);
    CHECK(at_client == other);
    CHECK(server_end == asio::error::eof);
    CHECK(client_end == asio::error::eof);
    CHECK_FALSE(pair.client.has_unsent());
  }
}

TEST_CASE("write() ends once all of it is with the kernel") {
  for (const bool tls : {false, true}) {
    Pair pair(tls);
    pair.handshake();
    std::error_code written = asio::error::in_progress, end;
    std::string received;
    const std::string bytes = noise(5'000'000);
    pair.spawn(write_all(pair.client, bytes, written));
    pair.io.restart();
    pair.io.run_for(std::chrono::milliseconds(20));
    CHECK(written == asio::error::in_progress);  // nobody reads
    pair.spawn(read_to(pair.server, 65536, received, end));
    while (written == asio::error::in_progress)
      if (pair.io.run_one_for(std::chrono::seconds(60)) == 0) break;
    CHECK_FALSE(written);
    std::error_code ignored;
    pair.client.shutdown_send(ignored);
    REQUIRE(pair.run());
    CHECK(received == bytes);
  }
}

TEST_CASE("a read that was cancelled has lost nothing: both directions go on") {
  for (const bool tls : {false, true}) {
    Pair pair(tls);
    pair.handshake();
    for (int round = 0; round < 3; ++round) {
      std::error_code ec, other_ec;
      std::string bytes;
      pair.spawn(read_once(pair.server, ec, bytes));
      pair.io.restart();
      pair.io.run_for(std::chrono::milliseconds(5));
      pair.server.cancel();
      REQUIRE(pair.run());
      CHECK(ec == asio::error::operation_aborted);
      pair.spawn(write_all(pair.server, "too late", other_ec));
      pair.spawn(read_once(pair.client, ec, bytes));
      REQUIRE(pair.run());
      CHECK(bytes == "too late");
      pair.spawn(write_all(pair.client, "again", other_ec));
      pair.spawn(read_once(pair.server, ec, bytes));
      REQUIRE(pair.run());
      CHECK(bytes == "again");
    }
  }
}

TEST_CASE("with TLS a connection that is cut off is told from one that was closed") {
  Pair pair(true);
  pair.handshake();
  std::error_code end;
  std::string all;
  pair.spawn(read_to(pair.server, 100, all, end));
  pair.client.socket().shutdown(tcp::socket::shutdown_send);
  REQUIRE(pair.run());
  CHECK(end == asio::error::connection_reset);
}

TEST_CASE("a handshake that breaks off, is cancelled or is no handshake fails and says why") {
  const Pki pki;
  struct Case {
    std::string bytes;
    enum { shut, cancel, nothing } then;
    Handshake result;
    std::string failure;
  };
  const std::vector<Case> cases = {
      {"", Case::shut, Handshake::failed, "closed by the other side"},
      {"\x16\x03\x01\x02", Case::shut, Handshake::failed, "closed by the other side"},
      {"", Case::cancel, Handshake::failed, "cancelled"},
      {"\x16\x03\x01\x02", Case::cancel, Handshake::failed, "cancelled"},
      {"\x16\x03\x01" + std::string(2, '\0') + noise(100), Case::nothing, Handshake::refused, "*"},
      {"\x7f" + noise(2000), Case::nothing, Handshake::refused, "*"},
      {"GET / HTTP/1.1\r\n\r\n", Case::nothing, Handshake::plain_http, ""},
      {"P", Case::nothing, Handshake::plain_http, ""},
  };
  for (const Case& c : cases) {
    CAPTURE(c.bytes);
    Pair pair(pki.server_context(), nullptr);
    Handshake result = Handshake::done;
    pair.spawn(Pair::shake(pair.server, "", result));
    pair.client.socket().write_some(asio::buffer(c.bytes));
    if (c.then == Case::shut) pair.client.socket().shutdown(tcp::socket::shutdown_send);
    if (c.then == Case::cancel) {
      pair.io.run_for(std::chrono::milliseconds(5));
      pair.server.cancel();
    }
    REQUIRE(pair.run());
    CHECK(result == c.result);
    if (c.failure == "*") CHECK_FALSE(pair.server.failure().empty());
    else CHECK(pair.server.failure() == c.failure);
  }
}

TEST_CASE("after plain HTTP at a TLS port the stream is plain, and the client can be answered") {
  const Pki pki;
  Pair pair(pki.server_context(), nullptr);
  Handshake result = Handshake::done;
  pair.spawn(Pair::shake(pair.server, "", result));
  pair.client.socket().write_some(asio::buffer("GET / HTTP/1.1\r\n", 16));
  REQUIRE(pair.run());
  REQUIRE(result == Handshake::plain_http);
  std::error_code ec;
  std::string bytes;
  pair.spawn(write_all(pair.server, "plainly no", ec));
  pair.spawn(read_once(pair.client, ec, bytes));
  REQUIRE(pair.run());
  CHECK(bytes == "plainly no");
}

TEST_CASE("close() ends every wait") {
  for (const bool tls : {false, true}) {
    Pair pair(tls);
    pair.handshake();
    std::error_code read_ec, write_ec;
    std::string bytes;
    pair.spawn(read_once(pair.server, read_ec, bytes));
    pair.spawn(write_all(pair.server, noise(8'000'000), write_ec));
    pair.io.restart();
    pair.io.run_for(std::chrono::milliseconds(20));
    CHECK(pair.running == 2);
    pair.server.close();
    REQUIRE(pair.run());
    CHECK(read_ec);
    CHECK(write_ec);
    CHECK_FALSE(pair.server.is_open());
  }
}
