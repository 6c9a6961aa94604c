// Single nodes, message by message: what golden scripts and the simulation do not say as plainly.
#include <doctest/doctest.h>

#include <vector>

#include "raft/core/node.hpp"

using namespace raft;

namespace {

Configuration voters(std::uint64_t count) {
  Configuration configuration;
  for (std::uint64_t id = 1; id <= count; ++id)
    configuration.members[NodeId(id)] = {"n" + std::to_string(id), true, false, false};
  return configuration;
}

// A core, what it has sent, and a disk that is as quick as the test wants.
class Node {
 public:
  Node(std::uint64_t id, DurableState durable, const ProcessInfo& process = {}) {
    CoreOptions options;
    options.process = process;
    options.id = NodeId(id);
    options.seed = 1;
    core_.emplace(options, std::move(durable));
  }

  RaftCore& core() { return *core_; }
  void receive(std::uint64_t from, std::uint64_t term, MessageBody body) {
    core().step({NodeId(from), core().id(), Term(term), std::move(body), sender});
    turn();
  }
  // Takes what the core wants; with a quick disk, what waits for it leaves at once.
  void turn() {
    while (core().has_ready()) {
      pending_.push_back(core().take_ready());
      for (Message& m : pending_.back().messages) sent.push_back(std::move(m));
      for (const Entry& e : pending_.back().committed) applied.push_back(e);
      for (const ReadState& r : pending_.back().reads) reads.push_back(r);
      removed |= pending_.back().removed;
      if (quick_disk) persist();
    }
  }
  void persist() {
    auto writes = std::exchange(pending_, {});
    for (Ready& ready : writes) {
      if (ready.token) core().on_persisted(*ready.token);
      for (Message& m : ready.messages_after_persist) {
        if (m.to == core().id())
          core().step(m);
        else
          sent.push_back(std::move(m));
      }
    }
    if (core().has_ready()) turn();
  }
  void tick(int count = 1) {
    for (int i = 0; i < count; ++i) core().tick(), turn();
  }
  template <class Body>
  std::vector<Body> take(std::uint64_t to) {
    std::vector<Body> out;
    for (const Message& m : sent)
      if (const auto* body = std::get_if<Body>(&m.body); body && m.to == NodeId(to))
        out.push_back(*body);
    return out;
  }
  // Wins the next election with the vote of node 2.
  void lead() {
    while (core().role() == Role::follower) tick();
    receive(2, core().term().value() + 1, RequestVoteResponse{true, true});
    receive(2, core().term().value(), RequestVoteResponse{false, true});
    REQUIRE(core().is_leader());
  }
  void acknowledge(std::uint64_t from, std::uint64_t index) {
    receive(from, core().term().value(),
            AppendEntriesResponse{core().progress_id(NodeId(from)), false, Index(index), {}});
  }

  ProcessInfo sender;  // of the messages that are received
  bool quick_disk = true;
  bool removed = false;
  std::vector<Message> sent;
  std::vector<Entry> applied;
  std::vector<ReadState> reads;

 private:
  std::optional<RaftCore> core_;
  std::vector<Ready> pending_;
};

DurableState with_log(std::uint64_t members, std::vector<std::uint64_t> terms,
                      std::uint64_t term = 0) {
  DurableState durable;
  durable.applied.configuration = voters(members);
  for (const auto one : terms)
    durable.entries.push_back({Index(durable.entries.size() + 1), Term(one), EntryKind::command,
                               base::share("x")});
  durable.hard_state.term = Term(std::max(term, terms.empty() ? 0 : terms.back()));
  return durable;
}

Entry entry(std::uint64_t index, std::uint64_t term) {
  return {Index(index), Term(term), EntryKind::command, base::share("y")};
}

}  // namespace

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
