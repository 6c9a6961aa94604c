// Nodes that speak TLS to each other, and who is refused then.
#include "base/random.hpp"
#include "raft/transport/codec.hpp"
#include "test_node.hpp"
#include "tests/unit/net/certificates.hpp"

using namespace raft;
using namespace raft::test;

namespace {

struct Fixture {
  asio::io_context io;
  base::Logger logger{base::LogLevel::info, base::LogFormat::text};
  CapturedLog log;
  ::test::Pki pki;

  // Both directions with one certificate, which is trusted where `ca` has signed it.
  TransportTls tls(const ::test::Issued& own, const std::string& ca) {
    const std::string name = "node-" + std::to_string(made_++);
    const std::string certificate = pki.folder.write(name + ".pem", ::test::pem(own));
    const std::string key = pki.folder.write(name + ".key", ::test::key_pem(own));
    auto accepting = net::TlsContext::server({certificate, key, ca, ""});
    auto dialling = net::TlsContext::client({ca, "", certificate, key, ""});
    REQUIRE(accepting.ok());
    REQUIRE(dialling.ok());
    return {*accepting, *dialling};
  }
  TransportTls good() { return tls(pki.server, pki.ca_file); }

  std::uint64_t refused(const TestNode& node) {
    return node.transport
        ->refusals()[static_cast<std::size_t>(RefusalReason::no_certificate)];
  }

 private:
  int made_ = 0;
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "nodes with certificates of one CA exchange messages, large ones too") {
  TestNode one(io, logger, 1), two(io, logger, 2);
  one.transport->use_tls(good());
  two.transport->use_tls(good());
  introduce({&one, &two});
  REQUIRE(connect(io, one, two));
  REQUIRE(connect(io, two, one));
  base::Bytes bytes(data_bytes_max, 'x');
  base::Random random(7);
  for (std::size_t i = 0; i < bytes.size(); i += 1000) bytes[i] = static_cast<char>(random.next());
  AppendEntries body;
  body.entries.push_back({Index{1}, Term{1}, EntryKind::command, base::share(bytes)});
  REQUIRE(one.send({one.id, two.id, Term{1}, std::move(body)}));
  std::uint64_t from_one = 0, from_two = 0;
  constexpr std::uint64_t count = 2000;
  REQUIRE(run_until(io, [&] {
    while (from_one < count && one.send(2, from_one)) ++from_one;
    while (from_two < count && two.send(1, from_two)) ++from_two;
    return two.received.size() == count + 1 && one.received.size() == count;
  }));
  CHECK(*std::get<AppendEntries>(two.received[0].body).entries[0].data == bytes);
  for (std::uint64_t i = 0; i < count; ++i) {
    if (one.context(i) != i || two.context(i + 1) != i) FAIL("out of order at ", i);
  }
  // Another CA from now on: connections that are there go on, new ones do not come about.
  const ::test::Pki other;
  one.transport->use_tls(tls(other.server, other.ca_file));
  CHECK(one.send(2, 1));
  REQUIRE(run_until(io, [&] { return two.received.size() == count + 2; }));
  one.transport->close();
  two.transport->close();
  CHECK(ends_by_itself(io));
}

TEST_CASE_FIXTURE(Fixture, "who has no certificate of the CA is refused, and both sides say why") {
  TestNode one(io, logger, 1), two(io, logger, 2);
  one.transport->use_tls(good());
  const ::test::Pki other;
  std::string of_one, of_two;
  SUBCASE("plain") {
    of_one = "refused the connection from 127.0.0.1:";
    of_two = "node 1: ";
  }
  SUBCASE("of another CA") {
    two.transport->use_tls(tls(other.server, pki.ca_file));
    of_one = "TLS: ";
    of_two = "unknown ca";
  }
  SUBCASE("that trusts another CA") {
    two.transport->use_tls(tls(pki.server, other.ca_file));
    of_one = "unknown ca";
    of_two = "TLS: ";
  }
  SUBCASE("expired") {
    const auto old = ::test::issue({"old", "DNS:localhost,IP:127.0.0.1", -20, -10}, &pki.ca);
    two.transport->use_tls(tls(old, pki.ca_file));
    of_one = "TLS: ";
    of_two = "expired";
  }
  introduce({&one, &two});
  REQUIRE(run_until(io, [&] {
    return log.has(of_one) && log.has(of_two) && refused(one) > 0;
  }));
  CHECK_FALSE(one.send(2, 0));
  CHECK_FALSE(two.send(1, 0));
  CHECK(one.received.empty());
  CHECK(two.received.empty());
}

TEST_CASE_FIXTURE(Fixture, "a dialer checks that the certificate names the host that it dialled") {
  TestNode one(io, logger, 1), two(io, logger, 2);
  one.transport->use_tls(good());
  const auto elsewhere = ::test::issue({"elsewhere", "DNS:elsewhere.example"}, &pki.ca);
  two.transport->use_tls(tls(elsewhere, pki.ca_file));
  introduce({&one, &two});
  REQUIRE(connect(io, two, one));  // who dials shows one of the CA, wherever it comes from
  REQUIRE(run_until(io, [&] { return log.has("node 2: refused the node at"); }));
  CHECK_FALSE(one.send(2, 0));
}

TEST_CASE_FIXTURE(Fixture, "with TLS the cluster is still checked, and the secret still proved") {
  TestNode one(io, logger, 1, 0, fast_limits(), 1, {std::string(32, 's'), true});
  TestNode foreign(io, logger, 2, 0, fast_limits(), 9, {std::string(32, 's'), true});
  TestNode other(io, logger, 3, 0, fast_limits(), 1, {std::string(32, 't'), false});
  for (TestNode* node : {&one, &foreign, &other}) node->transport->use_tls(good());
  introduce({&one, &foreign, &other});
  REQUIRE(run_until(io, [&] {
    return log.has("it belongs to cluster 9, this node to cluster 1") &&
           log.has("it has another cluster secret");
  }));
  CHECK(one.received.empty());
}
