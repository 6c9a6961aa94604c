// Clients of the address plan: each does one thing after the other at whatever node it chooses. One
// that was refused tries again; one that does not know the outcome goes on to something else.
#pragma once

#include <map>

#include "node_cluster.hpp"

namespace simulation {

class NodeWorkload {
 public:
  NodeWorkload(NodeWorld& world, NodeCluster& cluster, std::uint64_t seed);

  void start();
  void step(std::uint64_t client);

  void stop() { stopped_ = true; }
  // From now on one client counts what succeeds.
  void begin_final();
  void end_final() { final_ = false; }
  std::uint64_t final_writes() const { return final_writes_; }
  std::uint64_t final_reads() const { return final_reads_; }

 private:
  struct Client {
    std::uint64_t operation = 0;  // 0: none
    Time deadline = 0;
    // It was refused; or it has an idempotency key, and no answer yet.
    std::optional<ipam::Command> again;
  };

  void write(std::uint64_t client, SimulatedNode& node);
  void read(std::uint64_t client, SimulatedNode& node);
  // False where the client has given this operation up.
  bool finish(std::uint64_t client, std::uint64_t operation);
  ipam::AllocateOptions draw_options();
  ipam::Command draw_command();
  ipam::Prefix draw_prefix();
  ipam::UpdateAllocation draw_update(ipam::AllocationId id);
  ipam::VrfReference draw_vrf();
  ipam::CommandBody draw_vrf_command();
  ipam::IdempotencyKey draw_key();

  NodeWorld& world_;
  NodeCluster& cluster_;
  std::uint64_t clients_ = 1;
  Time think_max_ = 0;
  std::uint64_t read_percent_ = 0, text_bytes_max_ = 0;
  std::map<std::uint64_t, Client> current_;
  std::uint64_t last_operation_ = 0, last_key_ = 0;
  bool stopped_ = false, final_ = false;
  std::uint64_t final_writes_ = 0, final_reads_ = 0;
};

}  // namespace simulation
