#include <doctest/doctest.h>

#include "drivers.hpp"
#include "raft/node/recovery.hpp"
#include "raft/node/envelope.hpp"

using namespace raft;
using raft::test::TestCluster;
using raft::test::TestNode;

namespace {

bool read_ok(const TestNode& node, std::uint64_t id) {
  for (const ReadReply& reply : node.reads)
    if (reply.id == id) return reply.ok;
  return false;
}

}  // namespace

TEST_CASE("a single voter leads at once and applies what it has made durable") {
  TestCluster cluster({1});
  cluster.run();
  REQUIRE(cluster.nodes[1].driver->core().is_leader());
  cluster.nodes[1].disk_held = true;
  cluster.propose(1, "a");
  cluster.run();
  CHECK(cluster.nodes[1].state.empty());
  cluster.release_disk(1);
  CHECK(cluster.nodes[1].state == std::vector<std::string>{"a"});
}

TEST_CASE("commands proposed at a follower are appended by the leader and applied everywhere") {
  TestCluster cluster({1, 2, 3});
  cluster.elect(1);
  const ProposalId id = cluster.propose(2, "a");
  cluster.propose(3, "b");
  cluster.run();
  cluster.tick();
  for (auto& [node_id, node] : cluster.nodes) {
    CAPTURE(node_id);
    CHECK(node.state == std::vector<std::string>{"a", "b"});
    CHECK(node.failed.empty());
  }
  CHECK(std::ranges::count(cluster.nodes[2].applied, id, &AppliedEntry::id) == 1);
  CHECK(cluster.nodes[2].driver->pending_proposals() == 0);
}

TEST_CASE("what gathers while a write is under way is one batch") {
  TestCluster cluster({1});
  cluster.run();
  auto& driver = *cluster.nodes[1].driver;
  driver.propose({1001, 1}, base::share("first"));
  Output output = driver.take_output(cluster.clocks(1));
  REQUIRE(output.persist);
  CHECK(output.persist->entries.size() == 1);
  driver.propose({1001, 2}, base::share("second"));
  CHECK_FALSE(driver.take_output(cluster.clocks(1)).persist);
  driver.propose({1001, 3}, base::share("third"));
  CHECK_FALSE(driver.take_output(cluster.clocks(1)).persist);
  driver.on_persisted();
  output = driver.take_output(cluster.clocks(1));
  REQUIRE(output.persist);
  CHECK(output.persist->entries.size() == 2);
  CHECK(output.applied.size() == 1);
}

TEST_CASE("a follower acknowledges only what is durable") {
  TestCluster cluster({1, 2, 3});
  cluster.elect(1);
  cluster.isolate(3);
  cluster.nodes[2].disk_held = true;
  cluster.propose(1, "a");
  cluster.run();
  CHECK(cluster.nodes[1].state.empty());
  cluster.release_disk(2);
  CHECK(cluster.nodes[1].state.size() == 1);
}

TEST_CASE("a node whose host is behind takes nothing more, and catches up afterwards") {
  TestCluster cluster({1, 2, 3});
  cluster.elect(1);
  cluster.nodes[3].driver->on_host_behind(true);
  cluster.write(1, 500, 50);
  CHECK(cluster.nodes[1].state.size() == 500);
  CHECK(cluster.nodes[2].state.size() == 500);
  CHECK(cluster.nodes[3].state.empty());
  CHECK(cluster.nodes[1].driver->core().is_leader());
  cluster.nodes[3].driver->on_host_behind(false);
  cluster.tick(100);
  CHECK(cluster.nodes[3].state.size() == 500);
  // A leader refuses what comes from others: they are told that it was not done.
  cluster.nodes[1].driver->on_host_behind(true);
  const ProposalId refused = cluster.propose(2, "y");
  cluster.run();
  cluster.tick();
  CHECK(cluster.nodes[1].state.size() == 500);
  REQUIRE(cluster.nodes[2].failed.size() == 1);
  CHECK(cluster.nodes[2].failed[0].id == refused);
  CHECK(cluster.nodes[2].failed[0].failure == ProposalFailure::refused);
}

