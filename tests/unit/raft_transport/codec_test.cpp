#include "raft/transport/codec.hpp"

#include <doctest/doctest.h>

#include "random_message.hpp"

using namespace raft;
using raft::test::random_message;

namespace {

constexpr std::size_t types = std::variant_size_v<MessageBody>;

base::Bytes encoded(const Message& message) {
  base::Bytes out;
  REQUIRE(encode(message, out));
  return out;
}

Message append_entries(std::uint64_t previous, std::vector<Entry> entries) {
  AppendEntries body;
  body.previous = {Index{previous}, Term{1}};
  body.entries = std::move(entries);
  return {NodeId{1}, NodeId{2}, Term{1}, std::move(body)};
}

Message chunk(base::SharedBytes data) {
  SnapshotChunk body;
  body.total_bytes = data->size();
  body.crc = base::crc32c(*data);
  body.data = std::move(data);
  return {NodeId{1}, NodeId{2}, Term{1}, std::move(body)};
}

}  // namespace

TEST_CASE("every message survives encoding") {
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    CAPTURE(seed);
    base::Random random(seed);
    const Message message = random_message(random, seed % types);
    base::Bytes bytes = "before";  // encode appends
    REQUIRE(encode(message, bytes));
    REQUIRE(bytes.starts_with("before"));
    bytes.erase(0, 6);
    const auto again = decode(bytes);
    REQUIRE(again.has_value());
    CHECK(again->from == message.from);
    CHECK(again->to == message.to);
    CHECK(again->term == message.term);
    CHECK(again->body.index() == message.body.index());
    CHECK(encoded(*again) == bytes);
    if (const auto* body = std::get_if<AppendEntries>(&message.body))
      CHECK(std::get<AppendEntries>(again->body).entries == body->entries);
    if (const auto* body = std::get_if<SnapshotChunk>(&message.body)) {
      CHECK(std::get<SnapshotChunk>(again->body).meta == body->meta);
      CHECK(*std::get<SnapshotChunk>(again->body).data == *body->data);
    }
  }
}

TEST_CASE("every truncated prefix and every longer string is refused") {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    CAPTURE(seed);
    base::Random random(seed);
    const base::Bytes bytes = encoded(random_message(random, seed % types));
    for (std::size_t size = 0; size < bytes.size(); ++size)
      if (decode(base::BytesView(bytes).substr(0, size))) FAIL("accepted a prefix of ", size);
    CHECK_FALSE(decode(bytes + '\0').has_value());
  }
}

TEST_CASE("damaged messages are refused or decode to something that can be encoded") {
  for (std::uint64_t seed = 1; seed <= 20000; ++seed) {
    CAPTURE(seed);
    base::Random random(seed);
    base::Bytes bytes = encoded(random_message(random));
    for (std::uint64_t i = 1 + random.below(3); i-- > 0;)
      bytes[random.below(bytes.size())] = static_cast<char>(random.next());
    base::Bytes again;
    if (const auto message = decode(bytes)) CHECK(encode(*message, again));
  }
}

TEST_CASE("the type bytes on the wire are those of the header") {
  for (std::size_t which = 0; which < types; ++which) {
    base::Random random(which + 1);
    const base::Bytes bytes = encoded(random_message(random, which));
    CHECK(bytes[0] == 1);
    CHECK(bytes[1] == static_cast<char>(which + 1));
  }
  CHECK(types == 20);
}

TEST_CASE("a heartbeat is, byte by byte, what the header says") {
  const Message message{NodeId{1}, NodeId{2}, Term{300}, Heartbeat{Index{7}, 8, 9}};
  const std::string expected(
      "\x01\x05" "\x01\0\0\0\0\0\0\0" "\x02\0\0\0\0\0\0\0" "\xac\x02" "\x07"
      "\x08\0\0\0\0\0\0\0" "\x09\0\0\0\0\0\0\0", 37);
  CHECK(encoded(message) == expected);
}

TEST_CASE("another version, an unknown type and nobody as sender are refused") {
  const base::Bytes good = encoded({NodeId{1}, NodeId{2}, Term{1}, TimeoutNow{}});
  REQUIRE(decode(good).has_value());
  const auto with = [&](std::size_t at, char value) {
    base::Bytes bytes = good;
    bytes[at] = value;
    return decode(bytes);
  };
  CHECK_FALSE(with(0, 2).has_value());
  CHECK_FALSE(with(1, 0).has_value());
  CHECK_FALSE(with(1, 20).has_value());
  CHECK_FALSE(with(2, 0).has_value());
  CHECK_FALSE(with(10, 0).has_value());
}

