// What the measurements share: a cluster with a network in it, a round of a load.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "bench/clusters.hpp"
#include "bench/cpu_times.hpp"
#include "bench/http_load.hpp"
#include "bench/measurements.hpp"
#include "bench/report.hpp"
#include "bench/workloads.hpp"

namespace bench {

constexpr std::size_t operations_per_transaction = 1000;
// Allocations are made in this one: 16 million addresses.
constexpr const char* network_cidr = "10.0.0.0/8";

// A cluster of ipam in a folder of its own, with an empty network.
struct Bed {
  explicit Bed(const Settings& settings, std::size_t nodes,
               const std::vector<std::string>& more_options = {});
  explicit Bed(const Settings& settings) : Bed(settings, settings.nodes) {}

  Folder folder;
  IpamCluster ipam;
  std::string network;  // its id
};

LoadOptions load_of(const Settings& settings, std::uint16_t port, std::size_t clients);
// One round, with what it took of the processors.
LoadResult run_round(Rounds& rounds, const LoadOptions& load, Workload& workload, CpuMeter meter);
// Exactly so many requests, however long they take. Throws where one failed for good.
LoadResult run_number(std::uint64_t count, std::uint16_t port, std::size_t clients,
                      Workload& workload);
// Allocations in transactions of 1,000, at the leader. REQUIRES: `count` is a multiple of it.
void fill(Bed& bed, std::uint64_t count);
std::string connections(std::size_t clients);  // "1 connection"

double mebibytes(std::uint64_t bytes);
double seconds_since(std::chrono::steady_clock::time_point moment);

}  // namespace bench
