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
  membership_.append(log_.last(), configuration);
  on_configuration_changed();
  return log_.last_index();
}

// Unique across terms, for a follower may answer to a leader of the same node.
std::uint64_t RaftCore::next_progress_id(Leader& leader) const {
  return (term_.value() << 32) + leader.next_progress_id++;
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
    Progress progress(next_progress_id(*leader), log_.last_index() + 1, options_.progress);
    progress.recently_active = true;  // a grace of one election timeout
    leader->progress.emplace(peer, std::move(progress));
  }
  if (leader->transfer_target && !configuration.is_voter(leader->transfer_target))
    leader->transfer_target = NodeId();
  // Who was missing to a quorum may have left: nobody else would answer these reads.
  answer_reads(*leader);
}

// ---- who the members are ----

// A record is of one data directory: what an earlier one acknowledged is not in this one.
void RaftCore::note_process(NodeId peer, const ProcessInfo& process) {
  Progress* progress = progress_of(peer);
  if (progress == nullptr || process.incarnation == 0 || progress->process == process) return;
  const std::uint64_t before = progress->process.incarnation;
  if (before != 0 && before != process.incarnation && !MUTANT(progress_id_is_ignored)) {
    leader_role()->progress.erase(peer);
    on_configuration_changed();
    progress = progress_of(peer);
  }
  progress->process = process;
}

// REQUIRES: a member.
bool RaftCore::counts(const Leader& leader, NodeId voter) const {
  if (voter == id()) return true;  // it would not lead otherwise
  return is_of(membership_.current().members.at(voter), leader.progress.at(voter).process);
}

// Counts, and was heard within an election timeout.
bool RaftCore::is_present(const Leader& leader, NodeId voter) const {
  if (voter == id()) return true;
  const Progress& progress = leader.progress.at(voter);
  return progress.heard && counts(leader, voter) &&
         progress.ticks_since_heard < options_.election_timeout_ticks;
}

// What a leader changes of the members by itself, one thing at a time.
void RaftCore::maintain_members(Leader& leader) {
  if (refuse_change(&leader)) return;
  if (!identify_members(leader) && !demote_strangers(leader)) promote_learners(leader);
}

// Writes down who was heard from: whose votes count, and what commands all members know.
bool RaftCore::identify_members(Leader& leader) {
  Configuration identified = membership_.current();
  for (auto& [peer, member] : identified.members) {
    const ProcessInfo process =
        peer == id() ? options_.process : leader.progress.at(peer).process;
    // A voter with another data directory is no matter of writing it down: demote_strangers().
    if (process.incarnation == 0 || (!member.learner() && !is_of(member, process))) continue;
    member.incarnation = process.incarnation;
    member.command_version = process.command_version;
  }
  if (identified == membership_.current()) return false;
  append_configuration(identified);
  return true;
}

// A voter came back with another data directory: it knows neither its votes nor what it
// acknowledged, and is to be caught up like a new member (rethinkdb 5289). The others must be able
// to commit that without it.
bool RaftCore::demote_strangers(Leader& leader) {
  const Configuration& current = membership_.current();
  for (const auto& [peer, member] : current.members) {
    if (member.learner() || counts(leader, peer)) continue;
    if (!has_quorum(current, [&](NodeId voter) { return is_present(leader, voter); }))
      return false;
    append_configuration(with_demotion(current, peer));
    return true;
  }
  return false;
}

// ---- changes by the operator ----

base::Result<Index, Refusal> RaftCore::add_member(NodeId member, const std::string& address) {
  const Configuration& current = membership_.current();
  // Reasons that do not pass by themselves first.
  if (leader_role() != nullptr) {
    if (current.contains(member)) return base::fail(Refusal::already_member);
    for (const auto& [peer, other] : current.members)
      if (other.address == address) return base::fail(Refusal::already_member);
    if (current.members.size() >= members_max) return base::fail(Refusal::too_many_members);
  }
  if (const auto refusal = refuse_change(leader_role())) return base::fail(*refusal);
  return append_configuration(with_learner(current, member, address));
}

// Who votes does not change: no joint configuration is needed.
base::Result<Index, Refusal> RaftCore::move_member(NodeId member, const std::string& address) {
  const Configuration& current = membership_.current();
  // Reasons that do not pass by themselves first.
  if (leader_role() != nullptr) {
    if (!current.contains(member)) return base::fail(Refusal::not_a_member);
    if (current.members.at(member).address == address) return membership_.current_index();
    for (const auto& [peer, other] : current.members)
      if (other.address == address) return base::fail(Refusal::already_member);
  }
  if (const auto refusal = refuse_change(leader_role())) return base::fail(*refusal);
  return append_configuration(with_address(current, member, address));
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
  const bool quorum =
      has_quorum(remaining, [&](NodeId peer) { return is_present(*leader, peer); });
  if (!quorum) return base::fail(Refusal::would_lose_quorum);
  return append_configuration(without_voter(current, member));
}

// A learner that has caught up becomes a voter by itself, one at a time.
void RaftCore::promote_learners(Leader& leader) {
  for (const auto& [peer, member] : membership_.current().members) {
    if (!member.learner() || !member.promote) continue;
    const Progress& progress = leader.progress.at(peer);
    if (progress.state() != Progress::State::replicate) continue;
    if (progress.match() + options_.promotion_lag_max < log_.last_index()) continue;
    // It has to know that it is a member, or it would not answer votes.
    if (progress.match() < membership_.current_index()) continue;
    append_configuration(with_promotion(membership_.current(), peer, progress.process));
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
    send_append(leader, peer, progress);
    if (!membership_.current().is_voter(peer) || !counts(leader, peer)) continue;
    if (progress.match() < best) continue;
    best = progress.match();
    successor = peer;
  }
  if (successor) send(successor, TimeoutNow{});
  removed_ = true;
  become_follower(term_, NodeId());
  note_role(RoleEvent::leads_no_more, RoleCause::removed, successor);
}

void RaftCore::tell_departed(Leader& leader) {
  for (const NodeId peer : leader.departed)
    if (!MUTANT(removed_is_not_told)) send(peer, NotMember{{commit_, *log_.term_at(commit_)}});
  leader.departed.clear();
}

// A node that was removed while it was away does not know: its elections would never end.
void RaftCore::tell_if_removed(NodeId sender) {
  const Configuration& committed = membership_.at(commit_);
  if (MUTANT(removed_is_not_told)) return;
  if (committed.members.empty() || committed.contains(sender) ||
      membership_.current().contains(sender))
    return;
  send(sender, NotMember{{commit_, *log_.term_at(commit_)}});
}

base::Result<base::Ok, Refusal> RaftCore::transfer_leader(NodeId target) {
  auto* leader = leader_role();
  if (leader == nullptr) return base::fail(Refusal::not_leader);
  if (leader->transfer_target) return base::fail(Refusal::transferring);
  const auto it = leader->progress.find(target);
  if (it == leader->progress.end() || !membership_.current().is_voter(target) ||
      !counts(*leader, target))
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
