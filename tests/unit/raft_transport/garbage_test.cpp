// What others than good peers do to the port, and what the log says of it.
#include <asio/connect.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>

#include "base/random.hpp"
#include "raft/transport/codec.hpp"
#include "raft/transport/frame.hpp"
#include "test_node.hpp"

using namespace raft;
using namespace raft::test;

namespace {

// A socket of the test itself, dialled to a node.
struct Raw {
  Raw(asio::io_context& io_context, const TestNode& node) : io(io_context), socket(io) {
    const auto port = static_cast<std::uint16_t>(
        std::stoi(node.address.substr(node.address.find(':') + 1)));
    socket.connect({asio::ip::address_v4::loopback(), port});
  }
  void write(const std::string& bytes) {
    asio::error_code ignored;
    asio::write(socket, asio::buffer(bytes), ignored);
  }
  // Reads until the node hangs up; false where it does not.
  bool ends() {
    bool ended = false;
    std::function<void()> read = [&] {
      const auto on_read = [&](const asio::error_code& error, std::size_t size) {
        answer.append(chunk.data(), size);
        ended = static_cast<bool>(error);
        if (!ended) read();
      };
      socket.async_read_some(asio::buffer(chunk), on_read);
    };
    read();
    const bool done = run_until(io, [&] { return ended; });
    if (!done) socket.close();
    return done;
  }