TEST_CASE("a proposal without a leader waits, and is refused for certain at its deadline") {
  TestCluster cluster({1, 2, 3});
  cluster.elect(1);
  cluster.isolate(2);
  cluster.tick(40);  // node 2 no longer knows a leader
  const base::SharedBytes command = base::share(base::Bytes("lonely"));
  cluster.nodes[2].driver->propose({1002, 77}, command);
  cluster.tick(150);
  REQUIRE(cluster.nodes[2].failed.size() == 1);
  CHECK(cluster.nodes[2].failed[0].failure == ProposalFailure::refused);
  CHECK(command.use_count() == 1);  // nothing is left of it, though no leader came to take it
  cluster.cut.clear();
  cluster.tick(60);
  for (auto& [id, node] : cluster.nodes) CHECK(node.state.empty());
}

TEST_CASE("a proposal that waits for a leader is proposed when there is one") {
  TestCluster cluster({1, 2, 3});
  cluster.propose(2, "early");
  cluster.tick(60);
  for (auto& [id, node] : cluster.nodes) CHECK(node.state == std::vector<std::string>{"early"});
}

TEST_CASE("a proposal that was sent off and not heard of again is unknown") {
  TestCluster cluster({1, 2, 3});
  cluster.elect(1);
  cluster.nodes[1].down = true;  // its connection still looks open
  cluster.propose(2, "lost");
  cluster.tick(150);
  REQUIRE(cluster.nodes[2].failed.size() == 1);
  CHECK(cluster.nodes[2].failed[0].failure == ProposalFailure::unknown);
}

TEST_CASE("what a leader took along when it died is unknown soon after another one leads") {
  TestCluster cluster({1, 2, 3});
  cluster.elect(1);
  cluster.nodes[1].down = true;
  cluster.propose(2, "lost");
  cluster.run();
  int ticks = 0;
  for (; cluster.nodes[2].failed.empty() && ticks < 200; ++ticks) cluster.tick();
  REQUIRE(cluster.nodes[2].failed.size() == 1);
  CHECK(cluster.nodes[2].failed[0].failure == ProposalFailure::unknown);
  CHECK(ticks < 50);  // an election and a moment, not proposal_timeout_ticks
  cluster.propose(2, "kept");
  cluster.tick(20);
  CHECK(cluster.nodes[2].failed.size() == 1);
  CHECK(cluster.nodes[2].state == std::vector<std::string>{"kept"});
}

TEST_CASE("a leader does not hand over to a node whose connection broke") {
  TestCluster cluster({1, 2, 3});
  cluster.elect(1);
  Driver& driver = *cluster.nodes[1].driver;
  driver.on_peer_disconnected(NodeId(3));
  CHECK(driver.hand_over(HandOverCause::stopping) == NodeId(2));
  cluster.elect(1);
  driver.on_peer_disconnected(NodeId(2));
  driver.on_peer_disconnected(NodeId(3));
  CHECK_FALSE(driver.hand_over(HandOverCause::stopping));
  cluster.tick(4);  // both are there again
  CHECK(driver.hand_over(HandOverCause::stopping));
}

TEST_CASE("a deposed leader's client learns that its overwritten command is refused") {
  TestCluster cluster({1, 2, 3});
  cluster.elect(1);
  cluster.isolate(1);
  cluster.propose(1, "overwritten");
  cluster.run();
  cluster.tick(60);
  cluster.propose(2, "kept");
  cluster.run();
  cluster.cut.clear();
  cluster.tick(20);
  REQUIRE(cluster.nodes[1].failed.size() == 1);
  CHECK(cluster.nodes[1].failed[0].failure == ProposalFailure::refused);
  for (auto& [id, node] : cluster.nodes) CHECK(node.state == std::vector<std::string>{"kept"});
}

TEST_CASE("time stamps go on as time does while a node leads, whatever its clock is set to") {
  for (const std::int64_t set_by_ms : {-1'000'000, 0, 1'000'000}) {
    CAPTURE(set_by_ms);
    TestCluster cluster({1});
    cluster.run();
    cluster.propose(1, "a");
    cluster.run();
    cluster.nodes[1].wall_offset_ms = set_by_ms;
    cluster.tick(20);
    cluster.propose(1, "b");
    cluster.run();
    const auto& applied = cluster.nodes[1].applied;
    CHECK(applied.back().timestamp_ms - applied[applied.size() - 2].timestamp_ms ==
          doctest::Approx(1000).epsilon(0.002));
  }
}

