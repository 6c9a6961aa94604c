// All mutants by name, those of the host (host.hpp) and those of the core (raft/core/mutant.hpp),
// for the tools that are built with RAFT_MUTANTS.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "raft/core/mutant.hpp"
#include "simulation.hpp"

namespace simulation {

inline std::vector<std::string> every_mutant() {
  std::vector<std::string> names(raft::mutant_names.begin(), raft::mutant_names.end());
  for (const Mutant mutant : all_mutants()) names.emplace_back(name_of(mutant));
  return names;
}

// Makes the run one of that mutant. The core's is of the whole process. False: no such mutant.
inline bool put_in(std::string_view name, SimulationOptions& options) {
  raft::active_mutant = raft::Mutant::none;
  options.mutant = Mutant::none;
  if (const auto host = mutant_named(name)) {
    options.mutant = *host;
    return true;
  }
  const auto found = std::find(raft::mutant_names.begin(), raft::mutant_names.end(), name);
  if (found == raft::mutant_names.end()) return false;
  raft::active_mutant = static_cast<raft::Mutant>(1 + (found - raft::mutant_names.begin()));
  return true;
}

}  // namespace simulation
