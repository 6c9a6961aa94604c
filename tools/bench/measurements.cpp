#include "bench/measurements.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <boost/json.hpp>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <thread>

#include "bench/http_load.hpp"
#include "bench/processes.hpp"
#include "bench/report.hpp"
#include "bench/workloads.hpp"
#include "http/server.hpp"

namespace bench {
namespace {

using std::chrono::milliseconds;

constexpr std::uint32_t addresses_read = 10'000;
constexpr std::size_t batch = 1000;

std::string make_network(std::uint16_t port, const std::string& cidr) {
  const auto made = ask(port, "POST", "/api/v1/networks", fmt::format(R"({{"cidr":"{}"}})", cidr));
  if (!made || made->status != 201)
    throw std::runtime_error("no network: " + (made ? made->body : "no answer"));
  return std::string(boost::json::parse(made->body).at("id").as_string());
}

LoadOptions load_of(const Settings& settings, std::vector<std::uint16_t> ports,
                    std::size_t clients) {
  LoadOptions out;
  out.ports = std::move(ports);
  out.clients = clients;
  out.duration = settings.duration;
  out.rate = settings.rate;
  return out;
}

std::size_t other_than(std::size_t leader, const Cluster& cluster) {
  return (leader + 1) % cluster.size();
}

// One round, with what it took of the processors.
void run_round(Rounds& rounds, const LoadOptions& load, Workload& workload, CpuMeter meter) {
  const LoadResult result = run_load(load, workload, {{milliseconds(0), [&] { meter.begin(); }}});
  rounds.add(result, meter.use());
}

std::string connections(std::size_t clients) {
  return fmt::format("{} connection{}", clients, clients == 1 ? "" : "s");
}

void measure_writes_at(const Settings& settings, bool at_follower, Cluster& ipam, Cluster* etcd,
                       Allocate& allocate) {
  const std::string place = at_follower ? "a follower" : "the leader";
  print_head(fmt::format("Durable writes at {}, {} nodes", place, settings.nodes));
  for (const std::size_t clients : settings.clients) {
    Rounds ours, theirs;
    EtcdPut put(clients);
    for (std::size_t round = 0; round < settings.rounds; ++round) {
      const std::size_t leader = ipam.leader();
      const std::size_t node = at_follower ? other_than(leader, ipam) : leader;
      run_round(ours, load_of(settings, {ipam.port(node)}, clients), allocate, {ipam, leader});
      if (!etcd) continue;
      const std::size_t their_leader = etcd->leader();
      const std::size_t their_node = at_follower ? other_than(their_leader, *etcd) : their_leader;
      run_round(theirs, load_of(settings, {etcd->port(their_node)}, clients), put,
                {*etcd, their_leader});
    }
    print_line("allocate, " + connections(clients), "ipam", ours);
    if (!etcd) continue;
    print_line("put of 100 bytes, " + connections(clients), "etcd", theirs);
    print_ratio("", ours, theirs);
  }
}

// The HTTP layer alone, which answers every request with the same body, on a thread of its own.
class BareServer {
 public:
  static constexpr const char* thread_name = "bare";

  explicit BareServer(std::string body) : body_(std::move(body)) {
    const auto listening = server_.listen("127.0.0.1", 0);
    if (!listening) throw std::runtime_error(listening.error());
    thread_ = std::thread([this] {
      ::pthread_setname_np(::pthread_self(), thread_name);
      io_.run();
    });
  }
  ~BareServer() {
    asio::post(io_, [this] { server_.stop(milliseconds(100), [] {}); });
    thread_.join();
  }
  BareServer(const BareServer&) = delete;
  BareServer& operator=(const BareServer&) = delete;
  std::uint16_t port() const { return server_.port(); }

 private:
  asio::awaitable<http::Response> answer() const {
    http::Response response;
    response.content_type = "application/json";
    response.body = body_;
    co_return response;
  }

