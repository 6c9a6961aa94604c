// How long nothing is acknowledged when a leader goes.
#include <fmt/format.h>
#include <signal.h>

#include <cstdio>
#include <functional>
#include <future>
#include <optional>
#include <stdexcept>
#include <thread>

#include "bench/fixture.hpp"

namespace bench {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t retrying_clients = 16;
// etcd leaves a put unanswered for 7 s that went to a leader which has died: a client that wants to
// write does not wait for that.
constexpr milliseconds answer_within{500};
// Longer than the longest gap: etcd elects after a second or two.
constexpr milliseconds watched_ipam{2500};
constexpr milliseconds watched_etcd{6000};
constexpr milliseconds strikes_after{500};

struct Strike {
  std::function<void(std::size_t leader)> act;   // while the load goes on, on its thread
  std::function<void(std::size_t leader)> mend;  // afterwards
};

struct Gap {
  double ms = 0;
  bool is_over = false;  // false: it went on until the end
};

Gap gap_of(Cluster& cluster, Workload& workload, const Strike& strike, milliseconds watched) {
  cluster.wait_for_all();
  const std::size_t leader = cluster.leader();
  LoadOptions options;
  options.ports = cluster.ports_from(leader);
  options.clients = retrying_clients;
  options.duration = watched;
  options.deadline = answer_within;
  const LoadResult result =
      run_load(options, workload, {{strikes_after, [&] { strike.act(leader); }}});
  strike.mend(leader);
  if (result.done == 0)
    throw std::runtime_error("nothing was acknowledged: " + result.first_failure);
  return {milliseconds_of(result.longest_gap),
          result.longest_gap_at + result.longest_gap < options.duration};
}

void measure_gaps(const Settings& settings, Report& report, Cluster& cluster, Workload& workload,
                  const std::string& work, const Strike& strike, milliseconds watched) {
  std::vector<double> gaps;
  std::size_t endless = 0;
  for (std::size_t i = 0; i < settings.tries; ++i) {
    const Gap gap = gap_of(cluster, workload, strike, watched);
    gaps.push_back(gap.ms);
    if (!gap.is_over) ++endless;
  }
  report.add(work, cluster.name(), "ms", gaps);
  if (endless > 0)
    fmt::print("  {} of them were not over when the {} ms were\n", endless, watched.count());
}

Strike by_signal(Cluster& cluster, int number) {
  return {[&cluster, number](std::size_t leader) { cluster.node(leader).signal(number); },
          [&cluster](std::size_t leader) {
            cluster.node(leader).wait();
            cluster.node(leader).start();
          }};
}

// Asks on a thread of its own: the other one makes the load.
class HandOver {
 public:
  explicit HandOver(IpamCluster& ipam) : ipam_(ipam) {}
  Strike strike() {
    return {[this](std::size_t leader) {
              asking_ = std::async(std::launch::async, [this, leader] {
                return ask(ipam_.port(leader), "POST", "/api/v1/cluster/transfer-leader", "{}");
              });
            },
            [this](std::size_t) {
              const std::optional<Answer> answer = asking_.get();
              if (!answer || answer->status != 204)
                throw std::runtime_error("no hand-over: " + (answer ? answer->body : ""));
            }};
  }

 private:
  IpamCluster& ipam_;
  std::future<std::optional<Answer>> asking_;
};

}  // namespace

void measure_failover(const Settings& settings, Report& report) {
  report.begin("failover",
               fmt::format("The longest time without an acknowledged write, {} clients that retry "
                           "after {} ms, {} nodes",
                           retrying_clients, answer_within.count(), settings.nodes));
  {
    Bed bed(settings);
    Allocate allocate(bed.network);
    IpamCluster& ipam = bed.ipam;
    const auto measure = [&](const std::string& work, const Strike& strike) {
      measure_gaps(settings, report, ipam, allocate, work, strike, watched_ipam);
    };
    measure("kill -9", by_signal(ipam, SIGKILL));
    measure("SIGTERM", by_signal(ipam, SIGTERM));
    HandOver hand_over(ipam);
    measure("transfer-leader", hand_over.strike());
  }
  if (settings.etcd.empty()) return;
  const Folder folder(settings.parent);
  const auto etcd = start_etcd(settings.etcd, folder.path(), settings.nodes);
  EtcdPut put(retrying_clients);
  measure_gaps(settings, report, *etcd, put, "kill -9", by_signal(*etcd, SIGKILL),
               watched_etcd);
}

}  // namespace bench
