// One simulated run of whole nodes under the faults of a seed, like simulation.hpp for the core:
// every invariant after every step, and once the faults are over, the check that the cluster
// lives.
#pragma once

#include "node_faults.hpp"
#include "node_workload.hpp"
#include "simulation.hpp"

namespace simulation {

class NodeSimulation {
 public:
  explicit NodeSimulation(const SimulationOptions& options);
  Outcome run();

 private:
  enum class Stage : std::uint8_t { faults, electing, converging, serving, settling, done };

  void loop();
  bool deferred(const Event& event);
  void dispatch(const Event& event);
  void dispatch(SimulatedNode& node, const Event& event);
  void deliver(const Event& event);
  void begin_quiet();
  void check_liveness();
  void enter(Stage stage, Time allowed);

  const SimulationOptions options_;
  NodeWorld world_;
  NodeCluster cluster_;
  NodeWorkload workload_;
  NodeFaultInjector faults_;
  Stage stage_ = Stage::faults;
  Time stage_deadline_ = 0;
  std::uint64_t events_ = 0;
};

// The last tenth of the duration is without faults. SimulationOptions::mutant is not used.
Outcome simulate_nodes(const SimulationOptions& options);
std::vector<std::size_t> minimise_node_faults(const SimulationOptions& options,
                                              const std::string& invariant, std::size_t runs_max);
std::string describe_node_faults(std::uint64_t seed, Time duration,
                                 const std::vector<std::size_t>& numbers);

}  // namespace simulation
