// What grows with the state: memory, starts, latencies; and the import that makes it grow.
#include <fmt/format.h>
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "bench/fixture.hpp"

namespace bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned start_seconds_max = 600;
constexpr std::uint64_t made_prefixes = 1'000'000;

// Networks of four addresses in the upper half of the one from which is allocated: its children.
class MakeNetworks : public Workload {
 public:
  std::string_view request(std::size_t) override {
    std::string operations;
    for (std::size_t i = 0; i < operations_per_transaction; ++i, ++made_)
      operations += fmt::format(R"({}{{"op":"network.create","cidr":"10.{}.{}.{}/30"}})",
                                i == 0 ? "" : ",", 128 + (made_ >> 14), made_ >> 6 & 255,
                                (made_ & 63) * 4);
    bytes_ = request_bytes("POST", "/api/v1/transactions",
                           fmt::format(R"({{"operations":[{}]}})", operations));
    return bytes_;
  }
  bool accept(std::size_t, const http::Response& response) override {
    return response.status == 200 || response.status == 201;
  }

 private:
  std::uint64_t made_ = 0;
  std::string bytes_;
};

// One connection; the latencies of one allocation after another.
void add_latency(const Settings& settings, Report& report, Bed& bed, const std::string& series,
                 const std::string& what, std::uint64_t count, Workload& allocate,
                 std::vector<double>& medians) {
  Rounds rounds;
  for (std::size_t round = 0; round < settings.rounds; ++round) {
    const std::size_t leader = bed.ipam.leader();
    run_round(rounds, load_of(settings, bed.ipam.port(leader), 1), allocate, {bed.ipam, leader});
  }
  const auto cpu = rounds.cpu_us();
  medians.push_back(rounds.p50().median);
  report.add_row(series, {what, "p50 ms", "p99 ms", "leader io us", "all nodes us"},
                 {static_cast<double>(count), rounds.p50().median, rounds.p99().median,
                  cpu.at("leader/io"), cpu.at("all")});
}

std::string make_prefixes(const std::string& file) {
  std::ofstream out(file);
  for (std::uint64_t i = 0; i < made_prefixes; ++i)
    out << fmt::format("{}.{}.{}.0/24\n", 20 + (i >> 16), i >> 8 & 255, i & 255);
  if (!out.flush()) throw std::runtime_error("cannot write " + file);
  return file;
}

}  // namespace

void measure_memory(const Settings& settings, Report& report) {
  report.begin("memory", fmt::format("{} allocations, {} nodes: the largest node", settings.records,
                                     settings.nodes));
  std::vector<double> live, restarted, starts;
  const auto largest = [](Bed& bed) {
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < bed.ipam.size(); ++i)
      bytes = std::max(bytes, bed.ipam.node(i).resident_bytes());
    return static_cast<double>(bytes);
  };
  const auto count = static_cast<double>(settings.records);
  for (std::size_t round = 0; round < settings.rounds; ++round) {
    Bed bed(settings);
    const double empty = largest(bed);
    fill(bed, settings.records);
    bed.ipam.wait_for_all();
    live.push_back((largest(bed) - empty) / count);
    const std::size_t node = bed.ipam.node_at(true);
    bed.ipam.node(node).signal(SIGTERM);
    bed.ipam.node(node).wait();
    const auto began = Clock::now();
    bed.ipam.node(node).start();
    wait_until("the node after a restart", start_seconds_max,
               [&] { return bed.ipam.is_ready(node); });
    starts.push_back(seconds_since(began));
    restarted.push_back(
        (static_cast<double>(bed.ipam.node(node).resident_bytes()) - empty) / count);
  }
  report.add("memory for each, as they came", "ipam", "bytes", live);
  report.add("memory for each, after a restart", "ipam", "bytes", restarted);
  report.add("from the start of the process to ready", "ipam", "s", starts);
}

void measure_growth(const Settings& settings, Report& report) {
  report.begin("growth", fmt::format("One allocation after another on one connection, {} nodes",
                                     settings.nodes));
  std::vector<double> by_allocations, by_networks;
  {
    Bed bed(settings);
    AllocateAndRelease allocate(bed.network, 1);
    std::uint64_t there = 0;
    for (std::uint64_t wanted = 10'000; wanted <= settings.records; wanted *= 10) {
      fill(bed, wanted - there);
      there = wanted;
      bed.ipam.wait_for_all();
      add_latency(settings, report, bed, "allocations", "allocations", there, allocate,
                  by_allocations);
    }
  }
  {
    Bed bed(settings);
    AllocateAndRelease allocate(bed.network, 1);
    MakeNetworks networks;
    add_latency(settings, report, bed, "networks", "networks", 1, allocate, by_networks);
    std::uint64_t there = 0;
    for (std::uint64_t wanted = operations_per_transaction; wanted <= settings.networks;
         wanted *= 10) {
      run_number((wanted - there) / operations_per_transaction, bed.ipam.port(bed.ipam.leader()),
                 1, networks);
      there = wanted;
      bed.ipam.wait_for_all();
      add_latency(settings, report, bed, "networks", "networks", there + 1, allocate, by_networks);
    }
  }
  const auto change = [](const std::vector<double>& medians) {
    return 100 * (medians.back() / medians.front() - 1);
  };
  if (!by_allocations.empty())
    report.add("p50 of the last to the first, allocations", "ipam", "% more",
               {change(by_allocations)});
  report.add("p50 of the last to the first, networks", "ipam", "% more", {change(by_networks)});
}

void measure_import(const Settings& settings, Report& report) {
  report.begin("import", fmt::format("`ipam import` of {}, {} nodes",
                                     settings.file.empty()
                                         ? fmt::format("{} prefixes", made_prefixes)
                                         : settings.file,
                                     settings.nodes));
  std::vector<double> seconds;
  for (std::size_t round = 0; round < settings.rounds; ++round) {
    Bed bed(settings);
    const std::string& folder = bed.folder.path();
    const std::string file =
        settings.file.empty() ? make_prefixes(folder + "/prefixes") : settings.file;
    Process import({settings.ipam, "import", file, "--format", "prefixes", "--server",
                    fmt::format("http://127.0.0.1:{}", bed.ipam.port(bed.ipam.leader()))},
                   folder + "/import.log");
    const auto began = Clock::now();
    import.start();
    if (import.wait() != 0) throw std::runtime_error(read_file(folder + "/import.log"));
    seconds.push_back(seconds_since(began));
    bed.ipam.wait_for_all();
  }
  report.add("the whole command", "ipam", "s", seconds);
}

}  // namespace bench
