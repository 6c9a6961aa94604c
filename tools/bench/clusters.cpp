#include "bench/clusters.hpp"

#include <fmt/format.h>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <boost/json.hpp>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "cli/http_connection.hpp"

namespace bench {
namespace {

using std::chrono::milliseconds;

constexpr unsigned wait_seconds_max = 20;
constexpr milliseconds poll_interval{20};

// Free when it was looked at; nobody else on this machine is expected to take it meanwhile.
std::vector<std::uint16_t> free_ports(std::size_t count) {
  asio::io_context io;
  std::vector<asio::ip::tcp::acceptor> held;
  std::vector<std::uint16_t> ports;
  for (std::size_t i = 0; i < count; ++i) {
    held.emplace_back(io, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    ports.push_back(held.back().local_endpoint().port());
  }
  return ports;
}

// The first node that fits; waits for one.
template <class Fits>
std::size_t wait_for_node(const std::string& what, std::size_t count, Fits fits) {
  std::size_t found = 0;
  wait_until(what, wait_seconds_max, [&] {
    for (found = 0; found < count; ++found)
      if (fits(found)) return true;
    return false;
  });
  return found;
}

class EtcdCluster : public Cluster {
 public:
  EtcdCluster(const std::string& binary, const std::string& folder, std::size_t count) {
    const std::vector<std::uint16_t> all = free_ports(2 * count);
    ports_.assign(all.begin() + static_cast<std::ptrdiff_t>(count), all.end());
    std::string members;
    for (std::size_t i = 0; i < count; ++i)
      members += fmt::format("{}n{}=http://127.0.0.1:{}", i == 0 ? "" : ",", i, all[i]);
    for (std::size_t i = 0; i < count; ++i) {
      const std::string peer = fmt::format("http://127.0.0.1:{}", all[i]);
      const std::string client = fmt::format("http://127.0.0.1:{}", ports_[i]);
      const std::string data = fmt::format("{}/etcd{}", folder, i);
      nodes_.push_back(std::make_unique<Process>(
          std::vector<std::string>{binary, "--name", fmt::format("n{}", i), "--data-dir", data,
                                   "--listen-peer-urls", peer, "--initial-advertise-peer-urls",
                                   peer, "--listen-client-urls", client, "--advertise-client-urls",
                                   client, "--initial-cluster", members, "--initial-cluster-state",
                                   "new", "--log-level", "error"},
          data + ".log"));
      nodes_.back()->start();
    }
    leader();
  }

  std::string name() const override { return "etcd"; }

  std::size_t leader() const override {
    return wait_for_node("a leader of etcd", nodes_.size(), [this](std::size_t i) {
      if (!nodes_[i]->runs()) return false;
      const auto answer = ask(ports_[i], "POST", "/v3/maintenance/status", "{}");
      if (!answer || answer->status != 200) return false;
      const auto status = boost::json::parse(answer->body).as_object();
      const auto* const leads = status.if_contains("leader");
      return leads && *leads == status.at("header").at("member_id");
    });
  }

  void wait_for_all() const override {
    const auto index = [this](std::size_t node) -> std::uint64_t {
      const auto answer = ask(ports_[node], "POST", "/v3/maintenance/status", "{}");
      if (!answer || answer->status != 200) return 0;
      const auto status = boost::json::parse(answer->body).as_object();
      const auto* const applied = status.if_contains("raftAppliedIndex");
      return applied ? std::stoull(std::string(applied->as_string())) : 0;
    };
    const std::uint64_t wanted = index(leader());
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      wait_until("all nodes of etcd", wait_seconds_max, [&] { return index(i) >= wanted; });
  }
};

}  // namespace

std::vector<std::uint16_t> Cluster::ports_from(std::size_t node) const {
  std::vector<std::uint16_t> out;
  for (std::size_t i = 0; i < ports_.size(); ++i) out.push_back(ports_[(node + i) % ports_.size()]);
  return out;
}

// ---- ipam ----

IpamCluster::IpamCluster(std::string binary, std::string folder, std::size_t count,
                         std::vector<std::string> options)
    : binary_(std::move(binary)), folder_(std::move(folder)), options_(std::move(options)) {
  const std::vector<std::uint16_t> all = free_ports(2 * count);
  raft_ports_.assign(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count));
  ports_.assign(all.begin() + static_cast<std::ptrdiff_t>(count), all.end());
  std::string members;
  for (std::size_t i = 0; i < count; ++i)
    members += fmt::format("{}{}:127.0.0.1:{}", i == 0 ? "" : ",", i + 1, raft_ports_[i]);
  for (std::size_t i = 0; i < count; ++i) start(i, members);
  leader();
}

void IpamCluster::start(std::size_t index, const std::string& members) {
  const std::string data = data_of(index);
  Process join({binary_, "cluster", "join", "--node-id", std::to_string(index + 1), "--cluster-id",
                "77", "--raft-addr", fmt::format("127.0.0.1:{}", raft_ports_[index]),
                "--data-dir", data, "--initial-members", members},
               data + ".join.log");
  join.start();
  if (join.wait() != 0) throw std::runtime_error(read_file(data + ".join.log"));
  std::vector<std::string> words{binary_, "server", "--cluster", "--config",
                                 data + "/cluster.json", "--address",
                                 fmt::format("127.0.0.1:{}", ports_[index])};
  words.insert(words.end(), options_.begin(), options_.end());
  nodes_.push_back(std::make_unique<Process>(std::move(words), data + ".log"));
  nodes_.back()->start();
}

std::size_t IpamCluster::leader() const {
  return wait_for_node("a leader of ipam", nodes_.size(), [this](std::size_t i) {
    if (!nodes_[i]->runs()) return false;
    const auto answer = ask(ports_[i], "GET", "/api/v1/cluster/status");
    return answer && answer->status == 200 &&
           boost::json::parse(answer->body).at("role").as_string() == "leader";
  });
}

void IpamCluster::wait_for_all() const {
  const std::uint64_t wanted = status(leader(), "commit_index");
  for (std::size_t i = 0; i < nodes_.size(); ++i)
    wait_until("all nodes of ipam", wait_seconds_max,
               [&] { return status(i, "applied_index") >= wanted; });
  // What is still being written would be measured with what comes next.
  for (std::size_t i = 0; i < nodes_.size(); ++i) wait_until_written(i);
}

std::uint64_t IpamCluster::status(std::size_t node, std::string_view key) const {
  const auto answer = ask(ports_[node], "GET", "/api/v1/cluster/status");
  return answer && answer->status == 200
             ? boost::json::parse(answer->body).at(key).to_number<std::uint64_t>()
             : 0;
}

void IpamCluster::wait_until_written(std::size_t node) const {
  constexpr unsigned write_seconds_max = 60;
  constexpr std::string_view queued = "\nipam_state_changes_queued ";
  wait_until("state.db", write_seconds_max, [&] {
    const auto answer = ask(ports_[node], "GET", "/metrics");
    if (!answer || answer->status != 200) return false;
    const std::size_t at = answer->body.find(queued);
    if (at == std::string::npos) throw std::runtime_error("/metrics has no queue of state.db");
    return answer->body.substr(at + queued.size()).starts_with("0\n");
  });
}

bool IpamCluster::is_ready(std::size_t node) const {
  const auto answer = ask(ports_[node], "GET", "/api/v1/health");
  return answer && answer->status == 200;
}

std::string IpamCluster::data_of(std::size_t node) const {
  return fmt::format("{}/ipam{}", folder_, node + 1);
}

std::size_t IpamCluster::start_new() {
  std::string members;
  for (std::size_t i = 0; i < nodes_.size(); ++i)
    members += fmt::format("{}{}:127.0.0.1:{}", i == 0 ? "" : ",", i + 1, raft_ports_[i]);
  const std::vector<std::uint16_t> both = free_ports(2);
  raft_ports_.push_back(both[0]);
  ports_.push_back(both[1]);
  start(nodes_.size(), members);
  return nodes_.size() - 1;
}

void IpamCluster::add(std::size_t node) {
  ask_for(204, ports_[leader()], "POST", "/api/v1/cluster/nodes",
          fmt::format(R"({{"node_id":{},"addr":"127.0.0.1:{}"}})", node + 1, raft_ports_[node]));
}

// ---- etcd, and both ----

std::unique_ptr<Cluster> start_etcd(const std::string& binary, const std::string& folder,
                                    std::size_t nodes) {
  return std::make_unique<EtcdCluster>(binary, folder, nodes);
}

std::optional<Answer> ask(std::uint16_t port, std::string_view method, std::string_view target,
                          std::string_view body) {
  cli::HttpConnection connection(cli::ServerUrl{{"127.0.0.1", port}, ""});
  http::Request request;
  request.method = http::parse_method(method);
  const std::size_t question = target.find('?');
  request.path = target.substr(0, question);
  if (question != std::string_view::npos) request.query = target.substr(question + 1);
  if (!body.empty()) request.headers.push_back({"Content-Type", "application/json"});
  request.body = body;
  auto response = connection.perform(request);
  if (!response) return std::nullopt;
  return Answer{response->status, std::move(response->body)};
}

std::string ask_for(int status, std::uint16_t port, std::string_view method,
                    std::string_view target, std::string_view body) {
  auto answer = ask(port, method, target, body);
  if (!answer || answer->status != status)
    throw std::runtime_error(fmt::format("{} {} was not answered with {}: {:.300}", method, target,
                                         status, answer ? answer->body : "no answer"));
  return std::move(answer->body);
}

void wait_until(const std::string& what, unsigned seconds_max,
                const std::function<bool()>& is_so) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(seconds_max);
  while (!is_so()) {
    if (std::chrono::steady_clock::now() > deadline)
      throw std::runtime_error(fmt::format("not there after {} s: {}", seconds_max, what));
    std::this_thread::sleep_for(poll_interval);
  }
}

}  // namespace bench
