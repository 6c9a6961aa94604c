// Clients that write and read at whatever node they choose, one operation at a time each. They
// retry, time out, and never learn what became of an operation that timed out.
#pragma once

#include <map>

#include "cluster.hpp"

namespace simulation {

class Workload : public OperationListener {
 public:
  Workload(World& world, Cluster& cluster, std::uint64_t seed) : world_(world), cluster_(cluster) {
    base::Random random(seed ^ 0x776f726b);
    clients_ = 1 + random.below(4);
    think_max_ = (100 + random.below(900)) * millisecond;
    read_percent_ = 10 + random.below(60);
  }

  void start();
  // The client's turn: a new operation, or waiting for the one it has.
  void step(std::uint64_t client);
  void on_finished(std::uint64_t operation, bool ok) override;

  void stop() { stopped_ = true; }
  // From now on one client counts what succeeds.
  void begin_final();
  std::uint64_t final_writes() const { return final_writes_; }
  std::uint64_t final_reads() const { return final_reads_; }

 private:
  struct Operation {
    std::uint64_t id = 0;
    bool is_read = false;
    Time deadline = 0;
  };

  bool issue(Operation& operation);
  std::vector<base::SharedBytes> commands(std::uint64_t operation);

  World& world_;
  Cluster& cluster_;
  std::uint64_t clients_ = 1;
  Time think_max_ = 0;
  std::uint64_t read_percent_ = 0;
  std::map<std::uint64_t, Operation> current_;  // by client
  std::uint64_t last_operation_ = 0;
  bool stopped_ = false, final_ = false;
  std::uint64_t final_writes_ = 0, final_reads_ = 0;
};

}  // namespace simulation
