#include "raft/core/configuration.hpp"

#include <doctest/doctest.h>

#include <set>

#include "base/random.hpp"

using namespace raft;

namespace {

Configuration random_configuration(base::Random& random) {
  Configuration configuration;
  configuration.joint = random.chance(30);
  configuration.epoch = 1 + random.below(3);
  const std::uint64_t count = random.below(members_max + 1);
  for (std::uint64_t i = 0; i < count; ++i) {
    Member member;
    member.address = std::string(random.chance(5) ? address_bytes_max : random.below(30), 'a');
    member.voter = random.chance(60);
    member.outgoing = configuration.joint && random.chance(60);
    member.promote = random.chance(30);
    member.incarnation = random.chance(50) ? random.next() : 0;
    member.command_version = static_cast<std::uint32_t>(random.below(5));
    configuration.members[NodeId{random.chance(80) ? 1 + random.below(40) : random.next() | 1}] =
        member;
  }
  return configuration;
}

bool naive_majority(const std::set<NodeId>& voters, const std::set<NodeId>& granted) {
  std::size_t yes = 0;
  for (const NodeId id : voters) yes += granted.contains(id);
  return yes >= voters.size() / 2 + 1;
}

Configuration three_voters() {
  Configuration configuration;
  for (std::uint64_t id = 1; id <= 3; ++id)
    configuration.members[NodeId{id}] = Member{.address = "host:1", .voter = true};
  return configuration;
}

}  // namespace

TEST_CASE("a configuration survives encoding") {
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    CAPTURE(seed);
    base::Random random(seed);
    const Configuration configuration = random_configuration(random);
    const base::Bytes bytes = encode(configuration);
    const auto again = decode_configuration(bytes);
    REQUIRE(again.has_value());
    CHECK(*again == configuration);
    CHECK_FALSE(decode_configuration(bytes + '\0').has_value());
    for (std::size_t size = 0; size < bytes.size(); size += 1 + random.below(20))
      CHECK_FALSE(decode_configuration(base::BytesView(bytes).substr(0, size)).has_value());
  }
}

TEST_CASE("the encoding of a configuration is what the header says") {
  Configuration configuration;
  configuration.joint = true;
  configuration.epoch = 5;
  Member& member = configuration.members[NodeId{2}];
  member = {"b:1", true, true, false};
  member.incarnation = 7;
  member.command_version = 9;
  const std::string expected(
      "\x02\x05\0\0\0\0\0\0\0\x01\x01\x02\0\0\0\0\0\0\0\x03\x07\0\0\0\0\0\0\0\x09\0\0\0\x03"
      "b:1",
      36);
  CHECK(encode(configuration) == expected);
}

TEST_CASE("decode refuses what is no configuration") {
  const base::Bytes good = encode(three_voters());
  REQUIRE(decode_configuration(good).has_value());
  const auto with = [&](std::size_t at, char value) {
    base::Bytes bytes = good;
    bytes[at] = value;
    return decode_configuration(bytes);
  };
  CHECK_FALSE(with(0, 1).has_value());         // version
  CHECK_FALSE(with(9, 2).has_value());         // joint
  CHECK_FALSE(with(10, 2).has_value());        // fewer members than follow
  CHECK_FALSE(with(10, 4).has_value());        // more members than follow
  CHECK_FALSE(with(11, 0).has_value());        // node id 0
  CHECK_FALSE(with(11, 2).has_value());        // the same node twice
  CHECK_FALSE(with(11, 9).has_value());        // not in order of ids
  CHECK_FALSE(with(19, 8).has_value());        // unknown flag
  base::Bytes many("\x02\0\0\0\0\0\0\0\0\0", 10);
  base::ByteWriter writer(many);
  writer.varint(members_max + 1);
  for (std::uint64_t id = 1; id <= members_max + 1; ++id)
    writer.u64(id), writer.u8(1), writer.u64(0), writer.u32(0), writer.string("");
  CHECK_FALSE(decode_configuration(many).has_value());
  base::Bytes long_address("\x02\0\0\0\0\0\0\0\0\0\x01", 11);
  base::ByteWriter address_writer(long_address);
  address_writer.u64(1), address_writer.u8(1), address_writer.u64(0), address_writer.u32(0);
  address_writer.string(std::string(address_bytes_max + 1, 'a'));
  CHECK_FALSE(decode_configuration(long_address).has_value());
}

TEST_CASE("a quorum is a majority of the voters, in a joint configuration of both halves") {
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    CAPTURE(seed);
    base::Random random(seed);
    const Configuration configuration = random_configuration(random);
    std::set<NodeId> voters, outgoing, granted;
    for (const auto& [id, member] : configuration.members) {
      if (member.voter) voters.insert(id);
      if (member.outgoing) outgoing.insert(id);
      if (random.chance(55)) granted.insert(id);
      CHECK(configuration.is_voter(id) == (voters.contains(id) || outgoing.contains(id)));
    }
    CHECK(configuration.voter_count() == voters.size());
    const bool expected = !voters.empty() && naive_majority(voters, granted) &&
                          (!configuration.joint || naive_majority(outgoing, granted));
    CHECK(has_quorum(configuration, [&](NodeId id) { return granted.contains(id); }) == expected);
  }
}

TEST_CASE("learners and strangers do not vote") {
  Configuration configuration = three_voters();
  configuration.members[NodeId{4}] = Member{.address = "host:4", .promote = true};
  CHECK_FALSE(configuration.is_voter(NodeId{4}));
  CHECK_FALSE(configuration.is_voter(NodeId{5}));
  CHECK(configuration.voter_count() == 3);
  CHECK_FALSE(has_quorum(configuration,
                         [](NodeId id) { return id.value() == 1 || id.value() == 4; }));
  CHECK(has_quorum(configuration, [](NodeId id) { return id.value() <= 2; }));
}

TEST_CASE("an empty configuration has no quorum") {
  CHECK_FALSE(has_quorum(Configuration{}, [](NodeId) { return true; }));
}
