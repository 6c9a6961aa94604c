// Every scenario passes as the code is, and breaks what it says with each of its mutants.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "mutants.hpp"
#include "scenario.hpp"

using namespace simulation;

namespace {

constexpr unsigned bugs = 32;

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path);
  REQUIRE(in);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<Scenario> all_scenarios() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(SCENARIOS))
    if (entry.path().extension() == ".txt") paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<Scenario> scenarios;
  for (const auto& path : paths)
    scenarios.push_back(
        parse_scenario("tests/simulation/scenarios/" + path.filename().string(), read(path)));
  return scenarios;
}

// The mutant is of the whole process: it is taken out again here.
ScenarioResult run_with(const Scenario& scenario, const std::string& mutant) {
  SimulationOptions options;
  if (!mutant.empty()) REQUIRE(put_in(mutant, options));
  const ScenarioResult result = run_scenario(scenario, options.mutant, nullptr);
  raft::active_mutant = raft::Mutant::none;
  return result;
}

// In the README's table, the row "| N | ..." under "Needs level node".
bool needs_level_node(unsigned bug) {
  const std::string readme = read(std::filesystem::path(SCENARIOS) / "README.md");
  const std::size_t table = readme.find("## Needs level node");
  REQUIRE(table != std::string::npos);
  return readme.find("\n| " + std::to_string(bug) + " |", table) != std::string::npos;
}

// Runs as the text of a file that has a right header.
ScenarioResult run_steps(const std::string& steps) {
  return run_scenario(parse_scenario("x.txt", "bug 1\n" + steps), Mutant::none, nullptr);
}

}  // namespace

TEST_CASE("every scenario passes") {
  for (const Scenario& scenario : all_scenarios()) {
    INFO("replay: build/tools/simulate --scenario " << scenario.file);
    const ScenarioResult result = run_with(scenario, "");
    CHECK_MESSAGE(result.broke == "", result.broke << ": " << result.text);
  }
}

TEST_CASE("every scenario is broken by its mutants, in the way that it says") {
  for (const Scenario& scenario : all_scenarios()) {
    CHECK_MESSAGE(!scenario.kills.empty(), scenario.file << " names no mutant");
    for (const Scenario::Kill& kill : scenario.kills) {
      INFO("replay: build/tools/simulate --scenario " << scenario.file << " --mutant "
                                                      << kill.mutant);
      const ScenarioResult result = run_with(scenario, kill.mutant);
      CHECK_MESSAGE(result.broke == kill.invariant, result.text);
    }
  }
}

TEST_CASE("every known bug has a scenario, or its reason why it needs the whole node") {
  std::set<unsigned> covered;
  for (const Scenario& scenario : all_scenarios()) {
    covered.insert(scenario.bug);
    const std::string name = std::filesystem::path(scenario.file).filename().string();
    CHECK_MESSAGE(static_cast<unsigned>(std::stoul(name)) == scenario.bug, name);
  }
  for (unsigned bug = 1; bug <= bugs; ++bug)
    CHECK_MESSAGE(covered.contains(bug) != needs_level_node(bug), "bug " << bug);
}

TEST_CASE("every mutant has a scenario, apart from those of no bug of the list") {
  const std::set<std::string> others = {
      "votes_for_shorter_log", "votes_twice",        "joint_needs_one_half",
      "learner_counts_for_commit", "forget_vote",    "ack_before_durable",
      "lose_tail_on_crash",    "apply_out_of_order", "persisted_too_early",
      "read_before_applied",   "answer_before_commit", "snapshot_has_latest_configuration"};
  std::set<std::string> covered = others;
  for (const Scenario& scenario : all_scenarios())
    for (const Scenario::Kill& kill : scenario.kills) covered.insert(kill.mutant);
  for (const std::string& mutant : every_mutant()) CHECK_MESSAGE(covered.contains(mutant), mutant);
}

TEST_CASE("a scenario gives the same trace every time") {
  for (const Scenario& scenario : all_scenarios())
    CHECK(run_with(scenario, "").trace_hash == run_with(scenario, "").trace_hash);
}

TEST_CASE("an error in a file names its line and what was expected") {
  const auto error_of = [](const std::string& steps) {
    try {
      run_steps(steps);
    } catch (const ScenarioError& error) {
      return std::string(error.what());
    }
    return std::string("none");
  };
  CHECK(error_of("nodes 3\njump 1") == "x.txt:3: jump 1: expected a step, found jump");
  CHECK(error_of("nodes 3\ntick one") == "x.txt:3: tick one: expected a node, found one");
  CHECK(error_of("nodes 3\nrun 5") ==
        "x.txt:3: run 5: expected 'ticks', found the end of the line");
  CHECK(error_of("nodes 3\nheal now") ==
        "x.txt:3: heal now: expected the end of the line, found now");
  CHECK(error_of("nodes 3\ntick 7") == "x.txt:3: tick 7: there is no node 7");
  CHECK(error_of("tick 1") == "x.txt:2: tick 1: 'option' lines and 'nodes' come first, once");
  CHECK_THROWS_WITH_AS(parse_scenario("y.txt", "nodes 3"), "y.txt:1: expected a line 'bug N'",
                       ScenarioError);
}

TEST_CASE("an expectation that fails names its line and what was found") {
  const ScenarioResult result = run_steps("nodes 3\nelect 1\nexpect term 1 = 2");
  CHECK(result.broke == expectation);
  CHECK(result.text.starts_with("x.txt:4: expect term 1 = 2: it is 1"));
  CHECK(run_steps("nodes 3\nelect 1\nexpect leader 2").broke == expectation);
  CHECK(run_steps("nodes 3\ndeliver 1->2").broke == expectation);
  CHECK(run_steps("nodes 3\nelect 1\npropose 2 a").broke == expectation);
  CHECK(run_steps("nodes 3\nelect 1\npropose 1 a\nexpect write a ok").broke == expectation);
  CHECK(run_steps("nodes 3\nisolate 1\nisolate 2\nisolate 3\nexpect serves").broke == "liveness");
}
