// The sender of snapshots on its own.
#include "raft/node/snapshot_transfer.hpp"

#include <doctest/doctest.h>

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
  sender.want(NodeId(2));
  sender.advance(Term(1), 5);
  CHECK(asks_for_file(sender));
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