TEST_CASE("a new leader goes on with the time of the one before, whatever its own clock says") {
  for (const std::int64_t ahead_ms : {-180'000, 180'000}) {
    CAPTURE(ahead_ms);
    TestCluster cluster({1, 2, 3});
    cluster.nodes[2].wall_offset_ms = ahead_ms;
    cluster.elect(1);
    cluster.propose(1, "a");
    cluster.run();
    const std::int64_t began_ms = cluster.now_ms;
    cluster.nodes[1].down = true;
    cluster.elect(2);
    REQUIRE(cluster.nodes[2].driver->core().is_leader());
    cluster.propose(2, "b");
    cluster.run();
    const auto& applied = cluster.nodes[2].applied;
    const auto stamp_of = [&](const char* command) {
      return std::ranges::find(applied, command, &AppliedEntry::content)->timestamp_ms;
    };
    CHECK(stamp_of("b") - stamp_of("a") ==
          doctest::Approx(static_cast<double>(cluster.now_ms - began_ms)).epsilon(0.002));
    // What it would begin with after a restart, and on node 3, too, which never led.
    const std::int64_t line_ms = stamp_of("a") - began_ms;
    for (const std::uint64_t id : {2, 3}) {
      CAPTURE(id);
      const TestNode& node = cluster.nodes[id];
      REQUIRE(node.saved_clock_offset_ms);
      const std::int64_t saved_line_ms = *node.saved_clock_offset_ms + node.wall_offset_ms;
      CHECK(saved_line_ms <= line_ms);
      CHECK(saved_line_ms >= line_ms - ReplicatedClock::saved_offset_slack_ms);
    }
  }
}

TEST_CASE("reads are answered on every node, after what was acknowledged before them") {
  TestCluster cluster({1, 2, 3});
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.run();
  for (std::uint64_t id = 1; id <= 3; ++id) {
    cluster.nodes[id].driver->read(100 + id);
    cluster.run();
    CAPTURE(id);
    CHECK(read_ok(cluster.nodes[id], 100 + id));
    CHECK(cluster.nodes[id].state.size() == 1);
  }
}

TEST_CASE("a read that no leader confirms fails at its deadline") {
  TestCluster cluster({1, 2, 3});
  cluster.elect(1);
  cluster.isolate(1);
  cluster.nodes[1].driver->read(1);
  cluster.tick(150);
  REQUIRE(cluster.nodes[1].reads.size() == 1);
  CHECK_FALSE(cluster.nodes[1].reads[0].ok);
}

TEST_CASE("a read of what is known to be committed and is not applied here fails, too") {
  TestCluster cluster({1, 2, 3});
  cluster.elect(1);
  cluster.nodes[2].disk_held = true;
  cluster.propose(1, "a");
  cluster.run();
  REQUIRE(cluster.nodes[1].state.size() == 1);
  cluster.nodes[2].driver->read(7);
  cluster.tick(99);
  CHECK(cluster.nodes[2].reads.empty());
  cluster.tick(2);
  REQUIRE(cluster.nodes[2].reads.size() == 1);
  CHECK_FALSE(cluster.nodes[2].reads[0].ok);
  cluster.release_disk(2);
  CHECK(cluster.nodes[2].reads.size() == 1);
}

TEST_CASE("a read whose question was lost is asked again") {
  TestCluster cluster({1, 2, 3});
  cluster.elect(1);
  cluster.cut.insert({2, 1});
  cluster.nodes[2].driver->read(5);
  cluster.tick(3);
  cluster.cut.clear();
  cluster.tick(20);
  CHECK(read_ok(cluster.nodes[2], 5));
}

TEST_CASE("a follower that is too far behind gets a snapshot and goes on from there") {
  TestCluster cluster({1, 2, 3});
  cluster.nodes.clear();
  cluster.log_entries_kept = 20;
  for (std::uint64_t id = 1; id <= 3; ++id) cluster.add(id, test::voters({1, 2, 3}));
  cluster.elect(1);
  cluster.isolate(3);
  cluster.tick(30);  // until it counts as away
  for (int i = 0; i < 200; ++i) {
    cluster.propose(1, "command " + std::to_string(i));
    cluster.run();
  }
  REQUIRE(cluster.nodes[1].driver->core().log().compacted().index > Index(100));
  cluster.cut.clear();
  cluster.tick(120);
  cluster.propose(2, "after");
  cluster.tick(5);
  CHECK(cluster.nodes[3].state.size() == 201);
  CHECK(cluster.nodes[3].state == cluster.nodes[1].state);
  CHECK_FALSE(cluster.nodes[1].driver->core().awaits_snapshot(NodeId(3)));
}

