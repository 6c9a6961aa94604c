// A cluster of drivers in memory for unit tests: messages are delivered in order, a disk that is
// instant (or held back), and a state that is the list of what was applied.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "raft/node/driver.hpp"

namespace raft::test {

inline Configuration voters(std::initializer_list<std::uint64_t> ids) {
  Configuration configuration;
  for (const auto id : ids) {
    Member member;
    member.address = "node" + std::to_string(id) + ":5000";
    member.voter = true;
    configuration.members[NodeId(id)] = member;
  }
  return configuration;
}

struct TestNode {
  std::unique_ptr<Driver> driver;
  bool disk_held = false;   // on_persisted() is not called until released
  bool writing = false;
  bool down = false;
  std::int64_t wall_offset_ms = 0;
  std::optional<std::int64_t> saved_clock_offset_ms;
  std::vector<std::string> state;  // the commands applied
  LogPosition position;
  Configuration configuration;
  std::vector<AppliedEntry> applied;
  std::vector<ReadReply> reads;
  std::vector<FailedProposal> failed;
  std::vector<MemberChangeReply> changes;
  bool removed = false;
  std::optional<Index> diverged;
  bool corrupt = false;  // its digests differ from those of the others
  std::string received;  // bytes of a snapshot under way
  std::string made;      // bytes of the snapshot being sent
};

class TestCluster {
 public:
  explicit TestCluster(std::initializer_list<std::uint64_t> ids) {
    for (const auto id : ids) add(id, voters(ids));
  }

  TestNode& add(std::uint64_t id, Configuration configuration) {
    DriverOptions options;
    options.core.id = NodeId(id);
    options.core.seed = id;
    options.origin = 1000 + id;
    options.log_entries_kept = log_entries_kept;
    options.log_bytes_max = log_bytes_max;
    options.digest_interval_entries = 4;
    DurableState durable;
    durable.applied.configuration = configuration;
    TestNode& node = nodes[id];
    node.configuration = std::move(configuration);
    node.driver = std::make_unique<Driver>(options, std::move(durable));
    return node;
  }

  // Performs everything there is to do, without letting time pass.
  void run() {
    for (bool busy = true; busy;) {
      busy = false;
      for (auto& [id, node] : nodes)
        if (!node.down) busy = perform(node, node.driver->take_output(clocks(id))) || busy;
      while (!network.empty()) {
        Message message = std::move(network.front());
        network.pop_front();
        const auto to = nodes.find(message.to.value());
        if (to == nodes.end() || to->second.down) continue;
        if (cut.contains({message.from.value(), message.to.value()})) continue;
        if (hold_snapshots && std::holds_alternative<SnapshotChunk>(message.body)) continue;
        to->second.driver->receive(std::move(message));
        busy = true;
      }
    }
  }
  void tick(int count = 1) {
    for (int i = 0; i < count; ++i) {
      now_ms += 50;
      for (auto& [id, node] : nodes)
        if (!node.down) node.driver->tick(clocks(id));
      run();
    }
  }
  // Makes `id` the leader.
  void elect(std::uint64_t id) {
    run();
    for (int round = 0; round < 1000; ++round) {
      for (auto& [other, node] : nodes)
        if (!node.down && node.driver->core().is_leader() &&
            node.driver->core().log().last_index() == node.driver->core().commit()) {
          if (other == id) {
            run();
            for (auto& [asked, its] : nodes) its.changes.clear();
            return;
          }
          node.driver->change_members(0, {MemberAction::lead, NodeId(id), ""});
          run();
        }
      tick();
    }
  }
  ClockReading clocks(std::uint64_t id) { return {now_ms + nodes.at(id).wall_offset_ms, now_ms}; }
  void isolate(std::uint64_t id) {
    for (auto& [other, node] : nodes) cut.insert({id, other}), cut.insert({other, id});
  }
  void release_disk(std::uint64_t id) {
    TestNode& node = nodes.at(id);
    node.disk_held = false;
    if (std::exchange(node.writing, false)) node.driver->on_persisted();
    run();
  }
  ProposalId propose(std::uint64_t id, const std::string& command) {
    const ProposalId proposal{1000 + id, next_sequence++};
    nodes.at(id).driver->propose(proposal, base::share(command));
    return proposal;
  }

