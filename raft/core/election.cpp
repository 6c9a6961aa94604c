// Elections: Raft §5.2 and §5.4.1, pre-vote and check-quorum of the thesis §9.6 and §6.2.
#include <algorithm>

#include "base/assert.hpp"
#include "raft/core/mutant.hpp"
#include "raft/core/node.hpp"

namespace raft {

void RaftCore::reset_election_timer() {
  election_elapsed_ticks_ = 0;
  election_deadline_ticks_ = static_cast<unsigned>(
      random_.between(options_.election_timeout_ticks, 2 * options_.election_timeout_ticks - 1));
  if (reluctant_) election_deadline_ticks_ += 2 * options_.election_timeout_ticks;
}

// A node that knows of no configuration was never a voter, or its disk was wiped and it does not
// know how it voted and what it acknowledged: members of long ago could otherwise elect one
// another.
// Nor may one whose data directory is not the one that the members know: it was wiped since.
bool RaftCore::may_vote() const {
  const auto& members = membership_.current().members;
  if (members.empty()) return false;
  const auto self = members.find(id());
  return self == members.end() || is_of(self->second, options_.process);
}

// Stickiness (thesis §4.2.3): a node that hears from a leader helps nobody to replace it.
bool RaftCore::hears_leader() const {
  if (is_leader()) return true;
  return leader_ && !leader_connection_broken_ &&
         election_elapsed_ticks_ < options_.election_timeout_ticks;
}

void RaftCore::tick_election() {
  ++election_elapsed_ticks_;
  if (election_elapsed_ticks_ < election_deadline_ticks_) return;
  campaign(false);
}

void RaftCore::on_peer_disconnected(NodeId peer) {
  if (auto* progress = progress_of(peer)) progress->disconnected = true;
  if (is_leader() || !peer || peer != leader_) return;
  leader_connection_broken_ = true;
  // A few ticks of spread, so that the followers do not all ask at once.
  const auto wait = static_cast<unsigned>(random_.between(1, 3));
  if (reluctant_) return;
  if (election_deadline_ticks_ > election_elapsed_ticks_ + wait)
    election_deadline_ticks_ = election_elapsed_ticks_ + wait;
}

// REQUIRES: before the timer is reset.
RoleChange RaftCore::campaign_reason() const {
  const auto because = [&](RoleCause cause) {
    return RoleChange{RoleEvent::campaigns, cause, term_, leader_, election_elapsed_ticks_};
  };
  if (has_quorum(membership_.current(), [&](NodeId voter) { return voter == this->id(); }))
    return because(RoleCause::only_voter);
  if (leader_connection_broken_) return because(RoleCause::leader_disconnected);
  if (leader_) return because(RoleCause::leader_silent);
  return because(heard_a_leader_ ? RoleCause::no_leader : RoleCause::started);
}

void RaftCore::note_role(RoleEvent event, RoleCause cause, NodeId peer, unsigned ticks) {
  if (role_changes_.size() == role_changes_max) role_changes_.pop_front();
  role_changes_.push_back({event, cause, term_, peer, ticks});
}

void RaftCore::campaign(bool transfer) {
  const RoleChange reason = campaign_reason();
  reset_election_timer();
  // A configuration without this node that is not committed may be known here alone: then nobody
  // else can be elected to commit it (thesis §4.2.2).
  const bool may_lead =
      membership_.current().is_voter(id()) || membership_.at(commit_).is_voter(id());
  if (!may_lead || !may_vote() || !up_to_date(log_.last(), lost_)) {
    // Who may not lead forgets a leader that it has not heard from. Its question is for the answer
    // that it is no member any more (tell_if_removed); a grant would find no candidate.
    leader_ = NodeId();
    request_votes(term_ + 1, true, false);
    return;
  }
  if (!transfer && !campaign_reason_) {
    campaign_reason_ = reason;
    note_role(reason.event, reason.cause, reason.peer, reason.ticks);
  }
  if (transfer)
    begin_vote(true);
  else
    begin_pre_vote();
}

void RaftCore::begin_pre_vote() {
  if (!MUTANT(deposed_leader_is_shunned)) leader_ = NodeId();
  PreCandidate candidate;
  candidate.votes[id()] = true;
  role_ = std::move(candidate);
  request_votes(term_ + 1, true, false);
  count_votes();
}

void RaftCore::begin_vote(bool transfer) {
  ++term_;
  vote_ = id();
  leader_ = NodeId();
  leader_connection_broken_ = false;
  Candidate candidate;
  candidate.transfer = transfer;
  role_ = std::move(candidate);
  reset_election_timer();
  request_votes(term_, false, transfer);
  // The own vote counts only once it is durable, like everybody else's.
  send_after_persist(id(), RequestVoteResponse{false, true});
}

void RaftCore::request_votes(Term term, bool pre_vote, bool transfer) {
  for (const auto& [peer, member] : membership_.current().members) {
    if (peer == id() || member.learner()) continue;
    Message message{id(), peer, term, RequestVote{log_.last(), pre_vote, transfer},
                    options_.process};
    (pre_vote ? messages_ : messages_after_persist_).push_back(std::move(message));
  }
}

void RaftCore::count_votes() {
  auto* pre_candidate = std::get_if<PreCandidate>(&role_);
  auto* candidate = std::get_if<Candidate>(&role_);
  const auto& votes = pre_candidate != nullptr ? pre_candidate->votes : candidate->votes;
  const auto answer = [&votes](NodeId voter, bool unknown) {
    const auto it = votes.find(voter);
    return it == votes.end() ? unknown : it->second;
  };
  Configuration configuration = membership_.current();
  if (MUTANT(joint_needs_one_half)) configuration.joint = false;
  const bool founds = options_.founders_all_vote && log_.last_index() == Index();
  const auto wins = [&](bool unknown) {
    const auto granted = [&](NodeId voter) { return answer(voter, unknown); };
    if (!founds) return has_quorum(configuration, granted);
    return std::all_of(
        configuration.members.begin(), configuration.members.end(),
        [&](const auto& member) { return member.second.learner() || granted(member.first); });
  };
  if (wins(false)) {
    if (pre_candidate != nullptr)
      begin_vote(false);
    else
      become_leader();
    return;
  }
  if (!wins(true)) become_follower(term_, NodeId());
}

void RaftCore::handle(NodeId from, Term term, const RequestVote& request) {
  if (MUTANT(pre_vote_clears_vote) && request.pre_vote) vote_ = NodeId();
  const bool not_voted = vote_ == from || (!vote_ && !leader_) || MUTANT(votes_twice);
  if (MUTANT(learner_refuses_vote) && !membership_.current().is_voter(id())) return;
  const bool as_good =
      up_to_date(request.last_log, log_.last()) && up_to_date(request.last_log, lost_);
  const bool grant = may_vote() &&
                     (as_good || MUTANT(votes_for_shorter_log)) &&
                     (request.pre_vote ? term > term_ || not_voted : not_voted && !is_leader());
  if (grant && !request.pre_vote) {
    vote_ = from;
    reset_election_timer();
    send_after_persist(from, RequestVoteResponse{false, true});
  } else {
    if (MUTANT(pre_vote_resets_timer) && grant) reset_election_timer();
    send_with_term(from, grant ? term : term_, RequestVoteResponse{request.pre_vote, grant});
  }
}

void RaftCore::handle(NodeId from, const ProcessInfo& voter,
                      const RequestVoteResponse& response) {
  const auto member = membership_.current().members.find(from);
  if (member == membership_.current().members.end() || !is_of(member->second, voter)) return;
  auto* pre_candidate = std::get_if<PreCandidate>(&role_);
  auto* candidate = std::get_if<Candidate>(&role_);
  if (MUTANT(pre_vote_counts_as_vote) && candidate != nullptr && response.pre_vote) {
    candidate->votes.emplace(from, response.granted);
    return count_votes();
  }
  if (response.pre_vote ? pre_candidate == nullptr : candidate == nullptr) return;
  auto& votes = response.pre_vote ? pre_candidate->votes : candidate->votes;
  votes.emplace(from, response.granted);
  count_votes();
}

void RaftCore::handle(NodeId from, const TimeoutNow&) {
  if (is_leader()) return;
  campaign_reason_ = {RoleEvent::campaigns, RoleCause::asked_by_leader, term_, from, 0};
  note_role(RoleEvent::campaigns, RoleCause::asked_by_leader, from);
  campaign(true);
}

// One that was added by an entry that was never committed was not removed: that entry went with the
// leader that had it, and the node waits to be added.
void RaftCore::handle(NodeId, const NotMember& message) {
  const bool was_member =
      membership_.at(commit_).contains(id()) && membership_.current().contains(id());
  if (was_member && !up_to_date(membership_.current_position(), message.as_of)) removed_ = true;
}

void RaftCore::become_follower(Term term, NodeId leader) {
  ASSERT(term >= term_);
  if (auto* was_leader = leader_role()) fail_reads(*was_leader);
  if (term > term_) {
    term_ = term;
    vote_ = NodeId();
    matched_ = Index();
  }
  const bool new_leader = leader != leader_;
  leader_ = leader;
  if (leader) {
    heard_a_leader_ = true;
    campaign_reason_.reset();
  }
  if (new_leader) leader_connection_broken_ = false;
  // A short wait, of a node that has just started or has just lost its leader, is over.
  if (new_leader && leader) reset_election_timer();
  if (!std::holds_alternative<Follower>(role_)) {
    role_ = Follower{};
    reset_election_timer();
  }
}

void RaftCore::heard_from_leader(NodeId leader) {
  become_follower(term_, leader);
  if (std::exchange(leader_connection_broken_, false)) reset_election_timer();
  election_elapsed_ticks_ = 0;
}

void RaftCore::become_leader() {
  ASSERT(std::holds_alternative<Candidate>(role_));
  leader_ = id();
  if (MUTANT(term_raised_after_winning)) ++term_;
  Leader leader;
  leader.term_start = log_.last_index() + 1;
  for (Index index = commit_ + 1; index <= log_.last_index(); ++index)
    leader.uncommitted_bytes += log_.at(index).data->size();
  role_ = std::move(leader);
  on_configuration_changed();  // a record for each member
  append_as_leader(EntryKind::noop, base::share({}));
  const RoleChange why = std::exchange(campaign_reason_, std::nullopt).value_or(RoleChange());
  heard_a_leader_ = true;
  note_role(RoleEvent::leads, why.cause, why.peer, why.ticks);
}

// Raft §5.1. False where the message must not be looked at any further.
bool RaftCore::accept_term(const Message& message) {
  const auto* vote = std::get_if<RequestVote>(&message.body);
  const auto* vote_response = std::get_if<RequestVoteResponse>(&message.body);
  if (vote != nullptr) tell_if_removed(message.from);
  if (MUTANT(deposed_leader_is_shunned) && vote != nullptr && leader_ == message.from) return false;
  if (vote != nullptr && !vote->leadership_transfer && message.term > term_ && hears_leader() &&
      leader_ != message.from)
    return false;
  if (message.term < term_) {
    answer_lower_term(message);
    return false;
  }
  if (message.term == term_) return true;
  if (vote != nullptr && vote->pre_vote) return true;
  if (vote_response != nullptr && vote_response->pre_vote && vote_response->granted) {
    // A grant names the term that was asked for.
    return std::holds_alternative<PreCandidate>(role_) && message.term == term_ + 1;
  }
  const bool from_leader = std::holds_alternative<AppendEntries>(message.body) ||
                           std::holds_alternative<Heartbeat>(message.body) ||
                           std::holds_alternative<InstallSnapshot>(message.body);
  const auto* leader = leader_role();
  const bool led = leader != nullptr;
  const bool handed_over = led && leader->transfer_target == message.from;
  become_follower(message.term, from_leader ? message.from : NodeId());
  if (led)
    note_role(RoleEvent::leads_no_more,
              handed_over ? RoleCause::handed_over : RoleCause::higher_term, message.from);
  return true;
}

// A sender of an earlier term must learn of ours, or it would neither lead nor follow for ever
// (raft-scenarios.md, 5).
void RaftCore::answer_lower_term(const Message& message) {
  if (MUTANT(lower_term_is_ignored)) return;
  if (const auto* vote = std::get_if<RequestVote>(&message.body))
    send(message.from, RequestVoteResponse{vote->pre_vote, false});
  else if (std::holds_alternative<AppendEntries>(message.body) ||
           std::holds_alternative<Heartbeat>(message.body) ||
           std::holds_alternative<InstallSnapshot>(message.body))
    send(message.from, HeartbeatResponse{});
}

}  // namespace raft
