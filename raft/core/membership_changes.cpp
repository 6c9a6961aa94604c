// Changes of the configuration: Raft §6, thesis §4.
#include <algorithm>

#include "base/assert.hpp"
#include "raft/core/mutant.hpp"
#include "raft/core/node.hpp"

namespace raft {

std::optional<Refusal> RaftCore::refuse_change(const Leader* leader) const {
  if (leader == nullptr) return Refusal::not_leader;
  if (leader->transfer_target) return Refusal::transferring;
  // Erratum of the thesis: no change before an entry of the own term is committed.
  if (!term_committed() && !MUTANT(change_before_term_commit)) return Refusal::not_ready;
  if (membership_.current().joint ||
      (membership_.current_index() > commit_ && !MUTANT(change_during_change)))
    return Refusal::change_in_progress;
  return std::nullopt;
}

Index RaftCore::append_configuration(const Configuration& configuration) {
  for (const auto& [peer, member] : membership_.current().members)
    if (peer != id() && !configuration.contains(peer)) leader_role()->departed.push_back(peer);
  append_as_leader(EntryKind::configuration, base::share(encode(configuration)));
  membership_.append(log_.last_index(), configuration);
  on_configuration_changed();
  return log_.last_index();
}

// Brings the leader's records in line with the members.
void RaftCore::on_configuration_changed() {
  auto* leader = leader_role();
  if (leader == nullptr) return;
  const Configuration& configuration = membership_.current();
  std::erase_if(leader->progress,
                [&](const auto& item) { return !configuration.contains(item.first); });
  for (const auto& [peer, member] : configuration.members) {
    if (peer == id() || leader->progress.contains(peer)) continue;
    // Numbers are unique across terms, for a follower may answer to a leader of the same node.
    const std::uint64_t progress_id = (term_.value() << 20) + leader->next_progress_id++;
    Progress progress(progress_id, log_.last_index() + 1, options_.progress);
    progress.recently_active = true;  // a grace of one election timeout
    leader->progress.emplace(peer, std::move(progress));
  }
  if (leader->transfer_target && !configuration.is_voter(leader->transfer_target))
    leader->transfer_target = NodeId();
  // Who was missing to a quorum may have left: nobody else would answer these reads.
  answer_reads(*leader);
}

base::Result<Index, Refusal> RaftCore::add_member(NodeId member, const std::string& address) {
  if (const auto refusal = refuse_change(leader_role())) return base::fail(*refusal);
  const Configuration& current = membership_.current();
  if (current.contains(member)) return base::fail(Refusal::already_member);
  for (const auto& [peer, other] : current.members)
    if (other.address == address) return base::fail(Refusal::already_member);
  if (current.members.size() >= members_max) return base::fail(Refusal::too_many_members);
  return append_configuration(with_learner(current, member, address));
}

base::Result<Index, Refusal> RaftCore::remove_member(NodeId member) {
  const auto* leader = leader_role();
  if (const auto refusal = refuse_change(leader)) return base::fail(*refusal);
  const Configuration& current = membership_.current();
  if (!current.contains(member)) return base::fail(Refusal::not_a_member);
  if (!current.members.at(member).voter)
    return append_configuration(without_learner(current, member));
  // Who remains must be able to go on: a majority of them has to be there now.
  Configuration remaining = current;
  remaining.members.erase(member);
  const bool quorum = has_quorum(remaining, [&](NodeId peer) {
    const auto it = leader->progress.find(peer);
    return peer == id() ||
           (it != leader->progress.end() && it->second.heard &&
            it->second.ticks_since_heard < options_.election_timeout_ticks);
  });
  if (!quorum) return base::fail(Refusal::would_lose_quorum);
  return append_configuration(without_voter(current, member));
}

// A learner that has caught up becomes a voter by itself, one at a time.
void RaftCore::promote_learners(Leader& leader) {
  if (refuse_change(&leader)) return;
  for (const auto& [peer, member] : membership_.current().members) {
    if (!member.learner() || !member.promote) continue;
    const auto it = leader.progress.find(peer);
    if (it == leader.progress.end() || it->second.state() != Progress::State::replicate) continue;
    if (it->second.match() + options_.promotion_lag_max < log_.last_index()) continue;
    // It has to know that it is a member, or it would not answer votes.
    if (it->second.match() < membership_.current_index()) continue;
    append_configuration(with_promotion(membership_.current(), peer));
    return;
  }
}

// The configuration without this leader is committed (Raft §6): the most advanced voter is asked to
// take over at once, rather than after an election timeout.
void RaftCore::step_down_removed(Leader& leader) {
  NodeId successor;
  Index best;
  for (auto& [peer, progress] : leader.progress) {
    if (progress.state() == Progress::State::snapshot) continue;
    // What is committed is to be known there: nobody will send it for us afterwards.
    send_append(peer, progress, true);
    if (!membership_.current().is_voter(peer) || progress.match() < best) continue;
    best = progress.match();
    successor = peer;
  }
  if (successor) send(successor, TimeoutNow{});
  removed_ = true;
  become_follower(term_, NodeId());
}

void RaftCore::tell_departed(Leader& leader) {
  for (const NodeId peer : leader.departed)
    if (!MUTANT(removed_is_not_told)) send(peer, NotMember{membership_.current_index()});
  leader.departed.clear();
}

// A node that was removed while it was away does not know: its elections would never end.
void RaftCore::tell_if_removed(NodeId sender) {
  const Configuration& committed = membership_.at(commit_);
  if (MUTANT(removed_is_not_told)) return;
  if (committed.members.empty() || committed.contains(sender) ||
      membership_.current().contains(sender))
    return;
  send(sender, NotMember{membership_.index_at(commit_)});
}

base::Result<base::Ok, Refusal> RaftCore::transfer_leader(NodeId target) {
  auto* leader = leader_role();
  if (leader == nullptr) return base::fail(Refusal::not_leader);
  if (leader->transfer_target) return base::fail(Refusal::transferring);
  const auto it = leader->progress.find(target);
  if (it == leader->progress.end() || !membership_.current().is_voter(target))
    return base::fail(Refusal::not_a_member);
  leader->transfer_target = target;
  leader->transfer_ticks = 0;
  leader->transfer_sent = false;
  check_transfer(*leader, target);
  return base::Ok();
}

// Thesis §3.10: once the target has the whole log, it need not wait for a timeout.
void RaftCore::check_transfer(Leader& leader, NodeId peer) {
  if (leader.transfer_target != peer || leader.transfer_sent) return;
  if (leader.progress.at(peer).match() != log_.last_index()) return;
  leader.transfer_sent = true;
  send(peer, TimeoutNow{});
}

}  // namespace raft
