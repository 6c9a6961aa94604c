#include "raft/node/member_changes.hpp"

#include <optional>
#include <utility>

namespace raft {
namespace {

constexpr std::uint64_t retry_after_ticks = 4;

// What it is refused for; nullopt: it was begun.
std::optional<Refusal> attempt_change(RaftCore& core, unsigned election_timeout_ticks,
                                      const MemberChange& change) {
  const auto refusal = [](const auto& result) {
    return result.ok() ? std::nullopt : std::optional(result.error());
  };
  switch (change.action) {
    case MemberAction::add: return refusal(core.add_member(change.node_id, change.address));
    case MemberAction::remove: return refusal(core.remove_member(change.node_id));
    case MemberAction::move: return refusal(core.move_member(change.node_id, change.address));
    case MemberAction::lead: break;
  }
  const NodeId target = change.node_id ? change.node_id : successor(core, election_timeout_ticks);
  if (target == core.id())
    return core.is_leader() ? std::nullopt : std::optional(Refusal::not_leader);
  return refusal(core.transfer_leader(target));
}

// As of what is committed at this node, or as of the leader that it knows.
bool is_done(const RaftCore& core, const MemberChange& change, NodeId leader_before) {
  if (change.action == MemberAction::lead) {
    if (change.node_id) return core.leader() == change.node_id;
    return core.leader() && leader_before && core.leader() != leader_before;
  }
  const Configuration& committed = core.configuration_at(core.commit());
  const auto it = committed.members.find(change.node_id);
  if (change.action == MemberAction::add || change.action == MemberAction::move)
    return it != committed.members.end() && it->second.address == change.address;
  return it == committed.members.end() && !committed.members.empty();
}

// The reason may pass by itself: also a change that is under way, such as the promotion of a node
// that was just added, takes a few round trips.
bool is_temporary(Refusal refusal) {
  return refusal == Refusal::not_leader || refusal == Refusal::not_ready ||
         refusal == Refusal::transferring || refusal == Refusal::overloaded ||
         refusal == Refusal::change_in_progress;
}

}  // namespace

void MemberChanges::add(std::uint64_t id, const MemberChange& change) {
  pending_[id] = {change,        Stage::waiting, now_ticks_ + timeout_ticks_, 0,
                  Refusal::not_leader, NodeId()};
}

void MemberChanges::tick() {
  ++now_ticks_;
  for (auto item = pending_.begin(); item != pending_.end();) {
    const auto current = item++;
    if (current->second.deadline_tick > now_ticks_) continue;
    const Pending& pending = current->second;
    if (pending.stage != Stage::waiting)
      answer(current, MemberChangeOutcome::unknown);
    else if (pending.last_refusal == Refusal::change_in_progress)
      answer(current, MemberChangeOutcome::refused, pending.last_refusal);
    else
      answer(current, MemberChangeOutcome::no_leader);
  }
}

void MemberChanges::advance(RaftCore& core, std::vector<Message>& out) {
  for (auto item = pending_.begin(); item != pending_.end();) {
    const auto current = item++;
    if (current->second.stage == Stage::appended &&
        is_done(core, current->second.change, current->second.leader_before))
      answer(current, MemberChangeOutcome::committed);
    else if (current->second.stage == Stage::waiting && current->second.retry_tick <= now_ticks_)
      attempt(current, core, out);
  }
}

void MemberChanges::attempt(Item item, RaftCore& core, std::vector<Message>& out) {
  Pending& pending = item->second;
  pending.retry_tick = now_ticks_ + retry_after_ticks;
  if (pending.change.action == MemberAction::lead) {
    if (is_done(core, pending.change, pending.leader_before))
      return answer(item, MemberChangeOutcome::committed);
    if (core.leader()) pending.leader_before = core.leader();
  }
  if (core.is_leader()) {
    if (const auto refusal = attempt_change(core, election_timeout_ticks_, pending.change))
      on_refused(item, *refusal);
    else
      pending.stage = Stage::appended;
    return;
  }
  if (!core.leader()) return;
  pending.stage = Stage::forwarded;
  out.push_back({core.id(), core.leader(), Term(),
                 ChangeMembersRequest{item->first, pending.change.action, pending.change.node_id,
                                      pending.change.address}});
}

void MemberChanges::on_response(const ChangeMembersResponse& response) {
  const auto item = pending_.find(response.context);
  if (item == pending_.end() || item->second.stage != Stage::forwarded) return;
  if (response.appended) {
    item->second.stage = Stage::appended;
    return;
  }
  item->second.stage = Stage::waiting;
  on_refused(item, static_cast<Refusal>(response.refusal));
}

void MemberChanges::on_refused(Item item, Refusal refusal) {
  item->second.last_refusal = refusal;
  if (!is_temporary(refusal)) answer(item, MemberChangeOutcome::refused, refusal);
}

void MemberChanges::fail_all() {
  while (!pending_.empty()) answer(pending_.begin(), MemberChangeOutcome::unknown);
}

void MemberChanges::answer(Item item, MemberChangeOutcome outcome, Refusal refusal) {
  replies_.push_back({item->first, outcome, refusal});
  pending_.erase(item);
}

ChangeMembersResponse change_members(RaftCore& core, unsigned election_timeout_ticks,
                                     const ChangeMembersRequest& request) {
  const auto refusal = attempt_change(core, election_timeout_ticks,
                                      {request.action, request.node_id, request.address});
  return {request.context, !refusal, static_cast<std::uint8_t>(refusal.value_or(Refusal{}))};
}

NodeId successor(const RaftCore& core, unsigned election_timeout_ticks) {
  NodeId found;
  Index best;
  for (const ProgressStatus& peer : core.status().progress) {
    if (!core.configuration().is_voter(peer.id) || peer.match < best) continue;
    if (peer.disconnected) continue;
    if (peer.ticks_since_heard.value_or(~0ull) > election_timeout_ticks) continue;
    best = peer.match;
    found = peer.id;
  }
  return found;
}

}  // namespace raft
