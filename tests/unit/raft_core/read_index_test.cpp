#include <doctest/doctest.h>

#include "raft/core/read_index.hpp"

using raft::Index;
using raft::NodeId;
using raft::ReadQueue;

TEST_CASE("reads of one turn share a round, and its confirmation answers all of them") {
  ReadQueue reads;
  reads.add(NodeId(1), 10);
  reads.add(NodeId(2), 11);
  reads.begin_round(Index(5));
  CHECK(reads.latest_round() == 1);
  reads.add(NodeId(1), 12);
  reads.begin_round(Index(6));
  int asked = 0;
  const auto done = reads.take_confirmed([&](std::uint64_t round) {
    ++asked;
    return round <= 1;
  });
  REQUIRE(done.size() == 2);
  CHECK(done[0].context == 10);
  CHECK(done[1].requester == NodeId(2));
  CHECK(done[1].index == Index(5));
  CHECK(asked == 2);
  CHECK(reads.size() == 1);
}

TEST_CASE("a later round confirms the earlier ones (thesis §6.4)") {
  ReadQueue reads;
  for (std::uint64_t i = 0; i < 3; ++i) {
    reads.add(NodeId(1), i);
    reads.begin_round(Index(i));
  }
  CHECK(reads.take_confirmed([](std::uint64_t round) { return round <= 3; }).size() == 3);
}

TEST_CASE("reads that came after the last round wait for the next one") {
  ReadQueue reads;
  reads.add(NodeId(1), 1);
  reads.begin_round(Index(1));
  reads.add(NodeId(1), 2);
  CHECK(reads.take_confirmed([](std::uint64_t) { return true; }).size() == 1);
  CHECK(reads.has_open());
  CHECK(reads.take_all().size() == 1);
  CHECK(reads.size() == 0);
}
