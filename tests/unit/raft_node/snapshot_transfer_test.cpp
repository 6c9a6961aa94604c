// Both ends of a transfer of snapshots, each on its own.
#include "raft/node/snapshot_transfer.hpp"

#include <doctest/doctest.h>

#include "base/crc32c.hpp"

using namespace raft;

namespace {

bool asks_for_file(SnapshotSender& sender) {
  bool asks = false;
  for (const SnapshotWork& work : sender.take_work())
    asks = asks || std::holds_alternative<MakeSnapshot>(work);
  return asks;
}

}  // namespace

TEST_CASE("a snapshot that could not be made is given up, and the next one is made") {
  SnapshotSender sender(NodeId(1), 10, 100, 1000);
  sender.want(NodeId(2));
  sender.advance(Term(1), 5);
  REQUIRE(asks_for_file(sender));
  sender.on_made(std::nullopt, 0);  // the disk was full
  CHECK(sender.take_failed() == NodeId(2));
  CHECK_FALSE(sender.active());
  // Not at once: each try costs a copy of the state, or what a full disk still has.
  for (const int pause_ticks : {10, 20, 40}) {
    sender.want(NodeId(2));
    for (int tick = 1; tick < pause_ticks; ++tick) {
      sender.tick();
      sender.advance(Term(1), 5);
      CHECK_FALSE(asks_for_file(sender));
    }
    sender.tick();
    sender.advance(Term(1), 5);
    REQUIRE(asks_for_file(sender));
    sender.on_made(std::nullopt, 0);
  }
}

TEST_CASE("a snapshot may take as long as it takes to be made") {
  SnapshotSender sender(NodeId(1), 10, 100, 1000);
  sender.want(NodeId(2));
  sender.advance(Term(1), 5);
  REQUIRE(asks_for_file(sender));
  for (int tick = 0; tick < 10'000; ++tick) sender.tick();
  CHECK_FALSE(sender.take_failed());
  sender.on_made(SnapshotMeta{}, 1000);
  CHECK(sender.active());
  // And then it is given up where nobody takes it.
  for (int tick = 0; tick < 101; ++tick) sender.tick();
  CHECK(sender.take_failed() == NodeId(2));
}

TEST_CASE("a snapshot may take as long as it takes to be installed, where that is said") {
  SnapshotSender sender(NodeId(1), 10, 100, 1000);
  sender.want(NodeId(2));
  sender.advance(Term(1), 5);
  const SnapshotMeta meta;
  const auto data = base::share(base::Bytes(500, 'x'));
  sender.on_made(meta, 500);
  sender.on_read(0, data);
  sender.on_response(NodeId(2), {meta.last, 500, false});
  SnapshotReceiver receiver(NodeId(2));
  receiver.on_chunk(NodeId(1), {meta, 5, 0, 500, base::crc32c(*data), data}, true);
  receiver.on_begun(true);
  receiver.on_written(true);
  REQUIRE(receiver.complete(meta.last));
  (void)receiver.take_messages();
  (void)sender.take_messages();
  for (int tick = 0; tick < 10'000; ++tick) {
    sender.tick();
    for (const Message& message : sender.take_messages()) {
      REQUIRE(std::holds_alternative<InstallSnapshot>(message.body));
      receiver.tell_complete(NodeId(1), meta.last);
    }
    for (const Message& message : receiver.take_messages())
      sender.on_response(NodeId(2), std::get<SnapshotChunkResponse>(message.body));
  }
  CHECK_FALSE(sender.take_failed());
  receiver.tell_complete(NodeId(1), {Index(9), Term(1)});
  CHECK(receiver.take_messages().empty());
  for (int tick = 0; tick < 101; ++tick) sender.tick();
  CHECK(sender.take_failed() == NodeId(2));
}

TEST_CASE("a member that wants a snapshot anew while one for it is given up gets the next one") {
  SnapshotSender sender(NodeId(1), 10, 100, 1000);
  sender.want(NodeId(2));
  sender.advance(Term(1), 5);
  REQUIRE(asks_for_file(sender));
  sender.advance(Term(2), 0);  // this node lost the lead, and won it again, meanwhile
  sender.want(NodeId(2));
  sender.on_made(SnapshotMeta{}, 1000);
  CHECK_FALSE(sender.active());
  sender.advance(Term(3), 6);
  CHECK(asks_for_file(sender));
}

TEST_CASE("what was received is dropped once the node has come as far by the log") {
  SnapshotReceiver receiver(NodeId(2));
  SnapshotMeta meta;
  meta.last = {Index(9), Term(1)};
  const auto data = base::share(base::Bytes(500, 'x'));
  receiver.on_chunk(NodeId(1), {meta, 5, 0, 500, base::crc32c(*data), data}, true);
  receiver.on_begun(true);
  receiver.on_written(true);
  REQUIRE(receiver.complete(meta.last));
  (void)receiver.take_work();
  receiver.on_committed(Index(8));
  CHECK(receiver.take_work().empty());
  receiver.on_committed(Index(9));
  const auto work = receiver.take_work();
  REQUIRE(work.size() == 1);
  CHECK(std::holds_alternative<DropReceived>(work[0]));
  CHECK_FALSE(receiver.complete(meta.last));
  receiver.on_committed(Index(10));
  CHECK(receiver.take_work().empty());
}

TEST_CASE("a snapshot of the same state from another leader is received from its beginning") {
  SnapshotReceiver receiver(NodeId(3));
  const auto receive = [&](std::uint64_t from, std::uint64_t progress_id, std::uint64_t offset) {
    const base::SharedBytes data = base::share(base::Bytes(10, static_cast<char>('0' + from)));
    SnapshotChunk chunk{.meta = {{Index(7), Term(2)}, {}},
                        .progress_id = progress_id,
                        .offset = offset,
                        .total_bytes = 20,
                        .crc = base::crc32c(*data),
                        .data = data};
    receiver.on_chunk(NodeId(from), chunk, true);
    bool begins = false;
    for (const SnapshotWork& work : receiver.take_work())
      begins = begins || std::holds_alternative<BeginReceive>(work);
    if (begins) receiver.on_begun(true);
    receiver.take_work();
    receiver.on_written(true);
    const auto messages = receiver.take_messages();
    REQUIRE(messages.size() == 1);
    CHECK(messages[0].to == NodeId(from));
    return std::pair(begins, std::get<SnapshotChunkResponse>(messages[0].body).next_offset);
  };
  CHECK(receive(1, 5, 0) == std::pair(true, std::uint64_t{10}));
  SUBCASE("the other leader begins") {
    CHECK(receive(2, 6, 0) == std::pair(true, std::uint64_t{10}));
    CHECK(receive(1, 5, 10) == std::pair(false, std::uint64_t{0}));  // the first one is late
  }
  SUBCASE("the same one begins again, with another file") {
    CHECK(receive(1, 5, 0) == std::pair(true, std::uint64_t{10}));
  }
  SUBCASE("the same one under another record of its own goes on nowhere") {
    CHECK(receive(1, 6, 10) == std::pair(false, std::uint64_t{0}));
  }
  SUBCASE("what is whole is not sent again") {
    CHECK(receive(1, 5, 10) == std::pair(false, std::uint64_t{20}));
    CHECK(receive(2, 6, 0) == std::pair(false, std::uint64_t{20}));
    CHECK(receiver.complete({Index(7), Term(2)}));
  }
}
