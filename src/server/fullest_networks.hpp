// Which networks are the fullest, found a few at a time: what /metrics shows of single networks has
// to be bounded, and a look at a million of them at once would hold the io thread up. Pure.
#pragma once

#include <queue>
#include <vector>

#include "ipam/state_machine.hpp"

namespace server {

// Series of one metric; Prometheus keeps each of them apart.
inline constexpr std::size_t fullest_networks_max = 200;
// A fraction of a microsecond each: 20,000 are some milliseconds.
inline constexpr std::size_t networks_per_look_max = 20'000;

class FullestNetworks {
 public:
  explicit FullestNetworks(std::size_t count_max = fullest_networks_max,
                           std::size_t per_look_max = networks_per_look_max)
      : count_max_(count_max), per_look_max_(per_look_max) {}

  // Looks at some more networks, all of them where there are per_look_max at most, and says which
  // were the fullest of the last round that is finished: first those that have reached their
  // threshold, then by the part of their usable addresses that is allocated.
  const std::vector<ipam::NetworkId>& look(const ipam::StateMachine& plan);

 private:
  struct Candidate {
    bool threshold_reached = false;
    double allocated_part = 0;
    ipam::NetworkId id;

    // The emptiest is on top of the heap, of equal ones the youngest.
    bool operator<(const Candidate& other) const {
      return std::tie(other.threshold_reached, other.allocated_part, id) <
             std::tie(threshold_reached, allocated_part, other.id);
    }
  };
  void finish_round();

  const std::size_t count_max_;
  const std::size_t per_look_max_;
  ipam::NetworkId next_;
  std::priority_queue<Candidate> round_;
  std::vector<ipam::NetworkId> fullest_;
};

// 0 to 1.
double allocated_part(const ipam::NetworkStats& stats);

}  // namespace server
