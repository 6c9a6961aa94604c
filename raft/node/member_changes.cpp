#include "raft/node/member_changes.hpp"

#include <utility>

namespace raft {
namespace {

constexpr std::uint64_t retry_after_ticks = 4;

base::Result<Index, Refusal> attempt_change(RaftCore& core, const MemberChange& change) {
  return change.add ? core.add_member(change.node_id, change.address)
                    : core.remove_member(change.node_id);
}

// Done, as of what is committed at this node.
bool is_committed(const RaftCore& core, const MemberChange& change) {
  const Configuration& committed = core.configuration_at(core.commit());
  const auto it = committed.members.find(change.node_id);
  if (change.add) return it != committed.members.end() && it->second.address == change.address;
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
  pending_[id] = {change, Stage::waiting, now_ticks_ + timeout_ticks_, 0, Refusal::not_leader};
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
    if (current->second.stage == Stage::appended && is_committed(core, current->second.change))
      answer(current, MemberChangeOutcome::committed);
    else if (current->second.stage == Stage::waiting && current->second.retry_tick <= now_ticks_)
      attempt(current, core, out);
  }
}

void MemberChanges::attempt(Item item, RaftCore& core, std::vector<Message>& out) {
  Pending& pending = item->second;
  pending.retry_tick = now_ticks_ + retry_after_ticks;
  if (core.is_leader()) {
    const auto result = attempt_change(core, pending.change);
    if (result.ok())
      pending.stage = Stage::appended;
    else
      on_refused(item, result.error());
    return;
  }
  if (!core.leader()) return;
  pending.stage = Stage::forwarded;
  out.push_back({core.id(), core.leader(), Term(),
                 ChangeMembersRequest{item->first, pending.change.add, pending.change.node_id,
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

ChangeMembersResponse change_members(RaftCore& core, const ChangeMembersRequest& request) {
  const auto result = attempt_change(core, {request.add, request.node_id, request.address});
  ChangeMembersResponse response{request.context, result.ok(), 0};
  if (!result.ok()) response.refusal = static_cast<std::uint8_t>(result.error());
  return response;
}

}  // namespace raft
