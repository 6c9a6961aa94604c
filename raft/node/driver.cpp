#include "raft/node/driver.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "base/mutant.hpp"
#include "raft/node/envelope.hpp"

namespace raft {
namespace {

// A minute, with the usual election timeout of a second.
constexpr std::uint64_t low_disk_patience_elections = 60;

}  // namespace

Driver::Driver(const DriverOptions& options, DurableState durable)
    : options_(options),
      clock_(durable.clock_offset_ms),
      core_(options.core, std::move(durable)),
      proposals_(options.origin, options.proposal_timeout_ticks, options.proposals_queue_max),
      forwarded_to_us_(options.core.id,
                       {options.proposals_per_message_max, options.proposal_bytes_per_message_max,
                        options.proposals_queue_max, options.core.election_timeout_ticks,
                        options.proposal_timeout_ticks}),
      member_changes_(options.member_change_timeout_ticks, options.core.election_timeout_ticks),
      sender_(options.core.id, options.snapshot_resend_ticks, options.snapshot_give_up_ticks,
              options.snapshot_chunk_bytes),
      receiver_(options.core.id),
      applied_(core_.applied()),
      next_read_context_(options.origin + 1) {}

void Driver::tick(const ClockReading& now) {
  ++now_ticks_;
  advance_clock(now);
  core_.tick();
  writing_ticks_ = writing_ ? writing_ticks_ + 1 : 0;
  if (writing_ticks_ >= options_.disk_stall_ticks)
    hand_over(HandOverCause::disk_stalled);
  else if (disk_low_ && now_ticks_ >= low_disk_retry_tick_)
    leave_low_disk();
  proposals_.tick();
  forwarded_to_us_.tick();
  member_changes_.tick();
  sender_.tick();
  // Known, but not applied here in time: a snapshot may be on its way instead.
  std::erase_if(reads_known_, [&](const auto& known) {
    if (known.second.deadline_tick > now_ticks_) return false;
    output_.reads.push_back({known.second.id, false});
    return true;
  });
}

bool Driver::propose(const ProposalId& id, base::SharedBytes command) {
  return proposals_.add(id, std::move(command));
}

void Driver::read(std::uint64_t read_id) {
  reads_new_.push_back({read_id, now_ticks_ + options_.read_timeout_ticks});
}

void Driver::change_members(std::uint64_t change_id, const MemberChange& change) {
  member_changes_.add(change_id, change);
}

NodeId Driver::hand_over(HandOverCause cause) {
  if (!core_.is_leader()) return NodeId();
  const NodeId target = successor(core_, options_.core.election_timeout_ticks);
  if (!target || !core_.transfer_leader(target).ok()) return NodeId();
  hand_over_cause_ = cause;
  return target;
}

// The successor's disk may be as full, and it hands over too: once in a while each, or leadership
// would go round for ever, with entries for the disks that are full.
void Driver::leave_low_disk() {
  if (!hand_over(HandOverCause::disk_low)) return;
  low_disk_retry_tick_ =
      now_ticks_ + low_disk_patience_elections * options_.core.election_timeout_ticks;
}

void Driver::on_disk_low(bool low) {
  disk_low_ = low;
  low_disk_retry_tick_ = 0;
  core_.set_reluctant(low);
}

void Driver::on_digest(Index index, std::uint64_t digest) {
  digests_.report(core_.id(), index, digest);
  if (!core_.is_leader() && core_.leader())
    output_.messages.push_back({core_.id(), core_.leader(), Term(), StateDigest{index, digest}});
}

void Driver::judge_digests() {
  if (!core_.is_leader()) return;
  for (const Digests::Verdict& verdict : digests_.judge(core_.configuration())) {
    const StateDiverged diverged{verdict.index, verdict.expected};
    if (verdict.node == core_.id())
      output_.diverged = verdict.index;
    else
      output_.messages.push_back({core_.id(), verdict.node, Term(), diverged});
  }
}

void Driver::check_digest(const StateDiverged& verdict) {
  const auto own = digests_.of(core_.id(), verdict.index);
  if (own && *own != verdict.expected) output_.diverged = verdict.index;
}

void Driver::on_peer_disconnected(NodeId peer) { core_.on_peer_disconnected(peer); }

void Driver::fail_pending() {
  proposals_.fail_all();
  member_changes_.fail_all();
  for (const auto& read : std::exchange(reads_new_, {})) output_.reads.push_back({read.id, false});
  for (const auto& [context, group] : std::exchange(reads_asked_, {}))
    for (const auto& read : group.reads) output_.reads.push_back({read.id, false});
  for (const auto& [index, read] : std::exchange(reads_known_, {}))
    output_.reads.push_back({read.id, false});
}

// ---- messages ----

void Driver::receive(Message message) {
  if (message.to != core_.id()) return;
  handle_driver_message(message);
}

void Driver::handle_driver_message(Message& message) {
  if (auto* forward = std::get_if<ForwardProposals>(&message.body)) {
    forwarded_to_us_.add(message.from, std::move(forward->proposals));
  } else if (const auto* refused = std::get_if<ForwardRefused>(&message.body)) {
    for (const ProposalId& id : refused->ids)
      if (!forwarded_to_us_.refused_by_successor(id, output_.messages)) proposals_.refused(id);
  } else if (const auto* chunk = std::get_if<SnapshotChunk>(&message.body)) {
    if (message.term < core_.term()) return;  // from a leader that was deposed
    const bool wanted = chunk->meta.last.index > core_.commit() && !installing_;
    receiver_.on_chunk(message.from, *chunk, wanted);
  } else if (const auto* response = std::get_if<SnapshotChunkResponse>(&message.body)) {
    sender_.on_response(message.from, *response);
  } else if (const auto* request = std::get_if<ChangeMembersRequest>(&message.body)) {
    output_.messages.push_back(
        {core_.id(), message.from, Term(),
         raft::change_members(core_, options_.core.election_timeout_ticks, *request)});
  } else if (const auto* changed = std::get_if<ChangeMembersResponse>(&message.body)) {
    member_changes_.on_response(*changed);
  } else if (const auto* appended = std::get_if<AppendEntriesResponse>(&message.body)) {
    core_.step(message);
    // Where the log was cut further meanwhile, the next snapshot is asked for at once.
    if (sender_.on_appended(message.from, *appended))
      core_.on_snapshot_sent(message.from, appended->index, true);
  } else if (const auto* install = std::get_if<InstallSnapshot>(&message.body)) {
    // Only with its bytes here can the core take it; the sender repeats itself until then.
    const bool needed = message.term >= core_.term() && install->meta.last.index > core_.commit();
    if (installing_) return receiver_.tell_complete(message.from, install->meta.last);
    if (needed && !receiver_.complete(install->meta.last)) return;
    core_.step(message);
    // At once: a chunk of another snapshot must not take the place of these bytes any more.
    while (!installing_ && core_.has_ready()) take_ready();
  } else if (const auto* digest = std::get_if<StateDigest>(&message.body)) {
    digests_.report(message.from, digest->index, digest->digest);
  } else if (const auto* diverged = std::get_if<StateDiverged>(&message.body)) {
    check_digest(*diverged);
  } else if (const auto* time = std::get_if<LeaderTime>(&message.body)) {
    // Perhaps the first word of a leader that the core does not know yet.
    if (message.term >= std::max(core_.term(), heard_term_)) {
      if (std::exchange(heard_term_, message.term) != message.term) heard_leader_ms_.reset();
      heard_leader_ms_ = std::max(heard_leader_ms_.value_or(time->time_ms), time->time_ms);
    }
  } else {
    if (const auto* append = std::get_if<AppendEntries>(&message.body)) {
      if (host_behind_ && !append->entries.empty()) return;  // as if it were lost: it comes again
      hear_stamp(message.term, *append);
    }
    core_.step(message);
  }
}

// Before anything else can be stamped here: a node may lead as soon as it holds an entry.
void Driver::hear_stamp(Term term, const AppendEntries& append) {
  if (term < core_.term()) return;
  for (auto entry = append.entries.rbegin(); entry != append.entries.rend(); ++entry) {
    if (entry->kind != EntryKind::command) continue;
    if (const auto envelope = open_envelope(*entry->data))
      heard_stamp_ms_ = std::max(heard_stamp_ms_.value_or(envelope->timestamp_ms),
                                 envelope->timestamp_ms);
    return;
  }
}

void Driver::on_not_sent(const Message& message) {
  if (const auto* forward = std::get_if<ForwardProposals>(&message.body)) {
    // One of this node's own may have come back to be passed on: whoever sent it is told, and it is
    // not tried from here as well.
    std::vector<Proposal> own;
    for (const Proposal& proposal : forward->proposals)
      if (!forwarded_to_us_.refused_by_successor(proposal.id, output_.messages))
        own.push_back(proposal);
    proposals_.put_back(std::move(own));
  } else if (const auto* request = std::get_if<ChangeMembersRequest>(&message.body)) {
    member_changes_.on_response(
        {request->context, false, static_cast<std::uint8_t>(Refusal::not_leader)});
  }
}

// ---- time ----

void Driver::on_state_time(std::int64_t timestamp_ms) {
  if (state_time_ms_ && timestamp_ms <= *state_time_ms_) return;
  clock_.rise_to(timestamp_ms);
  // What the files held at the start may be of any age; a snapshot that came later is as a stamp.
  if (state_time_ms_)
    heard_stamp_ms_ = std::max(heard_stamp_ms_.value_or(timestamp_ms), timestamp_ms);
  state_time_ms_ = timestamp_ms;
}

void Driver::advance_clock(const ClockReading& now) {
  clock_.start(now);
  if (heard_stamp_ms_) clock_.on_stamp(*std::exchange(heard_stamp_ms_, std::nullopt), now);
  if (heard_leader_ms_)
    clock_.on_leader_time(heard_term_.value(), *std::exchange(heard_leader_ms_, std::nullopt), now);
  const bool leads = core_.is_leader();
  if (leads && !std::exchange(clock_leads_, leads)) {
    clock_.begin_leading(now);
    clock_told_tick_ = 0;
  }
  clock_leads_ = leads;
  if (!leads || (clock_told_tick_ != 0 &&
                 now_ticks_ < clock_told_tick_ + options_.clock_interval_ticks))
    return;
  clock_told_tick_ = now_ticks_;
  const LeaderTime time{clock_.lead(now)};
  for (const auto& [id, member] : core_.configuration().members)
    if (id != core_.id()) output_.messages.push_back({core_.id(), id, core_.term(), time});
}

// With the entries of this turn, where there are some: who holds a lease's entry knows its time.
void Driver::save_clock(const ClockReading& now) {
  if (const auto offset = clock_.take_offset_to_save(now)) gathered_.clock_offset_ms = offset;
}

// ---- proposals ----

base::Result<LogPosition, Refusal> Driver::append(const std::vector<Proposal>& proposals,
                                                  const ClockReading& now) {
  const std::int64_t stamp_ms = clock_.lead(now);
  std::vector<base::SharedBytes> sealed;
  sealed.reserve(proposals.size());
  for (const Proposal& proposal : proposals)
    sealed.push_back(seal(proposal.id, stamp_ms, *proposal.command));
  return core_.propose(std::move(sealed));
}

void Driver::route_proposals(const ClockReading& now) {
  append_forwarded(now);
  proposals_.leader_is(core_.leader(), options_.core.election_timeout_ticks / 2);
  bool moving = true;
  while (moving && proposals_.has_queued() && core_.leader()) {
    auto proposals = proposals_.take_queued(options_.proposals_per_message_max,
                                            options_.proposal_bytes_per_message_max);
    if (core_.is_leader())
      moving = append_own(std::move(proposals), now);
    else
      forward_own(std::move(proposals));
  }
}

// False where they have to wait.
bool Driver::append_own(std::vector<Proposal> proposals, const ClockReading& now) {
  if (proposals.empty()) return true;
  const auto first = append(proposals, now);
  if (first.ok()) {
    for (std::size_t i = 0; i < proposals.size(); ++i)
      proposals_.appended(proposals[i].id, first->index + i);
    return true;
  }
  // Overloaded is answered at once; the other reasons pass.
  if (first.error() == Refusal::overloaded) {
    for (const Proposal& proposal : proposals) proposals_.refused(proposal.id);
    return true;
  }
  proposals_.put_back(std::move(proposals));
  return false;
}

void Driver::forward_own(std::vector<Proposal> proposals) {
  if (proposals.empty()) return;
  proposals_.forwarded(proposals, core_.leader());
  if (NODE_MUTANT(forwards_twice))
    output_.messages.push_back({core_.id(), core_.leader(), Term(), ForwardProposals{proposals}});
  output_.messages.push_back(
      {core_.id(), core_.leader(), Term(), ForwardProposals{std::move(proposals)}});
}

void Driver::append_forwarded(const ClockReading& now) {
  const bool hands_over = static_cast<bool>(core_.transfer_target());
  if (hands_over) forwarded_to_us_.note_hand_over();
  if (forwarded_to_us_.empty()) return;
  const bool takes_them = core_.is_leader() && !hands_over;
  if (takes_them && !host_behind_ && append(forwarded_to_us_.proposals(), now).ok())
    return forwarded_to_us_.appended();
  if (takes_them || !forwarded_to_us_.passes_on())
    return forwarded_to_us_.refuse(output_.messages);
  if (!core_.is_leader() && core_.leader())
    forwarded_to_us_.pass_on(core_.leader(), output_.messages);
}

// ---- reads ----

void Driver::ask_reads() {
  for (auto it = reads_asked_.begin(); it != reads_asked_.end();) {
    if (it->second.retry_tick > now_ticks_) {
      ++it;
      continue;
    }
    // No answer: the question or the answer was lost, or the leader.
    reads_new_.insert(reads_new_.end(), it->second.reads.begin(), it->second.reads.end());
    it = reads_asked_.erase(it);
  }
  std::erase_if(reads_new_, [&](const WaitingRead& read) {
    if (read.deadline_tick > now_ticks_) return false;
    output_.reads.push_back({read.id, false});
    return true;
  });
  if (NODE_MUTANT(read_without_asking))
    for (const WaitingRead& read : std::exchange(reads_new_, {}))
      reads_known_.emplace(core_.commit(), read);
  if (reads_new_.empty()) return;
  const std::uint64_t context = next_read_context_;
  if (!core_.read_index(context)) return;
  ++next_read_context_;
  reads_asked_[context] = {std::exchange(reads_new_, {}), now_ticks_ + options_.read_retry_ticks};
}

void Driver::answer_reads() {
  while (!reads_known_.empty() &&
         (reads_known_.begin()->first <= applied_ || NODE_MUTANT(reads_ahead_of_apply))) {
    output_.reads.push_back({reads_known_.begin()->second.id, true});
    reads_known_.erase(reads_known_.begin());
  }
}

// ---- the turn ----

Output Driver::take_output(const ClockReading& now) {
  advance_clock(now);
  route_proposals(now);
  member_changes_.advance(core_, output_.messages);
  ask_reads();
  compact_log();
  while (!installing_ && core_.has_ready()) take_ready();
  advance_snapshots();
  save_clock(now);
  begin_persist();
  judge_digests();
  answer_reads();
  const bool leads = core_.is_leader();
  if (leads && !was_leader_) {
    output_.became_leader = true;
    leader_since_tick_ = now_ticks_;
  }
  was_leader_ = leads;
  tell_role();
  for (auto& failed : proposals_.take_failed()) output_.failed_proposals.push_back(failed);
  for (auto& reply : member_changes_.take_replies()) output_.member_changes.push_back(reply);
  return std::exchange(output_, {});
}

void Driver::tell_role() {
  output_.role_changes = core_.take_role_changes();
  const NodeId successor = core_.transfer_target();
  if (successor && successor != told_successor_)
    output_.handing_over = HandOver{successor, hand_over_cause_};
  told_successor_ = successor;
  if (!successor) hand_over_cause_ = HandOverCause::operator_asked;
}

void Driver::take_ready() {
  Ready ready = core_.take_ready();
  for (Message& message : ready.messages) output_.messages.push_back(std::move(message));
  if (ready.hard_state && !NODE_MUTANT(hard_state_not_written))
    gathered_.hard_state = ready.hard_state;
  if (ready.snapshot) {
    gathered_.snapshot = ready.snapshot;
    gathered_.entries.clear();
    gathered_.compacted.reset();
    output_.install = std::move(ready.snapshot);
    installing_ = true;
  }
  if (!ready.entries.empty()) {
    auto& entries = gathered_.entries;
    // What gathered and was cut from the log since then must not be written after all.
    while (!entries.empty() && entries.back().index >= ready.entries.front().index &&
           !NODE_MUTANT(gathered_not_truncated))
      entries.pop_back();
    entries.insert(entries.end(), std::make_move_iterator(ready.entries.begin()),
                   std::make_move_iterator(ready.entries.end()));
  }
  if (ready.compacted) gathered_.compacted = ready.compacted;
  if (ready.token) gathered_token_ = ready.token;
  for (Message& message : ready.messages_after_persist) {
    if (NODE_MUTANT(messages_before_write) && message.to != core_.id())
      output_.messages.push_back(std::move(message));
    else
      gathered_messages_.push_back(std::move(message));
  }
  for (const Entry& entry : ready.committed) apply(entry);
  for (const ReadState& state : ready.reads) {
    const auto it = reads_asked_.find(state.context);
    if (it == reads_asked_.end()) continue;
    for (const WaitingRead& read : it->second.reads) {
      if (state.ok)
        reads_known_.emplace(state.index, read);
      else
        reads_new_.push_back(read);
    }
    reads_asked_.erase(it);
  }
  for (const NodeId peer : ready.snapshots_wanted) sender_.want(peer);
  if (ready.removed) output_.removed = true;
}

void Driver::begin_persist() {
  if (writing_ || installing_) return;
  if (gathered_.empty()) {
    // Everything those messages wait for is durable already.
    std::vector<Message> messages = std::exchange(gathered_messages_, {});
    bool to_self = false;
    for (Message& message : messages) {
      if (message.to == core_.id()) {
        core_.step(message);
        to_self = true;
      } else {
        output_.messages.push_back(std::move(message));
      }
    }
    if (to_self) {
      while (!installing_ && core_.has_ready()) take_ready();
      begin_persist();
    }
    return;
  }
  writing_ = true;
  writing_ticks_ = 0;
  output_.persist = std::exchange(gathered_, {});
  writing_token_ = std::exchange(gathered_token_, std::nullopt);
  writing_messages_ = std::exchange(gathered_messages_, {});
}

void Driver::on_persisted() {
  ASSERT(writing_);
  writing_ = false;
  if (writing_token_) core_.on_persisted(*writing_token_);
  for (Message& message : std::exchange(writing_messages_, {})) {
    if (message.to == core_.id())
      core_.step(message);
    else
      output_.messages.push_back(std::move(message));
  }
}

void Driver::apply(const Entry& entry) {
  ASSERT(entry.index == applied_ + 1);
  AppliedEntry applied{{entry.index, entry.term}, entry.kind, {}, 0, entry.data, *entry.data};
  if (entry.kind == EntryKind::command) {
    const auto envelope = open_envelope(*entry.data);
    ASSERT(envelope);  // sealed by a leader's driver, and checksummed since
    applied.id = envelope->id;
    applied.timestamp_ms = envelope->timestamp_ms;
    applied.content = envelope->command;
    clock_.rise_to(applied.timestamp_ms);
  }
  applied_ = entry.index;
  proposals_.applied(entry.index, applied.id);
  output_.applied.push_back(std::move(applied));
}

// The log is cut only up to what the host's state holds durably. Each cut is a write: not for a few
// entries.
void Driver::compact_log() {
  const Log& log = core_.log();
  const Index compacted = log.compacted().index, last = log.last_index();
  const std::uint64_t kept = options_.log_entries_kept;
  const bool is_large = log.bytes() > options_.log_bytes_max;
  if (!is_large && last - compacted < 2 * kept) return;
  const Index durable = NODE_MUTANT(cut_without_state) ? core_.applied() : state_durable_;
  const Index possible = std::min(durable, core_.applied());
  if (is_large) {
    const Index half = compacted + (last - compacted + 1) / 2;
    if (possible >= half) core_.compact(half);
    return;
  }
  const Index target = std::min({possible, last - kept, needed_by_followers()});
  if (target >= compacted + kept / 2) core_.compact(target);
}

void Driver::cut_log() {
  core_.compact(std::min({state_durable_, core_.applied(), needed_by_followers()}));
}

// What comes after it has to be there for those that are heard, or each would need a snapshot, and
// where more is written than the log keeps while that one is on its way, one after the other for
// ever.
Index Driver::needed_by_followers() const {
  Index needed = sender_.needed_after().value_or(core_.log().last_index());
  // A leader that is new may not have heard yet from who is there.
  const std::uint64_t patience_ticks = options_.core.election_timeout_ticks;
  const bool is_new = now_ticks_ <= leader_since_tick_ + patience_ticks;
  for (const ProgressStatus& peer : core_.status().progress) {
    if (peer.state == Progress::State::snapshot) continue;  // being sent, or still to be made
    if (peer.ticks_since_heard ? *peer.ticks_since_heard <= patience_ticks : is_new)
      needed = std::min(needed, peer.match);
  }
  return needed;
}

// ---- snapshots ----

void Driver::advance_snapshots() {
  const NodeId peer = sender_.peer();
  const std::uint64_t progress_id = core_.progress_id(peer);
  if (sender_.active() && progress_id != 0 && !core_.awaits_snapshot(peer)) sender_.finish();
  sender_.advance(core_.term(), progress_id);
  if (const auto failed = sender_.take_failed()) core_.on_snapshot_sent(*failed, Index(), false);
  if (!installing_) receiver_.on_committed(core_.commit());
  for (Message& message : sender_.take_messages()) output_.messages.push_back(std::move(message));
  for (Message& message : receiver_.take_messages()) output_.messages.push_back(std::move(message));
  for (SnapshotWork& work : sender_.take_work()) output_.snapshot_work.push_back(std::move(work));
  for (SnapshotWork& work : receiver_.take_work()) output_.snapshot_work.push_back(std::move(work));
}

void Driver::on_snapshot_made(std::optional<SnapshotMeta> meta, std::uint64_t total_bytes) {
  sender_.on_made(std::move(meta), total_bytes);
}

void Driver::on_snapshot_read(std::uint64_t offset, std::optional<base::SharedBytes> data) {
  sender_.on_read(offset, std::move(data));
}

void Driver::on_snapshot_installed() {
  ASSERT(installing_);
  installing_ = false;
  receiver_.reset();
  applied_ = core_.log().compacted().index;
  proposals_.skipped(applied_);
  state_durable_ = std::max(state_durable_, applied_);
}

}  // namespace raft
