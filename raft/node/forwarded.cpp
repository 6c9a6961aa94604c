#include "raft/node/forwarded.hpp"

#include <map>
#include <utility>

namespace raft {

void ForwardedProposals::add(NodeId from, std::vector<Proposal> proposals) {
  for (Proposal& proposal : proposals) waiting_.push_back({from, std::move(proposal)});
}

void ForwardedProposals::tick() {
  ++now_ticks_;
  std::erase_if(passed_on_,
                [&](const auto& item) { return item.second.forget_tick <= now_ticks_; });
}

std::vector<Proposal> ForwardedProposals::proposals() const {
  std::vector<Proposal> out;
  out.reserve(waiting_.size());
  for (const Waiting& waiting : waiting_) out.push_back(waiting.proposal);
  return out;
}

void ForwardedProposals::refuse(std::vector<Message>& out) {
  std::map<NodeId, ForwardRefused> refused;
  for (const Waiting& waiting : waiting_) refused[waiting.from].ids.push_back(waiting.proposal.id);
  waiting_.clear();
  for (auto& [to, body] : refused) out.push_back({self_, to, Term(), std::move(body)});
}

void ForwardedProposals::pass_on(NodeId leader, std::vector<Message>& out) {
  std::vector<Proposal> batch;
  std::size_t bytes = 0;
  const auto send = [&] {
    if (!batch.empty())
      out.push_back({self_, leader, Term(), ForwardProposals{std::exchange(batch, {})}});
    bytes = 0;
  };
  for (Waiting& waiting : waiting_) {
    passed_on_[waiting.proposal.id] = {waiting.from, now_ticks_ + limits_.remembered_ticks};
    bytes += waiting.proposal.command->size();
    batch.push_back(std::move(waiting.proposal));
    if (batch.size() >= limits_.proposals_per_message_max || bytes >= limits_.bytes_per_message_max)
      send();
  }
  send();
  waiting_.clear();
}

bool ForwardedProposals::refused_by_successor(const ProposalId& id, std::vector<Message>& out) {
  const auto item = passed_on_.extract(id);
  if (item) out.push_back({self_, item.mapped().from, Term(), ForwardRefused{{id}}});
  return static_cast<bool>(item);
}

}  // namespace raft