TEST_CASE("entries whose indexes would wrap around are refused") {
  const Message last = append_entries(~0ull - 1, {Entry{Index{~0ull}, Term{1}, EntryKind::noop,
                                                        base::share("")}});
  base::Bytes bytes = encoded(last);
  REQUIRE(decode(bytes).has_value());
  // previous.index is the varint behind version, type, from, to and a term of one byte
  bytes[19] = static_cast<char>(0xff);
  CHECK_FALSE(decode(bytes).has_value());
}

TEST_CASE("an unknown kind of entry is refused") {
  base::Bytes bytes =
      encoded(append_entries(1, {Entry{Index{2}, Term{1}, EntryKind::noop, base::share("")}}));
  bytes[bytes.size() - 2] = 3;
  CHECK_FALSE(decode(bytes).has_value());
}

TEST_CASE("a snapshot chunk must match its checksum and lie within its whole") {
  const Message good = chunk(base::share("some bytes"));
  REQUIRE(decode(encoded(good)).has_value());
  Message bad = good;
  ++std::get<SnapshotChunk>(bad.body).crc;
  CHECK_FALSE(decode(encoded(bad)).has_value());
  bad = good;
  std::get<SnapshotChunk>(bad.body).offset = 1;
  CHECK_FALSE(decode(encoded(bad)).has_value());
  bad = good;
  std::get<SnapshotChunk>(bad.body).offset = ~0ull;
  CHECK_FALSE(decode(encoded(bad)).has_value());
}

TEST_CASE("what is beyond a limit is not encoded and leaves the output as it was") {
  base::Bytes out = "kept";
  CHECK_FALSE(encode(chunk(base::share(base::Bytes(data_bytes_max + 1, 'x'))), out));
  CHECK(out == "kept");
  std::vector<Entry> entries;
  for (std::uint64_t i = 1; i <= message_elements_max + 1; ++i)
    entries.push_back(Entry{Index{i}, Term{1}, EntryKind::noop, base::share("")});
  CHECK_FALSE(encode(append_entries(0, entries), out));
  entries.pop_back();
  CHECK(encode(append_entries(0, entries), out));
  const auto again = decode(base::BytesView(out).substr(4));
  REQUIRE(again.has_value());
  CHECK(std::get<AppendEntries>(again->body).entries.size() == message_elements_max);
  // each within its limit, together beyond a frame
  out = "kept";
  const base::SharedBytes half = base::share(base::Bytes(frame_bytes_max / 2, 'x'));
  CHECK_FALSE(encode(append_entries(0, {Entry{Index{1}, Term{1}, EntryKind::command, half},
                                        Entry{Index{2}, Term{1}, EntryKind::command, half}}),
                     out));
  CHECK(out == "kept");
}

TEST_CASE("data of the largest size fits a frame in every kind of message") {
  const base::SharedBytes data = base::share(base::Bytes(data_bytes_max, 'x'));
  Message message = chunk(data);
  auto& members = std::get<SnapshotChunk>(message.body).meta.configuration.members;
  for (std::uint64_t id = 1; id <= members_max; ++id)
    members[NodeId{id}].address = std::string(address_bytes_max, 'a');
  CHECK(decode(encoded(message)).has_value());
  CHECK(decode(encoded(append_entries(
                   ~0ull - 5, {Entry{Index{~0ull - 4}, Term{~0ull}, EntryKind::command, data}})))
            .has_value());
  ForwardProposals forward;
  forward.proposals.push_back({{~0ull, ~0ull}, data});
  CHECK(decode(encoded({NodeId{1}, NodeId{2}, Term{~0ull}, forward})).has_value());
}

TEST_CASE("a count that could not follow is refused before anything is reserved for it") {
  base::Bytes bytes;
  base::ByteWriter writer(bytes);
  writer.u8(1), writer.u8(13), writer.u64(1), writer.u64(2), writer.varint(1);
  writer.varint(~0ull);
  CHECK_FALSE(decode(bytes).has_value());
}