TEST_CASE("a deposed leader's command that a snapshot may hold is unknown, not refused") {
  TestCluster cluster({1, 2, 3});
  cluster.nodes.clear();
  cluster.log_entries_kept = 20;
  for (std::uint64_t id = 1; id <= 3; ++id) cluster.add(id, test::voters({1, 2, 3}));
  cluster.elect(1);
  cluster.cut = {{2, 1}, {3, 1}};  // the command gets out, no acknowledgement comes back
  cluster.propose(1, "committed by the next leader");
  cluster.run();
  cluster.nodes[1].down = true;  // paused: it notices nothing of what follows
  cluster.isolate(1);
  cluster.tick(60);
  for (int i = 0; i < 100; ++i) {
    cluster.propose(2, "command " + std::to_string(i));
    cluster.run();
  }
  REQUIRE(cluster.nodes[2].state.at(0) == "committed by the next leader");
  cluster.nodes[1].down = false;
  cluster.cut.clear();
  cluster.tick(60);
  cluster.propose(2, "after");
  cluster.tick(5);
  CHECK(cluster.nodes[1].state == cluster.nodes[2].state);
  CHECK(cluster.nodes[1].applied.back().position.index > Index(100));  // the rest was skipped
  REQUIRE(cluster.nodes[1].failed.size() == 1);
  CHECK(cluster.nodes[1].failed[0].failure == ProposalFailure::unknown);
}

TEST_CASE("a node that is added at a follower catches up and votes; the leader can be removed") {
  TestCluster cluster({1, 2, 3});
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.run();
  cluster.add(4, {});
  cluster.nodes[2].driver->change_members(7, {MemberAction::add, NodeId(4), "node4:5000"});
  cluster.tick(20);
  REQUIRE(cluster.nodes[2].changes.size() == 1);
  CHECK(cluster.nodes[2].changes[0].outcome == MemberChangeOutcome::committed);
  CHECK(cluster.nodes[4].state == std::vector<std::string>{"a"});
  CHECK(cluster.nodes[1].driver->core().configuration().is_voter(NodeId(4)));
  CHECK_FALSE(cluster.nodes[1].driver->core().configuration().joint);

  cluster.nodes[3].driver->change_members(8, {MemberAction::remove, NodeId(1), ""});
  cluster.tick(60);
  REQUIRE(cluster.nodes[3].changes.size() == 1);
  CHECK(cluster.nodes[3].changes[0].outcome == MemberChangeOutcome::committed);
  CHECK(cluster.nodes[1].removed);
  cluster.nodes[1].down = true;
  cluster.propose(4, "b");
  cluster.tick(60);
  for (std::uint64_t id = 2; id <= 4; ++id)
    CHECK(cluster.nodes[id].state == std::vector<std::string>{"a", "b"});
}

TEST_CASE("leadership is handed over from any node, to the one named or to any") {
  TestCluster cluster({1, 2, 3});
  cluster.elect(1);
  auto& node = cluster.nodes[2];
  node.driver->change_members(1, {MemberAction::lead, NodeId(3), ""});
  cluster.tick(5);
  REQUIRE(node.changes.size() == 1);
  CHECK(node.changes[0].outcome == MemberChangeOutcome::committed);
  CHECK(cluster.nodes[3].driver->core().is_leader());

  cluster.nodes[3].driver->change_members(2, {MemberAction::lead, NodeId(3), ""});
  cluster.run();
  REQUIRE(cluster.nodes[3].changes.size() == 1);  // it leads already
  CHECK(cluster.nodes[3].changes[0].outcome == MemberChangeOutcome::committed);

  node.driver->change_members(3, {MemberAction::lead, NodeId(), ""});
  cluster.tick(5);
  REQUIRE(node.changes.size() == 2);
  CHECK(node.changes[1].outcome == MemberChangeOutcome::committed);
  CHECK_FALSE(cluster.nodes[3].driver->core().is_leader());

  node.driver->change_members(4, {MemberAction::lead, NodeId(9), ""});
  cluster.run();
  REQUIRE(node.changes.size() == 3);
  CHECK(node.changes[2].refusal == Refusal::not_a_member);
}

TEST_CASE("a hand-over to a node that is away is not known to have happened") {
  TestCluster cluster({1, 2, 3});
  cluster.elect(1);
  cluster.nodes[3].down = true;
  cluster.propose(1, "a");  // so that node 3 lacks something
  cluster.run();
  cluster.nodes[1].driver->change_members(1, {MemberAction::lead, NodeId(3), ""});
  cluster.tick(300);
  REQUIRE(cluster.nodes[1].changes.size() == 1);
  CHECK(cluster.nodes[1].changes[0].outcome == MemberChangeOutcome::unknown);
  CHECK(cluster.nodes[1].driver->core().is_leader());
}

