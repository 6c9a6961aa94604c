#include "invariants.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "violation.hpp"

namespace simulation {

using raft::Index;
using raft::NodeId;
using raft::RaftCore;
using raft::Term;

void Invariants::watch(NodeId node, const Disk* disk) {
  view(node).disk = disk;
  // A node that joins later knows of none.
  if (initial_configuration_.members.empty()) initial_configuration_ = disk->state().configuration;
}

void Invariants::started(const RaftCore& core) {
  View fresh;
  fresh.disk = view(core.id()).disk;
  fresh.lost_until = view(core.id()).lost_until;
  fresh.core = &core;
  fresh.term = core.term();
  const State& state = fresh.disk->state();
  fresh.configurations.push_back({state.last.index, state.configuration});
  for (Index index = state.last.index + 1; index <= core.log().last_index(); ++index)
    if (const raft::Entry& entry = core.log().at(index);
        entry.kind == raft::EntryKind::configuration)
      fresh.configurations.push_back({index, *raft::decode_configuration(*entry.data)});
  check_configuration_of_log(core, fresh, true);
  view(core.id()) = fresh;
  stepped(core);
}

void Invariants::stopped(NodeId node) {
  view(node).core = nullptr;
  view(node).leader = false;
}

bool Invariants::stepped(const RaftCore& core) {
  View& v = view(core.id());
  if (core.term() < v.term)
    throw Violation("monotonic_term", fmt::format("node {} goes from term {} to {}",
                                                  core.id().value(), v.term.value(),
                                                  core.term().value()));
  if (core.commit() < v.commit)
    throw Violation("monotonic_commit", fmt::format("node {} goes from commit {} to {}",
                                                    core.id().value(), v.commit.value(),
                                                    core.commit().value()));
  const bool leads = core.is_leader();
  const bool is_new = leads && !(v.leader && v.term == core.term());
  if (is_new)
    became_leader(core);
  else if (leads)
    check_still_leader(core, v);
  if (core.commit() > v.commit) check_commit(core, v);
  v.term = core.term();
  v.leader = leads;
  v.last = core.log().last();
  v.configuration_index = core.configuration_index();
  return is_new;
}

void Invariants::became_leader(const RaftCore& core) {
  const auto [it, first] = leaders_.emplace(core.term(), core.id());
  // The same node twice would be two leaderships as well: each is won by votes of its own.
  if (!first)
    throw Violation("election_safety", fmt::format("nodes {} and {} lead term {}",
                                                   it->second.value(), core.id().value(),
                                                   core.term().value()));
  const auto voted = [&](NodeId voter) {
    const raft::Member& member = core.configuration().members.at(voter);
    for (auto vote = votes_.lower_bound({core.term(), voter, 0});
         vote != votes_.end() && std::get<1>(vote->first) == voter &&
         std::get<0>(vote->first) == core.term();
         ++vote)
      if (vote->second == core.id() &&
          (member.incarnation == 0 || member.incarnation == std::get<2>(vote->first)))
        return true;
    return false;
  };
  if (!raft::has_quorum(core.configuration(), voted))
    throw Violation("election_safety", fmt::format("node {} leads term {} without the votes",
                                                   core.id().value(), core.term().value()));
  std::size_t known = committed_.size();
  while (known > 0 && committed_[known - 1].committed_in >= core.term()) --known;
  if (known == 0) return;
  const Index index(known);
  if (index > core.log().compacted().index &&
      core.log().term_at(index) != committed_[known - 1].term)
    throw Violation(index <= acknowledged_last_ ? "no_acknowledged_loss" : "leader_completeness",
                    fmt::format("node {} leads term {} without the committed entry {}/{}",
                                core.id().value(), core.term().value(), known,
                                committed_[known - 1].term.value()));
}

void Invariants::check_still_leader(const RaftCore& core, const View& v) const {
  const auto& log = core.log();
  if (log.last_index() < v.last.index ||
      (v.last.index >= log.compacted().index && log.term_at(v.last.index) != v.last.term))
    throw Violation("leader_append_only", fmt::format("node {} changed entry {} in its own term {}",
                                                      core.id().value(), v.last.index.value(),
                                                      v.term.value()));
}

void Invariants::check_commit(const RaftCore& core, View& v) {
  const auto& log = core.log();
  const Index from = std::max(v.commit + 1, log.compacted().index);
  if (core.commit() > log.last_index())
    throw Violation("commit_is_covered", fmt::format("node {} commits beyond its log",
                                                     core.id().value()));
  for (Index index = std::max(from, Index(1)); index <= core.commit(); ++index) {
    const Term term = *log.term_at(index);
    if (index > committed_last() + 1 ||
        (index == log.compacted().index && index > committed_last()))
      throw Violation("leader_completeness",
                      fmt::format("node {} commits {}, which nobody had committed",
                                  core.id().value(), index.value()));
    if (index == committed_last() + 1) {
      const raft::Entry& entry = log.at(index);
      committed_.push_back({term, core.term(), entry.kind, entry.data});
      configurations_committed_ += entry.kind == raft::EntryKind::configuration;
    }
    const Committed& committed = committed_[index.value() - 1];
    if (committed.term != term)
      throw Violation(
          index <= acknowledged_last_ ? "no_acknowledged_loss" : "state_machine_safety",
          fmt::format("node {} commits {}/{}, where term {} was committed", core.id().value(),
                      index.value(), term.value(), committed.term.value()));
  }
  if (core.is_leader()) check_durable_on_quorum(core, v);
  v.commit = core.commit();
}

void Invariants::check_durable_on_quorum(const RaftCore& core, const View& v) const {
  const raft::LogPosition position{core.commit(), *core.log().term_at(core.commit())};
  const auto durable = [&](NodeId node) {
    const View& other = view(node);
    return other.disk != nullptr &&
           (other.disk->contains(position) || position.index <= other.lost_until);
  };
  // The commit may have been the end of one configuration and the beginning of the next.
  if (raft::has_quorum(core.configuration(), durable) ||
      raft::has_quorum(core.configuration_at(v.configuration_index), durable))
    return;
  throw Violation("committed_is_durable_on_quorum",
                  fmt::format("node {} commits {}/{}", core.id().value(), position.index.value(),
                              position.term.value()));
}

void Invariants::appended(const RaftCore& core, const raft::Ready& ready) {
  View& v = view(core.id());
  ++v.turns;
  if (ready.entries.empty() && !ready.snapshot) return;
  if (!ready.entries.empty()) check_entries(core, ready.entries);
  const std::size_t count = v.configurations.size();
  const Index last = v.configurations.back().index;
  log_configurations(v, ready);
  check_configuration_of_log(
      core, v, count != v.configurations.size() || last != v.configurations.back().index);
}

void Invariants::log_configurations(View& v, const raft::Ready& ready) {
  if (ready.snapshot) {
    v.configurations.clear();
    v.configurations.push_back({ready.snapshot->last.index, ready.snapshot->configuration});
  }
  if (ready.entries.empty()) return;
  while (v.configurations.size() > 1 &&
         v.configurations.back().index >= ready.entries.front().index)
    v.configurations.pop_back();
  for (const raft::Entry& entry : ready.entries)
    if (entry.kind == raft::EntryKind::configuration)
      v.configurations.push_back({entry.index, *raft::decode_configuration(*entry.data)});
}

// Raft §6: a node uses the latest configuration in its log, and the one before where that is cut.
void Invariants::check_configuration_of_log(const RaftCore& core, View& v, bool changed) const {
  const Index index = core.configuration_index();
  if (!changed && index == v.configuration_checked) return;
  v.configuration_checked = index;
  if (core.configuration() != v.configurations.back().configuration)
    throw Violation("configuration_of_log",
                    fmt::format("node {} goes by a configuration of {}, the last in its log is "
                                "that of {}",
                                core.id().value(), index.value(),
                                v.configurations.back().index.value()));
}

void Invariants::check_entries(const RaftCore& core, const std::vector<raft::Entry>& entries) {
  auto previous = core.log().term_at(entries.front().index - 1);
  for (const raft::Entry& entry : entries) {
    if (versions_.size() < entry.index.value()) versions_.resize(entry.index.value());
    auto& versions = versions_[entry.index.value() - 1];
    const auto known = std::find_if(versions.begin(), versions.end(),
                                    [&](const Version& one) { return one.term == entry.term; });
    const bool is_new = known == versions.end();
    if (is_new) {
      const auto leader = leaders_.find(entry.term);
      if (leader == leaders_.end() || leader->second != core.id())
        throw Violation("election_safety",
                        fmt::format("node {} made entry {}/{} and does not lead that term",
                                    core.id().value(), entry.index.value(), entry.term.value()));
      versions.push_back({entry.term, previous.value_or(Term()), entry.kind, entry.data});
    } else if ((previous && known->previous_term != *previous) || known->kind != entry.kind ||
               (known->data != entry.data && *known->data != *entry.data)) {
      throw Violation("log_matching",
                      fmt::format("node {} has another entry or history at {}/{}",
                                  core.id().value(), entry.index.value(), entry.term.value()));
    }
    if (entry.kind == raft::EntryKind::configuration) check_configuration(core, entry, is_new);
    previous = entry.term;
  }
}

void Invariants::check_configuration(const RaftCore& core, const raft::Entry& entry,
                                     bool is_new) const {
  const Index before = entry.index - 1;
  if (before < core.log().compacted().index) return;
  const auto decoded = raft::decode_configuration(*entry.data);
  if (!decoded || !quorums_meet(core.configuration_at(before), *decoded))
    throw Violation("configuration_safety",
                    fmt::format("the configuration at {} has a quorum that its predecessor's miss",
                                entry.index.value()));
  if (!is_new || !core.is_leader() || core.term() != entry.term || entry.index <= core.commit())
    return;
  if (core.log().term_at(core.commit()) != core.term())
    throw Violation("configuration_safety",
                    fmt::format("node {} changes members before an entry of term {} is committed",
                                core.id().value(), core.term().value()));
  for (Index index = core.commit() + 1; index < entry.index; ++index)
    if (core.log().at(index).kind == raft::EntryKind::configuration)
      throw Violation("configuration_safety",
                      fmt::format("node {} begins a change at {} before that of {} is committed",
                                  core.id().value(), entry.index.value(), index.value()));
}

void Invariants::applying(NodeId node, const State& before, const raft::Entry& entry) {
  if (entry.index != before.last.index + 1)
    throw Violation("state_machine_safety", fmt::format("entry {} is applied after {}",
                                                        entry.index.value(),
                                                        before.last.index.value()));
  if (!view(node).disk->contains({entry.index, entry.term}))
    throw Violation("applied_is_durable",
                    fmt::format("node {} applies {}/{} before it is on its disk", node.value(),
                                entry.index.value(), entry.term.value()));
  if (entry.index > committed_last() || committed_[entry.index.value() - 1].term != entry.term)
    throw Violation("state_machine_safety",
                    fmt::format("entry {}/{} is applied but not committed", entry.index.value(),
                                entry.term.value()));
}

void Invariants::applied(const State& after) {
  const std::size_t at = after.last.index.value() - 1;
  if (state_hashes_.size() <= at) state_hashes_.resize(at + 1);
  if (state_hashes_[at] == 0) state_hashes_[at] = after.hash;
  if (state_hashes_[at] != after.hash)
    throw Violation("state_machine_safety",
                    fmt::format("two states as of entry {}", after.last.index.value()));
}

void Invariants::installed(const State& state) {
  if (state.last.index > committed_last() ||
      committed_[state.last.index.value() - 1].term != state.last.term)
    throw Violation("state_machine_safety", "a snapshot holds what is not committed");
  std::size_t at = state.last.index.value();
  while (at > 0 && committed_[at - 1].kind != raft::EntryKind::configuration) --at;
  const auto in_force = at == 0 ? initial_configuration_
                                : raft::decode_configuration(*committed_[at - 1].data);
  if (in_force != state.configuration)
    throw Violation("configuration_safety",
                    "a snapshot carries a configuration that was not in force as of it");
  applied(state);
}

void Invariants::leaving(const raft::Message& message) const {
  const auto* response = std::get_if<raft::AppendEntriesResponse>(&message.body);
  if (response == nullptr || response->rejected || !response->index) return;
  const Disk& disk = *view(message.from).disk;
  // A later leader may have overwritten what was acknowledged to an earlier one.
  if (message.term < disk.hard_state().term) return;
  if (message.term > disk.hard_state().term || response->index > disk.last_index())
    throw Violation("durable_before_acknowledged",
                    fmt::format("node {} acknowledges {} in term {}; durable are {} and term {}",
                                message.from.value(), response->index.value(), message.term.value(),
                                disk.last_index().value(), disk.hard_state().term.value()));
  const RaftCore* leader = view(message.to).core;
  if (leader == nullptr || !leader->is_leader() || leader->term() != message.term) return;
  const auto term = disk.term_at(response->index);
  if (response->index > leader->log().last_index() ||
      (term && response->index >= leader->log().compacted().index &&
       leader->log().term_at(response->index) != term))
    throw Violation("acknowledged_matches_leader",
                    fmt::format("node {} acknowledges {}, where it differs from leader {}",
                                message.from.value(), response->index.value(),
                                message.to.value()));
}

void Invariants::vote_leaving(const raft::Message& message) {
  const auto* response = std::get_if<raft::RequestVoteResponse>(&message.body);
  if (response == nullptr || response->pre_vote || !response->granted) return;
  const auto [it, first] = votes_.emplace(
      std::tuple(message.term, message.from, message.sender.incarnation), message.to);
  if (!first && it->second != message.to)
    throw Violation("vote_once", fmt::format("node {} votes for {} and {} in term {}",
                                             message.from.value(), it->second.value(),
                                             message.to.value(), message.term.value()));
  const raft::HardState& durable = view(message.from).disk->hard_state();
  if (durable.term < message.term ||
      (durable.term == message.term && durable.vote != message.to))
    throw Violation("durable_before_acknowledged",
                    fmt::format("the vote of node {} for {} in term {} is not durable",
                                message.from.value(), message.to.value(), message.term.value()));
}

void Invariants::append_leaving(const raft::Message& message) {
  const auto* append = std::get_if<raft::AppendEntries>(&message.body);
  if (append == nullptr) return;
  BackOff& back_off = back_offs_[{message.from, message.to}];
  if (back_off.progress_id != append->progress_id)
    back_off = {append->progress_id, std::nullopt, append->previous.index};
  // What leaves in the turn of the rejection may have been made before it.
  if (back_off.rejected_in_turn && *back_off.rejected_in_turn + 1 < view(message.from).turns &&
      append->previous.index > back_off.previous)
    throw Violation("back_off_goes_down",
                    fmt::format("node {} was rejected by {} at {} and goes on at {}",
                                message.from.value(), message.to.value(),
                                back_off.previous.value(), append->previous.index.value()));
  back_off.previous = append->previous.index;
}

void Invariants::append_answered(const raft::Message& message) {
  const auto* response = std::get_if<raft::AppendEntriesResponse>(&message.body);
  if (response == nullptr) return;
  BackOff& back_off = back_offs_[{message.to, message.from}];
  if (back_off.progress_id != response->progress_id) return;
  if (!response->rejected) {
    back_off.rejected_in_turn = std::nullopt;
    back_off.previous = std::max(back_off.previous, response->index);
  } else if (!back_off.rejected_in_turn) {
    back_off.rejected_in_turn = view(message.to).turns;
  }
}

void Invariants::snapshot_ended(NodeId leader, NodeId member) {
  back_offs_.erase({leader, member});
}

void Invariants::write_acknowledged(const raft::LogPosition& position,
                                    const base::SharedBytes& command) {
  const std::size_t at = position.index.value() - 1;
  if (position.index > committed_last() || committed_[at].term != position.term ||
      *committed_[at].data != *command)
    throw Violation("no_acknowledged_loss",
                    fmt::format("the write at {}/{} was acknowledged and is not what is committed",
                                position.index.value(), position.term.value()));
  acknowledged_last_ = std::max(acknowledged_last_, position.index);
}

void Invariants::read_served(Index floor, Index applied) {
  if (applied < floor)
    throw Violation("linearizable_reads", fmt::format("a read sees {}, but {} was there before it",
                                                      applied.value(), floor.value()));
  read_last_ = std::max(read_last_, applied);
}

bool quorums_meet(const raft::Configuration& a, const raft::Configuration& b) {
  if (a.members.empty() || b.members.empty()) return true;
  std::set<NodeId> voters;
  for (const auto* configuration : {&a, &b})
    for (const auto& [id, member] : configuration->members)
      if (!member.learner()) voters.insert(id);
  const std::vector<NodeId> all(voters.begin(), voters.end());
  for (std::uint64_t set = 0; set < (1ull << all.size()); ++set) {
    const auto in = [&](NodeId id) {
      const auto at = std::lower_bound(all.begin(), all.end(), id) - all.begin();
      return (set >> at & 1) != 0;
    };
    if (raft::has_quorum(a, in) && raft::has_quorum(b, [&](NodeId id) { return !in(id); }))
      return false;
  }
  return true;
}

}  // namespace simulation
