#include "raft/transport/handshake.hpp"

#include <doctest/doctest.h>

#include "raft/core/configuration.hpp"
#include "raft/transport/address.hpp"

using namespace raft;

namespace {

Handshake node(std::uint64_t id) {
  Handshake handshake;
  handshake.cluster_id = 7;
  handshake.cluster_epoch = 2;
  handshake.node_id = NodeId{id};
  handshake.process = {99, 3};
  handshake.address = "node.example.com:5001";
  handshake.proof = Proof::offered;
  handshake.nonce.fill('n');
  return handshake;
}

}  // namespace

TEST_CASE("a handshake survives encoding, and later versions may append to it") {
  Handshake self = node(3);
  self.protocol_max = 4;
  for (const std::string tail : {"", "more"}) {
    const auto again = decode_handshake(encode(self) + tail);
    REQUIRE(again.has_value());
    CHECK(again->protocol_min == 1);
    CHECK(again->protocol_max == 4);
    CHECK(again->cluster_id == 7);
    CHECK(again->cluster_epoch == 2);
    CHECK(again->node_id == NodeId{3});
    CHECK(again->process == ProcessInfo{99, 3});
    CHECK(again->address == self.address);
    CHECK(again->proof == Proof::offered);
    CHECK(again->nonce == self.nonce);
  }
  self.address = std::string(address_bytes_max, 'a');
  CHECK(encode(self).size() <= handshake_bytes_max);
}

TEST_CASE("a handshake of version 1 ends with the address, and offers no proof") {
  Handshake old = node(3);
  old.protocol_max = 1;
  const base::Bytes bytes = encode(old);
  CHECK(bytes.ends_with(old.address));
  const auto again = decode_handshake(bytes);
  REQUIRE(again.has_value());
  CHECK(again->proof == Proof::none);
  // and a node of version 1 reads the same fields of ours: they are followed by what it ignores
  const base::Bytes ours = encode(node(3));
  CHECK(ours.substr(12, bytes.size() - 12) == bytes.substr(12));
}

TEST_CASE("what is no handshake is refused") {
  const base::Bytes good = encode(node(3));
  for (std::size_t size = 0; size < good.size(); ++size)
    CHECK_FALSE(decode_handshake(base::BytesView(good).substr(0, size)).has_value());
  base::Bytes bad = good;
  bad[0] ^= 1;  // magic
  CHECK_FALSE(decode_handshake(bad).has_value());
  bad = good;
  bad[8] = 9;  // protocol_min above protocol_max
  CHECK_FALSE(decode_handshake(bad).has_value());
  bad = good;
  bad[28] = 0;  // node id
  CHECK_FALSE(decode_handshake(bad).has_value());
  bad = good;
  bad[good.find("node.")] = '\n';  // would forge a line of the log
  CHECK_FALSE(decode_handshake(bad).has_value());
  bad = good;
  bad[good.size() - 33] = 3;  // no such kind of proof
  CHECK_FALSE(decode_handshake(bad).has_value());
}

TEST_CASE("check names what keeps two nodes apart") {
  using enum RefusalReason;
  const Handshake self = node(1);
  CHECK_FALSE(check(self, node(2)).has_value());
  Handshake other = node(2);
  other.cluster_id = 8;
  CHECK(check(self, other)->text == "it belongs to cluster 8, this node to cluster 7");
  CHECK(check(self, other)->reason == other_cluster);
  other = node(2);
  other.cluster_epoch = 3;
  CHECK(check(self, other)->text.find("cluster epoch 3") != std::string::npos);
  other.cluster_epoch = 0;  // waits to be added
  CHECK_FALSE(check(self, other).has_value());
  other = node(2);
  other.protocol_min = other.protocol_max = 3;
  CHECK(check(self, other)->text == "it speaks protocol 3 to 3, this node 1 to 2");
  CHECK(check(self, other)->reason == other_protocol);
  CHECK(check(self, node(1))->text == "it has this node's own id 1");
  CHECK(check(self, node(1))->reason == wrong_node);
  other = node(2);
  other.protocol_max = 5;  // the ranges overlap
  CHECK_FALSE(check(self, other).has_value());
}

TEST_CASE("a side that requires proof lets nobody in who has none, and only both prove") {
  for (const Proof one : {Proof::none, Proof::offered, Proof::required})
    for (const Proof two : {Proof::none, Proof::offered, Proof::required}) {
      Handshake self = node(1), other = node(2);
      self.proof = one;
      other.proof = two;
      const bool is_missing = (one == Proof::required && two == Proof::none) ||
                              (two == Proof::required && one == Proof::none);
      CHECK(check(self, other).has_value() == is_missing);
      if (is_missing) CHECK(check(self, other)->reason == RefusalReason::no_proof);
      const bool is_wanted = one == Proof::required || two == Proof::required;
      const bool is_possible = one != Proof::none && two != Proof::none;
      CHECK(is_proved(self, other) == (is_wanted && is_possible));
    }
}

TEST_CASE("an address is a host and a port") {
  const auto host = [](std::string_view text) { return split_address(text)->host; };
  CHECK(host("localhost:5001") == "localhost");
  CHECK(host("[::1]:5001") == "::1");
  CHECK(split_address("10.0.0.1:65535")->port == 65535);
  for (const char* bad : {"", ":", "host", "host:", ":5", "host:65536", "host:-1", "host:5x",
                          "::1:5001", "[]:5", "[::1]", "host:5 "}) {
    CAPTURE(bad);
    CHECK_FALSE(split_address(bad).has_value());
  }
}