TEST_CASE("a leader without anybody who could follow it does not hand over") {
  TestCluster cluster({1});
  cluster.elect(1);
  cluster.nodes[1].driver->change_members(1, {MemberAction::lead, NodeId(), ""});
  cluster.run();
  REQUIRE(cluster.nodes[1].changes.size() == 1);
  CHECK(cluster.nodes[1].changes[0].refusal == Refusal::not_a_member);
}

TEST_CASE("changes of members that make no sense are refused with their reason") {
  TestCluster cluster({1, 2, 3});
  cluster.elect(1);
  auto& node = cluster.nodes[2];
  node.driver->change_members(1, {MemberAction::add, NodeId(3), "other:1"});
  node.driver->change_members(2, {MemberAction::remove, NodeId(9), ""});
  cluster.run();
  REQUIRE(node.changes.size() == 2);
  CHECK(node.changes[0].refusal == Refusal::already_member);
  CHECK(node.changes[1].refusal == Refusal::not_a_member);
  cluster.nodes[3].down = true;
  cluster.tick(40);
  cluster.nodes[1].driver->change_members(3, {MemberAction::remove, NodeId(2), ""});
  cluster.run();
  REQUIRE(cluster.nodes[1].changes.size() == 1);
  CHECK(cluster.nodes[1].changes[0].refusal == Refusal::would_lose_quorum);
}

TEST_CASE("a member is moved from any node, and it is done once that is committed") {
  TestCluster cluster({1, 2, 3});
  cluster.elect(1);
  auto& node = cluster.nodes[2];
  node.driver->change_members(1, {MemberAction::move, NodeId(3), "elsewhere:1"});
  node.driver->change_members(2, {MemberAction::move, NodeId(9), "elsewhere:2"});
  cluster.run();
  cluster.tick(10);
  REQUIRE(node.changes.size() == 2);
  for (const MemberChangeReply& reply : node.changes)
    CHECK(reply.outcome == (reply.id == 1 ? MemberChangeOutcome::committed
                                          : MemberChangeOutcome::refused));
  for (auto& [id, its] : cluster.nodes) {
    CHECK(its.configuration.members.at(NodeId(3)).address == "elsewhere:1");
    CHECK(its.configuration.members.at(NodeId(3)).voter);
  }
}

TEST_CASE("a leader that hands over says why") {
  TestCluster cluster({1, 2, 3});
  cluster.elect(1);
  Driver& driver = *cluster.nodes[1].driver;
  const auto cause = [&] {
    const Output output = driver.take_output(cluster.clocks(1));
    return output.handing_over ? std::optional(output.handing_over->cause) : std::nullopt;
  };
  cluster.nodes[2].down = cluster.nodes[3].down = true;  // nobody takes over
  SUBCASE("the disk is low") {
    driver.on_disk_low(true);
    driver.tick(cluster.clocks(1));
    CHECK(cause() == HandOverCause::disk_low);
    driver.tick(cluster.clocks(1));
    CHECK_FALSE(cause());  // said once
  }
  SUBCASE("the process stops") {
    CHECK(driver.hand_over(HandOverCause::stopping));
    CHECK(cause() == HandOverCause::stopping);
  }
  SUBCASE("an operator wants it") {
    driver.change_members(1, {MemberAction::lead, NodeId(2), ""});
    CHECK(cause() == HandOverCause::operator_asked);
  }
}

TEST_CASE("changes of role are told in words") {
  const auto words = [](RoleEvent event, RoleCause cause) {
    return describe({event, cause, Term(3), NodeId(2), 27}, NodeId(1), 50);
  };
  CHECK(words(RoleEvent::campaigns, RoleCause::leader_silent) ==
        "node 1 asks for votes in term 4: nothing was heard of the leader, node 2, for 1350 ms");
  CHECK(words(RoleEvent::leads, RoleCause::asked_by_leader) ==
        "node 1 leads in term 3: node 2 hands over to it");
  CHECK(words(RoleEvent::leads_no_more, RoleCause::higher_term) ==
        "node 1 leads no more, as of term 3: node 2 is in that term already");
  CHECK(words(RoleEvent::hand_over_failed, RoleCause::handed_over) ==
        "node 1 leads on in term 3: node 2 did not take over in time");
}

