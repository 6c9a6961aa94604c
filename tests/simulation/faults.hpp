// What goes wrong in one simulation. The plan is drawn from the seed before the start, and each
// fault chooses its victims by its own number: leaving faults out does not change the others, so a
// failing plan can be minimised.
#pragma once

#include <string>
#include <vector>

#include "cluster.hpp"

namespace simulation {

enum class FaultKind : std::uint8_t {
  crash,
  crash_many,
  pause,
  isolate,
  split,
  one_way,
  bridge,       // two halves that only one node reaches
  leader_spoke,  // the leader reaches one node only, which reaches all
  slow_disk,
  bad_network,
  clock,
  add_member,
  remove_member,
  transfer,
  disconnect,
  lose_tail,  // a crash after which acknowledged entries are gone, and the node knows it
  wipe,       // a crash after which the node is set up anew under its old id
};
inline constexpr std::size_t fault_kinds = 17;
const char* name_of(FaultKind kind);

struct Fault {
  Time at = 0;
  FaultKind kind{};
  Time duration = 0;
  std::uint64_t salt = 0;
};

std::vector<Fault> plan_faults(std::uint64_t seed, Time until);

class FaultInjector {
 public:
  FaultInjector(World& world, Cluster& cluster, std::vector<Fault> plan);

  // Those named in `skipped` do not happen.
  void start(const std::vector<bool>& skipped);
  void begin(std::size_t number);
  void end(std::size_t number);
  void add_member();
  // Everything is well from now on; all nodes that were not removed run.
  // The time from which that is true: pauses take their time.
  Time end_all();
  const std::vector<Fault>& plan() const { return plan_; }

 private:
  raft::NodeId victim(base::Random& random);
  void crash(raft::NodeId id, Time down);
  void cut_both(raft::NodeId a, raft::NodeId b);
  void partition(FaultKind kind, base::Random& random);
  void change_members(FaultKind kind, base::Random& random);
  bool may_lose_tail(raft::NodeId id);
  bool may_wipe(raft::NodeId id);
  bool any_wiped();
  bool is_stranger(const raft::Configuration& configuration, raft::NodeId id);
  void rejoin_or_add(base::Random& random, Host& leader);

  World& world_;
  Cluster& cluster_;
  std::vector<Fault> plan_;
  LinkQuality usual_quality_;
  std::size_t founders_;
  raft::NodeId tail_loser_;  // at most one node loses acknowledged entries
  bool over_ = false;
};

}  // namespace simulation