  asio::io_context& io;
  asio::ip::tcp::socket socket;
  std::array<char, 4096> chunk;
  std::string answer;
};

std::string hello(const Handshake& handshake) {
  base::Bytes out;
  append_frame(out, encode(handshake));
  return out;
}

std::string framed(const Message& message) {
  base::Bytes payload, out;
  REQUIRE(encode(message, payload));
  append_frame(out, payload);
  return out;
}

const Message good{NodeId{2}, NodeId{1}, Term{1}, ReadIndexRequest{5}};

std::uint64_t count_of(const TestNode& node, RefusalReason reason) {
  return node.transport->refusals()[static_cast<std::size_t>(reason)];
}

struct Fixture {
  asio::io_context io;
  base::Logger logger{base::LogLevel::info, base::LogFormat::text};
  CapturedLog log;
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a node of another cluster is refused, and both sides say why") {
  TestNode one(io, logger, 1);
  TestNode other(io, logger, 2, 0, fast_limits(), 9);
  introduce({&one, &other});
  REQUIRE(run_until(io, [&] {
    return log.has("it belongs to cluster 9, this node to cluster 1") &&
           log.has("it belongs to cluster 1, this node to cluster 9");
  }));
  CHECK_FALSE(one.send(2, 0));
  CHECK(one.lost.empty());
  CHECK(one.received.empty());
}

TEST_CASE_FIXTURE(Fixture, "an equal refusal is logged once") {
  TestNode one(io, logger, 1);
  for (int i = 0; i < 5; ++i) {
    Raw raw(io, one);
    raw.write(hello(handshake_of(2, 9)));
    CHECK(raw.ends());
    CHECK_FALSE(raw.answer.empty());  // it learns who refused it
  }
  const std::string text = log.text();
  const std::size_t first = text.find("it belongs to cluster 9");
  CHECK(first != std::string::npos);
  CHECK(text.find("it belongs to cluster 9", first + 1) == std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "a node at the address of another is not taken for it") {
  TestNode one(io, logger, 1), three(io, logger, 3);
  one.transport->set_peers({{NodeId{2}, three.address}});
  REQUIRE(run_until(io, [&] { return log.has("it is node 3"); }));
  CHECK_FALSE(one.send(2, 0));
  // and a node that dials itself finds out
  one.transport->set_peers({{NodeId{2}, one.address}});
  REQUIRE(run_until(io, [&] { return log.has("it has this node's own id 1"); }));
}

TEST_CASE_FIXTURE(Fixture, "garbage on the port is refused and does no harm") {
  TestNode one(io, logger, 1), two(io, logger, 2);
  introduce({&one, &two});
  REQUIRE(connect(io, two, one));
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    CAPTURE(seed);
    base::Random random(seed);
    std::string bytes = random.chance(50) ? "GET / HTTP/1.1\r\nHost: x\r\n\r\n" : "";
    for (std::uint64_t i = random.below(300) + 8; i-- > 0;)
      bytes += static_cast<char>(random.next());
    Raw raw(io, one);
    raw.write(bytes);
    raw.socket.shutdown(asio::ip::tcp::socket::shutdown_send);
    CHECK(raw.ends());
    CHECK(raw.answer.empty());
  }
  CHECK(one.lost.empty());
  CHECK(two.send(1, 1));
  REQUIRE(run_until(io, [&] { return one.received.size() == 1; }));
  CHECK(log.has("it does not speak this protocol"));
}

TEST_CASE_FIXTURE(Fixture, "a half-open handshake times out") {
  TransportLimits limits = fast_limits();
  limits.handshake_timeout = 20ms;
  TestNode one(io, logger, 1, 0, limits);
  Raw silent(io, one), slow(io, one);
  slow.write(hello(handshake_of(2)).substr(0, 20));
  CHECK(silent.ends());
  CHECK(slow.ends());
  CHECK(log.has("no handshake came: timed out"));
  // and so it does for the one who dials
  asio::ip::tcp::acceptor mute(io, {asio::ip::address_v4::loopback(), 0});
  one.transport->set_peers(
      {{NodeId{3}, "127.0.0.1:" + std::to_string(mute.local_endpoint().port())}});
  REQUIRE(run_until(io, [&] { return log.has("node 3: no answer at"); }));
}

TEST_CASE_FIXTURE(Fixture, "a peer that says something wrong is hung up on") {
  TestNode one(io, logger, 1);
  Raw raw(io, one);
  raw.write(hello(handshake_of(2)) + framed(good));
  REQUIRE(run_until(io, [&] { return one.received.size() == 1; }));
  std::string expected;
  SUBCASE("damaged frame") {
    std::string bytes = framed(good);
    bytes.back() ^= 1;
    raw.write(bytes);
    expected = "it sent a damaged frame";
  }
  SUBCASE("a length beyond the limit") {
    raw.write(std::string("\xff\xff\xff\x7f\0\0\0\0", 8));
    expected = "it sent a damaged frame";
  }
  SUBCASE("no message") {
    base::Bytes bytes;
    append_frame(bytes, "nonsense");
    raw.write(bytes);
    expected = "it sent a malformed message";
  }
  SUBCASE("in another's name") {
    Message message = good;
    message.from = NodeId{3};
    raw.write(framed(message));
    expected = "it sent a message from node 3 to node 1";
  }
  SUBCASE("to another") {
    Message message = good;
    message.to = NodeId{4};
    raw.write(framed(message));
    expected = "it sent a message from node 2 to node 4";
  }
  CHECK(raw.ends());
  CHECK(log.has(expected));
  CHECK(one.received.size() == 1);
  CHECK(one.lost == std::vector<NodeId>{NodeId{2}});
}

TEST_CASE_FIXTURE(Fixture, "a peer that falls silent is given up") {
  TransportLimits limits = fast_limits();
  limits.inbound_silence_timeout = 20ms;
  TestNode one(io, logger, 1, 0, limits);
  Raw raw(io, one);
  raw.write(hello(handshake_of(2)));
  CHECK(raw.ends());
  CHECK(one.lost == std::vector<NodeId>{NodeId{2}});
  CHECK(log.has("ended: timed out"));
}

TEST_CASE_FIXTURE(Fixture, "an idle connection carries signs of life") {
  TestNode one(io, logger, 1);
  asio::ip::tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
  one.transport->set_peers(
      {{NodeId{2}, "127.0.0.1:" + std::to_string(acceptor.local_endpoint().port())}});
  asio::ip::tcp::socket socket(io);
  FrameDecoder decoder(1000);
  std::vector<std::string> payloads;
  std::array<char, 100> chunk;
  std::function<void()> read = [&] {
    socket.async_read_some(asio::buffer(chunk), [&](const asio::error_code& error, std::size_t n) {
      if (error) return;
      decoder.feed(base::BytesView(chunk.data(), n));
      while (const auto payload = decoder.next()) payloads.emplace_back(*payload);
      read();
    });
  };
  acceptor.async_accept(socket, [&](const asio::error_code& error) {
    REQUIRE_FALSE(error);
    asio::write(socket, asio::buffer(hello(handshake_of(2))));
    read();
  });
  REQUIRE(run_until(io, [&] { return payloads.size() == 3; }));
  CHECK(decode_handshake(payloads[0])->node_id == NodeId{1});
  CHECK(payloads[1].empty());
  CHECK(payloads[2].empty());
  one.transport->close();
  CHECK(ends_by_itself(io));
}

TEST_CASE_FIXTURE(Fixture, "nodes beyond the limit are refused") {
  TransportLimits limits = fast_limits();
  limits.inbound_connections_max = 3;
  TestNode one(io, logger, 1, 0, limits);
  std::vector<std::unique_ptr<Raw>> open;
  for (std::uint64_t id = 2; id <= 4; ++id) {
    open.push_back(std::make_unique<Raw>(io, one));
    open.back()->write(hello(handshake_of(id)) +
                       framed({NodeId{id}, NodeId{1}, Term{1}, ReadIndexRequest{6}}));
  }
  REQUIRE(run_until(io, [&] { return one.received.size() == 3; }));
  Raw late(io, one);
  late.write(hello(handshake_of(5)));
  CHECK(late.ends());
  CHECK(log.has("3 nodes are connected"));
  CHECK(count_of(one, RefusalReason::crowded) == 1);
  open.pop_back();
  REQUIRE(run_until(io, [&] { return one.lost.size() == 1; }));
  Raw next(io, one);
  next.write(hello(handshake_of(5)) +
             framed({NodeId{5}, NodeId{1}, Term{1}, ReadIndexRequest{6}}));
  REQUIRE(run_until(io, [&] { return one.received.size() == 4; }));
}

TEST_CASE_FIXTURE(Fixture, "strangers crowd out each other, and keep no node out") {
  TransportLimits limits = fast_limits();
  SUBCASE("by their number") {
    limits.strangers_max = 5;
    limits.strangers_per_address_max = 100;
  }
  SUBCASE("by their number at one address") {
    limits.strangers_max = 100;
    limits.strangers_per_address_max = 5;
  }
  TestNode one(io, logger, 1, 0, limits), two(io, logger, 2);
  introduce({&one, &two});
  REQUIRE(connect(io, two, one));
  std::vector<std::unique_ptr<Raw>> strangers;
  for (int i = 0; i < 200; ++i) {
    strangers.push_back(std::make_unique<Raw>(io, one));
    if (i % 2 == 0) strangers.back()->write("half");
    io.poll();
  }
  REQUIRE(run_until(io, [&] { return count_of(one, RefusalReason::crowded) == 195; }));
  CHECK(strangers.front()->ends());
  // The one that is there goes on, a new one comes in, and the log has a line rather than 195.
  CHECK(two.send(1, 1));
  TestNode three(io, logger, 3);
  three.transport->set_peers({{one.id, one.address}});
  REQUIRE(connect(io, three, one));
  const std::string text = log.text();
  const std::size_t first = text.find("others came before it had introduced itself");
  CHECK(first != std::string::npos);
  CHECK(text.find("others came before it had introduced itself", first + 1) == std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "nodes that share the secret come together, others stay outside") {
  const Credentials required{std::string(32, 's'), true};
  TestNode one(io, logger, 1, 0, fast_limits(), 1, required);
  TestNode two(io, logger, 2, 0, fast_limits(), 1, required);
  introduce({&one, &two});
  REQUIRE(connect(io, one, two));
  REQUIRE(connect(io, two, one));
  std::string expected, expected_of_the_other;
  Credentials credentials;
  RefusalReason reason{};
  SUBCASE("without a secret") {
    expected = "it has no cluster secret";
    expected_of_the_other = "it requires proof of the cluster secret, and this node has none";
    reason = RefusalReason::no_proof;
  }
  SUBCASE("with another one") {
    credentials = {std::string(32, 't'), false};
    expected = "it has another cluster secret";
    expected_of_the_other = "it did not accept this node's proof of the cluster secret";
    reason = RefusalReason::wrong_secret;
  }
  TestNode three(io, logger, 3, 0, fast_limits(), 1, credentials);
  introduce({&one, &three});
  REQUIRE(run_until(io, [&] { return log.has(expected) && log.has(expected_of_the_other); }));
  CHECK(count_of(one, reason) > 0);
  CHECK_FALSE(three.send(1, 5));
  CHECK_FALSE(one.send(3, 5));
  CHECK(one.received.empty());
}

TEST_CASE_FIXTURE(Fixture, "no message is read before the proof, and none in its place") {
  TestNode one(io, logger, 1, 0, fast_limits(), 1, {std::string(32, 's'), true});
  Handshake liar = handshake_of(2);
  liar.proof = Proof::required;
  Raw raw(io, one);
  raw.write(hello(liar) + framed(good) + framed(good));
  CHECK(raw.ends());
  CHECK(one.received.empty());
  CHECK(count_of(one, RefusalReason::wrong_secret) == 1);
  Raw silent(io, one);
  silent.write(hello(liar));
  silent.socket.shutdown(asio::ip::tcp::socket::shutdown_send);
  CHECK(silent.ends());
  CHECK(log.has("no proof of the cluster secret came: closed by the other side"));
}

TEST_CASE_FIXTURE(Fixture, "a node of version 1 is understood where proof is not required") {
  TestNode one(io, logger, 1, 0, fast_limits(), 1, {std::string(32, 's'), false});
  Handshake old = handshake_of(2);
  old.protocol_max = 1;
  Raw raw(io, one);
  raw.write(hello(old) + framed(good));
  REQUIRE(run_until(io, [&] { return one.received.size() == 1; }));
}

TEST_CASE_FIXTURE(Fixture, "an exception from a callback ends that connection, and is logged") {
  TestNode one(io, logger, 1);
  one.on_message = [](const Message&) { throw std::runtime_error("out of order"); };
  Raw raw(io, one);
  raw.write(hello(handshake_of(2)) + framed(good));
  CHECK(raw.ends());
  CHECK(log.has("failed: out of order"));
  one.on_message = nullptr;
  Raw again(io, one);
  again.write(hello(handshake_of(2)) + framed(good));
  REQUIRE(run_until(io, [&] { return one.received.size() == 2; }));
}

TEST_CASE_FIXTURE(Fixture, "messages cut into single bytes arrive") {
  TestNode one(io, logger, 1);
  Raw raw(io, one);
  raw.socket.set_option(asio::ip::tcp::no_delay(true));
  for (const char c : hello(handshake_of(2)) + framed(good) + framed(good)) {
    raw.write(std::string(1, c));
    io.poll();
  }
  REQUIRE(run_until(io, [&] { return one.received.size() == 2; }));
}