TEST_CASE("a change waits for one that is under way") {
  TestCluster cluster({1, 2, 3});
  cluster.elect(1);
  cluster.add(4, {});
  cluster.nodes[2].driver->change_members(1, {MemberAction::add, NodeId(4), "node4:5000"});
  cluster.nodes[3].driver->change_members(2, {MemberAction::remove, NodeId(2), ""});
  cluster.tick(40);
  REQUIRE(cluster.nodes[2].changes.size() == 1);
  REQUIRE(cluster.nodes[3].changes.size() == 1);
  CHECK(cluster.nodes[2].changes[0].outcome == MemberChangeOutcome::committed);
  CHECK(cluster.nodes[3].changes[0].outcome == MemberChangeOutcome::committed);
  CHECK(cluster.nodes[1].driver->core().configuration().voter_count() == 3);
}

TEST_CASE("at the end everything pending is answered") {
  TestCluster cluster({1, 2, 3});
  cluster.elect(1);
  cluster.isolate(1);
  cluster.propose(1, "a");
  cluster.nodes[1].driver->read(1);
  cluster.run();
  cluster.nodes[1].driver->fail_pending();
  cluster.run();
  CHECK(cluster.nodes[1].failed.size() == 1);
  CHECK(cluster.nodes[1].failed[0].failure == ProposalFailure::unknown);
  CHECK(cluster.nodes[1].reads.size() == 1);
}

TEST_CASE("an envelope gives back what was sealed, and refuses what is too short") {
  const auto sealed = seal({7, 8}, 9, "command");
  const auto envelope = open_envelope(*sealed);
  REQUIRE(envelope);
  CHECK(envelope->id == ProposalId{7, 8});
  CHECK(envelope->timestamp_ms == 9);
  CHECK(envelope->command == "command");
  for (std::size_t size = 0; size < 24; ++size) CHECK_FALSE(open_envelope(sealed->substr(0, size)));
}

TEST_CASE("a node whose state differs from that of a majority is told, the leader too") {
  for (const std::uint64_t corrupt : {1, 2}) {
    CAPTURE(corrupt);
    TestCluster cluster{1, 2, 3};
    cluster.elect(1);
    cluster.nodes.at(corrupt).corrupt = true;
    for (int i = 0; i < 10; ++i) {
      cluster.propose(3, "x");
      cluster.run();
    }
    for (const auto& [id, node] : cluster.nodes)
      CHECK(node.diverged.has_value() == (id == corrupt));
  }
}

TEST_CASE("a leader whose disk stalls hands over to one whose disk does not") {
  TestCluster cluster{1, 2, 3};
  cluster.elect(1);
  cluster.tick(5);
  cluster.nodes.at(1).disk_held = true;
  cluster.propose(1, "x");
  cluster.tick(20);
  CHECK_FALSE(cluster.nodes.at(1).driver->core().is_leader());
  CHECK(cluster.nodes.at(2).driver->core().leader());
  CHECK(cluster.nodes.at(2).driver->core().leader() != NodeId(1));
}

TEST_CASE("a disk that is always busy, and never with one write for long, does not stall") {
  TestCluster cluster({1, 2, 3});
  cluster.elect(1);
  TestNode& leader = cluster.nodes[1];
  for (int i = 0; i < 40; ++i) {
    leader.disk_held = true;
    cluster.propose(1, "x");
    cluster.run();
    REQUIRE(leader.writing);
    cluster.tick();  // each finds another write under way
    cluster.release_disk(1);
  }
  CHECK(leader.driver->core().is_leader());
}

TEST_CASE("a leader whose disk is nearly full hands over and leads only where nobody else does") {
  TestCluster cluster{1, 2, 3};
  cluster.elect(1);
  cluster.tick(5);
  cluster.nodes.at(1).driver->on_disk_low(true);
  cluster.tick(20);
  CHECK_FALSE(cluster.nodes.at(1).driver->core().is_leader());
  for (const std::uint64_t id : {2, 3}) cluster.nodes.at(id).driver->on_disk_low(true);
  cluster.tick(200);
  const auto leader = [&] {
    for (const auto& [id, node] : cluster.nodes)
      if (node.driver->core().is_leader()) return id;
    return std::uint64_t{0};
  };
  // All are low: one leads all the same, and goes on; leadership does not go round.
  const std::uint64_t leads = leader();
  REQUIRE(leads != 0);
  const Term term = cluster.nodes.at(leads).driver->core().term();
  cluster.tick(200);
  CHECK(leader() == leads);
  CHECK(cluster.nodes.at(leads).driver->core().term() == term);
  // Once there is room elsewhere, it hands over in the end.
  for (const auto& [id, node] : cluster.nodes)
    if (id != leads) node.driver->on_disk_low(false);
  cluster.tick(60 * 10 + 100);
  CHECK(leader() != leads);
}

