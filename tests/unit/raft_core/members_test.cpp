// Members: whose votes count, and what changes a leader takes, message by message.
#include <doctest/doctest.h>

#include <vector>

#include "core_node.hpp"

using namespace raft;
using namespace raft::test;

TEST_CASE("a leader writes down whose votes count, once it has heard from them") {
  Node node(1, with_log(3, {}), {11, 1});
  node.lead();
  node.sender = {22, 1};
  node.acknowledge(2, 1);
  node.tick();
  const auto incarnation = [&](std::uint64_t id) {
    return node.core().configuration().members.at(NodeId(id)).incarnation;
  };
  CHECK(incarnation(1) == 11);
  CHECK(incarnation(2) == 22);
  CHECK(incarnation(3) == 0);
  CHECK(node.core().configuration().command_version() == 0);  // one has said nothing yet
  node.acknowledge(2, 2);
  node.acknowledge(2, 3);  // the two that node 1 and then node 2 were written down with
  node.sender = {33, 2};
  node.acknowledge(3, 3);
  node.tick();
  CHECK(incarnation(3) == 33);
  CHECK(node.core().configuration().command_version() == 1);
}

TEST_CASE("a vote of another data directory of a voter does not count (rethinkdb 5289)") {
  DurableState durable = with_log(3, {1});
  durable.applied.configuration.members[NodeId(2)].incarnation = 22;
  Node node(1, durable);
  while (node.core().role() == Role::follower) node.tick();
  node.sender = {99, 1};
  node.receive(2, 2, RequestVoteResponse{true, true});
  CHECK(node.core().role() == Role::pre_candidate);
  node.sender = {22, 1};
  node.receive(2, 2, RequestVoteResponse{true, true});
  CHECK(node.core().role() == Role::candidate);
}

TEST_CASE("a node whose data directory was wiped neither votes nor campaigns (rethinkdb 5289)") {
  DurableState durable = with_log(3, {1});
  durable.applied.configuration.members[NodeId(2)].incarnation = 22;
  Node node(2, durable, {99, 1});
  node.receive(3, 2, RequestVote{{Index(9), Term(1)}, false, false});
  CHECK_FALSE(node.take<RequestVoteResponse>(3).at(0).granted);
  node.tick(40);
  CHECK(node.core().role() == Role::follower);
}

TEST_CASE("a wiped voter becomes a learner, whose acknowledgements do not count meanwhile") {
  DurableState durable = with_log(3, {});
  for (std::uint64_t id = 1; id <= 3; ++id)
    durable.applied.configuration.members[NodeId(id)].incarnation = id * 11;
  Node node(1, durable, {11, 0});
  node.sender = {22, 0};
  node.lead();
  node.acknowledge(2, 1);
  CHECK(node.core().commit() == Index(1));
  node.sender = {99, 0};  // node 3 is wiped
  node.acknowledge(3, 0);
  node.tick();
  node.acknowledge(3, 1);
  REQUIRE(node.core().configuration().joint);
  CHECK_FALSE(node.core().configuration().members.at(NodeId(3)).voter);
  node.acknowledge(3, 2);
  CHECK(node.core().commit() == Index(1));
  node.sender = {22, 0};
  node.acknowledge(2, 2);
  CHECK(node.core().commit() == Index(2));
  CHECK(node.core().configuration().members.at(NodeId(3)).learner());
  node.acknowledge(2, 3);
  node.sender = {99, 0};
  node.acknowledge(3, 3);  // it has caught up
  node.tick();
  CHECK(node.core().configuration().members.at(NodeId(3)).incarnation == 99);
}

TEST_CASE("a member's address is changed by an entry, while who votes stays") {
  Node node(1, with_log(3, {}));
  CHECK(node.core().move_member(NodeId(3), "n9").error() == Refusal::not_leader);
  node.lead();
  CHECK(node.core().move_member(NodeId(3), "n9").error() == Refusal::not_ready);
  node.acknowledge(2, 1);
  CHECK(node.core().move_member(NodeId(9), "n9").error() == Refusal::not_a_member);
  CHECK(node.core().move_member(NodeId(3), "n2").error() == Refusal::already_member);
  const Index before = node.core().log().last_index();
  CHECK(node.core().move_member(NodeId(3), "n3").value() == node.core().configuration_index());
  CHECK(node.core().log().last_index() == before);
  Configuration expected = node.core().configuration();
  expected.members[NodeId(3)].address = "n9";
  REQUIRE(node.core().move_member(NodeId(3), "n9").value() == before + 1);
  CHECK(node.core().configuration() == expected);
  CHECK(node.core().move_member(NodeId(2), "n8").error() == Refusal::change_in_progress);
  node.turn();
  node.acknowledge(2, before.value() + 1);
  CHECK(node.core().commit() == before + 1);
  CHECK(node.core().configuration() == expected);
}

