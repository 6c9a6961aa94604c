#include "server/replica.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "base/mutant.hpp"

namespace server {
namespace {

// The members before the first change of a cluster: its founders, who all voted. A node that was
// added later learns of them from that change alone.
raft::Configuration founders(const raft::Configuration& after_first_change) {
  raft::Configuration before;
  for (const auto& [id, member] : after_first_change.members)
    if (after_first_change.joint ? member.outgoing : member.voter) before.members[id] = member;
  return before;
}

// Asks for whatever has ended, in all networks: where that is nothing, it is learned.
bool is_for_all_ended(const ipam::AddressQuery& query) {
  return query.only_ended && !query.networks.is_given() && !query.before;
}

// Changes that state.db has not taken up yet; beyond, writes are refused until it has caught up,
// and the node takes nothing from a leader.
constexpr std::size_t queued_changes_max = 500'000;

}  // namespace

Replica::Replica(base::Logger& logger, const NodeSpec& spec, std::uint64_t origin,
                 NodeFiles& files, ReplicaEvents events)
    : logger_(logger),
      spec_(spec),
      origin_(origin),
      events_(std::move(events)),
      state_machine_(std::move(files.state_machine)),
      store_(std::move(files.state_store)),
      applied_(files.durable.applied.last),
      plan_changed_(files.durable.applied.last.index),
      configuration_(files.durable.applied.configuration),
      configuration_stored_(files.configuration_stored) {
  store_->on_durable([this](std::uint64_t index) {
    if (node_ != nullptr) node_->on_state_durable(raft::Index(index));
  });
}

// ---- clients ----

void Replica::write(const ipam::Command& command, Written done) {
  if (node_->stopping() || !failure_.empty()) return done(WriteFailure::stopping);
  if (is_behind()) return done(WriteFailure::overloaded);
  const auto id = node_->propose(base::share(
      NODE_MUTANT(key_is_dropped) ? ipam::encode({command.actor, command.body})
                                  : ipam::encode(command)));
  if (!id) return done(WriteFailure::overloaded);
  writes_.emplace(id->sequence, std::move(done));
}

bool Replica::is_behind() const { return store_->queued_changes() > queued_changes_max; }

void Replica::complete(const raft::ProposalId& id, WriteResult result) {
  if (id.origin != origin_) return;
  if (auto waiting = writes_.extract(id.sequence)) waiting.mapped()(std::move(result));
}

void Replica::on_proposal_failed(const raft::FailedProposal& failed) {
  complete(failed.id, failed.failure == raft::ProposalFailure::refused ? WriteFailure::refused
                                                                       : WriteFailure::unknown);
}

IndexWaiters::Ticket Replica::when_applied(raft::Index index, IndexWaiters::Done done) {
  ASSERT(index > applied_.index);
  return waiters_.add(index, std::move(done));
}

void Replica::ask(ipam::HistoryQuery query, Answered done) {
  if (auto answer = answer_from_memory(query)) return done(*std::move(answer));
  const auto shared = std::make_shared<Answered>(std::move(done));
  const auto* const asked = std::get_if<ipam::AddressQuery>(&query);
  if (asked == nullptr || !is_for_all_ended(*asked))
    return ask_store(std::move(query),
                     [shared](base::Result<ipam::HistoryAnswer, std::string> answer) {
                       (*shared)(std::move(answer));
                     });
  ASSERT(asked->limit > 0);
  auto learn = [this, shared, address = asked->address, ticket = no_history_.ask(asked->address)](
                   base::Result<ipam::HistoryAnswer, std::string> answer) {
    if (answer.ok() && std::get<std::vector<ipam::Allocation>>(*answer).empty())
      no_history_.learn(address, ticket);
    (*shared)(std::move(answer));
  };
  ask_store(std::move(query), std::move(learn));
}

// state.db is as of the same entry when it comes to the question, which stands behind all appends.
void Replica::ask_store(ipam::HistoryQuery query, AnsweredByStore done) {
  if (auto* const asked = std::get_if<ipam::AddressQuery>(&query); asked && !asked->only_ended)
    for (const ipam::Allocation& holder : state_machine_.allocations_holding(asked->address))
      asked->held_by.push_back(holder.id);
  store_->query(std::move(query), std::move(done));
}

// What is active is in memory, just as state.db has it; what has ended is in state.db alone.
std::optional<ipam::HistoryAnswer> Replica::answer_from_memory(
    const ipam::HistoryQuery& query) const {
  std::vector<ipam::Allocation> found;
  if (const auto* one = std::get_if<ipam::AllocationQuery>(&query)) {
    auto active = state_machine_.allocation(one->id);
    if (active) found.push_back(*std::move(active));
    else if (state_machine_.allocation_existed(one->id)) return std::nullopt;
    return found;
  }
  const auto* const asked = std::get_if<ipam::AddressQuery>(&query);
  if (asked && asked->only_ended && no_history_.contains(asked->address)) return found;
  return std::nullopt;
}

void Replica::fail_waiting() {
  waiters_.fail_all();
  for (auto& [sequence, done] : std::exchange(writes_, {})) done(WriteFailure::unknown);
}

void Replica::flush(std::function<void()> done) {
  if (!failure_.empty()) return done();
  // Where it fails on_failure() is told, and the end is the same.
  store_->flush([done = std::move(done)](const state::StateStore::Flushed&) { done(); });
}

bool Replica::has_due_leases() const {
  const auto due = state_machine_.next_expiry();
  return due && *due <= node_->time_ms();
}

void Replica::expire_leases() {
  if (!has_due_leases() || expiring_ || !node_->core().is_leader()) return;
  expiring_ = true;
  write({"system", ipam::ExpireLeases{}}, [this](WriteResult) { expiring_ = false; });
}

// ---- the log ----

void Replica::apply(const raft::AppliedEntry& entry) {
  if (!failure_.empty()) return;
  std::vector<ipam::Change> changes;
  state::Position position{entry.position.index.value(), entry.position.term.value(), {}};
  const raft::LogPosition before = std::exchange(applied_, entry.position);
  if (entry.kind == raft::EntryKind::command) apply_command(entry, changes);
  if (entry.kind == raft::EntryKind::configuration) apply_configuration(entry, changes);
  if (!failure_.empty()) {  // not applied, and state.db must not say so: a newer program will
    applied_ = before;
    return;
  }
  // The members as of the beginning of the log are written with the first entry.
  if (entry.kind == raft::EntryKind::configuration || !configuration_stored_) {
    position.configuration = raft::encode(configuration_);
    configuration_stored_ = true;
  }
  if (std::any_of(changes.begin(), changes.end(), ipam::changes_plan))
    plan_changed_ = applied_.index;
  no_history_.apply(changes);
  ipam::SharedChanges shared = ipam::share(std::move(changes));
  if (events_.on_changed) events_.on_changed(ipam::Revision(applied_.index.value()), shared);
  store_->append(state_machine_.counters(), std::move(position), std::move(shared));
}

void Replica::apply_command(const raft::AppliedEntry& entry, std::vector<ipam::Change>& changes) {
  const auto command = ipam::decode_command(entry.content);
  if (!command)
    return on_failure(fmt::format("entry {} holds a command that this version of ipam does not "
                                  "know: install the version that the other nodes run",
                                  entry.position.index.value()));
  ipam::Applied applied = state_machine_.apply(ipam::Revision(entry.position.index.value()),
                                               entry.timestamp_ms, *command);
  changes = std::move(applied.changes);
  complete(entry.id, Decided{std::move(applied.outcome), applied.replayed});
}

void Replica::apply_configuration(const raft::AppliedEntry& entry,
                                  std::vector<ipam::Change>& changes) {
  auto next = raft::decode_configuration(entry.content);
  ASSERT(next);  // the core has decoded it before
  // What a node's own file says of its founders is its own: the audit log has what all nodes have.
  const bool is_of_file = std::all_of(
      configuration_.members.begin(), configuration_.members.end(),
      [](const auto& member) { return member.second.incarnation == 0; });
  if (is_of_file && !NODE_MUTANT(founders_are_forgotten)) configuration_ = founders(*next);
  const ipam::Revision revision(entry.position.index.value());
  for (const auto& [id, member] : next->members)
    if (!configuration_.contains(id))
      record_event({"node_added", fmt::format("node-{}", id.value()),
                    fmt::format("Added node {} at {}", id.value(), member.address)},
                   revision, changes);
  for (const auto& [id, member] : configuration_.members)
    if (!next->contains(id))
      record_event({"node_removed", fmt::format("node-{}", id.value()),
                    fmt::format("Removed node {}", id.value())},
                   revision, changes);
  for (const auto& [id, member] : next->members) {
    const auto before = configuration_.members.find(id);
    if (before == configuration_.members.end()) continue;
    if (before->second.address != member.address)
      record_event({"node_moved", fmt::format("node-{}", id.value()),
                    fmt::format("Node {} is at {} now, and was at {}", id.value(), member.address,
                                before->second.address)},
                   revision, changes);
    if (before->second.learner() && member.voter)
      record_event({"node_promoted", fmt::format("node-{}", id.value()),
                    fmt::format("Node {} has caught up and votes now", id.value())},
                   revision, changes);
    if (before->second.voter && !member.voter && member.promote)
      record_event({"node_demoted", fmt::format("node-{}", id.value()),
                    fmt::format("Node {} came with another data directory: it votes again once it "
                                "has caught up",
                                id.value())},
                   revision, changes);
  }
  configuration_ = std::move(*next);
}

void Replica::record_event(ipam::RecordEvent event, ipam::Revision revision,
                           std::vector<ipam::Change>& changes) {
  ipam::Applied applied = state_machine_.apply(revision, state_machine_.counters().now,
                                               {"system", std::move(event)});
  for (ipam::Change& change : applied.changes) changes.push_back(std::move(change));
}

void Replica::on_applied_batch() {
  if (events_.on_batch) events_.on_batch();
  waiters_.on_applied(applied_.index);
}

void Replica::on_became_leader(raft::Term term, const std::string& why) {
  if (!spec_.cluster_mode) return;
  ipam::RecordEvent event{"leader_elected", fmt::format("node-{}", spec_.node_id),
                          fmt::format("Node {} leads in term {}: {}", spec_.node_id, term.value(),
                                      why)};
  write({"system", std::move(event)}, [](WriteResult) {});
}

void Replica::on_removed() {
  events_.on_stop_wanted("this node was removed from the cluster", false);
}

void Replica::on_failure(const std::string& reason) {
  if (!failure_.empty()) return;
  failure_ = reason;
  events_.on_stop_wanted(reason, true);
  fail_waiting();  // nothing is applied any more
}

// ---- snapshots ----

void Replica::make_snapshot(Made done) {
  auto finished = [this, done = std::move(done)](
                      base::Result<state::StateStore::SnapshotFile, std::string> file) {
    if (!file.ok()) {
      logger_.warning("server", "no snapshot could be made: {}", file.error());
      return done(std::nullopt, 0);
    }
    raft::SnapshotMeta meta;
    meta.last = {raft::Index(file->position.index), raft::Term(file->position.term)};
    if (NODE_MUTANT(snapshot_meta_is_latest)) meta.last = applied_;
    const auto configuration = raft::decode_configuration(file->position.configuration);
    ASSERT(configuration);  // written with the first entry
    meta.configuration = *configuration;
    done(std::move(meta), file->bytes);
  };
  store_->make_snapshot(std::move(finished));
}

void Replica::read_snapshot(std::uint64_t offset, std::size_t size, Bytes done) {
  auto finished = [this, done = std::move(done)](base::Result<base::Bytes, std::string> bytes) {
    if (bytes.ok()) return done(base::share(std::move(*bytes)));
    logger_.warning("server", "the snapshot cannot be read: {}", bytes.error());
    done(std::nullopt);
  };
  store_->read_snapshot(offset, size, std::move(finished));
}

void Replica::drop_snapshot() { store_->delete_snapshot(); }

void Replica::begin_receive(std::uint64_t total_bytes, Done done) {
  store_->begin_receive(total_bytes, std::move(done));
}

void Replica::drop_received() { store_->drop_received(); }

void Replica::write_chunk(std::uint64_t offset, base::SharedBytes data, Done done) {
  store_->write_chunk(offset, std::move(data), std::move(done));
}

void Replica::install_snapshot(const raft::SnapshotMeta& meta, Done done) {
  const state::Position expected{meta.last.index.value(), meta.last.term.value(),
                                 raft::encode(meta.configuration)};
  auto finished = [this, meta,
                   done = std::move(done)](base::Result<state::Loaded, std::string> loaded) {
    if (!loaded.ok()) {
      // The core has taken the snapshot's place in the log already; a restart goes on from what is
      // on the disk, which is whole.
      on_failure("the received snapshot cannot be installed: " + loaded.error());
      return done(false);
    }
    state_machine_ = std::move(loaded->state_machine);
    applied_ = meta.last;
    plan_changed_ = meta.last.index;
    no_history_.clear();
    configuration_ = meta.configuration;
    configuration_stored_ = true;
    if (events_.on_replaced) events_.on_replaced(ipam::Revision(applied_.index.value()));
    done(true);
    on_applied_batch();
  };
  store_->install_received(expected, std::move(finished));
}

}  // namespace server