TEST_CASE("recovery keeps the whole log, and this node alone in a new epoch") {
  DurableState durable;
  durable.applied.configuration = raft::test::voters({1, 2, 3});
  durable.hard_state = {Term(4), NodeId(2), Index(1)};
  for (std::uint64_t i = 1; i <= 3; ++i)
    durable.entries.push_back({Index(i), Term(2), EntryKind::noop, base::share("")});
  const auto plan = plan_recovery(durable, NodeId(3));
  REQUIRE(plan.has_value());
  CHECK(plan->log_end == LogPosition{Index(3), Term(2)});
  CHECK(plan->dropped == std::vector{NodeId(1), NodeId(2)});
  CHECK(plan->after.epoch == 2);
  CHECK(plan->after.members.size() == 1);
  REQUIRE(plan->batch.entries.size() == 1);
  CHECK(plan->batch.entries[0].index == Index(4));
  CHECK(plan->batch.entries[0].term == Term(5));
  CHECK_FALSE(plan_recovery(durable, NodeId(9)).has_value());

  // A core that is started with it leads at once and commits all of it.
  durable.entries.push_back(plan->batch.entries[0]);
  durable.hard_state = *plan->batch.hard_state;
  DriverOptions options;
  options.core.id = NodeId(3);
  Driver driver(options, durable);
  for (int i = 0; i < 3; ++i)
    if (driver.take_output({}).persist) driver.on_persisted();
  CHECK(driver.core().is_leader());
  CHECK(driver.core().commit() >= Index(4));
  CHECK(driver.core().configuration().epoch == 2);
}

TEST_CASE("a founding goes on behind a copied state, alone and in an epoch of its own") {
  SnapshotMeta copied;
  copied.last = {Index(40), Term(7)};
  copied.configuration = raft::test::voters({1, 2, 3});
  copied.configuration.epoch = 4;
  for (const std::uint64_t self : {2, 9}) {  // one of the old members, and a new one
    const Founding founding = plan_founding(copied, NodeId(self), "new:5000", 1000);
    CHECK(founding.before == copied.configuration);
    CHECK(founding.after.epoch == 1004);
    CHECK(founding.after.members.size() == 1);
    DurableState durable;
    durable.applied = *founding.batch.snapshot;
    durable.compacted = copied.last;
    durable.entries = founding.batch.entries;
    durable.hard_state = *founding.batch.hard_state;
    DriverOptions options;
    options.core.id = NodeId(self);
    Driver driver(options, durable);
    std::vector<AppliedEntry> applied;
    for (int i = 0; i < 3; ++i) {
      Output output = driver.take_output({});
      for (AppliedEntry& entry : output.applied) applied.push_back(std::move(entry));
      if (output.persist) driver.on_persisted();
    }
    CHECK(driver.core().is_leader());
    CHECK(driver.core().configuration() == founding.after);
    REQUIRE_FALSE(applied.empty());
    CHECK(applied[0].position.index == Index(41));
    CHECK(applied[0].kind == EntryKind::configuration);
    CHECK(driver.core().configuration().members.at(NodeId(self)).address == "new:5000");
  }
}

TEST_CASE("a snapshot that arrives when the log is cut behind it is followed by another one") {
  TestCluster cluster{};
  cluster.log_entries_kept = 10;
  cluster.log_bytes_max = 20'000;
  for (const std::uint64_t id : {1, 2, 3}) cluster.add(id, raft::test::voters({1, 2, 3}));
  cluster.elect(1);
  cluster.isolate(3);
  cluster.tick(30);  // until it counts as away
  cluster.write(1, 60);
  cluster.cut.clear();
  cluster.hold_snapshots = true;
  cluster.tick(5);
  const RaftCore& leader = cluster.nodes.at(1).driver->core();
  REQUIRE(leader.awaits_snapshot(NodeId(3)));
  const Index made = cluster.nodes.at(1).position.index;
  cluster.write(1, 500);  // more than the leader is ready to keep for it
  REQUIRE(leader.log().compacted().index > made);
  cluster.hold_snapshots = false;
  cluster.tick(100);  // the sender repeats itself after 40, and gives up after 1200
  CHECK(cluster.nodes.at(3).driver->core().commit() == leader.commit());
  CHECK_FALSE(leader.awaits_snapshot(NodeId(3)));
}

