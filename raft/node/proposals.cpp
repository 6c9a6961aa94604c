#include "raft/node/proposals.hpp"

#include <algorithm>
#include <utility>

#include "base/mutant.hpp"

namespace raft {

bool Proposals::add(ProposalId id, base::SharedBytes command) {
  if (queued_.size() >= queue_max_) return false;
  pending_.emplace(id, Pending{});
  deadlines_.push_back({now_ticks_ + timeout_ticks_, id});
  queued_.push_back({id, std::move(command)});
  return true;
}

std::vector<Proposal> Proposals::take_queued(std::size_t count_max, std::size_t bytes_max) {
  std::vector<Proposal> out;
  std::size_t bytes = 0;
  while (!queued_.empty() && out.size() < count_max && bytes < bytes_max) {
    bytes += queued_.front().command->size();
    // Those that timed out while they waited have been answered.
    if (pending_.contains(queued_.front().id)) out.push_back(std::move(queued_.front()));
    queued_.pop_front();
  }
  return out;
}

void Proposals::put_back(std::vector<Proposal> proposals) {
  for (auto it = proposals.rbegin(); it != proposals.rend(); ++it) {
    const auto pending = pending_.find(it->id);
    if (pending == pending_.end()) continue;
    pending->second.stage = Stage::queued;
    queued_.push_front(std::move(*it));
  }
}

void Proposals::forwarded(const std::vector<Proposal>& proposals, NodeId to) {
  for (const Proposal& proposal : proposals) {
    const auto it = pending_.find(proposal.id);
    if (it != pending_.end()) it->second = {Stage::forwarded, Index(), to};
  }
}

void Proposals::leader_is(NodeId leader, std::uint64_t grace_ticks) {
  if (!leader || std::exchange(leader_, leader) == leader) return;
  for (const auto& [id, pending] : pending_)
    if (pending.stage == Stage::forwarded && pending.to != leader)
      doomed_.push_back({now_ticks_ + grace_ticks, id});
}

void Proposals::appended(const ProposalId& id, Index index) {
  const auto it = pending_.find(id);
  if (it == pending_.end()) return;
  it->second = {Stage::appended, index, NodeId()};
  appended_[index] = id;
}

void Proposals::refused(const ProposalId& id) {
  if (id.origin == origin_) fail(id, ProposalFailure::refused);
}

void Proposals::applied(Index index, const ProposalId& id) {
  if (id.origin == origin_) pending_.erase(id);
  while (!appended_.empty() && appended_.begin()->first <= index) {
    const ProposalId own = appended_.begin()->second;
    appended_.erase(appended_.begin());
    // Another entry is committed in its place, so it never will be.
    if (own != id) fail(own, ProposalFailure::refused);
  }
}

void Proposals::skipped(Index index) {
  while (!appended_.empty() && appended_.begin()->first <= index) {
    const ProposalId own = appended_.begin()->second;
    appended_.erase(appended_.begin());
    fail(own, ProposalFailure::unknown);
  }
}

void Proposals::tick() {
  ++now_ticks_;
  for (; !doomed_.empty() && doomed_.front().tick <= now_ticks_; doomed_.pop_front()) {
    const auto it = pending_.find(doomed_.front().id);
    // It may have come back since, and been sent to the next one.
    if (it != pending_.end() && it->second.stage == Stage::forwarded && it->second.to != leader_)
      fail(it->first, ProposalFailure::unknown);
  }
  while (!deadlines_.empty() && deadlines_.front().tick <= now_ticks_) {
    const auto it = pending_.find(deadlines_.front().id);
    if (it != pending_.end())
      fail(it->first,
           it->second.stage == Stage::queued || NODE_MUTANT(unknown_is_called_refused)
               ? ProposalFailure::refused
               : ProposalFailure::unknown);
    deadlines_.pop_front();
  }
  // The commands of those go, too, whether there is a leader that could take them or not.
  while (!queued_.empty() && !pending_.contains(queued_.front().id)) queued_.pop_front();
}

void Proposals::fail_all() {
  while (!pending_.empty()) {
    const auto& [id, pending] = *pending_.begin();
    fail(id, pending.stage == Stage::queued ? ProposalFailure::refused : ProposalFailure::unknown);
  }
  queued_.clear();
}

void Proposals::fail(const ProposalId& id, ProposalFailure failure) {
  const ProposalId copy = id;
  if (pending_.erase(copy) > 0) failed_.push_back({copy, failure});
}

}  // namespace raft
