// Seeds of whole nodes without a violation, and the same trace from the same seed. The canaries are
// the mutants of base/mutant.hpp, which tools/mutants runs.
#include "node_simulation.hpp"

#include <doctest/doctest.h>

using namespace simulation;

namespace {

Outcome run(std::uint64_t seed, Time duration) {
  SimulationOptions options;
  options.seed = seed;
  options.duration = duration;
  return simulate_nodes(options);
}

}  // namespace

TEST_CASE("twenty clusters of whole nodes keep every invariant and live after the faults") {
  Statistics sum;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("replay: build/tools/simulate --level node --seed " << seed << " --trace");
    const Outcome outcome = run(seed, 120 * second);
    if (outcome.failure)
      FAIL_CHECK(outcome.failure->invariant << ": " << outcome.failure->text << "\n"
                                            << outcome.failure->trace_tail);
    sum.elections += outcome.statistics.elections;
    sum.crashes += outcome.statistics.crashes;
    sum.membership_changes += outcome.statistics.membership_changes;
    sum.snapshots += outcome.statistics.snapshots;
    sum.backups += outcome.statistics.backups;
    sum.reads += outcome.statistics.reads;
    sum.writes += outcome.statistics.writes;
  }
  // What the run is worth: enough must have happened in it.
  CHECK(sum.elections >= 100);
  CHECK(sum.crashes >= 150);
  CHECK(sum.membership_changes >= 50);
  CHECK(sum.snapshots >= 5);
  CHECK(sum.backups >= 20);
  CHECK(sum.reads >= 1000);
  CHECK(sum.writes >= 2000);
}

TEST_CASE("the same seed of whole nodes gives the same trace, another seed another one") {
  const Outcome first = run(7, 60 * second);
  const Outcome again = run(7, 60 * second);
  CHECK(first.trace_hash == again.trace_hash);
  CHECK(first.events == again.events);
  CHECK(first.trace_hash != run(8, 60 * second).trace_hash);
}

TEST_CASE("a fault of whole nodes that is left out does not change the plan of the others") {
  const auto plan = plan_node_faults(3, 100 * second);
  const auto longer = plan_node_faults(3, 200 * second);
  REQUIRE(plan.size() > 5);
  REQUIRE(longer.size() > plan.size());
  for (std::size_t i = 0; i < plan.size(); ++i) CHECK(plan[i].salt == longer[i].salt);
}
