// All mutants by name, for the tools that are built with RAFT_MUTANTS: those of the host (host.hpp)
// and of the core (raft/core/mutant.hpp), and those of whole nodes (base/mutant.hpp).
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutant.hpp"
#include "raft/core/mutant.hpp"
#include "simulation.hpp"

namespace simulation {

inline std::vector<std::string> every_mutant() {
  std::vector<std::string> names(raft::mutant_names.begin(), raft::mutant_names.end());
  for (const Mutant mutant : all_mutants()) names.emplace_back(name_of(mutant));
  return names;
}

// Those that only whole nodes show.
inline std::vector<std::string> every_node_mutant() {
  return {base::node_mutant_names.begin(), base::node_mutant_names.end()};
}

inline bool is_node_mutant(std::string_view name) {
  return std::ranges::count(base::node_mutant_names, name) > 0;
}

// Makes the run one of that mutant. The core's is of the whole process. False: no such mutant.
inline bool put_in(std::string_view name, SimulationOptions& options) {
  raft::active_mutant = raft::Mutant::none;
  options.mutant = Mutant::none;
  base::active_node_mutant = base::NodeMutant::none;
  const auto at = std::ranges::find(base::node_mutant_names, name);
  if (at != base::node_mutant_names.end()) {
    base::active_node_mutant =
        static_cast<base::NodeMutant>(1 + (at - base::node_mutant_names.begin()));
    return true;
  }
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
