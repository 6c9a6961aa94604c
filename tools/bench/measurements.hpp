// The measurements of docs/performance.md, one function each. They print as they go, and give all
// to the report.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace bench {

class Report;

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
  std::uint64_t records = 10'000'000;       // allocations at the most
  std::uint64_t networks = 1'000'000;       // at the most
  std::uint64_t entries = 1'000'000;        // of the log, that a follower missed
  std::size_t minutes = 30;                 // of the steady load
  std::string file;                         // to import; empty: one that is made
  std::size_t burden = 1;                   // of the guard: each request asks for so much
};

// Allocations at the leader and at a follower, alternately with etcd's puts.
void measure_writes(const Settings& settings, Report& report);
// Addresses, allocations and networks, linearizable and stale, at the leader and a follower; beside
// a bare server.
void measure_reads(const Settings& settings, Report& report);
// Transactions of 1,000 allocations.
void measure_batches(const Settings& settings, Report& report);
// Allocations with 1, 3, 5 and 7 nodes.
void measure_nodes(const Settings& settings, Report& report);
// CPU and memory of nodes that nobody asks anything.
void measure_idle(const Settings& settings, Report& report);

// How long nothing is acknowledged around the death of a leader, its SIGTERM, or a hand-over.
void measure_failover(const Settings& settings, Report& report);
// A follower that was away for `entries`: by the log, and by a snapshot.
void measure_catchup(const Settings& settings, Report& report);
// A new node gets a state of `records` allocations.
void measure_snapshot(const Settings& settings, Report& report);

// `minutes` at 70 % of the highest load: allocations and releases.
void measure_steady(const Settings& settings, Report& report);
// Memory for each of `records` allocations; how long a start with them takes.
void measure_memory(const Settings& settings, Report& report);
// One allocation after another, with ever more allocations, and with ever more networks.
void measure_growth(const Settings& settings, Report& report);
// `ipam import` of a file of prefixes.
void measure_import(const Settings& settings, Report& report);

// The guard of CI: what an allocation and a stale read cost, as multiples of what the bare server's
// answer costs in the same run. False: one of them is above its bound.
bool keeps_its_cost(const Settings& settings, Report& report);

// `bench engine`: the pure parts.
int measure_engine(std::uint64_t records, std::uint64_t probes);
// The part of it that no number of records changes: each kind of entry of the log, `count` times.
void measure_entries(std::uint64_t count);
// And what it does change, up to so many records.
void measure_engine_growth(std::uint64_t records);

}  // namespace bench
