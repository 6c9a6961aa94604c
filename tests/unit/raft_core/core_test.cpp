// Single nodes, message by message: what golden scripts and the simulation do not say as plainly.
#include <doctest/doctest.h>

#include <vector>

#include "core_node.hpp"

using namespace raft;
using namespace raft::test;

namespace {

std::vector<std::string> told(Node& node) {
  std::vector<std::string> out;
  for (const RoleChange& change : node.core().take_role_changes())
    out.push_back(std::to_string(static_cast<int>(change.event)) + " " +
                  std::to_string(static_cast<int>(change.cause)) + " node " +
                  std::to_string(change.peer.value()) + " term " +
                  std::to_string(change.term.value()));
  return out;
}

std::string event(RoleEvent event, RoleCause cause, std::uint64_t peer, std::uint64_t term) {
  return std::to_string(static_cast<int>(event)) + " " + std::to_string(static_cast<int>(cause)) +
         " node " + std::to_string(peer) + " term " + std::to_string(term);
}

}  // namespace

TEST_CASE("a node tells why it campaigns and leads, and why no more") {
  using E = RoleEvent;
  using C = RoleCause;
  Node node(1, with_log(3, {}));
  node.lead();
  CHECK(told(node) == std::vector<std::string>{event(E::campaigns, C::started, 0, 0),
                                               event(E::leads, C::started, 0, 1)});
  SUBCASE("a higher term") {
    node.receive(3, 4, AppendEntries{});
    CHECK(told(node) == std::vector<std::string>{event(E::leads_no_more, C::higher_term, 3, 4)});
    node.tick(60);  // asks again and again, tells once
    CHECK(told(node) == std::vector<std::string>{event(E::campaigns, C::leader_silent, 3, 4)});
    node.receive(3, 4, Heartbeat{});
    node.core().on_peer_disconnected(NodeId(3));
    node.lead();
    CHECK(told(node) == std::vector<std::string>{event(E::campaigns, C::leader_disconnected, 3, 4),
                                                 event(E::leads, C::leader_disconnected, 3, 5)});
  }
  SUBCASE("how long nothing was heard") {
    node.receive(3, 4, AppendEntries{});
    node.core().take_role_changes();
    unsigned ticks = 0;
    std::deque<RoleChange> changes;
    for (; changes.empty(); ++ticks) {
      node.tick();
      changes = node.core().take_role_changes();
    }
    CHECK(changes.front().ticks == ticks);
  }
  SUBCASE("no quorum") {
    node.tick(30);
    CHECK(told(node).front() == event(E::leads_no_more, C::no_quorum, 0, 1));
  }
  SUBCASE("a hand-over, and one that fails") {
    node.acknowledge(2, 1);
    REQUIRE(node.core().transfer_leader(NodeId(2)).ok());
    node.receive(2, 2, RequestVote{{Index(1), Term(1)}, false, true});
    CHECK(told(node) == std::vector<std::string>{event(E::leads_no_more, C::handed_over, 2, 2)});
    node.receive(2, 2, AppendEntries{});
    node.receive(2, 2, TimeoutNow{});
    CHECK(told(node) == std::vector<std::string>{event(E::campaigns, C::asked_by_leader, 2, 2)});
    node.receive(2, 3, RequestVoteResponse{false, true});
    CHECK(told(node) == std::vector<std::string>{event(E::leads, C::asked_by_leader, 2, 3)});
    node.acknowledge(2, 2);
    REQUIRE(node.core().transfer_leader(NodeId(3)).ok());
    for (int tick = 0; tick < 12; ++tick) {
      node.tick();
      node.receive(2, 3, HeartbeatResponse{0, node.core().progress_id(NodeId(2))});
    }
    CHECK(told(node) == std::vector<std::string>{event(E::hand_over_failed, C::handed_over, 3, 3)});
  }
}

