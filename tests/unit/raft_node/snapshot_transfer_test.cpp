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
