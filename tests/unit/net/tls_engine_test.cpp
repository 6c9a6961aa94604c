#include <doctest/doctest.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>
#include <functional>
#include <random>

#include "certificates.hpp"
#include "net/tls_engine.hpp"

using net::TlsContext;
using net::TlsEngine;
using test::Pki;
using Step = net::TlsEngine::Step;

namespace {

// Two engines with a network between them that gives at most `piece` bytes at a time.
struct Pair {
  Pair(TlsContext::Pointer server_context, TlsContext::Pointer client_context,
       const std::string& host = "localhost")
      : server(std::move(server_context)), client(std::move(client_context), host) {}

  bool carry(TlsEngine& from, TlsEngine& to, std::string& wire) {
    from.take_output(wire);
    const std::size_t size = std::min(piece, wire.size());
    to.feed(wire.substr(0, size));
    wire.erase(0, size);
    return size > 0;
  }
  // Until nothing moves any more.
  void handshake() {
    bool moves = true;
    while (moves) {
      if (client_step == Step::need_input) client_step = client.handshake();
      if (server_step == Step::need_input) server_step = server.handshake();
      moves = carry(client, server, to_server);
      moves = carry(server, client, to_client) || moves;
    }
  }
  bool done() const { return client_step == Step::done && server_step == Step::done; }

  TlsEngine server, client;
  Step server_step = Step::need_input, client_step = Step::need_input;
  std::string to_server, to_client;
  std::size_t piece = 100000;
};

std::string read_all(TlsEngine& engine, Step& last) {
  std::string all;
  std::array<char, 1000> part{};
  std::size_t size = 0;
  while ((last = engine.read(part, size)) == Step::done) all.append(part.data(), size);
  return all;
}

}  // namespace

TEST_CASE("two engines agree on TLS 1.3, whatever the pieces in which the network gives bytes") {
  const Pki pki;
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{100000}}) {
    Pair pair(pki.server_context(), pki.client_context());
    pair.piece = piece;
    pair.handshake();
    REQUIRE(pair.done());
    CHECK(std::string(pair.client.version()) == "TLSv1.3");
    REQUIRE(pair.client.peer_certificate());
    CHECK(pair.client.peer_certificate()->subject == "CN = server");
    CHECK(pair.client.peer_certificate()->names ==
          std::vector<std::string>{"localhost", "127.0.0.1"});
    CHECK_FALSE(pair.server.peer_certificate());
  }
}