TEST_CASE("the first wait is shorter where that is wanted, and no other one") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    CAPTURE(seed);
    CoreOptions options;
    options.id = NodeId(1);
    options.seed = seed;
    options.first_wait_ticks_min = 3;
    RaftCore core(options, with_log(3, {}));
    CHECK(core.election_ticks_left() >= 3);
    CHECK(core.election_ticks_left() <= 10);
    while (core.role() == Role::follower) core.tick();
    CHECK(core.election_ticks_left() >= 10);
  }
}

TEST_CASE("a short wait is over once a leader is heard") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    CAPTURE(seed);
    CoreOptions options;
    options.id = NodeId(2);
    options.seed = seed;
    options.first_wait_ticks_min = 3;
    RaftCore core(options, with_log(3, {}));
    const Message heartbeat{NodeId(1), NodeId(2), Term(1), Heartbeat{}};
    core.step(heartbeat);
    CHECK(core.election_ticks_left() >= 10);
    // Its connection broke, and it has dialled again.
    core.on_peer_disconnected(NodeId(1));
    CHECK(core.election_ticks_left() <= 3);
    core.step(heartbeat);
    CHECK(core.election_ticks_left() >= 10);
  }
}

TEST_CASE("all founders elect the first leader, a majority the later ones") {
  for (const bool is_new : {true, false}) {
    CAPTURE(is_new);
    CoreOptions options;
    options.id = NodeId(1);
    options.founders_all_vote = true;
    RaftCore core(options, is_new ? with_log(3, {}) : with_log(3, {1}));
    const auto turn = [&] {
      while (core.has_ready()) {
        const Ready ready = core.take_ready();
        if (ready.token) core.on_persisted(*ready.token);
        for (const Message& message : ready.messages_after_persist)
          if (message.to == core.id()) core.step(message);
      }
    };
    const auto answer = [&](std::uint64_t from, bool pre_vote) {
      const Term term = pre_vote ? core.term() + 1 : core.term();
      core.step({NodeId(from), NodeId(1), term, RequestVoteResponse{pre_vote, true}});
      turn();
    };
    while (core.role() == Role::follower) core.tick();
    turn();
    answer(2, true);
    CHECK(core.role() == (is_new ? Role::pre_candidate : Role::candidate));
    if (is_new) answer(3, true);
    REQUIRE(core.role() == Role::candidate);
    answer(2, false);
    CHECK(core.role() == (is_new ? Role::candidate : Role::leader));
    if (is_new) answer(3, false);
    CHECK(core.role() == Role::leader);
  }
}

TEST_CASE("a vote leaves only once it is durable (Raft figure 2)") {
  Node node(2, with_log(3, {}));
  node.quick_disk = false;
  node.receive(1, 1, RequestVote{{}, false, false});
  CHECK(node.take<RequestVoteResponse>(1).empty());
  node.persist();
  REQUIRE(node.take<RequestVoteResponse>(1).size() == 1);
  CHECK(node.take<RequestVoteResponse>(1)[0].granted);
}

TEST_CASE("a node votes once in a term, for the same candidate again (Raft §5.2)") {
  Node node(2, with_log(3, {}));
  node.receive(1, 1, RequestVote{{}, false, false});
  node.receive(3, 1, RequestVote{{}, false, false});
  node.receive(1, 1, RequestVote{{}, false, false});
  CHECK_FALSE(node.take<RequestVoteResponse>(3).at(0).granted);
  CHECK(node.take<RequestVoteResponse>(1).at(1).granted);
}

TEST_CASE("a restarted node remembers its vote (raft-scenarios 1, 2)") {
  DurableState durable = with_log(3, {}, 5);
  durable.hard_state.vote = NodeId(1);
  Node node(2, durable);
  node.receive(3, 5, RequestVote{{}, false, false});
  CHECK_FALSE(node.take<RequestVoteResponse>(3).at(0).granted);
}

