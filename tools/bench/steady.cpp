// A load below the highest, for long: latencies, memory and files by the minute.
#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

#include "bench/fixture.hpp"
#include "bench/machine.hpp"

namespace bench {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t load_clients = 64;
constexpr double part_of_highest = 0.7;
constexpr milliseconds minute{60'000};

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

// Samples at the end of each minute, on a thread of its own: the load's does not wait.
class Sampler {
 public:
  explicit Sampler(Bed& bed) : bed_(bed), thread_([this] { run(); }) {}
  ~Sampler() { stop(); }
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  std::vector<Sample> stop() {
    {
      const std::lock_guard lock(mutex_);
      is_stopping_ = true;
    }
    wake_.notify_one();
    if (thread_.joinable()) thread_.join();
    return samples_;
  }

 private:
  void run() {
    auto due = std::chrono::steady_clock::now();
    std::unique_lock lock(mutex_);
    while (!is_stopping_) {
      due += minute;
      if (wake_.wait_until(lock, due - milliseconds(500), [this] { return is_stopping_; })) return;
      samples_.push_back(sample_of(bed_));
    }
  }

  Bed& bed_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool is_stopping_ = false;
  std::vector<Sample> samples_;  // the thread's until it has ended
  std::thread thread_;
};

}  // namespace

void measure_steady(const Settings& settings, Report& report) {
  report.begin("steady", fmt::format("{} minutes of allocations and releases at 70 % of the "
                                     "highest rate, open loop, {} connections, {} nodes",
                                     settings.minutes, load_clients, settings.nodes));
  std::vector<double> ratios, rates, growths;
  for (std::size_t round = 0; round < settings.rounds; ++round) {
    Bed bed(settings);
    const std::uint16_t port = bed.ipam.port(bed.ipam.leader());
    AllocateAndRelease work(bed.network, load_clients);
    Settings closed = settings;
    closed.rate = 0;
    closed.duration = std::max(settings.duration, milliseconds(5000));
    const double highest = run_load(load_of(closed, port, load_clients), work).rate();
    LoadOptions load = load_of(settings, port, load_clients);
    load.rate = highest * part_of_highest;
    load.slice = minute;
    load.duration = minute * static_cast<int>(settings.minutes);
    LoadResult result;
    std::vector<Sample> samples;
    double stolen = stolen_seconds();
    {
      Sampler sampler(bed);
      result = run_load(load, work);
      samples = sampler.stop();
    }
    const auto is_silent = [](const Histogram& slice) { return slice.count() == 0; };
    if (result.slices.size() < settings.minutes || samples.size() < settings.minutes ||
        std::any_of(result.slices.begin(), result.slices.end(), is_silent))
      throw std::runtime_error("a minute passed without an answer: " + result.first_failure);
    for (std::size_t i = 0; i < settings.minutes; ++i) {
      const Histogram& latency = result.slices[i];
      const double stolen_now = samples[i].stolen_seconds;
      const double stolen_percent = 100 * (stolen_now - std::exchange(stolen, stolen_now)) /
                                    (60 * std::thread::hardware_concurrency());
      report.add_row(fmt::format("round {}", round + 1),
                     {"minute", "per second", "p50 ms", "p99 ms", "max ms", "memory MiB",
                      "state.db MiB", "compacted at", "stolen %"},
                     {static_cast<double>(i + 1), static_cast<double>(latency.count()) / 60,
                      milliseconds_of(latency.at(0.5)), milliseconds_of(latency.at(0.99)),
                      milliseconds_of(latency.max()), samples[i].resident_mib,
                      samples[i].state_mib, samples[i].compacted_index, stolen_percent});
    }
    const std::size_t second = std::min<std::size_t>(1, settings.minutes - 1);
    const Histogram& last = result.slices.back();
    ratios.push_back(milliseconds_of(last.at(0.99)) /
                     milliseconds_of(result.slices[second].at(0.99)));
    growths.push_back(samples.back().resident_mib / samples[second].resident_mib);
    rates.push_back(load.rate);
    if (result.failed > 0)
      fmt::print("  {} tries failed, the first with: {}\n", result.failed, result.first_failure);
  }
  report.add("requests due", "ipam", "a second", rates);
  report.add("p99 of the last minute to the second", "ipam", "times", ratios);
  report.add("memory of the last minute to the second", "ipam", "times", growths);
}

}  // namespace bench
