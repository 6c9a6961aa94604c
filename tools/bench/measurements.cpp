#include "bench/measurements.hpp"

#include <fmt/format.h>

#include <memory>
#include <thread>

#include "bench/bare_server.hpp"
#include "bench/fixture.hpp"

namespace bench {
namespace {

constexpr std::uint32_t objects_read = 10'000;
constexpr std::chrono::seconds idle_time{10};

void measure_writes_at(const Settings& settings, Report& report, bool at_follower, Cluster& ipam,
                       Cluster* etcd, Allocate& allocate) {
  const std::string place = at_follower ? "a follower" : "the leader";
  report.begin_rounds(at_follower ? "writes at a follower" : "writes at the leader",
                      fmt::format("Durable writes at {}, {} nodes", place, settings.nodes));
  for (const std::size_t clients : settings.clients) {
    Rounds ours, theirs;
    EtcdPut put(clients);
    const auto round_of = [&](Rounds& rounds, Cluster& cluster, Workload& workload) {
      const std::size_t leader = cluster.leader();
      const std::size_t asked = (leader + (at_follower ? 1 : 0)) % cluster.size();
      run_round(rounds, load_of(settings, cluster.port(asked), clients), workload,
                {cluster, leader});
    };
    for (std::size_t round = 0; round < settings.rounds; ++round) {
      round_of(ours, ipam, allocate);
      if (etcd) round_of(theirs, *etcd, put);
    }
    report.add("allocate, " + connections(clients), "ipam", ours);
    if (!etcd) continue;
    report.add("put of 100 bytes, " + connections(clients), "etcd", theirs);
    report.add_ratio(ours, theirs);
  }
}

struct ReadKind {
  Read what;
  const char* name;
  const char* sample;  // of which the bare server gives the body
};

void measure_reads_of(const ReadKind& kind, const Settings& settings, Report& report, Bed& bed) {
  const std::size_t leader = bed.ipam.leader();
  BareServer bare(ask_for(200, bed.ipam.port(leader), "GET", kind.sample));
  SameRequest bare_request(request_bytes("GET", kind.sample), 200);
  report.begin_rounds(fmt::format("reads of {}", kind.name),
                      fmt::format("Reads of {}, {} nodes", kind.name, settings.nodes));
  for (const std::size_t clients : settings.clients) {
    for (const bool is_stale : {false, true}) {
      for (const bool at_follower : {false, true}) {
        if (at_follower && settings.nodes == 1) continue;
        Rounds ours, bares;
        ReadObjects read(kind.what, bed.network, clients, objects_read, is_stale);
        const bool is_compared = is_stale && !at_follower;
        const std::size_t node = (leader + (at_follower ? 1 : 0)) % bed.ipam.size();
        for (std::size_t round = 0; round < settings.rounds; ++round) {
          run_round(ours, load_of(settings, bed.ipam.port(node), clients), read,
                    {bed.ipam, leader});
          if (is_compared)
            run_round(bares, load_of(settings, bare.port(), clients), bare_request,
                      CpuMeter(BareServer::thread_name));
        }
        report.add(fmt::format("{} at {}, {}", is_stale ? "stale" : "linearizable",
                               at_follower ? "follower" : "leader", clients),
                   "ipam", ours);
        if (!is_compared) continue;
        report.add(fmt::format("the same body, {}", clients), "bare", bares);
        report.add_ratio(ours, bares);
      }
    }
  }
}

}  // namespace

void measure_writes(const Settings& settings, Report& report) {
  Bed bed(settings);
  const auto etcd = settings.etcd.empty()
                        ? nullptr
                        : start_etcd(settings.etcd, bed.folder.path(), settings.nodes);
  Allocate allocate(bed.network);
  measure_writes_at(settings, report, false, bed.ipam, etcd.get(), allocate);
  if (settings.nodes > 1)
    measure_writes_at(settings, report, true, bed.ipam, etcd.get(), allocate);
  fmt::print("{} addresses were handed out, none twice\n", allocate.addresses());
}

void measure_reads(const Settings& settings, Report& report) {
  Bed bed(settings);
  fill(bed, objects_read);
  const std::string network = "/api/v1/networks/" + bed.network;
  const ReadKind kinds[] = {
      {Read::address, "an address", "/api/v1/addresses/10.0.0.1"},
      {Read::allocation, "an allocation by its id", "/api/v1/allocations/alloc-1"},
      {Read::network, "a network by its id", network.c_str()}};
  for (const ReadKind& kind : kinds) measure_reads_of(kind, settings, report, bed);
}

void measure_batches(const Settings& settings, Report& report) {
  Bed bed(settings);
  const std::size_t leader = bed.ipam.leader();
  AllocateMany many(bed.network, operations_per_transaction);
  report.begin_rounds("batches",
                      fmt::format("Transactions of {} allocations, {} nodes: addresses a second",
                                  operations_per_transaction, settings.nodes));
  for (const std::size_t clients : {std::size_t{1}, std::size_t{4}, std::size_t{16}}) {
    Rounds rounds;
    for (std::size_t round = 0; round < settings.rounds; ++round)
      run_round(rounds, load_of(settings, bed.ipam.port(leader), clients), many,
                {bed.ipam, leader});
    report.add("transaction, " + connections(clients), "ipam", rounds, operations_per_transaction);
  }
}

void measure_nodes(const Settings& settings, Report& report) {
  constexpr std::size_t clients = 64;
  report.begin_rounds("nodes", fmt::format("Durable writes at the leader by the number of nodes, "
                                           "{} connections", clients));
  for (const std::size_t nodes : {std::size_t{1}, std::size_t{3}, std::size_t{5},
                                  std::size_t{7}}) {
    Bed bed(settings, nodes);
    Allocate allocate(bed.network);
    Rounds rounds;
    for (std::size_t round = 0; round < settings.rounds; ++round) {
      const std::size_t leader = bed.ipam.leader();
      run_round(rounds, load_of(settings, bed.ipam.port(leader), clients), allocate,
                {bed.ipam, leader});
    }
    report.add(fmt::format("allocate, {} node{}", nodes, nodes == 1 ? "" : "s"), "ipam", rounds);
  }
}

void measure_idle(const Settings& settings, Report& report) {
  Bed bed(settings);
  report.begin("idle", fmt::format("Idle for {} s with one network, {} nodes", idle_time.count(),
                                   settings.nodes));
  std::vector<double> percents, sizes;
  for (std::size_t round = 0; round < settings.rounds; ++round) {
    std::vector<std::chrono::milliseconds> before;
    for (std::size_t i = 0; i < bed.ipam.size(); ++i)
      before.push_back(bed.ipam.node(i).cpu_time());
    std::this_thread::sleep_for(idle_time);
    double percent = 0, size = 0;
    for (std::size_t i = 0; i < bed.ipam.size(); ++i) {
      const auto spent = std::chrono::duration<double>(bed.ipam.node(i).cpu_time() - before[i]);
      percent = std::max(percent, 100 * spent.count() / static_cast<double>(idle_time.count()));
      size = std::max(size, mebibytes(bed.ipam.node(i).resident_bytes()));
    }
    percents.push_back(percent);
    sizes.push_back(size);
  }
  report.add("the busiest node", "ipam", "% of a core", percents);
  report.add("the largest node", "ipam", "MiB", sizes);
}

}  // namespace bench
