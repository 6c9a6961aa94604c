// RaftCore's frame: construction, dispatch of inputs, and the making of a Ready.
#include "raft/core/node.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "raft/core/mutant.hpp"

namespace raft {

RaftCore::RaftCore(const CoreOptions& options, DurableState durable)
    : options_(options),
      random_(options.seed),
      term_(durable.hard_state.term),
      vote_(durable.hard_state.vote),
      log_(durable.compacted, std::move(durable.entries)),
      membership_(durable.applied.last, std::move(durable.applied.configuration)),
      applied_(durable.applied.last.index),
      lost_(durable.lost),
      hard_state_handed_out_(durable.hard_state) {
  ASSERT(options_.id);
  ASSERT(options_.election_timeout_ticks > options_.heartbeat_ticks);
  ASSERT(options_.first_wait_ticks_min <= options_.election_timeout_ticks);
  ASSERT(log_.term_at(applied_) == durable.applied.last.term);
  commit_ = std::clamp(durable.hard_state.commit, applied_, log_.last_index());
  for (Index index = applied_ + 1; index <= log_.last_index(); ++index) {
    const Entry& entry = log_.at(index);
    if (entry.kind != EntryKind::configuration) continue;
    if (MUTANT(appended_configuration_forgotten)) continue;
    auto configuration = decode_configuration(*entry.data);
    ASSERT(configuration);  // its checksum was right, so we wrote it
    membership_.append({index, entry.term}, std::move(*configuration));
  }
  membership_.compact(commit_);
  reset_election_timer();
  if (options_.first_wait_ticks_min > 0)
    election_deadline_ticks_ = static_cast<unsigned>(
        random_.between(options_.first_wait_ticks_min, options_.election_timeout_ticks));
  // A node that is the only voter waits for nobody.
  if (has_quorum(membership_.current(), [&](NodeId voter) { return voter == this->id(); }))
    campaign(false);
}

Role RaftCore::role() const { return static_cast<Role>(role_.index()); }

void RaftCore::tick() {
  if (auto* leader = leader_role())
    tick_leader(*leader);
  else
    tick_election();
}

void RaftCore::step(const Message& message) {
  if (message.to != id()) return;
  // Requests for reads and word of a removal are not of any term.
  if (const auto* request = std::get_if<ReadIndexRequest>(&message.body))
    return handle(message.from, *request);
  if (const auto* response = std::get_if<ReadIndexResponse>(&message.body))
    return handle(message.from, *response);
  if (const auto* not_member = std::get_if<NotMember>(&message.body))
    return handle(message.from, *not_member);
  if (!accept_term(message)) return;
  note_process(message.from, message.sender);
  std::visit(
      [&](const auto& body) {
        using Body = std::decay_t<decltype(body)>;
        if constexpr (std::is_same_v<Body, RequestVote>)
          handle(message.from, message.term, body);
        else if constexpr (std::is_same_v<Body, RequestVoteResponse>)
          handle(message.from, message.sender, body);
        else if constexpr (requires { handle(message.from, body); })
          handle(message.from, body);
      },
      message.body);
}

base::Result<LogPosition, Refusal> RaftCore::propose(std::vector<base::SharedBytes> commands) {
  ASSERT(!commands.empty());
  auto* leader = leader_role();
  if (leader == nullptr) return base::fail(Refusal::not_leader);
  if (leader->transfer_target) return base::fail(Refusal::transferring);
  if (leader->uncommitted_bytes > options_.uncommitted_bytes_max)
    return base::fail(Refusal::overloaded);
  const LogPosition first{log_.last_index() + 1, term_};
  for (base::SharedBytes& command : commands)
    append_as_leader(EntryKind::command, std::move(command));
  return first;
}

void RaftCore::on_persisted(const PersistToken& token) {
  if (!log_.on_persisted(token)) return;
  if (auto* leader = leader_role()) advance_commit(*leader);
}

void RaftCore::compact(Index index) {
  ASSERT(index <= applied_);
  if (index <= log_.compacted().index) return;
  log_.compact(index);
  compacted_to_hand_out_ = log_.compacted();
}

bool RaftCore::term_committed() const {
  const auto* leader = leader_role();
  return leader != nullptr && commit_ >= leader->term_start;
}

void RaftCore::send_with_term(NodeId to, Term term, MessageBody body) {
  messages_.push_back({id(), to, term, std::move(body), options_.process});
}

void RaftCore::send_after_persist(NodeId to, MessageBody body) {
  messages_after_persist_.push_back({id(), to, term_, std::move(body), options_.process});
}

bool RaftCore::has_ready() {
  if (auto* leader = leader_role()) {
    begin_read_round(*leader);
    send_appends(*leader);
  }
  const Index ready_to_apply = std::min(commit_, log_.persisted());
  return !messages_.empty() || !messages_after_persist_.empty() || !read_states_.empty() ||
         !snapshots_wanted_.empty() || snapshot_to_install_ || compacted_to_hand_out_ ||
         log_.has_unwritten() || applied_ < ready_to_apply || removed_ ||
         term_ != hard_state_handed_out_.term ||
         (vote_ != hard_state_handed_out_.vote &&
          !(MUTANT(own_vote_not_written) && vote_ == options_.id));
}

HardState RaftCore::hard_state_to_write([[maybe_unused]] const Ready& ready) const {
  HardState now{term_, vote_, commit_};
  if (MUTANT(vote_written_after_term) && term_ != hard_state_handed_out_.term) now.vote = NodeId();
  if (MUTANT(own_vote_not_written) && vote_ == options_.id) now.vote = NodeId();
  if (MUTANT(entries_written_before_term) && !ready.entries.empty()) now = hard_state_handed_out_;
  return now;
}

Ready RaftCore::take_ready() {
  Ready ready;
  if (!has_ready()) return ready;
  ready.snapshot = std::exchange(snapshot_to_install_, std::nullopt);
  ready.entries = log_.take_unwritten();
  ready.compacted = std::exchange(compacted_to_hand_out_, std::nullopt);
  const HardState now = hard_state_to_write(ready);
  const bool voted =
      now.term != hard_state_handed_out_.term || now.vote != hard_state_handed_out_.vote;
  if (voted || ready.snapshot || !ready.entries.empty() || ready.compacted) {
    // The commit index alone is not worth a write; it rides along, covered by the entries.
    if (now != hard_state_handed_out_) ready.hard_state = hard_state_handed_out_ = now;
    ready.token = log_.token();
  }
  ready.messages = std::exchange(messages_, {});
  ready.messages_after_persist = std::exchange(messages_after_persist_, {});
  ready.reads = std::exchange(read_states_, {});
  ready.snapshots_wanted = std::exchange(snapshots_wanted_, {});
  ready.removed = std::exchange(removed_, false);
  const Index ready_to_apply = std::min(commit_, log_.persisted());
  while (applied_ < ready_to_apply && ready.committed.size() < options_.committed_per_ready_max) {
    ++applied_;
    ready.committed.push_back(log_.at(applied_));
  }
  return ready;
}

std::uint64_t RaftCore::progress_id(NodeId peer) const {
  const auto* leader = leader_role();
  if (leader == nullptr) return 0;
  const auto it = leader->progress.find(peer);
  return it == leader->progress.end() ? 0 : it->second.id();
}

bool RaftCore::awaits_snapshot(NodeId peer) const {
  const auto* leader = leader_role();
  if (leader == nullptr) return false;
  const auto it = leader->progress.find(peer);
  return it != leader->progress.end() && it->second.state() == Progress::State::snapshot;
}

CoreStatus RaftCore::status() const {
  CoreStatus status{role(),          term_, leader_, commit_, log_.last_index(),
                    log_.compacted().index, applied_, {}};
  if (const auto* leader = leader_role())
    for (const auto& [peer, progress] : leader->progress)
      status.progress.push_back(
          {peer, progress.state(), progress.match(),
           progress.heard ? std::optional(progress.ticks_since_heard) : std::nullopt,
           progress.ticks_since_heard, progress.disconnected});
  return status;
}

}  // namespace raft
