// A node that has to catch up: one that was away, and a new one.
#include <fmt/format.h>
#include <signal.h>

#include <filesystem>
#include <future>

#include "bench/fixture.hpp"

namespace bench {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t load_clients = 64;
constexpr std::size_t fast_clients = 256;
constexpr unsigned catch_up_seconds_max = 1800;
// A follower of a cluster under load is always some entries behind.
constexpr std::uint64_t close_enough_entries = 1000;

std::uint64_t file_bytes(const std::string& file) {
  std::error_code ec;
  const std::uint64_t bytes = std::filesystem::file_size(file, ec);
  return ec ? 0 : bytes;
}

// Rounds of a load until the node has what the leader has: their rate, and how long it took.
struct CatchUp {
  double seconds = 0;
  double rate = 0;
};
CatchUp load_until_caught_up(const Settings& settings, Bed& bed, Allocate& allocate,
                             std::size_t leader, std::size_t node) {
  const auto began = Clock::now();
  std::future<double> watching = std::async(std::launch::async, [&] {
    wait_until("the follower", catch_up_seconds_max, [&] {
      const std::uint64_t wanted = bed.ipam.status(leader, "commit_index");
      return wanted > 0 &&
             bed.ipam.status(node, "applied_index") + close_enough_entries >= wanted;
    });
    return seconds_since(began);
  });
  std::uint64_t done = 0;
  while (watching.wait_for(milliseconds(0)) != std::future_status::ready) {
    LoadOptions load = load_of(settings, bed.ipam.port(leader), load_clients);
    load.warm_up = milliseconds(0);
    load.duration = milliseconds(1000);
    done += run_load(load, allocate).done;
  }
  const double rate = static_cast<double>(done) / seconds_since(began);
  return {watching.get(), rate};
}

// One follower away, `entries` of the log written, and the follower there again.
void measure_absence(const Settings& settings, Report& report, const std::string& way,
                     std::uint64_t entries_kept) {
  std::vector<double> seconds, parts;
  for (std::size_t round = 0; round < settings.rounds; ++round) {
    Bed bed(settings, settings.nodes,
            {"--log-entries-kept", std::to_string(entries_kept)});
    const std::size_t leader = bed.ipam.leader();
    const std::size_t node = (leader + 1) % bed.ipam.size();
    Allocate allocate(bed.network);
    const LoadResult before =
        run_load(load_of(settings, bed.ipam.port(leader), load_clients), allocate);
    bed.ipam.node(node).signal(SIGTERM);
    bed.ipam.node(node).wait();
    run_number(settings.entries, bed.ipam.port(leader), fast_clients, allocate);
    for (std::size_t other = 0; other < bed.ipam.size(); ++other)
      if (other != node) bed.ipam.wait_until_written(other);
    bed.ipam.node(node).start();
    const CatchUp there = load_until_caught_up(settings, bed, allocate, leader, node);
    seconds.push_back(there.seconds);
    parts.push_back(100 * there.rate / before.rate());
  }
  report.add("from the start of its process, " + way, "ipam", "s", seconds);
  report.add("throughput meanwhile, " + way, "ipam", "% of that before", parts);
}

struct Transfer {
  double seconds = 0;  // from the request to add the node until it has everything
  double moving_seconds = 0;  // of these, while its file grew
  std::uint64_t bytes = 0;
};

// Watches the file that the snapshot is received into; see state/receiver.hpp.
Transfer join_new_node(Bed& bed) {
  const std::size_t leader = bed.ipam.leader();
  const std::uint64_t wanted = bed.ipam.status(leader, "commit_index");
  const std::size_t node = bed.ipam.start_new();
  const std::string file = bed.ipam.data_of(node) + "/incoming.db";
  const auto began = Clock::now();
  std::future<void> joining = std::async(std::launch::async, [&] {
    bed.ipam.add(node);
    wait_until("the new node", catch_up_seconds_max,
               [&] { return bed.ipam.status(node, "applied_index") >= wanted; });
  });
  Transfer out;
  Clock::time_point first{}, last{};
  while (joining.wait_for(milliseconds(5)) != std::future_status::ready) {
    const std::uint64_t bytes = file_bytes(file);
    if (bytes <= out.bytes) continue;
    last = Clock::now();
    if (out.bytes == 0) first = last;
    out.bytes = bytes;
  }
  joining.get();
  out.seconds = seconds_since(began);
  out.moving_seconds = std::chrono::duration<double>(last - first).count();
  return out;
}

}  // namespace

void measure_catchup(const Settings& settings, Report& report) {
  report.begin("catchup", fmt::format("A follower that missed {} entries, under the load of {} "
                                      "connections, {} nodes",
                                      settings.entries, load_clients, settings.nodes));
  constexpr std::uint64_t entries_kept_max = 10'000'000;
  measure_absence(settings, report, "by the log", entries_kept_max);
  measure_absence(settings, report, "by a snapshot",
                  std::min<std::uint64_t>(10'000, settings.entries / 10));
}

void measure_snapshot(const Settings& settings, Report& report) {
  report.begin("snapshot", fmt::format("A new node joins {} with {} allocations", settings.nodes,
                                       settings.records));
  std::vector<double> seconds, sizes, rates;
  for (std::size_t round = 0; round < settings.rounds; ++round) {
    // The fewest that can be: what is in the log would come by the log.
    Bed bed(settings, settings.nodes, {"--log-entries-kept", "10"});
    fill(bed, settings.records);
    const Transfer transfer = join_new_node(bed);
    seconds.push_back(transfer.seconds);
    sizes.push_back(static_cast<double>(transfer.bytes) / 1e6);
    if (transfer.moving_seconds > 0)
      rates.push_back(static_cast<double>(transfer.bytes) / 1e6 / transfer.moving_seconds);
  }
  report.add("until it has everything", "ipam", "s", seconds);
  report.add("size of the snapshot", "ipam", "MB", sizes);
  if (!rates.empty()) report.add("while it moved", "ipam", "MB/s", rates);
}

}  // namespace bench
