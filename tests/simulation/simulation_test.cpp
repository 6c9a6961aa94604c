// Seeds without a violation, the same trace from the same seed, and the canary: broken hosts, which
// a named invariant must notice.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "simulation.hpp"

using namespace simulation;

namespace {

Outcome run(std::uint64_t seed, Time duration, Mutant mutant = Mutant::none) {
  SimulationOptions options;
  options.seed = seed;
  options.duration = duration;
  options.mutant = mutant;
  return simulate(options);
}

// The invariant that broke first within `seeds_max` seeds; empty where none did.
std::string killer_of(Mutant mutant, std::uint64_t seeds_max, std::uint64_t& seed) {
  for (seed = 1; seed <= seeds_max; ++seed) {
    const Outcome outcome = run(seed, 120 * second, mutant);
    if (outcome.failure) return outcome.failure->invariant;
  }
  return {};
}

}  // namespace

TEST_CASE("three hundred clusters keep every invariant under faults and live after them") {
  Statistics sum;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    INFO("replay: build/tools/simulate --seed " << seed << " --minutes 2 --trace");
    const Outcome outcome = run(seed, 120 * second);
    if (outcome.failure)
      FAIL_CHECK(outcome.failure->invariant << ": " << outcome.failure->text << "\n"
                                            << outcome.failure->trace_tail);
    sum.elections += outcome.statistics.elections;
    sum.crashes += outcome.statistics.crashes;
    sum.membership_changes += outcome.statistics.membership_changes;
    sum.snapshots += outcome.statistics.snapshots;
    sum.reads += outcome.statistics.reads;
    sum.writes += outcome.statistics.writes;
  }
  // What the run is worth: enough must have happened in it.
  CHECK(sum.elections >= 500);
  CHECK(sum.crashes >= 500);
  CHECK(sum.membership_changes >= 200);
  CHECK(sum.snapshots >= 100);
  CHECK(sum.reads >= 1000);
  CHECK(sum.writes >= 1000);
}

TEST_CASE("the same seed gives the same trace, another seed another one") {
  const Outcome first = run(7, 120 * second);
  const Outcome second_run = run(7, 120 * second);
  CHECK(first.trace_hash == second_run.trace_hash);
  CHECK(first.events == second_run.events);
  CHECK(first.trace_hash != run(8, 120 * second).trace_hash);
}

TEST_CASE("a fault that is left out does not change the plan of the others") {
  const auto plan = plan_faults(3, 100 * second);
  const auto longer = plan_faults(3, 200 * second);
  REQUIRE(plan.size() > 5);
  REQUIRE(longer.size() > plan.size());
  for (std::size_t i = 0; i < plan.size(); ++i) CHECK(plan[i].salt == longer[i].salt);
}

TEST_CASE("canary: every broken host is caught by a named invariant") {
  struct Row {
    Mutant mutant;
    std::vector<std::string> invariants;  // any of them
  };
  const std::vector<Row> rows = {
      {Mutant::forget_vote, {"vote_once", "election_safety", "durable_before_acknowledged"}},
      {Mutant::ack_before_durable, {"durable_before_acknowledged"}},
      {Mutant::lose_tail_on_crash,
       {"leader_completeness", "no_acknowledged_loss", "state_machine_safety",
        "committed_is_durable_on_quorum", "durable_log"}},
      {Mutant::apply_out_of_order, {"state_machine_safety"}},
      {Mutant::persisted_too_early,
       {"committed_is_durable_on_quorum", "durable_before_acknowledged", "durable_log",
        "applied_is_durable"}},
      {Mutant::read_before_applied, {"linearizable_reads"}},
      {Mutant::answer_before_commit, {"no_acknowledged_loss"}},
      {Mutant::wipe_disk,
       {"vote_once", "election_safety", "leader_completeness", "no_acknowledged_loss",
        "state_machine_safety", "committed_is_durable_on_quorum", "monotonic_term",
        "configuration_safety", "liveness"}},
      {Mutant::snapshot_configuration, {"configuration_safety"}},
      {Mutant::answer_by_index, {"no_acknowledged_loss"}},
      {Mutant::hard_state_before_entries, {"commit_is_covered"}},
      {Mutant::retries_failed_write,
       {"durable_before_acknowledged", "durable_log", "applied_is_durable",
        "committed_is_durable_on_quorum"}},
      {Mutant::snapshot_not_synced,
       {"leader_completeness", "no_acknowledged_loss", "state_machine_safety",
        "committed_is_durable_on_quorum", "durable_log", "liveness"}},
      {Mutant::cuts_unsaved_state, {"durable_log"}},
      {Mutant::lost_tail_unnoticed,
       {"leader_completeness", "no_acknowledged_loss", "state_machine_safety",
        "committed_is_durable_on_quorum"}},
  };
  CHECK(rows.size() == all_mutants().size());
  for (const Row& row : rows) {
    std::uint64_t seed = 0;
    const std::string killer = killer_of(row.mutant, 200, seed);
    INFO(name_of(row.mutant) << " is killed by '" << killer << "' with seed " << seed);
    MESSAGE(name_of(row.mutant) << ": " << killer << ", seed " << seed);
    CHECK(std::find(row.invariants.begin(), row.invariants.end(), killer) !=
          row.invariants.end());
  }
}
