#include "bench/processes.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>

#include "cli/http_connection.hpp"

namespace bench {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds wait_max{20000};
constexpr milliseconds poll_interval{20};

std::string read_file(const std::string& file) {
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

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

template <class Look>
std::size_t wait_for(const std::string& name, const std::string& what, Look look) {
  const auto deadline = std::chrono::steady_clock::now() + wait_max;
  while (std::chrono::steady_clock::now() < deadline) {
    if (const std::optional<std::size_t> found = look()) return *found;
    std::this_thread::sleep_for(poll_interval);
  }
  throw std::runtime_error(name + " has " + what + " after 20 s");
}

class IpamCluster : public Cluster {
 public:
  IpamCluster(const std::string& binary, const std::string& folder, std::size_t count,
              const std::vector<std::string>& options) {
    const std::vector<std::uint16_t> raft_ports = free_ports(2 * count);
    ports_.assign(raft_ports.begin() + static_cast<std::ptrdiff_t>(count), raft_ports.end());
    std::string members;
    for (std::size_t i = 0; i < count; ++i)
      members += fmt::format("{}{}:127.0.0.1:{}", i == 0 ? "" : ",", i + 1, raft_ports[i]);
    for (std::size_t i = 0; i < count; ++i) {
      const std::string data = fmt::format("{}/ipam{}", folder, i + 1);
      Process join({binary, "cluster", "join", "--node-id", std::to_string(i + 1), "--cluster-id",
                    "77", "--raft-addr", fmt::format("127.0.0.1:{}", raft_ports[i]), "--data-dir",
                    data, "--initial-members", members},
                   data + ".join.log");
      join.start();
      if (join.wait() != 0) throw std::runtime_error(read_file(data + ".join.log"));
      std::vector<std::string> words{binary, "server", "--cluster", "--config",
                                     data + "/cluster.json", "--address",
                                     fmt::format("127.0.0.1:{}", ports_[i])};
      words.insert(words.end(), options.begin(), options.end());
      nodes_.push_back(std::make_unique<Process>(std::move(words), data + ".log"));
      nodes_.back()->start();
    }
    leader();
  }

  std::string name() const override { return "ipam"; }

  std::size_t leader() const override {
    return wait_for("ipam", "no leader", [this]() -> std::optional<std::size_t> {
      for (std::size_t i = 0; i < nodes_.size(); ++i) {
        if (!nodes_[i]->runs()) continue;
        const auto answer = ask(ports_[i], "GET", "/api/v1/cluster/status");
        if (!answer || answer->status != 200) continue;
        const auto status = boost::json::parse(answer->body);
        if (status.at("role").as_string() == "leader") return i;
      }
      return std::nullopt;
    });
  }

  void wait_for_all() const override {
    const auto status = [this](std::size_t node, const char* key) {
      const auto answer = ask(ports_[node], "GET", "/api/v1/cluster/status");
      return answer && answer->status == 200
                 ? boost::json::parse(answer->body).at(key).to_number<std::uint64_t>()
                 : 0;
    };
    const std::uint64_t wanted = status(leader(), "commit_index");
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      wait_for("ipam", "not all of its nodes", [&]() -> std::optional<std::size_t> {
        return status(i, "applied_index") >= wanted ? std::optional(i) : std::nullopt;
      });
  }
};

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
    return wait_for("etcd", "no leader", [this]() -> std::optional<std::size_t> {
      for (std::size_t i = 0; i < nodes_.size(); ++i) {
        if (!nodes_[i]->runs()) continue;
        const auto answer = ask(ports_[i], "POST", "/v3/maintenance/status", "{}");
        if (!answer || answer->status != 200) continue;
        const auto status = boost::json::parse(answer->body).as_object();
        const auto* const leads = status.if_contains("leader");
        if (leads && *leads == status.at("header").at("member_id")) return i;
      }
      return std::nullopt;
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
      wait_for("etcd", "not all of its nodes", [&]() -> std::optional<std::size_t> {
        return index(i) >= wanted ? std::optional(i) : std::nullopt;
      });
  }
};

}  // namespace

Process::Process(std::vector<std::string> words, std::string log_file)
    : words_(std::move(words)), log_file_(std::move(log_file)) {}

Process::~Process() {
  if (!runs()) return;
  signal(SIGKILL);
  wait();
}

void Process::start() {
  std::vector<char*> arguments;
  for (const std::string& word : words_) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error(fmt::format("cannot fork: {}", std::strerror(errno)));
  if (pid_ > 0) return;
  // The child, which may do little: the parent has threads.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // also where the measurement is killed
  const int log = ::open(log_file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::execvp(arguments[0], arguments.data());
  ::_exit(127);
}

void Process::signal(int number) {
  if (runs()) ::kill(pid_, number);
}

int Process::wait() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = 0;
  return status;
}

std::uint64_t Process::resident_bytes() const {
  std::istringstream lines(read_file(fmt::format("/proc/{}/status", pid_)));
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("VmRSS:")) return std::strtoull(line.c_str() + 6, nullptr, 10) * 1024;
  return 0;
}

milliseconds Process::cpu_time() const {
  const std::string text = read_file(fmt::format("/proc/{}/stat", pid_));
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;  // state … cmajflt
  std::int64_t user = 0, system = 0;
  fields >> user >> system;
  return milliseconds((user + system) * 1000 / ::sysconf(_SC_CLK_TCK));
}

Folder::Folder(const std::string& parent) : path_(parent + "/ipam-bench-XXXXXX") {
  if (::mkdtemp(path_.data()) == nullptr)
    throw std::runtime_error(fmt::format("cannot make {}: {}", path_, std::strerror(errno)));
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::vector<std::uint16_t> Cluster::ports_from(std::size_t node) const {
  std::vector<std::uint16_t> out;
  for (std::size_t i = 0; i < ports_.size(); ++i) out.push_back(ports_[(node + i) % ports_.size()]);
  return out;
}

std::unique_ptr<Cluster> start_ipam(const std::string& binary, const std::string& folder,
                                    std::size_t nodes, const std::vector<std::string>& options) {
  return std::make_unique<IpamCluster>(binary, folder, nodes, options);
}

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

}  // namespace bench
