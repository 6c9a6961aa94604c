#include "watched_host.hpp"

#include <fmt/format.h>

#include "violation.hpp"

namespace simulation {

void SimulatedNode::WatchedHost::apply(const raft::AppliedEntry& entry) {
  node_.observe();
  NodeWorld& world = node_.world_;
  State& state = node_.state_;
  world.invariants.applying(node_.id_, state,
                            {entry.position.index, entry.position.term, entry.kind, entry.data});
  replica().apply(entry);
  if (!replica().failure().empty()) return;
  state.last = entry.position;
  if (entry.kind == raft::EntryKind::configuration)
    if (auto next = raft::decode_configuration(entry.content)) state.configuration = *next;
  state.hash = replica().state_machine().digest();
  world.trace.record(world.now, TraceKind::applied, node_.id_, entry.position.index.value(),
                     entry.position.term.value(), state.hash);
  if (replica().applied() != entry.position.index)
    throw Violation("state_machine_safety", "the replica did not apply what it was given");
  world.oracle.check_digest(node_.id_, entry.position.index, state.hash);
  world.invariants.applied(state);
}

void SimulatedNode::WatchedHost::on_proposal_failed(const raft::FailedProposal& failed) {
  node_.observe();
  if (failed.failure == raft::ProposalFailure::refused)
    node_.world_.oracle.check_refused(failed.id);
  replica().on_proposal_failed(failed);
}

void SimulatedNode::WatchedHost::on_removed() {
  node_.observe();
  if (node_.world_.oracle.configuration().contains(node_.id_))
    throw Violation("removed_when_removed",
                    fmt::format("node {} stops as removed and is a member", node_.id_.value()));
  node_.process_->removed = true;
  replica().on_removed();
}

void SimulatedNode::WatchedHost::install_snapshot(const raft::SnapshotMeta& meta, Done done) {
  node_.process_->installing = true;
  replica().install_snapshot(meta, [this, meta, done = std::move(done)](bool ok) {
    if (ok) installed(meta);
    done(ok);
  });
}

void SimulatedNode::WatchedHost::installed(const raft::SnapshotMeta& meta) {
  NodeWorld& world = node_.world_;
  ++world.statistics.snapshots;
  node_.state_ = {meta.last, meta.configuration, replica().state_machine().digest()};
  world.trace.record(world.now, TraceKind::installed, node_.id_, meta.last.index.value(),
                     meta.last.term.value());
  world.oracle.check_digest(node_.id_, meta.last.index, node_.state_.hash);
  world.invariants.installed(node_.state_);
  node_.check_history();
}

}  // namespace simulation