TEST_CASE("what one engine takes the other gives, however it is cut") {
  const Pki pki;
  const auto seed = std::random_device{}();
  INFO("seed ", seed);
  std::mt19937 random(seed);
  Pair pair(pki.server_context(), pki.client_context());
  pair.handshake();
  REQUIRE(pair.done());
  std::string sent, received, wire;
  Step last = Step::need_input;
  for (int turn = 0; turn < 200; ++turn) {
    std::string bytes(random() % (turn % 20 == 0 ? 100000 : 300), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    REQUIRE(pair.client.write(bytes) == Step::done);
    sent += bytes;
    pair.piece = 1 + random() % 20000;
    pair.carry(pair.client, pair.server, wire);
    received += read_all(pair.server, last);
    REQUIRE(last == Step::need_input);
  }
  pair.client.close();
  while (pair.carry(pair.client, pair.server, wire)) received += read_all(pair.server, last);
  CHECK(received == sent);
  CHECK(last == Step::closed);
  // The other direction stays open.
  REQUIRE(pair.server.write("still here") == Step::done);
  pair.carry(pair.server, pair.client, wire);
  CHECK(read_all(pair.client, last) == "still here");
}

TEST_CASE("a client refuses a certificate of another CA, for another host, or that is over") {
  const Pki pki;
  const Pki other;
  SUBCASE("another CA") {
    Pair pair(pki.server_context(), other.client_context());
    pair.handshake();
    CHECK(pair.client_step == Step::failed);
    CHECK(pair.client.distrust() == TlsEngine::Distrust::unknown_issuer);
    CHECK(pair.client.failure().starts_with("the certificate of the other side is not trusted: "));
    CHECK(pair.server_step == Step::failed);
    CHECK(pair.server.failure().find("unknown ca") != std::string::npos);
  }
  SUBCASE("the system's CAs") {
    const auto system = TlsContext::client({});
    REQUIRE(system.ok());
    Pair pair(pki.server_context(), *system);
    pair.handshake();
    CHECK(pair.client_step == Step::failed);
  }
  SUBCASE("another host") {
    for (const char* host : {"example.com", "127.0.0.2", "::1", "local"}) {
      Pair pair(pki.server_context(), pki.client_context(), host);
      pair.handshake();
      CHECK(pair.client_step == Step::failed);
      CHECK(pair.client.failure().find("mismatch") != std::string::npos);
      CHECK(pair.client.distrust() == TlsEngine::Distrust::other_host);
      CHECK(pair.client.refused_names() == std::vector<std::string>{"localhost", "127.0.0.1"});
    }
  }
  SUBCASE("the address that it names") {
    Pair pair(pki.server_context(), pki.client_context(), "127.0.0.1");
    pair.handshake();
    CHECK(pair.done());
  }
  SUBCASE("over") {
    const auto old = test::issue({"server", "DNS:localhost", -10, -1}, &pki.ca);
    const auto context =
        TlsContext::server({pki.folder.write("old.pem", pem(old)),
                            pki.folder.write("old.key", key_pem(old)), "", ""});
    REQUIRE(context.ok());
    Pair pair(*context, pki.client_context());
    pair.handshake();
    CHECK(pair.client_step == Step::failed);
    CHECK(pair.client.failure().find("expired") != std::string::npos);
  }
}

TEST_CASE("whatever stands in the file of CAs is trusted, and the chain may be longer than one") {
  const Pki pki;
  const auto between = test::issue({"between", "", 0, 365, true}, &pki.ca);
  const auto leaf = test::issue({"leaf", "DNS:localhost"}, &between);
  const std::string key = pki.folder.write("leaf.key", key_pem(leaf));
  const auto served = [&](const std::string& chain) {
    const auto made = TlsContext::server({pki.folder.write("chain.pem", chain), key, "", ""});
    REQUIRE(made.ok());
    return *made;
  };
  const auto trusting = [&](const test::Issued& trusted) {
    const std::string file = pki.folder.write("trusted.pem", pem(trusted));
    const auto made = TlsContext::client({file, "", "", "", ""});
    REQUIRE(made.ok());
    return *made;
  };
  const auto agree = [](TlsContext::Pointer server, TlsContext::Pointer client) {
    Pair pair(std::move(server), std::move(client));
    pair.handshake();
    return pair.done();
  };
  CHECK(agree(served(pem(leaf) + pem(between)), trusting(pki.ca)));
  CHECK(agree(served(pem(leaf)), trusting(between)));
  CHECK(agree(served(pem(leaf)), trusting(leaf)));
  CHECK_FALSE(agree(served(pem(leaf)), trusting(pki.ca)));  // the one between is missing
  CHECK_FALSE(agree(served(pem(leaf) + pem(between)), trusting(pki.client)));
}

TEST_CASE("a server that wants certificates of its clients refuses one without or of another CA") {
  const Pki pki;
  const Pki other;
  SUBCASE("of its CA") {
    Pair pair(pki.server_context(true), pki.client_context(true));
    pair.handshake();
    REQUIRE(pair.done());
    REQUIRE(pair.server.peer_certificate());
    CHECK(pair.server.peer_certificate()->subject == "CN = client");
    CHECK(pair.server.peer_certificate()->fingerprint ==
          net::fingerprint_of(*pki.client.certificate));
  }
  SUBCASE("none") {
    Pair pair(pki.server_context(true), pki.client_context());
    pair.handshake();
    CHECK(pair.server_step == Step::failed);
    CHECK(pair.server.failure() == "peer did not return a certificate");
    Step last = Step::done;
    read_all(pair.client, last);  // TLS 1.3: the client learns it after its own handshake
    CHECK(last == Step::failed);
    CHECK(pair.client.failure().find("certificate required") != std::string::npos);
  }
  SUBCASE("of another CA") {
    const auto foreign =
        TlsContext::client({pki.ca_file, "", other.client_file, other.client_key, ""});
    REQUIRE(foreign.ok());
    Pair pair(pki.server_context(true), *foreign);
    pair.handshake();
    CHECK(pair.server_step == Step::failed);
  }
}

TEST_CASE("a client that knows a fingerprint trusts that certificate alone, whatever it names") {
  const Pki pki;
  const auto pinned = [](const test::Issued& issued) {
    auto made = TlsContext::client({"", net::fingerprint_of(*issued.certificate), "", "", ""});
    REQUIRE(made.ok());
    return *made;
  };
  Pair right(pki.server_context(), pinned(pki.server), "elsewhere.example");
  right.handshake();
  CHECK(right.done());
  Pair wrong(pki.server_context(), pinned(pki.client), "localhost");
  wrong.handshake();
  CHECK(wrong.client_step == Step::failed);
}

TEST_CASE("TLS 1.1, ciphers without forward secrecy and foreign protocols of ALPN are refused") {
  const Pki pki;
  const auto with = [&](const std::function<void(SSL_CTX*)>& change) {
    auto context = pki.client_context();
    change(context->native());
    Pair pair(pki.server_context(), context);
    pair.handshake();
    return pair.done();
  };
  CHECK(with([](SSL_CTX*) {}));
  CHECK(with([](SSL_CTX* c) { SSL_CTX_set_max_proto_version(c, TLS1_2_VERSION); }));
  CHECK_FALSE(with([](SSL_CTX* c) {
    SSL_CTX_set_security_level(c, 0);
    SSL_CTX_set_min_proto_version(c, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(c, TLS1_1_VERSION);
    SSL_CTX_set_cipher_list(c, "ALL:@SECLEVEL=0");
  }));
  CHECK_FALSE(with([](SSL_CTX* c) {
    SSL_CTX_set_max_proto_version(c, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(c, "AES128-SHA");
  }));
  const auto protocols = [&](std::string wire) {
    return with([&](SSL_CTX* c) {
      SSL_CTX_set_alpn_protos(c, reinterpret_cast<const unsigned char*>(wire.data()),
                              static_cast<unsigned>(wire.size()));
    });
  };
  CHECK(protocols("\x02h2\x08http/1.1"));
  CHECK_FALSE(protocols("\x02h2"));
}

TEST_CASE("a client that asks to renegotiate is refused and goes on") {
  const Pki pki;
  auto context = pki.client_context();
  SSL_CTX_set_max_proto_version(context->native(), TLS1_2_VERSION);
  SSL_CTX_clear_options(context->native(), SSL_OP_NO_RENEGOTIATION);
  TlsEngine server(pki.server_context());
  SSL* client = SSL_new(context->native());
  BIO* in = BIO_new(BIO_s_mem());
  BIO* out = BIO_new(BIO_s_mem());
  SSL_set_bio(client, in, out);
  SSL_set_connect_state(client);
  const auto carry = [&] {
    std::array<char, 20000> bytes{};
    int size = 0;
    while ((size = BIO_read(out, bytes.data(), static_cast<int>(bytes.size()))) > 0)
      server.feed({bytes.data(), static_cast<std::size_t>(size)});
    std::string back;
    server.take_output(back);
    if (!back.empty()) BIO_write(in, back.data(), static_cast<int>(back.size()));
  };
  Step step = Step::need_input;
  for (int turn = 0; turn < 6; ++turn) {
    SSL_do_handshake(client);
    carry();
    if (step == Step::need_input) step = server.handshake();
    carry();
  }
  REQUIRE(step == Step::done);
  REQUIRE(SSL_is_init_finished(client) == 1);
  std::size_t size = 0;
  std::array<char, 100> room{};
  CHECK(SSL_renegotiate(client) == 1);
  SSL_do_handshake(client);
  carry();
  // The warning alert no_renegotiation, no second handshake.
  CHECK(server.read(room, size) == Step::need_input);
  carry();
  CHECK(SSL_do_handshake(client) != 1);
  CHECK(std::string(ERR_reason_error_string(ERR_peek_error())) == "no renegotiation");
  ERR_clear_error();
  SSL_free(client);
}

TEST_CASE("what comes after the other side has closed is not looked at, before the handshake too") {
  const Pki pki;
  for (const bool in_two_pieces : {false, true}) {
    const std::string closing("\x15\x03\x03\x00\x02\x01\x00", 7);
    const std::string garbage(8, '\0');
    TlsEngine engine(pki.client_context());
    CHECK(engine.handshake() == Step::need_input);
    engine.feed(in_two_pieces ? closing : closing + garbage);
    CHECK(engine.handshake() == Step::closed);
    if (in_two_pieces) engine.feed(garbage);
    CHECK(engine.handshake() == Step::closed);
    CHECK(engine.failure().empty());
  }
}

TEST_CASE("garbage fails the handshake and does no more") {
  const Pki pki;
  const auto context = pki.server_context();
  const auto seed = std::random_device{}();
  INFO("seed ", seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 300; ++round) {
    TlsEngine engine(context);
    std::string bytes(1 + random() % 600, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    if (round % 2 == 0) bytes.replace(0, 3, "\x16\x03\x01");
    engine.feed(bytes);
    const Step step = engine.handshake();
    CHECK(step != Step::done);
    CHECK(step != Step::closed);
    if (step == Step::failed) CHECK_FALSE(engine.failure().empty());
    CHECK(engine.handshake() == step);
  }
  // A flipped bit in the middle of a connection.
  Pair pair(context, pki.client_context());
  pair.handshake();
  REQUIRE(pair.client.write("hello") == Step::done);
  std::string wire;
  pair.client.take_output(wire);
  wire[wire.size() - 3] ^= 1;
  pair.server.feed(wire);
  Step last = Step::done;
  CHECK(read_all(pair.server, last).empty());
  CHECK(last == Step::failed);
  CHECK(pair.server.write("x") == Step::failed);
}
