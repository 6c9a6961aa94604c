// Replication and commitment: Raft §5.3, §5.4.2 and §7; pipelining as in the thesis §10.2.
#include <algorithm>
#include <array>
#include <utility>

#include "base/assert.hpp"
#include "raft/core/mutant.hpp"
#include "raft/core/node.hpp"

namespace raft {

Progress* RaftCore::progress_of(NodeId peer) {
  auto* leader = leader_role();
  if (leader == nullptr) return nullptr;
  const auto it = leader->progress.find(peer);
  return it == leader->progress.end() ? nullptr : &it->second;
}

// ---- the leader's side ----

void RaftCore::tick_leader(Leader& leader) {
  for (auto& [peer, progress] : leader.progress) ++progress.ticks_since_heard;
  const std::size_t written = std::exchange(leader.written_bytes, 0);
  leader.catch_up_bytes_left.reset();
  if (written > 0)
    leader.catch_up_bytes_left = std::max(options_.catch_up_bytes_per_tick, 2 * written);
  if (++leader.ticks_since_quorum_check >= options_.election_timeout_ticks) {
    leader.ticks_since_quorum_check = 0;
    const bool heard = has_counting_quorum(leader, [&](NodeId peer) {
      return peer == id() || leader.progress.at(peer).recently_active;
    });
    for (auto& [peer, progress] : leader.progress) progress.recently_active = false;
    if (!heard && !MUTANT(leads_without_quorum)) {
      become_follower(term_, NodeId());
      return note_role(RoleEvent::leads_no_more, RoleCause::no_quorum, NodeId());
    }
  }
  if (leader.transfer_target && ++leader.transfer_ticks >= options_.election_timeout_ticks) {
    // Aborted: proposals are taken again.
    note_role(RoleEvent::hand_over_failed, RoleCause::handed_over,
              std::exchange(leader.transfer_target, NodeId()));
  }
  if (++leader.ticks_since_heartbeat >= options_.heartbeat_ticks) {
    leader.ticks_since_heartbeat = 0;
    send_heartbeats(leader);
  }
  maintain_members(leader);
}

void RaftCore::append_as_leader(EntryKind kind, base::SharedBytes data) {
  auto* leader = leader_role();
  ASSERT(leader != nullptr);
  leader->uncommitted_bytes += data->size();
  log_.append({log_.last_index() + 1, term_, kind, std::move(data)});
}

void RaftCore::send_appends(Leader& leader) {
  for (auto& [peer, progress] : leader.progress) {
    while (!progress.paused() && progress.next() <= log_.last_index() &&
           bytes_to_send(leader, progress) > 0)
      send_append(leader, peer, progress);
    // A new record may have nothing to send, but where the logs agree must still be found out.
    if (!progress.paused() && progress.state() == Progress::State::probe)
      send_append(leader, peer, progress);
    // News of the commit index goes out at once: a follower's clients wait for it.
    if (!progress.paused() && progress.commit_sent < std::min(commit_, progress.match()))
      send_append(leader, peer, progress);
  }
}

bool RaftCore::catches_up(const Progress& progress) const {
  return progress.next() + options_.catch_up_lag < log_.last_index();
}

// A member that was away can take more at once than is left beside it for clients, on its machine
// or on the leader's. Where nobody writes, also for want of its acknowledgement, it gets all.
std::size_t RaftCore::bytes_to_send(const Leader& leader, const Progress& progress) const {
  if (!leader.catch_up_bytes_left || !catches_up(progress)) return options_.message_bytes_max;
  return std::min(options_.message_bytes_max, *leader.catch_up_bytes_left);
}

void RaftCore::send_append(Leader& leader, NodeId to, Progress& progress) {
  const Index previous = progress.next() - 1;
  const auto previous_term = log_.term_at(previous);
  if (!previous_term) {
    progress.begin_snapshot();
    snapshots_wanted_.push_back(to);
    return;
  }
  AppendEntries request;
  request.previous = {previous, *previous_term};
  request.commit = commit_;
  request.progress_id = progress.id();
  // Beyond the window there is only the question whether what was sent has arrived.
  const bool is_full = progress.state() == Progress::State::replicate && progress.paused();
  const std::size_t bytes_max = is_full ? 0 : bytes_to_send(leader, progress);
  if (bytes_max > 0)
    request.entries = log_.slice(progress.next(), log_.last_index(), bytes_max);
  std::size_t bytes = 0;
  for (const Entry& entry : request.entries) bytes += entry.data->size();
  if (auto& left = leader.catch_up_bytes_left; left && catches_up(progress))
    *left -= std::min(*left, bytes);
  progress.commit_sent = std::max(progress.commit_sent, commit_);
  progress.on_sent(previous + request.entries.size(), bytes);
  send(to, std::move(request));
}

void RaftCore::send_heartbeats(Leader& leader) {
  leader.round_sent = leader.reads.latest_round();
  for (const auto& [peer, progress] : leader.progress)
    send(peer, Heartbeat{std::min(commit_, progress.match()), leader.round_sent, progress.id()});
}

// The largest index that a quorum holds durably: in a joint configuration, one of each half.
Index RaftCore::quorum_match(const Leader& leader) const {
  const auto match_of = [&](NodeId peer) {
    if (peer == id())
      return MUTANT(leader_counts_unwritten) ? log_.last_index() : log_.persisted();
    return counts(leader, peer) ? leader.progress.at(peer).match() : Index();
  };
  const auto half = [&](bool Member::*votes) {
    std::array<Index, members_max> matches;
    std::size_t count = 0;
    for (const auto& [peer, member] : membership_.current().members)
      if (member.*votes || (MUTANT(learner_counts_for_commit) && member.learner()))
        matches[count++] = match_of(peer);
    ASSERT(count > 0);
    std::sort(matches.begin(), matches.begin() + count);
    return matches[(count - 1) / 2];
  };
  const Index incoming = half(&Member::voter);
  if (!membership_.current().joint || MUTANT(joint_needs_one_half)) return incoming;
  return std::min(incoming, half(&Member::outgoing));
}

void RaftCore::advance_commit(Leader& leader) {
  const Index index = quorum_match(leader);
  // Raft §5.4.2: only an entry of the own term is committed by counting.
  if (index <= commit_) return;
  if (log_.term_at(index) != term_ && !MUTANT(commits_earlier_term)) return;
  commit_to(index);
  on_committed_as_leader(leader);
}

void RaftCore::commit_to(Index index) {
  ASSERT(index >= commit_ && (mutants_built || index <= log_.last_index()));
  if (auto* leader = leader_role())
    for (Index committed = commit_ + 1; committed <= index; ++committed) {
      const Entry& entry = log_.at(committed);
      leader->uncommitted_bytes -= entry.data->size();
      if (entry.term == term_) leader->written_bytes += entry.data->size();
    }
  commit_ = index;
}

void RaftCore::on_committed_as_leader(Leader& leader) {
  const Configuration& current = membership_.current();
  if (membership_.current_index() <= commit_) {
    tell_departed(leader);
    if (current.joint) {
      append_configuration(leave_joint(current));
    } else if (!current.is_voter(id())) {
      step_down_removed(leader);
      return;
    }
  }
  maintain_members(leader);
}

void RaftCore::handle(NodeId from, const AppendEntriesResponse& response) {
  auto* progress = progress_of(from);
  if (progress == nullptr) return;
  if (progress->id() != response.progress_id && !MUTANT(progress_id_is_ignored)) return;
  progress->recently_active = progress->heard = true;
  progress->disconnected = false;
  progress->ticks_since_heard = 0;
  if (response.rejected) {
    // What it acknowledged is gone there (its disk lost it), or the answer is late: it proves anew
    // what it has, under a new number, so that no earlier answer counts.
    if (response.index <= progress->match() && progress->state() != Progress::State::snapshot &&
        !MUTANT(progress_id_is_ignored)) {
      leader_role()->progress.erase(from);
      return on_configuration_changed();
    }
    Index agreement =
        log_.last_index_with_term_at_most(response.hint.term, response.hint.index);
    if (guesses_too_low()) agreement = std::max(progress->match(), log_.compacted().index);
    const bool pipelined = progress->state() == Progress::State::replicate;
    // Everything behind it in the pipeline will be rejected as well, and is sent anew: under a new
    // number, or each of those answers would have it all sent once more.
    if (progress->on_rejected(response.index, agreement) && pipelined)
      progress->renumber(next_progress_id(*leader_role()));
    return;
  }
  if (response.index > log_.last_index()) return;  // not from an entry that we sent
  Leader& leader = *leader_role();
  const bool was_snapshot = progress->state() == Progress::State::snapshot;
  const bool news = progress->on_accepted(response.index);
  if (was_snapshot && response.index >= log_.compacted().index)
    progress->end_snapshot(response.index, true);
  // The commit may complete a change of members: `progress` may be gone, or this leader.
  if (news) advance_commit(leader);
  if (!is_leader() || progress_of(from) == nullptr) return;
  maintain_members(leader);
  check_transfer(leader, from);
}

void RaftCore::handle(NodeId from, const HeartbeatResponse& response) {
  auto* progress = progress_of(from);
  if (progress == nullptr || progress->id() != response.progress_id) return;
  progress->recently_active = progress->heard = true;
  progress->disconnected = false;
  progress->ticks_since_heard = 0;
  progress->on_heartbeat_answered();
  // Something that was sent may be lost: an append without entries makes the follower say so. More
  // than the window is not sent: who answers heartbeats may have a disk that hangs.
  const bool is_all_sent = progress->next() > log_.last_index() || progress->paused();
  if (progress->state() == Progress::State::replicate && progress->match() < log_.last_index() &&
      is_all_sent)
    send_append(*leader_role(), from, *progress);
  if (response.read_round > progress->read_round) {
    progress->read_round = response.read_round;
    answer_reads(*leader_role());
  }
}

void RaftCore::on_snapshot_sent(NodeId peer, Index index, bool arrived) {
  if (auto* progress = progress_of(peer)) progress->end_snapshot(index, arrived);
}

// ---- the follower's side ----

void RaftCore::handle(NodeId from, const AppendEntries& request) {
  if (is_leader()) return;  // nobody else leads in our term
  heard_from_leader(from);
  if (MUTANT(compacted_is_conflict) && request.previous.index < log_.compacted().index) {
    log_.truncate_from(log_.first_index());
    membership_.truncate_from(log_.first_index());
    commit_ = applied_ = log_.compacted().index;
  }
  // What is committed here equals the leader's log, even where it is compacted away.
  if (request.previous.index + request.entries.size() < commit_) {
    matched_ = std::max(matched_, commit_);
    send_after_persist(from, AppendEntriesResponse{request.progress_id, false, commit_, {}});
    return;
  }
  if (request.previous.index < commit_ || log_.matches(request.previous))
    return accept_entries(request);
  const Index limit = std::min(request.previous.index, log_.last_index());
  const Index hint = log_.last_index_with_term_at_most(request.previous.term, limit);
  send(from, AppendEntriesResponse{request.progress_id, true, request.previous.index,
                                   {hint, log_.term_at(hint).value_or(Term())}});
}

// REQUIRES: the log agrees with the leader's at request.previous.
void RaftCore::accept_entries(const AppendEntries& request) {
  if (MUTANT(stale_append_truncates) && request.previous.index >= log_.compacted().index) {
    log_.truncate_from(request.previous.index + 1);
    membership_.truncate_from(request.previous.index + 1);
  }
  for (const Entry& entry : request.entries) {
    if (entry.index <= log_.compacted().index || log_.term_at(entry.index) == entry.term) continue;
    if (entry.index <= log_.last_index()) {
      ASSERT(mutants_built || entry.index > commit_);
      log_.truncate_from(entry.index);
      if (!MUTANT(configuration_not_rolled_back)) membership_.truncate_from(entry.index);
    }
    log_.append(entry);
    if (entry.kind == EntryKind::configuration) {
      auto configuration = decode_configuration(*entry.data);
      ASSERT(configuration);  // the leader's core made it and frames are checksummed
      membership_.append({entry.index, entry.term}, std::move(*configuration));
    }
  }
  // Only what this message proved is acknowledged and committed (raft-scenarios.md, 10).
  Index proven = request.previous.index + request.entries.size();
  matched_ = std::max(matched_, proven);
  if (MUTANT(commits_beyond_message) && request.commit > commit_)
    commit_to(std::min(request.commit, log_.last_index()));
  if (request.commit > commit_) commit_to(std::max(commit_, std::min(request.commit, proven)));
  if (MUTANT(acknowledges_own_last)) proven = log_.last_index();
  const AppendEntriesResponse response{request.progress_id, false, proven, {}};
  if (MUTANT(acknowledges_before_write)) return send(leader_, response);
  send_after_persist(leader_, response);
}

void RaftCore::handle(NodeId from, const Heartbeat& heartbeat) {
  if (is_leader()) return;
  heard_from_leader(from);
  send(from, HeartbeatResponse{heartbeat.read_round, heartbeat.progress_id});
  if (heartbeat.commit <= commit_) return;
  if (heartbeat.commit <= matched_) return commit_to(heartbeat.commit);
  // It goes by what an earlier process acknowledged. The disk may have lost that since: it has to
  // be proven to this one. An idle leader sends nothing else.
  send(from, AppendEntriesResponse{heartbeat.progress_id, true, heartbeat.commit, log_.last()});
}

void RaftCore::handle(NodeId from, const InstallSnapshot& request) {
  if (is_leader()) return;
  heard_from_leader(from);
  const LogPosition last = request.meta.last;
  if (last.index > commit_) {
    if (log_.matches(last)) {
      commit_to(last.index);  // the log is whole up to there: keep its tail
    } else {
      log_.reset(last);
      membership_.reset(last, request.meta.configuration);
      commit_ = applied_ = last.index;
      snapshot_to_install_ = request.meta;
      compacted_to_hand_out_ = std::nullopt;
    }
  }
  matched_ = std::max(matched_, last.index);
  send_after_persist(from, AppendEntriesResponse{request.progress_id, false, commit_, {}});
}

}  // namespace raft
