// Clusters of real processes on this machine for the measurements: ipam's, and etcd's beside it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/processes.hpp"

namespace bench {

class Cluster {
 public:
  virtual ~Cluster() = default;
  virtual std::string name() const = 0;
  // The index of the node that says that it leads; waits up to 20 s for one, then throws.
  virtual std::size_t leader() const = 0;
  // Until every node has what the leader has now, at most 20 s, and has written it: one that was
  // away catches up first.
  virtual void wait_for_all() const = 0;

  std::size_t size() const { return nodes_.size(); }
  std::uint16_t port(std::size_t node) const { return ports_[node]; }
  std::vector<std::uint16_t> ports_from(std::size_t node) const;  // of all, this one first
  // The leader, or the node after it.
  std::size_t node_at(bool at_follower) const {
    return (leader() + (at_follower ? 1 : 0)) % size();
  }
  Process& node(std::size_t index) { return *nodes_[index]; }
  const Process& node(std::size_t index) const { return *nodes_[index]; }

 protected:
  std::vector<std::unique_ptr<Process>> nodes_;
  std::vector<std::uint16_t> ports_;
};

class IpamCluster : public Cluster {
 public:
  // `options` go to `ipam server` of each node. Returns once there is a leader.
  IpamCluster(std::string binary, std::string folder, std::size_t count,
              std::vector<std::string> options);

  std::string name() const override { return "ipam"; }
  std::size_t leader() const override;
  void wait_for_all() const override;

  // A number of /cluster/status, such as "applied_index"; 0: no answer.
  std::uint64_t status(std::size_t node, std::string_view key) const;
  // Until state.db of the node has what it had to write by now; at most 60 s.
  void wait_until_written(std::size_t node) const;
  bool is_ready(std::size_t node) const;  // by /health
  std::string data_of(std::size_t node) const;
  // One more node with an empty folder, started, which the cluster does not know yet: see add().
  std::size_t start_new();
  void add(std::size_t node);  // POST /cluster/nodes; throws where it is refused

 private:
  void start(std::size_t index, const std::string& members);

  const std::string binary_;
  const std::string folder_;
  const std::vector<std::string> options_;
  std::vector<std::uint16_t> raft_ports_;
};

std::unique_ptr<Cluster> start_etcd(const std::string& binary, const std::string& folder,
                                    std::size_t nodes);

struct Answer {
  int status = 0;
  std::string body;
};
// One request on a connection of its own; nullopt: no answer.
std::optional<Answer> ask(std::uint16_t port, std::string_view method, std::string_view target,
                          std::string_view body = {});
// The same for what has to succeed with this status; throws otherwise.
std::string ask_for(int status, std::uint16_t port, std::string_view method,
                    std::string_view target, std::string_view body = {});

// Looks again and again; throws after `seconds_max`.
void wait_until(const std::string& what, unsigned seconds_max,
                const std::function<bool()>& is_so);

}  // namespace bench
