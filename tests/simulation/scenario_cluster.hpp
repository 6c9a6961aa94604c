// The cluster of a scenario: the simulation's hosts in a world where nothing happens by itself.
// Messages stay in flight, clocks stand, and a disk that was told to wait keeps its writes, until a
// step says otherwise. What a host does at once (its own turn, a write to a disk that works,
// offering a snapshot that its core asked for) happens within the step that caused it.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "cluster.hpp"
#include "scenario_words.hpp"

namespace simulation {

// What a scenario says did not come true.
struct ExpectationFailed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct MessageFilter {
  std::optional<Link> link;
  std::string kind;  // see kind_of(); empty: any

  bool matches(const raft::Message& message) const;
};
enum class Pick : std::uint8_t { all, next, last };

// The message's name in the trace, but "PreVote" and "PreVoteResponse" for those of a pre-vote.
std::string kind_of(const raft::Message& message);

class ScenarioCluster : public OperationListener {
 public:
  // `size` voters, all started. `out` may be null.
  ScenarioCluster(const HostOptions& options, std::size_t size, std::FILE* out);

  Cluster& all() { return cluster_; }
  Host& host(raft::NodeId id);          // WordsError where there is none
  Host& running_host(raft::NodeId id);  // ExpectationFailed where it is down
  // The next new node, which knows of nothing and does not run yet.
  Host& new_host(raft::NodeId id);
  // To be called after an input that a step gave to a host itself.
  void settle();
  std::uint64_t trace_hash() const { return world_.trace.hash(); }
  std::string describe();

  // ---- time ----
  void tick(raft::NodeId id);
  // Each node that runs has a tick, then all that can be delivered is, as often as asked.
  void run(std::size_t ticks);
  // Ticks and votes, and nothing else, until `id` leads. Those who hear another leader lose their
  // connection to it first. Empty voters: all that it reaches.
  void elect(raft::NodeId id, std::vector<raft::NodeId> voters);

  // ---- messages ----
  // Those that match, until none does; or one. ExpectationFailed where none did.
  void deliver(const MessageFilter& filter, Pick pick);
  void drop(const MessageFilter& filter, Pick pick);
  void hold(const MessageFilter& filter, Pick pick, const std::string& name);
  void duplicate(const MessageFilter& filter, Pick pick, const std::string& name);
  // Delivers what was held, or one more copy of what was duplicated.
  void release(const std::string& name);
  std::size_t in_flight(const MessageFilter& filter) const;

  // ---- links and nodes ----
  void cut(raft::NodeId from, raft::NodeId to) { world_.network.cut(from, to); }
  void heal() { world_.network.heal(); }
  void pause(raft::NodeId id) { paused_.insert(id); }
  void resume(raft::NodeId id) { paused_.erase(id); }
  void crash(raft::NodeId id, std::size_t kept);

  // ---- disks ----
  void disk_waits(raft::NodeId id, bool waits);
  void persist(raft::NodeId id, std::uint64_t writes);  // ExpectationFailed where there are fewer
  void fail_write(raft::NodeId id);
  std::size_t waiting_writes(raft::NodeId id) const;

  // ---- clients ----
  enum class Outcome : std::uint8_t { pending, ok, failed };
  // False where refused. WordsError where the name is taken.
  bool propose(raft::NodeId id, const std::string& name);
  bool read(raft::NodeId id, const std::string& name);
  Outcome outcome(const std::string& name) const;
  void on_finished(std::uint64_t operation, bool ok) override;

 private:
  struct Write {
    raft::NodeId node;
    std::uint64_t generation = 0, batches = 0;
  };
  struct Operation {
    std::string name;
    Outcome outcome = Outcome::pending;
  };

  void campaign(Host& candidate, const std::vector<raft::NodeId>& voters);
  void collect();
  bool work();
  bool deliver_one(const MessageFilter& filter, Pick pick);
  void receive(InFlight in_flight);
  std::vector<std::size_t> matching(const MessageFilter& filter, Pick pick) const;
  bool finish_write(std::deque<Write>::iterator write);
  std::uint64_t new_operation(const std::string& name);

  World world_{1};
  Cluster cluster_;
  std::deque<InFlight> in_flight_;
  std::map<std::string, std::vector<InFlight>> held_;
  std::deque<Write> writes_;
  std::deque<Event> snapshot_events_;  // offers, reports, and time-outs that are not due yet
  std::set<raft::NodeId> waiting_disks_, paused_;
  std::vector<Operation> operations_;  // by id - 1
};

}  // namespace simulation