TEST_CASE("the log after a snapshot that is being sent is kept, so that its receiver can go on") {
  TestCluster cluster{};
  cluster.log_entries_kept = 10;
  for (const std::uint64_t id : {1, 2, 3}) cluster.add(id, raft::test::voters({1, 2, 3}));
  cluster.elect(1);
  cluster.isolate(3);
  cluster.tick(30);  // until it counts as away
  cluster.write(1, 60);
  const RaftCore& leader = cluster.nodes.at(1).driver->core();
  REQUIRE(leader.log().compacted().index > Index(20));
  cluster.cut.clear();
  cluster.hold_snapshots = true;  // the transfer takes its time
  cluster.tick(5);
  REQUIRE(leader.awaits_snapshot(NodeId(3)));
  const Index made = cluster.nodes.at(1).position.index;
  cluster.write(1, 60);
  CHECK(leader.log().compacted().index <= made);
  cluster.hold_snapshots = false;
  cluster.tick(100);
  CHECK(cluster.nodes.at(3).driver->core().commit() == leader.commit());
  cluster.write(1, 60);
  CHECK(leader.log().compacted().index > made);
}

TEST_CASE("a follower that is there but slow finds in the log what it has not got yet") {
  TestCluster cluster{};
  cluster.log_entries_kept = 10;
  cluster.log_bytes_max = 20'000;
  for (const std::uint64_t id : {1, 2, 3}) cluster.add(id, raft::test::voters({1, 2, 3}));
  cluster.elect(1);
  const RaftCore& leader = cluster.nodes.at(1).driver->core();
  cluster.nodes.at(3).disk_held = true;  // it is heard, and acknowledges nothing
  cluster.write(1, 100, 10);
  CHECK(leader.log().compacted().index < Index(10));
  SUBCASE("and goes on") {
    cluster.release_disk(3);
    cluster.tick(10);
    CHECK(cluster.nodes.at(3).driver->core().commit() == leader.commit());
    CHECK(cluster.nodes.at(3).received.empty());  // no snapshot
    cluster.write(1, 30, 10);
    CHECK(leader.log().compacted().index > Index(80));
  }
  SUBCASE("up to the bytes that the log may take") {
    cluster.write(1, 500, 10);
    CHECK(leader.log().compacted().index > Index(200));
    CHECK(leader.log().bytes() <= cluster.log_bytes_max);
  }
}

TEST_CASE("a new leader that has not heard from a follower yet cuts nothing that it may need") {
  TestCluster cluster({1, 2, 3});
  cluster.elect(1);
  for (int i = 0; i < 20; ++i) cluster.propose(1, "x");
  cluster.run();
  cluster.nodes.at(3).down = true;  // for a moment, during the hand-over
  cluster.elect(2);
  Driver& leader = *cluster.nodes.at(2).driver;
  REQUIRE(leader.core().is_leader());
  leader.cut_log();
  cluster.run();
  CHECK(leader.core().log().compacted().index == Index());
  cluster.tick(30);
  leader.cut_log();  // by now it is not there
  cluster.run();
  CHECK(leader.core().log().compacted().index == cluster.nodes.at(2).position.index);
}

TEST_CASE("a log that is cut on demand keeps what a follower that is heard still needs") {
  TestCluster cluster({1, 2, 3});
  cluster.elect(1);
  cluster.write(1, 20);
  Driver& leader = *cluster.nodes.at(1).driver;
  CHECK(leader.core().log().compacted().index == Index());
  leader.cut_log();
  cluster.run();
  CHECK(leader.core().log().compacted().index == cluster.nodes.at(1).position.index);

  cluster.isolate(3);
  const Index has = cluster.nodes.at(3).position.index;
  cluster.write(1, 20);
  leader.cut_log();  // it was heard a moment ago
  cluster.run();
  CHECK(leader.core().log().compacted().index <= has);
  cluster.tick(100);
  leader.cut_log();  // it may be gone for good
  cluster.run();
  CHECK(leader.core().log().compacted().index == cluster.nodes.at(1).position.index);
  cluster.cut.clear();
  cluster.tick(100);  // and comes back: a snapshot
  CHECK(cluster.nodes.at(3).driver->core().commit() == leader.core().commit());
}
