// The nodes of one simulation, members or not.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "host.hpp"

namespace simulation {

class Cluster {
 public:
  // Begins with `size` voters. World and listener outlive the cluster.
  Cluster(World& world, OperationListener& listener, const HostOptions& options, std::size_t size);

  Host& host(raft::NodeId id) { return *hosts_[id.value() - 1]; }
  std::size_t size() const { return hosts_.size(); }
  raft::NodeId id_at(std::size_t number) const { return raft::NodeId(number + 1); }

  // The running leader of the latest term; nullptr where there is none.
  Host* leader();
  std::vector<raft::NodeId> running() const;
  // A node that knows of nothing and waits to be added; nullptr where there are too many already.
  Host* add_host();
  // Whether all members run, agree, and have applied all that the leader has.
  bool converged();
  // Who was a member and is not any more was told so.
  bool removed_have_stopped();
  // Whether a node lost entries and has not got them back.
  bool recovering() const;
  // A line for each node, for a person.
  std::string describe() const;

  const HostOptions& options() const { return options_; }

 private:
  World& world_;
  OperationListener& listener_;
  const HostOptions options_;
  std::vector<std::unique_ptr<Host>> hosts_;  // by id - 1
};

}  // namespace simulation