TEST_CASE("changes of members are refused with the reason that does not pass by itself") {
  Node follower(2, with_log(3, {}));
  CHECK(follower.core().add_member(NodeId(4), "n4").error() == Refusal::not_leader);
  CHECK(follower.core().remove_member(NodeId(3)).error() == Refusal::not_leader);
  CHECK(follower.core().transfer_leader(NodeId(3)).error() == Refusal::not_leader);
  Node node(1, with_log(3, {}));
  node.lead();
  node.acknowledge(2, 1);
  CHECK(node.core().add_member(NodeId(2), "n9").error() == Refusal::already_member);
  CHECK(node.core().add_member(NodeId(9), "n2").error() == Refusal::already_member);
  CHECK(node.core().remove_member(NodeId(9)).error() == Refusal::not_a_member);
  CHECK(node.core().transfer_leader(NodeId(9)).error() == Refusal::not_a_member);
  CHECK(node.core().transfer_leader(NodeId(1)).error() == Refusal::not_a_member);
  DurableState full = with_log(members_max, {});
  Node big(1, full);
  while (big.core().role() == Role::follower) big.tick();
  for (std::uint64_t id = 2; id <= members_max; ++id)
    big.receive(id, big.core().term().value() + 1, RequestVoteResponse{true, true});
  for (std::uint64_t id = 2; id <= members_max; ++id)
    big.receive(id, big.core().term().value(), RequestVoteResponse{false, true});
  REQUIRE(big.core().is_leader());
  CHECK(big.core().add_member(NodeId(99), "n99").error() == Refusal::too_many_members);
}

TEST_CASE("a learner is removed without a joint configuration") {
  Node node(1, with_log(3, {}));
  node.lead();
  node.acknowledge(2, 1);
  REQUIRE(node.core().add_member(NodeId(4), "n4").ok());
  node.turn();
  node.acknowledge(2, 2);
  REQUIRE(node.core().remove_member(NodeId(4)).ok());
  CHECK_FALSE(node.core().configuration().joint);
  CHECK_FALSE(node.core().configuration().contains(NodeId(4)));
}

TEST_CASE("leadership goes to nobody whose votes do not count") {
  DurableState durable = with_log(3, {});
  for (std::uint64_t id = 1; id <= 3; ++id)
    durable.applied.configuration.members[NodeId(id)].incarnation = id * 11;
  Node node(1, durable, {11, 0});
  node.sender = {22, 0};
  node.lead();
  node.sender = {99, 0};
  node.acknowledge(3, 0);
  CHECK(node.core().transfer_leader(NodeId(3)).error() == Refusal::not_a_member);
  // Nor do its answers make a quorum that was heard.
  node.receive(3, 1, HeartbeatResponse{0, node.core().progress_id(NodeId(3))});
  node.tick(25);
  CHECK_FALSE(node.core().is_leader());
}

TEST_CASE("a transfer is given up when its target stops being a voter") {
  Node node(1, with_log(3, {}));
  node.lead();
  node.acknowledge(2, 1);
  node.acknowledge(3, 1);
  REQUIRE(node.core().remove_member(NodeId(3)).ok());
  node.turn();
  REQUIRE(node.core().transfer_leader(NodeId(3)).ok());  // in the old half, it still votes
  node.acknowledge(2, 2);                                // the joint configuration ends
  CHECK_FALSE(node.core().configuration().contains(NodeId(3)));
  CHECK(node.core().propose({base::share("x")}).ok());
}

TEST_CASE("a leader that is removed with nobody else in the pipeline hands over all the same") {
  Node node(1, with_log(3, {}));
  node.lead();
  node.acknowledge(2, 1);
  node.acknowledge(3, 1);
  REQUIRE(node.core().remove_member(NodeId(1)).ok());
  node.turn();
  node.acknowledge(2, 2);
  node.acknowledge(3, 2);
  node.sent.clear();
  node.acknowledge(2, 3);
  node.acknowledge(3, 3);
  CHECK_FALSE(node.core().is_leader());
  CHECK(node.removed);
  CHECK(node.take<TimeoutNow>(2).size() + node.take<TimeoutNow>(3).size() == 1);
}

TEST_CASE("who hears that it is no member waits to be added, unless it knows that it was one") {
  Node node(4, with_log(0, {}));
  const Configuration added = with_learner(voters(3), NodeId(4), "n4");
  const Entry addition{Index(1), Term(1), EntryKind::configuration, base::share(encode(added))};
  AppendEntries append;
  append.entries = {addition};
  node.receive(1, 1, append);
  REQUIRE(node.core().configuration() == added);
  // The leader of term 2 has never heard of it: the entry went with the leader of term 1.
  const NotMember told{{Index(1), Term(2)}};
  node.receive(2, 2, told);
  CHECK_FALSE(node.removed);
  AppendEntries next;
  next.previous = {Index(1), Term(1)};
  next.commit = Index(1);
  node.receive(1, 1, next);
  REQUIRE(node.core().commit() == Index(1));
  node.receive(2, 2, told);
  CHECK(node.removed);
}