TEST_CASE("a candidate whose log is behind gets no vote (Raft §5.4.1)") {
  Node node(2, with_log(3, {1, 2}));
  node.receive(1, 3, RequestVote{{Index(5), Term(1)}, false, false});
  node.receive(3, 4, RequestVote{{Index(2), Term(2)}, false, false});
  CHECK_FALSE(node.take<RequestVoteResponse>(1).at(0).granted);
  CHECK(node.take<RequestVoteResponse>(3).at(0).granted);
}

TEST_CASE("a node that knows of no configuration votes for nobody (rethinkdb 5289)") {
  Node node(2, DurableState());
  node.receive(1, 1, RequestVote{{Index(9), Term(1)}, true, false});
  node.receive(1, 1, RequestVote{{Index(9), Term(1)}, false, false});
  for (const auto& answer : node.take<RequestVoteResponse>(1)) CHECK_FALSE(answer.granted);
}

TEST_CASE("a pre-vote changes neither term nor vote (thesis §9.6)") {
  Node node(2, with_log(3, {}));
  node.receive(1, 7, RequestVote{{}, true, false});
  CHECK(node.take<RequestVoteResponse>(1).at(0).granted);
  CHECK(node.core().term() == Term(0));
  node.receive(3, 7, RequestVote{{}, true, false});
  CHECK(node.take<RequestVoteResponse>(3).at(0).granted);
}

TEST_CASE("who hears from a leader helps nobody to replace it (thesis §4.2.3)") {
  Node node(2, with_log(3, {}));
  node.receive(1, 1, Heartbeat{});
  node.receive(3, 9, RequestVote{{}, false, false});
  CHECK(node.take<RequestVoteResponse>(3).empty());
  CHECK(node.core().term() == Term(1));
}

TEST_CASE("an entry of an earlier term is not committed by counting (Raft §5.4.2, figure 8)") {
  Node node(1, with_log(3, {1, 2}, 3));
  node.lead();
  node.acknowledge(2, 2);
  node.acknowledge(3, 2);
  CHECK(node.core().commit() == Index(0));
  node.acknowledge(2, 3);  // the no-op of its own term takes them along
  CHECK(node.core().commit() == Index(3));
}

TEST_CASE("a leader counts its own entries only once they are durable (etcd 14370)") {
  DurableState durable = with_log(1, {});
  Node node(1, durable);
  node.tick(25);
  REQUIRE(node.core().is_leader());
  node.quick_disk = false;
  const auto at = node.core().propose({base::share("x")});
  REQUIRE(at.ok());
  node.turn();
  CHECK(node.core().commit() < at->index);
  node.persist();
  CHECK(node.core().commit() == at->index);
}

TEST_CASE("append_entries rejects a gap and says where the logs may agree (Raft §5.3)") {
  Node node(2, with_log(3, {1, 1}));
  AppendEntries request;
  request.previous = {Index(5), Term(1)};
  request.entries = {entry(6, 1)};
  node.receive(1, 1, request);
  const auto answer = node.take<AppendEntriesResponse>(1).at(0);
  CHECK(answer.rejected);
  CHECK(answer.index == Index(5));
  CHECK(answer.hint == LogPosition{Index(2), Term(1)});
  CHECK(node.core().log().last_index() == Index(2));
}

TEST_CASE("a stale append cuts nothing and acknowledges what it proved (raft-scenarios 9, 10)") {
  Node node(2, with_log(3, {1, 1, 1, 1}));
  AppendEntries request;
  request.previous = {Index(1), Term(1)};
  request.entries = {entry(2, 1)};
  request.commit = Index(4);
  node.receive(1, 1, request);
  CHECK(node.core().log().last_index() == Index(4));
  CHECK(node.take<AppendEntriesResponse>(1).at(0).index == Index(2));
  CHECK(node.core().commit() == Index(2));
}

