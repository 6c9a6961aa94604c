// The network of the simulation: every message is lost, doubled or delayed by chance, and links can
// be cut in one direction.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "base/random.hpp"
#include "events.hpp"
#include "state_machine.hpp"

namespace simulation {

inline constexpr std::size_t nodes_max = 24;  // ids 1 to 24 in one simulation

struct LinkQuality {
  unsigned loss_permille = 0;
  unsigned duplicate_permille = 0;
  Time delay_min = 500;
  Time delay_max = 5 * millisecond;
};

struct InFlight {
  raft::Message message;
  std::shared_ptr<const State> snapshot;  // the bytes that go with an InstallSnapshot
  base::SharedBytes frame;                // the message as it is on the wire, for whole nodes
};

class Network {
 public:
  Network(EventQueue& events, base::Random& random, Trace& trace)
      : events_(events), random_(random), trace_(trace) {}

  LinkQuality quality;
  bool lose_votes = false;  // pre-votes arrive, and no granted vote does

  void send(Time now, raft::Message message, std::shared_ptr<const State> snapshot = nullptr,
            base::SharedBytes frame = nullptr);
  // Empties the slot. The caller checks connected() again: the link may have been cut meanwhile.
  InFlight take(std::uint64_t slot);
  Time delay() { return random_.between(quality.delay_min, quality.delay_max); }

  bool connected(raft::NodeId from, raft::NodeId to) const {
    return (cut_[from.value()] >> to.value() & 1) == 0;
  }
  void cut(raft::NodeId from, raft::NodeId to) { cut_[from.value()] |= 1ull << to.value(); }
  void heal() { cut_.fill(0); }

 private:
  bool lost_by_chance(const raft::Message& message);
  void schedule(Time now, InFlight in_flight);

  EventQueue& events_;
  base::Random& random_;
  Trace& trace_;
  std::array<std::uint64_t, nodes_max + 1> cut_{};
  std::vector<InFlight> slots_;
  std::vector<std::uint32_t> free_;
};

}  // namespace simulation
