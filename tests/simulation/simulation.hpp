// One simulated run: a cluster under the faults of a seed, its clients, every invariant after every
// step, and, once the faults are over, the check that it lives. Everything follows from the seed.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "faults.hpp"
#include "workload.hpp"

namespace simulation {

struct SimulationOptions {
  std::uint64_t seed = 0;
  Time duration = 600 * second;  // the last tenth without faults
  Mutant mutant = Mutant::none;
  std::FILE* trace_out = nullptr;
  std::vector<bool> skipped_faults;  // by number in the plan
};

struct Failure {
  std::string invariant;
  std::string text;
  std::string trace_tail;
  Time at = 0;
};

struct Outcome {
  Statistics statistics;
  Time simulated = 0;
  std::uint64_t trace_hash = 0;
  std::uint64_t events = 0;
  std::optional<Failure> failure;
};

class Simulation {
 public:
  explicit Simulation(const SimulationOptions& options);
  Outcome run();

 private:
  enum class Stage : std::uint8_t {
    faults,
    electing_without,  // a minority of the voters, which is down
    electing,
    converging,
    serving,
    settling,
    done
  };

  void loop();
  void dispatch(const Event& event);
  bool deferred(const Event& event);
  void deliver(const Event& event);
  void split_terms();
  void end_faults();
  void begin_quiet();
  void stop_minority();
  bool quorum_without(const std::vector<raft::NodeId>& absent);
  bool term_committed();
  void start_members();
  void check_liveness();
  void enter(Stage stage, Time allowed);

  const SimulationOptions options_;
  World world_;
  Workload workload_;
  Cluster cluster_;
  FaultInjector faults_;
  Stage stage_ = Stage::faults;
  Time stage_deadline_ = 0;
  Time change_deadline_ = 0;  // until then the end of the faults waits for a change of members
  raft::NodeId dying_leader_;
  std::vector<raft::NodeId> absent_;  // until a leader is there without them
  std::uint64_t events_ = 0;
};

Outcome simulate(const SimulationOptions& options);

// Leaves out as many of `count` faults as it can while `still_fails`, which is asked at most
// `runs_max` times. Returns the numbers of the faults that remain.
std::vector<std::size_t> minimise(
    std::size_t count, std::size_t runs_max,
    const std::function<bool(const std::vector<bool>& skipped)>& still_fails);
// The same for the faults of a seed: the same invariant must break.
std::vector<std::size_t> minimise_faults(const SimulationOptions& options,
                                         const std::string& invariant, std::size_t runs_max);
// Each as "#number time kind duration".
std::string describe_faults(std::uint64_t seed, Time duration,
                            const std::vector<std::size_t>& numbers);

}  // namespace simulation