  // Proposes one after the other at `id`; time passes after every `per_tick`, or not at all.
  void write(std::uint64_t id, int count, int per_tick = 0) {
    for (int i = 1; i <= count; ++i) {
      propose(id, "x");
      run();
      if (per_tick > 0 && i % per_tick == 0) tick();
    }
  }

  std::uint64_t log_entries_kept = 10000;
  std::uint64_t log_bytes_max = 1 << 30;
  bool hold_snapshots = false;  // their chunks are lost
  std::map<std::uint64_t, TestNode> nodes;
  std::set<std::pair<std::uint64_t, std::uint64_t>> cut;  // from, to
  std::deque<Message> network;
  std::int64_t now_ms = 1'700'000'000'000;
  std::uint64_t next_sequence = 1;

 private:
  bool perform(TestNode& node, Output output) {
    const bool busy = !output.empty();
    for (Message& message : output.messages) {
      if (cut.contains({message.from.value(), message.to.value()}))
        node.driver->on_not_sent(message);
      else
        network.push_back(std::move(message));
    }
    if (output.persist) {
      if (const auto offset = output.persist->clock_offset_ms) node.saved_clock_offset_ms = offset;
      node.writing = true;
      if (!node.disk_held) {
        node.writing = false;
        node.driver->on_persisted();
      }
    }
    for (AppliedEntry& entry : output.applied) {
      node.position = entry.position;
      if (entry.kind == EntryKind::command) node.state.emplace_back(entry.content);
      if (entry.kind == EntryKind::configuration)
        node.configuration = *decode_configuration(entry.content);
      if (node.driver->wants_digest(entry.position.index))
        node.driver->on_digest(entry.position.index,
                               entry.position.index.value() * 31 + (node.corrupt ? 1 : 0));
      node.applied.push_back(std::move(entry));
    }
    node.driver->on_state_durable(node.position.index);
    node.reads.insert(node.reads.end(), output.reads.begin(), output.reads.end());
    node.failed.insert(node.failed.end(), output.failed_proposals.begin(),
                       output.failed_proposals.end());
    node.changes.insert(node.changes.end(), output.member_changes.begin(),
                        output.member_changes.end());
    for (SnapshotWork& work : output.snapshot_work) perform(node, work);
    if (output.install) install(node, *output.install);
    node.removed = node.removed || output.removed;
    if (output.diverged) node.diverged = output.diverged;
    return busy;
  }

  void perform(TestNode& node, SnapshotWork& work) {
    if (std::holds_alternative<MakeSnapshot>(work)) {
      base::ByteWriter writer(node.made = {});
      for (const std::string& command : node.state) writer.string(command);
      node.made += std::string(3 * snapshot_chunk_bytes / 2, '\0');  // more than one chunk
      node.driver->on_snapshot_made(SnapshotMeta{node.position, node.configuration},
                                    node.made.size());
    } else if (const auto* read = std::get_if<ReadSnapshot>(&work)) {
      node.driver->on_snapshot_read(read->offset,
                                    base::share(node.made.substr(read->offset, read->size)));
    } else if (std::holds_alternative<BeginReceive>(work)) {
      node.received.clear();
      node.driver->on_snapshot_begun(true);
    } else if (const auto* write = std::get_if<WriteChunk>(&work)) {
      node.received.resize(write->offset);
      node.received += *write->data;
      node.driver->on_snapshot_written(true);
    }
  }

  void install(TestNode& node, const SnapshotMeta& meta) {
    node.state.clear();
    base::ByteReader reader(node.received);
    while (reader.ok()) {
      const auto command = reader.string();
      if (command.empty()) break;
      node.state.emplace_back(command);
    }
    node.position = meta.last;
    node.configuration = meta.configuration;
    node.driver->on_snapshot_installed();
  }
};

}  // namespace raft::test
