// The guard of CI against a loss of speed. Its measure is a ratio of processor times within one
// run, which the machine and its load change little.
#include <fmt/format.h>

#include "bench/bare_server.hpp"
#include "bench/fixture.hpp"

namespace bench {
namespace {

constexpr std::size_t guard_clients = 64;
constexpr std::uint32_t guard_objects = 10'000;
constexpr std::size_t guard_rounds = 3;
constexpr std::chrono::milliseconds guard_round{2000};

// What a quiet machine shows is 9.5 and 1.24. Beside load the same binary showed up to 1.25 and 1.5
// times the least of ten runs; the rest is room for machines of other proportions.
constexpr double allocation_ratio_max = 15;
constexpr double read_ratio_max = 2.5;

// As many allocations in one request as the burden says, each a record of its own.
std::string allocation_request(const std::string& network, std::size_t burden) {
  return request_bytes("POST", "/api/v1/allocations",
                       fmt::format(R"({{"network_id":"{}","hostname":"bench","count":{},)"
                                   R"("contiguous":false}})",
                                   network, burden));
}

bool is_within(Report& report, const std::string& work, double ratio, double bound) {
  const bool is_within = ratio <= bound;
  report.add(work, "ipam",
             fmt::format("times an answer of the bare server, at most {}{}", bound,
                         is_within ? "" : ": ABOVE ITS BOUND"),
             {ratio});
  return is_within;
}

}  // namespace

bool keeps_its_cost(const Settings& settings, Report& report) {
  Bed bed(settings);
  fill(bed, guard_objects);
  const std::size_t leader = bed.ipam.leader();
  const std::uint16_t port = bed.ipam.port(leader);
  const std::string sample = "/api/v1/allocations/alloc-1";
  BareServer bare(ask_for(200, port, "GET", sample));
  SameRequest bare_request(request_bytes("GET", sample), 200);
  Allocate allocate(bed.network);
  SameRequest many(allocation_request(bed.network, settings.burden), 201);
  ReadObjects read(Read::allocation, bed.network, guard_clients, guard_objects, true);
  SameRequest list(
      request_bytes("GET", fmt::format("/api/v1/allocations?limit={}&consistency=stale",
                                       settings.burden)),
      200);
  const bool is_burdened = settings.burden > 1;
  Settings round = settings;
  round.duration = guard_round;
  report.begin_rounds("guard", fmt::format("What requests cost, {} nodes, {} connections",
                                           settings.nodes, guard_clients));
  Rounds allocations, reads, answers;
  for (std::size_t i = 0; i < (is_burdened ? 1 : guard_rounds); ++i) {
    run_round(allocations, load_of(round, port, guard_clients),
              is_burdened ? static_cast<Workload&>(many) : allocate, {bed.ipam, leader});
    run_round(reads, load_of(round, port, guard_clients),
              is_burdened ? static_cast<Workload&>(list) : read, {bed.ipam, leader});
    run_round(answers, load_of(round, bare.port(), guard_clients), bare_request,
              CpuMeter(BareServer::thread_name));
  }
  report.add("allocate", "ipam", allocations);
  report.add("stale read of an allocation", "ipam", reads);
  report.add("an answer of the same size", "bare", answers);
  const double bare_us = answers.cpu_us().at("all");
  // Of a read the io thread alone: state.db still writes what was allocated before it.
  const bool reads_are_cheap =
      is_within(report, "a stale read, leader's io thread",
                reads.cpu_us().at("leader/io") / bare_us, read_ratio_max);
  return is_within(report, "an allocation, all nodes", allocations.cpu_us().at("all") / bare_us,
                   allocation_ratio_max) &&
         reads_are_cheap;
}

}  // namespace bench