TEST_CASE("a conflict replaces the tail from where it begins (Raft §5.3)") {
  Node node(2, with_log(3, {1, 1, 2, 2}));
  AppendEntries request;
  request.previous = {Index(2), Term(1)};
  request.entries = {entry(3, 3)};
  node.receive(1, 3, request);
  CHECK(node.core().log().last() == LogPosition{Index(3), Term(3)});
}

TEST_CASE("what is compacted away counts as matching (openraft 511)") {
  DurableState durable = with_log(3, {});
  durable.compacted = durable.applied.last = {Index(10), Term(2)};
  durable.hard_state.term = Term(2);
  durable.entries = {entry(11, 2)};
  Node node(2, durable);
  AppendEntries request;
  request.previous = {Index(5), Term(1)};
  for (std::uint64_t i = 6; i <= 12; ++i) request.entries.push_back(entry(i, i < 9 ? 1 : 2));
  node.receive(1, 2, request);
  const auto answer = node.take<AppendEntriesResponse>(1).at(0);
  CHECK_FALSE(answer.rejected);
  CHECK(answer.index == Index(12));
  CHECK(node.core().log().first_index() == Index(11));
}

TEST_CASE("an answer to an earlier record of a follower does not count (raft-rs 571)") {
  Node node(1, with_log(3, {}));
  node.lead();
  const std::uint64_t id = node.core().progress_id(NodeId(2));
  node.receive(2, 1, AppendEntriesResponse{id + 100, false, Index(1), {}});
  CHECK(node.core().commit() == Index(0));
  node.receive(2, 1, AppendEntriesResponse{id, false, Index(1), {}});
  CHECK(node.core().commit() == Index(1));
}

TEST_CASE("a follower that lost what it had acknowledged is caught up by the same leader") {
  Node node(1, with_log(3, {}));
  node.lead();
  REQUIRE(node.core().propose({base::share("a"), base::share("b")}).ok());
  node.turn();
  node.acknowledge(2, 3);
  node.sent.clear();
  const std::uint64_t id = node.core().progress_id(NodeId(2));
  node.receive(2, 1, AppendEntriesResponse{id, true, Index(3), {Index(1), Term(1)}});
  const std::uint64_t anew = node.core().progress_id(NodeId(2));
  CHECK(anew != id);
  const auto probe = node.take<AppendEntries>(2);
  REQUIRE_FALSE(probe.empty());
  node.receive(2, 1,
               AppendEntriesResponse{anew, true, probe.back().previous.index, {Index(1), Term(1)}});
  CHECK(node.take<AppendEntries>(2).back().previous.index == Index(1));
  CHECK(node.take<AppendEntries>(2).back().entries.size() == 2);
}

