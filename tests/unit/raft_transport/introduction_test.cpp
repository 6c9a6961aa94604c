// Two sides of a connection introduce themselves, with an attacker in between who has no secret.
#include "raft/transport/introduction.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "raft/transport/frame.hpp"

using namespace raft;

namespace {

using Role = Introduction::Role;

const base::Bytes secret(32, 's'), other_secret(32, 't');

Handshake handshake(std::uint64_t id, const Credentials& credentials, char nonce) {
  Handshake out;
  out.cluster_id = 7;
  out.node_id = NodeId{id};
  out.process.incarnation = 90 + id;
  out.address = "node:5001";
  out.proof = proof_of(credentials);
  out.nonce.fill(nonce);
  return out;
}

// Node 1 dials, node 2 accepts.
Introduction dialer(const Credentials& credentials, char nonce = 'd') {
  return {Role::dialer, handshake(1, credentials, nonce), credentials, NodeId{2}};
}
Introduction acceptor(const Credentials& credentials, char nonce = 'a') {
  return {Role::acceptor, handshake(2, credentials, nonce), credentials, NodeId{}};
}

std::string payload_of(base::BytesView frame) {
  FrameDecoder decoder(handshake_bytes_max);
  decoder.feed(frame);
  const auto payload = decoder.next();
  REQUIRE(payload.has_value());
  return std::string(*payload);
}

// Carries frames between them until nobody says anything more. What went over the wire.
std::vector<std::string> talk(Introduction& one, Introduction& two) {
  std::vector<std::string> wire;
  base::Bytes frame = one.start();
  CHECK(two.start().empty());
  for (Introduction* to = &two; !frame.empty(); to = to == &two ? &one : &two) {
    wire.push_back(payload_of(frame));
    if (to->done() || to->refusal()) break;
    frame = to->receive(wire.back());
  }
  return wire;
}

bool refused(const Introduction& side, RefusalReason reason) {
  return !side.done() && side.refusal() && side.refusal()->reason == reason;
}

}  // namespace

TEST_CASE("whether two sides come together, for all they may have") {
  const std::vector<Credentials> kinds{{},
                                       {secret, false},
                                       {secret, true},
                                       {other_secret, false},
                                       {other_secret, true}};
  for (const Credentials& left : kinds)
    for (const Credentials& right : kinds) {
      CAPTURE(left.secret);
      CAPTURE(left.required);
      CAPTURE(right.secret);
      CAPTURE(right.required);
      Introduction one = dialer(left), two = acceptor(right);
      const std::size_t frames = talk(one, two).size();
      const bool none = left.secret.empty() || right.secret.empty();
      const bool one_requires = left.required || right.required;
      if (!one_requires) {
        CHECK((one.done() && two.done()));
        CHECK(frames == 2);
      } else if (none) {
        CHECK(refused(one, RefusalReason::no_proof));
        CHECK(refused(two, RefusalReason::no_proof));
        CHECK(frames == 2);  // nobody has proved anything
      } else if (left.secret == right.secret) {
        CHECK((one.done() && two.done()));
        CHECK(frames == 4);
        CHECK(one.other().node_id == NodeId{2});
        CHECK(two.other().node_id == NodeId{1});
      } else {
        CHECK(refused(two, RefusalReason::wrong_secret));
        CHECK_FALSE(one.done());
        CHECK(frames == 3);  // the acceptor gives no proof to who has none
        CHECK(one.missing().find("has it another one?") != std::string::npos);
      }
    }
}

TEST_CASE("a proof holds for its own connection, direction and nodes alone") {
  const Credentials both{secret, true};
  Introduction one = dialer(both), two = acceptor(both);
  const std::vector<std::string> wire = talk(one, two);
  REQUIRE(wire.size() == 4);
  REQUIRE((one.done() && two.done()));

  SUBCASE("replayed to the acceptor: its nonce is another") {
    Introduction again = acceptor(both, 'b');
    again.receive(wire[0]);
    CHECK(again.receive(wire[2]).empty());
    CHECK(refused(again, RefusalReason::wrong_secret));
  }
  SUBCASE("replayed to the dialer") {
    Introduction again = dialer(both, 'e');
    again.receive(wire[1]);
    again.receive(wire[3]);
    CHECK(refused(again, RefusalReason::wrong_secret));
  }
  SUBCASE("reflected: the dialer's own proof comes back to it") {
    Introduction again = dialer(both);
    const std::string proof = payload_of(again.receive(wire[1]));
    CHECK(proof == wire[2]);
    again.receive(proof);
    CHECK(refused(again, RefusalReason::wrong_secret));
  }
  SUBCASE("reflected: the acceptor's handshake comes back to it as a dialer's") {
    Introduction again = acceptor(both);
    again.receive(wire[1]);
    CHECK(refused(again, RefusalReason::wrong_node));  // its own id
  }
  SUBCASE("used for another node") {
    Introduction three(Role::acceptor, handshake(3, both, 'a'), both, NodeId{});
    three.receive(wire[0]);
    three.receive(wire[2]);
    CHECK(refused(three, RefusalReason::wrong_secret));
  }
  SUBCASE("cut, grown, changed in any bit, or not there") {
    std::vector<std::string> bad{"", wire[2] + "x", wire[2].substr(1), std::string(32, '\0')};
    for (std::size_t bit = 0; bit < 8 * wire[2].size(); ++bit) {
      bad.push_back(wire[2]);
      bad.back()[bit / 8] = static_cast<char>(bad.back()[bit / 8] ^ (1 << bit % 8));
    }
    for (std::size_t size = 0; size < wire[2].size(); ++size)
      bad.push_back(wire[2].substr(0, size));
    for (const std::string& proof : bad) {
      Introduction again = acceptor(both);
      again.receive(wire[0]);
      CHECK(again.receive(proof).empty());
      CHECK(refused(again, RefusalReason::wrong_secret));
    }
  }
}

