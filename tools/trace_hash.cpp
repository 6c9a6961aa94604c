// trace_hash: what each seed of the simulation comes to, of the code as it is in the binary.
//   trace_hash core|node MINUTES FIRST LAST
// tests/run_all.py compares the lines of two compilers. Not a part of tools/simulate, which has the
// code of the nodes a second time, with the mutants in it.
#include <fmt/format.h>

#include <cstdlib>
#include <string_view>

#include "node/node_simulation.hpp"
#include "simulation.hpp"

int main(int count, char** words) {
  using namespace simulation;
  const std::string_view level = count == 5 ? words[1] : "";
  if (level != "core" && level != "node") {
    fmt::print(stderr, "usage: trace_hash core|node MINUTES FIRST LAST\n");
    return 2;
  }
  const std::uint64_t last = std::strtoull(words[4], nullptr, 10);
  for (std::uint64_t seed = std::strtoull(words[3], nullptr, 10); seed <= last; ++seed) {
    SimulationOptions options;
    options.seed = seed;
    options.duration = std::strtoull(words[2], nullptr, 10) * 60 * second;
    const Outcome outcome = level == "node" ? simulate_nodes(options) : simulate(options);
    fmt::print("seed={} events={} trace_hash={:016x}\n", seed, outcome.events, outcome.trace_hash);
    if (!outcome.failure) continue;
    fmt::print("VIOLATION of {}: {}\n", outcome.failure->invariant, outcome.failure->text);
    return 1;
  }
  return 0;
}