  const std::string body_;
  asio::io_context io_{1};
  base::Logger logger_{base::LogLevel::error, base::LogFormat::text};
  http::Server server_{io_, logger_, http::Limits{},
                       [this](const http::Request&) { return answer(); },
                       [](int status, std::string_view detail) {
                         http::Response response;
                         response.status = status;
                         response.body = detail;
                         return response;
                       }};
  std::thread thread_;
};

// The longest time without an acknowledgement while 16 clients write and retry at all nodes.
double gap_of(Cluster& cluster, Workload& workload, int signal_number) {
  cluster.wait_for_all();
  const std::size_t leader = cluster.leader();
  LoadOptions options;
  options.ports = cluster.ports_from(leader);
  options.clients = 16;
  options.duration = milliseconds(5000);
  const LoadResult result = run_load(
      options, workload,
      {{milliseconds(1000), [&] { cluster.node(leader).signal(signal_number); }}});
  cluster.node(leader).wait();
  cluster.node(leader).start();
  if (result.done == 0) throw std::runtime_error("nothing was acknowledged: " +
                                                 result.first_failure);
  if (result.longest_gap_at + result.longest_gap >= options.duration)
    throw std::runtime_error("nothing was acknowledged again: " + result.first_failure);
  return milliseconds_of(result.longest_gap);
}

void measure_gaps(const Settings& settings, Cluster& cluster, Workload& workload,
                  int signal_number) {
  std::vector<double> gaps;
  for (std::size_t i = 0; i < settings.tries; ++i)
    gaps.push_back(gap_of(cluster, workload, signal_number));
  const Spread spread = spread_of(gaps);
  fmt::print("{:<6} {:<9} median {:6.0f} ms, {:.0f} to {:.0f} ms, {} tries\n", cluster.name(),
             signal_number == SIGKILL ? "kill -9" : "SIGTERM", spread.median, spread.least,
             spread.most, settings.tries);
  std::fflush(stdout);
}

}  // namespace

void measure_writes(const Settings& settings) {
  const Folder folder(settings.parent);
  const auto ipam = start_ipam(settings.ipam, folder.path(), settings.nodes,
                               settings.server_options);
  const auto etcd = settings.etcd.empty()
                        ? nullptr
                        : start_etcd(settings.etcd, folder.path(), settings.nodes);
  Allocate allocate(make_network(ipam->port(ipam->leader()), "10.0.0.0/8"));
  measure_writes_at(settings, false, *ipam, etcd.get(), allocate);
  if (settings.nodes > 1) measure_writes_at(settings, true, *ipam, etcd.get(), allocate);
  fmt::print("{} addresses were handed out, none twice\n", allocate.addresses());
}

void measure_reads(const Settings& settings) {
  const Folder folder(settings.parent);
  const auto ipam = start_ipam(settings.ipam, folder.path(), settings.nodes,
                               settings.server_options);
  const std::size_t leader = ipam->leader();
  const std::string network = make_network(ipam->port(leader), "10.0.0.0/8");
  for (std::uint32_t made = 0; made < addresses_read; made += batch) {
    const auto filled = ask(ipam->port(leader), "POST", "/api/v1/allocations",
                            fmt::format(R"({{"network_id":"{}","count":{},"contiguous":false}})",
                                        network, batch));
    if (!filled || filled->status != 201)
      throw std::runtime_error("not filled: " + (filled ? filled->body : "no answer"));
  }
  const auto sample = ask(ipam->port(leader), "GET", "/api/v1/addresses/10.0.0.1");
  BareServer bare(sample ? sample->body : "{}");
  SameRequest bare_request(request_bytes("GET", "/api/v1/addresses/10.0.0.1"), 200);
  print_head(fmt::format("Reads of an address, {} nodes", settings.nodes));
  for (const std::size_t clients : settings.clients) {
    for (const bool is_stale : {false, true}) {
      for (const bool at_follower : {false, true}) {
        if (at_follower && settings.nodes == 1) continue;
        Rounds ours, bares;
        ReadAddresses read(clients, addresses_read, is_stale);
        for (std::size_t round = 0; round < settings.rounds; ++round) {
          const std::size_t node = at_follower ? other_than(leader, *ipam) : leader;
          run_round(ours, load_of(settings, {ipam->port(node)}, clients), read, {*ipam, leader});
          if (is_stale && !at_follower)
            run_round(bares, load_of(settings, {bare.port()}, clients), bare_request,
                      CpuMeter(BareServer::thread_name));
        }
        print_line(fmt::format("{} at {}, {}", is_stale ? "stale" : "linearizable",
                               at_follower ? "follower" : "leader", clients),
                   "ipam", ours);
        if (!is_stale || at_follower) continue;
        print_line(fmt::format("the same body, {}", clients), "bare", bares);
        print_ratio("", ours, bares);
      }
    }
  }
}

void measure_batches(const Settings& settings) {
  const Folder folder(settings.parent);
  const auto ipam = start_ipam(settings.ipam, folder.path(), settings.nodes,
                               settings.server_options);
  const std::size_t leader = ipam->leader();
  AllocateMany many(make_network(ipam->port(leader), "10.0.0.0/8"), batch);
  print_head(fmt::format("Transactions of {} allocations, {} nodes: addresses a second", batch,
                         settings.nodes));
  for (const std::size_t clients : {std::size_t{1}, std::size_t{4}, std::size_t{16}}) {
    Rounds rounds;
    for (std::size_t round = 0; round < settings.rounds; ++round)
      run_round(rounds, load_of(settings, {ipam->port(leader)}, clients), many, {*ipam, leader});
    print_line("transaction, " + connections(clients), "ipam", rounds, batch);
  }
}

void measure_failover(const Settings& settings) {
  const Folder folder(settings.parent);
  fmt::print("\nThe longest time without an acknowledged write, 16 clients that retry, {} nodes\n",
             settings.nodes);
  {
    const auto ipam = start_ipam(settings.ipam, folder.path(), settings.nodes,
                                 settings.server_options);
    Allocate allocate(make_network(ipam->port(ipam->leader()), "10.0.0.0/8"));
    measure_gaps(settings, *ipam, allocate, SIGKILL);
    measure_gaps(settings, *ipam, allocate, SIGTERM);
  }
  if (settings.etcd.empty()) return;
  const auto etcd = start_etcd(settings.etcd, folder.path(), settings.nodes);
  EtcdPut put(16);
  measure_gaps(settings, *etcd, put, SIGKILL);
}

void measure_idle(const Settings& settings) {
  const Folder folder(settings.parent);
  const auto ipam = start_ipam(settings.ipam, folder.path(), settings.nodes,
                               settings.server_options);
  fmt::print("\nIdle for {} s with an empty state, {} nodes\n", 10, settings.nodes);
  std::vector<milliseconds> before;
  for (std::size_t i = 0; i < ipam->size(); ++i) before.push_back(ipam->node(i).cpu_time());
  std::this_thread::sleep_for(std::chrono::seconds(10));
  const std::size_t leader = ipam->leader();
  for (std::size_t i = 0; i < ipam->size(); ++i) {
    const auto spent = ipam->node(i).cpu_time() - before[i];
    fmt::print("node {}{}: {:.2f} % of a core, {:.1f} MiB\n", i + 1,
               i == leader ? " (leader)" : "", static_cast<double>(spent.count()) / 100,
               static_cast<double>(ipam->node(i).resident_bytes()) / (1 << 20));
  }
}

}  // namespace bench
