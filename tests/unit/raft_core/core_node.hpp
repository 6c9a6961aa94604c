// One RaftCore as a test sees it: what it has sent, and a disk that is as quick as the test wants.
#pragma once

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "raft/core/node.hpp"

namespace raft::test {


inline Configuration voters(std::uint64_t count) {
  Configuration configuration;
  for (std::uint64_t id = 1; id <= count; ++id)
    configuration.members[NodeId(id)] = {"n" + std::to_string(id), true, false, false};
  return configuration;
}

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

inline DurableState with_log(std::uint64_t members, std::vector<std::uint64_t> terms,
                      std::uint64_t term = 0) {
  DurableState durable;
  durable.applied.configuration = voters(members);
  for (const auto one : terms)
    durable.entries.push_back({Index(durable.entries.size() + 1), Term(one), EntryKind::command,
                               base::share("x")});
  durable.hard_state.term = Term(std::max(term, terms.empty() ? 0 : terms.back()));
  return durable;
}

inline Entry entry(std::uint64_t index, std::uint64_t term) {
  return {Index(index), Term(term), EntryKind::command, base::share("y")};
}

}  // namespace raft::test
