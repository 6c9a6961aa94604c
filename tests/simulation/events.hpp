// The queue of what will happen in virtual time: earliest first, equal times in the order in which
// they were scheduled, so that a run depends on nothing but its seed.
#pragma once

#include <cstdint>
#include <queue>
#include <vector>

#include "trace.hpp"

namespace simulation {

enum class EventKind : std::uint8_t {
  tick,               // a: the node's generation
  turn,               // the host takes the core's Readies; a: generation
  deliver,            // a: slot of the network, b: generation of who was paused, 0: of any
  persisted,          // a: generation, b: how many batches
  maintain,           // the host flushes its state and compacts; a: generation
  snapshot_ready,     // a: generation, b: peer
  snapshot_reported,  // to the sender; a: peer, b: index
  snapshot_timeout,   // a: peer, b: transfer
  restart,
  fault,        // a: number in the plan
  fault_ended,  // a: number in the plan
  client,       // a: number of the client
  split_terms,
  quiet,
  check_liveness,
  // ---- whole nodes (node/) ----
  posted,      // a callback comes to the io thread; a: generation
  state_work,  // the worker of state.db; a: generation
  leases,      // a: generation
  operate,     // the operator looks after broken nodes
};

struct Event {
  Time at = 0;
  std::uint64_t order = 0;
  EventKind kind{};
  raft::NodeId node;
  std::uint64_t a = 0, b = 0;
};

class EventQueue {
 public:
  void push(Time at, EventKind kind, raft::NodeId node = {}, std::uint64_t a = 0,
            std::uint64_t b = 0) {
    queue_.push({at, next_order_++, kind, node, a, b});
  }
  bool empty() const { return queue_.empty(); }
  Event pop() {
    const Event event = queue_.top();
    queue_.pop();
    return event;
  }

 private:
  struct Later {
    bool operator()(const Event& x, const Event& y) const {
      return x.at != y.at ? x.at > y.at : x.order > y.order;
    }
  };
  std::priority_queue<Event, std::vector<Event>, Later> queue_;
  std::uint64_t next_order_ = 0;
};

}  // namespace simulation
