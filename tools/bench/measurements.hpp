// The measurements of docs/performance.md, one function each. They print as they go.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace bench {

struct Settings {
  std::string ipam;    // the binary
  std::string etcd;    // the binary; empty: no comparison
  std::string parent;  // where the folders of the clusters are made: on the disk to be measured
  std::size_t nodes = 3;
  std::vector<std::size_t> clients{1, 16, 64, 256};
  std::chrono::milliseconds duration{3000};  // of each round
  std::size_t rounds = 3;
  double rate = 0;  // requests a second of all clients together; 0: each sends when it is answered
  std::size_t tries = 20;  // of fail-over
  std::vector<std::string> server_options;  // for `ipam server`
};

// Allocations at the leader and at a follower, alternately with etcd's puts.
void measure_writes(const Settings& settings);
// Addresses, linearizable and stale, at the leader and a follower; beside a bare server.
void measure_reads(const Settings& settings);
// Transactions of 1,000 allocations.
void measure_batches(const Settings& settings);
// How long nothing is acknowledged around the death of a leader, or its SIGTERM.
void measure_failover(const Settings& settings);
// CPU and memory of nodes that nobody asks anything.
void measure_idle(const Settings& settings);

// `bench engine`: the pure parts.
int measure_engine(std::uint64_t records, std::uint64_t probes);

}  // namespace bench