TEST_CASE("whoever changes a handshake on its way is found out where both prove") {
  const Credentials required{secret, true};
  for (const bool to_acceptor : {true, false}) {
    Introduction one = dialer(required), two = acceptor(required);
    const auto change = [](const std::string& payload) {
      Handshake changed = *decode_handshake(payload);
      changed.address = "attacker:1";  // where the node would be dialled back
      return encode(changed);
    };
    std::string hello = payload_of(one.start());
    if (to_acceptor) hello = change(hello);
    std::string answer = payload_of(two.receive(hello));
    if (!to_acceptor) answer = change(answer);
    const std::string proof = payload_of(one.receive(answer));
    two.receive(proof);
    CHECK(refused(two, RefusalReason::wrong_secret));
  }
}

TEST_CASE("a downgrade is refused where proof is required, and only there") {
  for (const bool required : {true, false}) {
    const Credentials credentials{secret, required};
    // An attacker takes the proof out of both handshakes, as if each side were of version 1.
    const auto strip = [](const std::string& payload) {
      Handshake old = *decode_handshake(payload);
      old.protocol_max = 1;
      return encode(old);
    };
    Introduction one = dialer(credentials), two = acceptor(credentials);
    const std::string answer = payload_of(two.receive(strip(payload_of(one.start()))));
    one.receive(strip(answer));
    CHECK(one.done() == !required);
    CHECK(two.done() == !required);
    if (required) CHECK(refused(one, RefusalReason::no_proof));
    if (required) CHECK(refused(two, RefusalReason::no_proof));
  }
}

TEST_CASE("a dialer proves nothing to a node that it did not mean") {
  const Credentials both{secret, true};
  Introduction one(Role::dialer, handshake(1, both, 'd'), both, NodeId{3});
  Introduction two = acceptor(both);
  CHECK(talk(one, two).size() == 2);
  CHECK(refused(one, RefusalReason::wrong_node));
  CHECK(one.refusal()->text == "it is node 2");
}

TEST_CASE("an acceptor answers no garbage") {
  Introduction two = acceptor({secret, true});
  CHECK(two.receive("GET / HTTP/1.1").empty());
  CHECK(refused(two, RefusalReason::not_a_node));
}

TEST_CASE("equal refusals make one line in a window, and what is rare is not lost behind them") {
  using namespace std::chrono_literals;
  RefusalLog log(60s, 3);
  const PeerRefusal garbage{RefusalReason::not_a_node, "garbage"};
  CHECK(log.note(garbage, 1000s) == 0);
  for (int i = 0; i < 1000; ++i) CHECK_FALSE(log.note(garbage, 1001s).has_value());
  // Texts that an attacker chooses: three of each reason.
  unsigned lines = 0;
  for (int i = 0; i < 1000; ++i) {
    const PeerRefusal changing{RefusalReason::other_cluster, "cluster " + std::to_string(i)};
    lines += log.note(changing, 1002s).has_value();
  }
  CHECK(lines == 3);
  CHECK(log.note({RefusalReason::wrong_secret, "another secret"}, 1003s) == 0);
  CHECK(log.note(garbage, 1061s) == 1000);  // the next window says how many there were
  CHECK(log.counts()[static_cast<std::size_t>(RefusalReason::not_a_node)] == 1002);
  CHECK(log.counts()[static_cast<std::size_t>(RefusalReason::other_cluster)] == 1000);
  for (std::size_t reason = 0; reason < refusal_reasons; ++reason)
    CHECK_FALSE(to_string(static_cast<RefusalReason>(reason)).empty());
}