TEST_CASE("a follower that catches up leaves room for clients, and gets all where nobody writes") {
  DurableState durable = with_log(3, std::vector<std::uint64_t>(30'000, 1));
  for (Entry& entry : durable.entries) entry.data = base::share(base::Bytes(100, 'x'));
  Node node(1, std::move(durable));
  node.lead();
  const std::uint64_t term = node.core().term().value();
  const std::uint64_t id = node.core().progress_id(NodeId(3));
  // Asks until it has everything that is sent; bytes of entries.
  const auto take_all = [&] {
    std::size_t bytes = 0;
    for (std::vector<AppendEntries> sent; !(sent = node.take<AppendEntries>(3)).empty();) {
      node.sent.clear();
      Index last;
      for (const AppendEntries& append : sent) {
        last = append.previous.index + append.entries.size();
        for (const Entry& entry : append.entries) bytes += entry.data->size();
      }
      node.receive(3, term, AppendEntriesResponse{id, false, last, {}});
    }
    return bytes;
  };
  const auto write = [&](std::size_t bytes) {
    REQUIRE(node.core().propose({base::share(base::Bytes(bytes, 'y'))}).ok());
    node.turn();
    node.acknowledge(2, node.core().log().last_index().value());
    node.sent.clear();
    node.tick();
  };
  const CoreOptions defaults;
  write(10);
  node.receive(3, term, AppendEntriesResponse{id, true, Index(30'000), {}});
  SUBCASE("while clients write") {
    CHECK(take_all() <= defaults.catch_up_bytes_per_tick + 100);
    write(10);
    CHECK(take_all() <= defaults.catch_up_bytes_per_tick + 100);
    write(400'000);
    const std::size_t bytes = take_all();
    CHECK(bytes > 700'000);
    CHECK(bytes <= 800'100);
  }
  SUBCASE("while what they write waits for it") {
    REQUIRE(node.core().propose({base::share(base::Bytes(10, 'y'))}).ok());
    node.turn();
    node.tick();
    CHECK(take_all() > 2'900'000);
  }
  SUBCASE("while nobody does") {
    node.tick();
    CHECK(take_all() > 2'900'000);
    CHECK(node.take<AppendEntries>(3).empty());
  }
}

TEST_CASE("a follower tells an idle leader that it no longer has what it acknowledged") {
  Node node(2, with_log(3, {1}));
  node.receive(1, 1, Heartbeat{Index(3), 0, 5});
  const auto answer = node.take<AppendEntriesResponse>(1).at(0);
  CHECK(answer.rejected);
  CHECK(answer.progress_id == 5);
  CHECK(answer.index == Index(3));
  CHECK(answer.hint == LogPosition{Index(1), Term(1)});
}

TEST_CASE("a member that is added to an idle cluster hears from its leader without a new write") {
  Node node(1, with_log(1, {}));
  node.tick(25);
  REQUIRE(node.core().add_member(NodeId(2), "n2").ok());
  node.turn();
  CHECK_FALSE(node.take<AppendEntries>(2).empty());
}

TEST_CASE("no change of members before an entry of the own term is committed (thesis erratum)") {
  Node node(1, with_log(3, {1}));
  node.lead();
  const auto early = node.core().add_member(NodeId(4), "n4");
  REQUIRE_FALSE(early.ok());
  CHECK(early.error() == Refusal::not_ready);
  node.acknowledge(2, 2);
  CHECK(node.core().add_member(NodeId(4), "n4").ok());
  const auto second = node.core().add_member(NodeId(5), "n5");
  REQUIRE_FALSE(second.ok());
  CHECK(second.error() == Refusal::change_in_progress);
}

TEST_CASE("who alone knows of its own removal can still be elected to commit it (thesis §4.2.2)") {
  DurableState durable = with_log(2, {1});
  Configuration joint = without_voter(voters(2), NodeId(1));
  durable.entries.push_back(
      {Index(2), Term(1), EntryKind::configuration, base::share(encode(joint))});
  durable.entries.push_back(
      {Index(3), Term(1), EntryKind::configuration, base::share(encode(leave_joint(joint)))});
  durable.hard_state.commit = Index(2);
  Node node(1, durable);
  node.lead();
  node.acknowledge(2, 4);
  CHECK(node.core().commit() == Index(4));
  CHECK(node.removed);
}

TEST_CASE("a read waits for a commit of the own term and a round of heartbeats (thesis §6.4)") {
  Node node(1, with_log(3, {1}));
  node.lead();
  CHECK(node.core().read_index(7));
  node.turn();
  node.receive(2, 2, HeartbeatResponse{0, node.core().progress_id(NodeId(2))});
  CHECK(node.reads.empty());
  node.acknowledge(2, 2);
  CHECK(node.reads.empty());
  node.receive(2, 2, HeartbeatResponse{1, node.core().progress_id(NodeId(2))});
  REQUIRE(node.reads.size() == 1);
  CHECK(node.reads[0].ok);
  CHECK(node.reads[0].index == Index(2));
}

TEST_CASE("a leader that steps down refuses the reads it has (thesis §6.4)") {
  Node node(1, with_log(3, {}));
  node.lead();
  node.acknowledge(2, 1);
  CHECK(node.core().read_index(7));
  node.turn();
  node.receive(3, 9, Heartbeat{});
  REQUIRE(node.reads.size() == 1);
  CHECK_FALSE(node.reads[0].ok);
}

TEST_CASE("a leader that hears no quorum for an election timeout gives up (check-quorum)") {
  Node node(1, with_log(3, {}));
  node.lead();
  node.tick(20);
  CHECK(node.core().role() != Role::leader);
}

TEST_CASE("a lost message does not stop replication when the window holds one message") {
  CoreOptions options;
  options.id = NodeId(1);
  options.progress.inflight_messages_max = 1;
  RaftCore core(options, with_log(2, {}));
  const auto turn = [&] {
    std::vector<Message> sent;
    while (core.has_ready()) {
      Ready ready = core.take_ready();
      if (ready.token) core.on_persisted(*ready.token);
      for (Message& m : ready.messages) sent.push_back(std::move(m));
      for (Message& m : ready.messages_after_persist)
        if (m.to == core.id()) core.step(m);
    }
    return sent;
  };
  while (core.role() == Role::follower) core.tick();
  core.step({NodeId(2), NodeId(1), Term(1), RequestVoteResponse{true, true}});
  turn();
  core.step({NodeId(2), NodeId(1), Term(1), RequestVoteResponse{false, true}});
  turn();
  const std::uint64_t id = core.progress_id(NodeId(2));
  core.step({NodeId(2), NodeId(1), Term(1), AppendEntriesResponse{id, false, Index(1), {}}});
  turn();
  REQUIRE(core.propose({base::share("x")}).ok());
  turn();  // lost
  core.step({NodeId(2), NodeId(1), Term(1), HeartbeatResponse{0, id}});
  bool asked = false;
  for (const Message& m : turn())
    asked |= std::holds_alternative<AppendEntries>(m.body);
  CHECK(asked);
}

TEST_CASE("a node whose log lost acknowledged entries votes as if it still had them") {
  DurableState durable = with_log(3, {1});
  durable.lost = {Index(3), Term(1)};
  Node node(2, durable);
  node.receive(3, 2, RequestVote{{Index(2), Term(1)}, false, false});
  CHECK_FALSE(node.take<RequestVoteResponse>(3).at(0).granted);
  node.receive(1, 3, RequestVote{{Index(3), Term(1)}, false, false});
  CHECK(node.take<RequestVoteResponse>(1).at(0).granted);
}

TEST_CASE("a node whose log lost acknowledged entries leads only once it has as good a log") {
  DurableState durable = with_log(3, {1});
  durable.lost = {Index(3), Term(1)};
  Node node(2, durable);
  node.tick(40);
  CHECK(node.core().role() == Role::follower);
  AppendEntries request;
  request.previous = {Index(1), Term(1)};
  request.entries = {entry(2, 3)};
  node.receive(1, 3, request);
  node.tick(40);
  CHECK(node.core().role() == Role::pre_candidate);
}

TEST_CASE("a commit in a heartbeat counts only up to what an append proved to this process") {
  Node node(2, with_log(3, {1, 1, 1}, 2));  // restarted: its disk may hold anything
  node.receive(1, 2, Heartbeat{Index(3), 0, 7});
  CHECK(node.core().commit() == Index(0));
  const auto asked = node.take<AppendEntriesResponse>(1);
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].rejected);
  CHECK(asked[0].index == Index(3));
  AppendEntries proof;
  proof.previous = {Index(3), Term(1)};
  node.receive(1, 2, proof);
  node.receive(1, 2, Heartbeat{Index(3), 0, 7});
  CHECK(node.core().commit() == Index(3));
}

TEST_CASE("a read is answered when who was missing to its quorum leaves the members") {
  Node node(1, with_log(2, {}));
  node.lead();
  node.acknowledge(2, 1);
  REQUIRE(node.core().read_index(9));
  node.turn();
  CHECK(node.reads.empty());
  REQUIRE(node.core().remove_member(NodeId(2)).ok());
  node.turn();
  node.acknowledge(2, 2);  // both halves have the joint configuration
  node.turn();
  REQUIRE(node.reads.size() == 1);
  CHECK(node.reads[0].ok);
}

TEST_CASE("a leader ignores another leader of its term, and what is for another node") {
  Node node(1, with_log(3, {}));
  node.lead();
  node.sent.clear();
  const std::uint64_t term = node.core().term().value();
  node.receive(2, term, AppendEntries{{Index(1), Term(term)}, Index(1), 0, {}});
  node.receive(2, term, Heartbeat{Index(1), 0, 0});
  node.receive(2, term, InstallSnapshot{{{Index(9), Term(term)}, voters(3)}, 0});
  node.core().step({NodeId(2), NodeId(3), Term(term + 5), Heartbeat{}});
  node.turn();
  CHECK(node.sent.empty());
  CHECK(node.core().is_leader());
  CHECK(node.core().term().value() == term);
  CHECK(node.core().take_ready().empty());
}

TEST_CASE("the status of a leader says of whom it has heard") {
  Node node(1, with_log(3, {}));
  CHECK(node.core().status().progress.empty());
  CHECK(node.core().progress_id(NodeId(2)) == 0);
  CHECK_FALSE(node.core().awaits_snapshot(NodeId(2)));
  node.lead();
  node.acknowledge(2, 1);
  const CoreStatus status = node.core().status();
  REQUIRE(status.progress.size() == 2);
  CHECK(status.progress[0].ticks_since_heard == 0);
  CHECK_FALSE(status.progress[1].ticks_since_heard.has_value());
  CHECK(node.core().progress_id(NodeId(9)) == 0);
  CHECK_FALSE(node.core().awaits_snapshot(NodeId(9)));
}

TEST_CASE("a reluctant node campaigns two election timeouts later, also without its leader") {
  Node eager(2, with_log(3, {})), reluctant(2, with_log(3, {}));
  reluctant.core().set_reluctant(true);
  for (Node* node : {&eager, &reluctant}) {
    node->receive(1, 1, Heartbeat{});
    node->tick(25);  // beyond the timer that was set before
    node->receive(1, 1, Heartbeat{});
    node->core().on_peer_disconnected(NodeId());
    node->core().on_peer_disconnected(NodeId(3));
    node->core().on_peer_disconnected(NodeId(1));
    node->tick(5);
  }
  CHECK(eager.core().role() == Role::pre_candidate);
  CHECK(reluctant.core().role() == Role::follower);
  reluctant.tick(40);
  CHECK(reluctant.core().role() == Role::pre_candidate);
}

TEST_CASE("a leader of a later term is known by any of its messages") {
  for (const MessageBody& body :
       {MessageBody(AppendEntries{}), MessageBody(Heartbeat{}), MessageBody(InstallSnapshot{})}) {
    Node node(2, with_log(3, {}, 4));
    node.receive(1, 7, body);
    CHECK(node.core().leader() == NodeId(1));
    node.receive(3, 6, body);  // of an earlier one: told
    CHECK(node.take<HeartbeatResponse>(3).size() == 1);
    CHECK(node.core().leader() == NodeId(1));
  }
}

TEST_CASE("a late grant of a pre-vote counts for nothing") {
  Node node(1, with_log(3, {}));
  while (node.core().role() == Role::follower) node.tick();
  node.receive(2, 9, RequestVoteResponse{true, true});  // not the term that was asked for
  CHECK(node.core().role() == Role::pre_candidate);
  CHECK(node.core().term() == Term(0));
  node.receive(2, 3, RequestVoteResponse{false, true});  // of a later term than ours
  CHECK(node.core().role() == Role::follower);
  CHECK(node.core().term() == Term(3));
}
