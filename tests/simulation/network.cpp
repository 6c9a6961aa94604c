#include "network.hpp"

namespace simulation {

void Network::send(Time now, raft::Message message, std::shared_ptr<const State> snapshot,
                   base::SharedBytes frame) {
  trace_.message(now, TraceKind::sent, message);
  if (!connected(message.from, message.to) || lost_by_chance(message)) {
    trace_.message(now, TraceKind::lost, message);
    return;
  }
  // A connection delivers at most once, and the driver relies on that for what it forwards.
  const bool once = std::holds_alternative<raft::ForwardProposals>(message.body);
  if (!once && quality.duplicate_permille > 0 && random_.below(1000) < quality.duplicate_permille)
    schedule(now, {message, snapshot, frame});
  schedule(now, {std::move(message), std::move(snapshot), std::move(frame)});
}

bool Network::lost_by_chance(const raft::Message& message) {
  const auto* vote = std::get_if<raft::RequestVoteResponse>(&message.body);
  if (lose_votes && vote != nullptr && vote->granted && !vote->pre_vote) return true;
  return random_.below(1000) < quality.loss_permille;
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
