// A directed scenario: one known bug of a real Raft as a text file of steps, run on the hosts, the
// disks and the network of the simulation, under the same invariants. The language is described in
// scenarios/README.md. Nothing happens by chance: a message, a tick and a write wait until a step
// names them.
#pragma once

#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "host.hpp"

namespace simulation {

struct Scenario {
  struct Step {
    std::size_t line = 0;
    std::string text;
    std::vector<std::string> words;
  };
  // The mutant, put into the code, must break this invariant; `expectation` where the file says
  // that an `expect` notices it.
  struct Kill {
    std::string mutant;
    std::string invariant;
  };

  std::string file;
  unsigned bug = 0;  // its number in the list of known bugs
  std::vector<Kill> kills;
  std::vector<Step> steps;
};
inline constexpr std::string_view expectation = "expectation";

// What is wrong with the file itself; the text begins with file:line.
struct ScenarioError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Throws ScenarioError. `file` is for messages.
Scenario parse_scenario(const std::string& file, const std::string& text);

struct ScenarioResult {
  std::string broke;  // the invariant, or `expectation`; empty: passed
  std::string text;   // begins with file:line where something broke
  std::uint64_t trace_hash = 0;
};

// Prints each step and what it causes to `out`, unless that is null. Throws ScenarioError.
ScenarioResult run_scenario(const Scenario& scenario, Mutant mutant, std::FILE* out);

}  // namespace simulation
