// What all parts of one simulation share: the time, what will happen, chance, and who watches.
#pragma once

#include "base/random.hpp"
#include "events.hpp"
#include "invariants.hpp"
#include "network.hpp"

namespace simulation {

struct Statistics {
  std::uint64_t elections = 0;
  std::uint64_t crashes = 0;
  std::uint64_t membership_changes = 0;
  std::uint64_t snapshots = 0;
  std::uint64_t backups = 0;
  std::uint64_t reads = 0;
  std::uint64_t writes = 0;
};

struct World {
  explicit World(std::uint64_t seed) : random(seed) {}

  Time now = 0;
  base::Random random;
  EventQueue events;
  Trace trace;
  Network network{events, random, trace};
  Invariants invariants;
  Statistics statistics;
};

}  // namespace simulation
