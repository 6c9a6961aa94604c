// A load below the highest, for long: latencies, memory and files by the minute.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>
#include <thread>

#include "bench/fixture.hpp"
#include "bench/machine.hpp"

namespace bench {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t load_clients = 64;
constexpr double part_of_highest = 0.7;
constexpr milliseconds minute{60'000};
// Of each minute: for the highest rate, and for what that left behind.
constexpr milliseconds warm_up{500};
constexpr milliseconds closed_loop{5000};
constexpr milliseconds settling{1500};

// Of the nodes at the end of a minute: the largest of each.
struct Sample {
  double resident_mib = 0;
  double state_mib = 0;      // state.db and its log
  double compacted_index = 0;
  double stolen_seconds = 0;  // by then
};

Sample sample_of(Bed& bed) {
  Sample out;
  out.stolen_seconds = stolen_seconds();
  for (std::size_t i = 0; i < bed.ipam.size(); ++i) {
    out.resident_mib = std::max(out.resident_mib, mebibytes(bed.ipam.node(i).resident_bytes()));
    std::uint64_t bytes = 0;
    for (const char* name : {"/state.db", "/state.db-wal"}) {
      std::error_code ec;
      const std::uint64_t size = std::filesystem::file_size(bed.ipam.data_of(i) + name, ec);
      if (!ec) bytes += size;
    }
    out.state_mib = std::max(out.state_mib, mebibytes(bytes));
    out.compacted_index = std::max(
        out.compacted_index, static_cast<double>(bed.ipam.status(i, "snapshot_index")));
  }
  return out;
}

// A closed loop for a moment, which finds the highest rate of this minute, then an open loop at
// 70 % of it. Once for half an hour would not do: what the machine has changes by half within it,
// and a rate that it has no more cannot be kept up with, whoever serves it.
struct Minute {
  double highest = 0;  // requests a second
  LoadResult steady;
  std::size_t failed = 0;  // tries
  std::string first_failure;
  Sample sample;  // at its end
};

Minute pass_minute(Bed& bed, const Settings& settings, Workload& work) {
  LoadOptions load = load_of(settings, bed.ipam.port(bed.ipam.leader()), load_clients);
  load.rate = 0;
  load.warm_up = warm_up;
  load.duration = closed_loop;
  LoadResult closed = run_load(load, work);
  Minute out;
  out.highest = closed.rate();
  load.rate = out.highest * part_of_highest;
  load.warm_up = settling;
  load.duration = minute - warm_up - closed_loop - settling;
  out.steady = run_load(load, work);
  out.failed = closed.failed + out.steady.failed;
  out.first_failure =
      closed.first_failure.empty() ? out.steady.first_failure : closed.first_failure;
  out.sample = sample_of(bed);
  return out;
}

}  // namespace

void measure_steady(const Settings& settings, Report& report) {
  report.begin("steady", fmt::format("{} minutes of allocations and releases at 70 % of each "
                                     "minute's highest rate, open loop, {} connections, {} nodes",
                                     settings.minutes, load_clients, settings.nodes));
  std::vector<double> rates, latencies, highests, growths;
  for (std::size_t round = 0; round < settings.rounds; ++round) {
    Bed bed(settings);
    AllocateAndRelease work(bed.network, load_clients);
    std::vector<Minute> minutes;
    for (std::size_t i = 0; i < settings.minutes; ++i) {
      const double stolen_before = stolen_seconds();
      minutes.push_back(pass_minute(bed, settings, work));
      const Minute& now = minutes.back();
      if (now.steady.done == 0)
        throw std::runtime_error("a minute passed without an answer: " + now.first_failure);
      const Histogram& latency = now.steady.latency;
      const double stolen_percent = 100 * (now.sample.stolen_seconds - stolen_before) /
                                    (60 * std::thread::hardware_concurrency());
      report.add_row(fmt::format("round {}", round + 1),
                     {"minute", "highest per second", "due per second", "per second", "p50 ms",
                      "p99 ms", "max ms", "memory MiB", "state.db MiB", "compacted at",
                      "stolen %"},
                     {static_cast<double>(i + 1), now.highest, now.highest * part_of_highest,
                      now.steady.rate(), milliseconds_of(latency.at(0.5)),
                      milliseconds_of(latency.at(0.99)), milliseconds_of(latency.max()),
                      now.sample.resident_mib, now.sample.state_mib, now.sample.compacted_index,
                      stolen_percent});
      rates.push_back(now.steady.rate());
      if (now.failed > 0)
        fmt::print("  minute {}: {} tries failed, the first with: {}\n", i + 1, now.failed,
                   now.first_failure);
    }
    const Minute& second = minutes[std::min<std::size_t>(1, settings.minutes - 1)];
    const Minute& last = minutes.back();
    latencies.push_back(milliseconds_of(last.steady.latency.at(0.99)) /
                        milliseconds_of(second.steady.latency.at(0.99)));
    highests.push_back(last.highest / second.highest);
    growths.push_back(last.sample.resident_mib / second.sample.resident_mib);
  }
  report.add("requests answered", "ipam", "a second", rates);
  report.add("p99 of the last minute to the second", "ipam", "times", latencies);
  report.add("highest rate of the last minute to the second", "ipam", "times", highests);
  report.add("memory of the last minute to the second", "ipam", "times", growths);
}

}  // namespace bench
