// The proposals of other nodes' clients that were sent to this node as their leader, until they are
// appended, refused or passed on. While leadership is being handed over they wait for the successor
// and are passed on to it, so that their clients need not try again. Pure; owned by the driver.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "raft/core/message.hpp"

namespace raft {

struct ForwardLimits {
  std::size_t proposals_per_message_max = 0;
  std::size_t bytes_per_message_max = 0;  // and one more command
  std::size_t held_max = 0;               // beyond, what waits is refused
  // How long this node waits for its successor, and passes on what still comes to it.
  std::uint64_t hand_over_ticks = 0;
  // How long a refusal by the successor finds the node that it is for.
  std::uint64_t remembered_ticks = 0;
};

class ForwardedProposals {
 public:
  ForwardedProposals(NodeId self, const ForwardLimits& limits) : self_(self), limits_(limits) {}

  void add(NodeId from, std::vector<Proposal> proposals);
  void tick();
  bool empty() const { return waiting_.empty(); }
  std::vector<Proposal> proposals() const;

  // What becomes of those that wait. Appended by this node:
  void appended() { waiting_.clear(); }
  // Certainly not appended: their nodes are told.
  void refuse(std::vector<Message>& out);
  // This node hands leadership over.
  void note_hand_over() { passes_on_until_tick_ = now_ticks_ + limits_.hand_over_ticks; }
  bool passes_on() const {
    return now_ticks_ < passes_on_until_tick_ && waiting_.size() <= limits_.held_max;
  }
  // No loop can come of it: who is told to lead in a term knows of that term or of a later one.
  void pass_on(NodeId leader, std::vector<Message>& out);

  // Tells the node that it came from. False: it was not passed on from here.
  bool refused_by_successor(const ProposalId& id, std::vector<Message>& out);

 private:
  struct Waiting {
    NodeId from;
    Proposal proposal;
  };
  struct PassedOn {
    NodeId from;
    std::uint64_t forget_tick;
  };
  struct Hash {
    std::size_t operator()(const ProposalId& id) const { return id.origin ^ id.sequence; }
  };

  const NodeId self_;
  const ForwardLimits limits_;
  std::uint64_t now_ticks_ = 0;
  std::uint64_t passes_on_until_tick_ = 0;
  std::vector<Waiting> waiting_;
  std::unordered_map<ProposalId, PassedOn, Hash> passed_on_;
};

}  // namespace raft
