// What followers send to their leader while leadership changes hands: each proposal has one end.
#include <doctest/doctest.h>

#include <algorithm>

#include "drivers.hpp"
#include "raft/node/forwarded.hpp"

using namespace raft;
using raft::test::TestCluster;

namespace {

// Node 1 hands over to node 2, which has to catch up with "a" first; node 3 has forwarded "b".
void begin_hand_over(TestCluster& cluster) {
  cluster.elect(1);
  cluster.nodes[2].disk_held = true;
  cluster.propose(1, "a");
  cluster.run();
  cluster.nodes[1].driver->change_members(1, {MemberAction::lead, NodeId(2), ""});
  cluster.run();
  REQUIRE(cluster.nodes[1].driver->core().transfer_target() == NodeId(2));
  cluster.propose(3, "b");
  cluster.run();
}

}  // namespace

TEST_CASE("a leader that is not one any more refuses what is forwarded to it") {
  TestCluster cluster({1, 2, 3});
  cluster.elect(1);
  cluster.nodes[3].driver->receive(
      {NodeId(2), NodeId(3), Term(), ForwardProposals{{{{1002, 77}, base::share("x")}}}});
  const Output output = cluster.nodes[3].driver->take_output(cluster.clocks(3));
  REQUIRE(output.messages.size() == 1);
  const auto* refused = std::get_if<ForwardRefused>(&output.messages[0].body);
  REQUIRE(refused != nullptr);
  CHECK(refused->ids == std::vector<ProposalId>{{1002, 77}});
}

TEST_CASE("what is forwarded during a hand-over is appended by the successor") {
  TestCluster cluster({1, 2, 3});
  begin_hand_over(cluster);
  cluster.release_disk(2);
  cluster.tick();
  REQUIRE(cluster.nodes[2].driver->core().is_leader());
  // Node 3 has not heard of it, say.
  cluster.nodes[1].driver->receive(
      {NodeId(3), NodeId(1), Term(), ForwardProposals{{{{1003, 77}, base::share("c")}}}});
  cluster.run();
  cluster.tick();
  for (auto& [id, node] : cluster.nodes) {
    CAPTURE(id);
    CHECK(node.state == std::vector<std::string>{"a", "b", "c"});
    CHECK(node.failed.empty());
  }
}

TEST_CASE("what waits for a successor that does not come is refused") {
  TestCluster cluster({1, 2, 3});
  begin_hand_over(cluster);
  cluster.cut = {{1, 2}, {2, 1}};
  SUBCASE("the hand-over is aborted: the leader takes it itself") {
    cluster.tick(12);
    CHECK(cluster.nodes[3].state == std::vector<std::string>{"a", "b"});
  }
  SUBCASE("the leader is not one any more, and nobody else is") {
    // A term that nobody leads.
    cluster.nodes[1].driver->receive({NodeId(3), NodeId(1),
                                      cluster.nodes[1].driver->core().term() + 1,
                                      RequestVoteResponse{false, false}});
    cluster.isolate(1);
    cluster.run();
    CHECK(cluster.nodes[3].failed.empty());
    cluster.cut.erase({1, 3});
    cluster.tick(10);
    REQUIRE(cluster.nodes[3].failed.size() == 1);
    CHECK(cluster.nodes[3].failed[0].failure == ProposalFailure::refused);
  }
}

TEST_CASE("a refusal by the successor reaches the node whose proposal it was") {
  ForwardedProposals forwarded(NodeId(1), {2, 1u << 20, 100, 10, 5});
  const auto proposal = [](std::uint64_t sequence) {
    return Proposal{{1003, sequence}, base::share("x")};
  };
  forwarded.add(NodeId(3), {proposal(1), proposal(2), proposal(3)});
  forwarded.note_hand_over();
  CHECK(forwarded.passes_on());
  std::vector<Message> out;
  forwarded.pass_on(NodeId(2), out);
  REQUIRE(out.size() == 2);  // two in a message
  CHECK(forwarded.empty());
  out.clear();
  forwarded.refused_by_successor({1003, 2}, out);
  REQUIRE(out.size() == 1);
  CHECK(out[0].to == NodeId(3));
  CHECK(std::get<ForwardRefused>(out[0].body).ids == std::vector<ProposalId>{{1003, 2}});
  forwarded.refused_by_successor({1003, 2}, out);  // said once
  for (int tick = 0; tick < 5; ++tick) forwarded.tick();
  forwarded.refused_by_successor({1003, 1}, out);  // forgotten by now
  CHECK(out.size() == 1);
  for (int tick = 0; tick < 5; ++tick) forwarded.tick();
  CHECK_FALSE(forwarded.passes_on());
}

TEST_CASE("a proposal that comes back to its own node and cannot leave again has one end") {
  TestCluster cluster{1, 2, 3};
  cluster.elect(1);
  Driver& two = *cluster.nodes.at(2).driver;
  const ProposalId own = cluster.propose(2, "x");
  const auto forwards = [](const Output& output) {
    return std::find_if(output.messages.begin(), output.messages.end(), [](const Message& message) {
      return std::holds_alternative<ForwardProposals>(message.body);
    });
  };
  const Output first = two.take_output(cluster.clocks(2));
  REQUIRE(forwards(first) != first.messages.end());  // is with node 1 from now on
  cluster.elect(2);
  // Node 1 passes it on to its successor, which hands over to node 3 by then.
  two.change_members(0, {MemberAction::lead, NodeId(3), ""});
  const Output asks = two.take_output(cluster.clocks(2));
  REQUIRE(two.core().transfer_target() == NodeId(3));
  const Proposal proposal{own, base::share("x")};
  two.receive({NodeId(1), NodeId(2), Term(), ForwardProposals{{proposal}}});
  const Output waits = two.take_output(cluster.clocks(2));
  CHECK(forwards(waits) == waits.messages.end());
  cluster.nodes.at(2).down = true;
  for (const Message& message : asks.messages)
    if (message.to == NodeId(3)) cluster.nodes.at(3).driver->receive(message);
  cluster.run();
  REQUIRE(cluster.nodes.at(3).driver->core().is_leader());
  two.receive({NodeId(3), NodeId(2), cluster.nodes.at(3).driver->core().term(), Heartbeat{}});
  const Output passes = two.take_output(cluster.clocks(2));
  const auto passed = forwards(passes);
  REQUIRE(passed != passes.messages.end());
  two.on_not_sent(*passed);

  const Output after = two.take_output(cluster.clocks(2));
  CHECK(forwards(after) == after.messages.end());  // not tried from here as well
  CHECK(after.failed_proposals.empty());
  const auto told = std::find_if(
      after.messages.begin(), after.messages.end(), [](const Message& message) {
        return std::holds_alternative<ForwardRefused>(message.body) && message.to == NodeId(1);
      });
  REQUIRE(told != after.messages.end());
  two.receive({NodeId(1), NodeId(2), Term(), ForwardRefused{{own}}});  // as node 1 relays it
  const Output end = two.take_output(cluster.clocks(2));
  REQUIRE(end.failed_proposals.size() == 1);
  CHECK(end.failed_proposals[0].failure == ProposalFailure::refused);
  CHECK(forwards(end) == end.messages.end());
}
