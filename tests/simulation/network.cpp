#include "network.hpp"

namespace simulation {

void Network::send(Time now, raft::Message message, std::shared_ptr<const State> snapshot) {
  trace_.message(now, TraceKind::sent, message);
  if (!connected(message.from, message.to) || random_.below(1000) < quality.loss_permille) {
    trace_.message(now, TraceKind::lost, message);
    return;
  }
  if (quality.duplicate_permille > 0 && random_.below(1000) < quality.duplicate_permille)
    schedule(now, {message, snapshot});
  schedule(now, {std::move(message), std::move(snapshot)});
}

void Network::schedule(Time now, InFlight in_flight) {
  const raft::NodeId to = in_flight.message.to;
  std::uint32_t slot;
  if (free_.empty()) {
    slot = static_cast<std::uint32_t>(slots_.size());
    slots_.push_back(std::move(in_flight));
  } else {
    slot = free_.back();
    free_.pop_back();
    slots_[slot] = std::move(in_flight);
  }
  events_.push(now + delay(), EventKind::deliver, to, slot);
}

InFlight Network::take(std::uint64_t slot) {
  InFlight in_flight = std::move(slots_[slot]);
  free_.push_back(static_cast<std::uint32_t>(slot));
  return in_flight;
}

}  // namespace simulation
