#include "raft/node/host_loop.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/mutant.hpp"

namespace raft {

HostLoop::HostLoop(base::Logger& logger, const DriverOptions& options, DurableState durable,
                   Host& host, Shell& shell)
    : logger_(logger),
      host_(host),
      shell_(shell),
      origin_(options.origin),
      tick_ms_(options.tick_ms),
      driver_(options, std::move(durable)) {}

void HostLoop::receive(Message message) {
  driver_.receive(std::move(message));
  shell_.schedule_turn();
}

void HostLoop::tick() {
  driver_.tick(shell_.clocks());
  shell_.schedule_turn();
}

void HostLoop::on_peer_disconnected(NodeId peer) {
  driver_.on_peer_disconnected(peer);
  shell_.schedule_turn();
}

std::optional<ProposalId> HostLoop::propose(base::SharedBytes command) {
  if (failed_) return std::nullopt;
  const ProposalId id{origin_, next_sequence_++};
  if (!driver_.propose(id, std::move(command))) return std::nullopt;
  shell_.schedule_turn();
  return id;
}

void HostLoop::read(base::UniqueFunction<void(bool)> done) {
  const std::uint64_t id = next_request_++;
  reads_.emplace(id, std::move(done));
  driver_.read(id);
  shell_.schedule_turn();
}

void HostLoop::change_members(const MemberChange& change,
                              std::function<void(MemberChangeReply)> done) {
  const std::uint64_t id = next_request_++;
  member_changes_.emplace(id, std::move(done));
  driver_.change_members(id, change);
  shell_.schedule_turn();
}

void HostLoop::fail_pending() {
  driver_.fail_pending();
  shell_.schedule_turn();
}

void HostLoop::cut_log() {
  if (failed_) return;
  driver_.cut_log();
  shell_.schedule_turn();
}

bool HostLoop::hand_over(HandOverCause cause) {
  const NodeId successor = driver_.hand_over(cause);
  shell_.schedule_turn();
  return static_cast<bool>(successor);
}

void HostLoop::fail(const std::string& reason) {
  if (std::exchange(failed_, true)) return;
  // Who waits is answered now, rather than at the end of its patience. Nothing else is done.
  driver_.fail_pending();
  answer(driver_.take_output(shell_.clocks()));
  host_.on_failure(reason);
}

void HostLoop::answer(const Output& output) {
  for (const FailedProposal& failed : output.failed_proposals) host_.on_proposal_failed(failed);
  for (const ReadReply& reply : output.reads)
    if (auto node = reads_.extract(reply.id)) node.mapped()(reply.ok);
  for (const MemberChangeReply& reply : output.member_changes)
    if (auto node = member_changes_.extract(reply.id)) node.mapped()(reply);
}

void HostLoop::turn() {
  if (failed_) return;
  driver_.on_state_time(host_.time_ms());
  driver_.on_host_behind(host_.is_behind());
  perform(driver_.take_output(shell_.clocks()));
}

void HostLoop::perform(Output output) {
  for (const Message& message : output.messages)
    if (!shell_.send(message)) driver_.on_not_sent(message);
  // Before the write is begun: the other nodes' disks work beside this one's.
  if (!output.messages.empty()) shell_.flush_messages();
  if (output.persist) {
    shell_.persist(std::move(*output.persist), [this] {
      if (!NODE_MUTANT(answers_before_write)) driver_.on_persisted();
      shell_.schedule_turn();
    });
    if (NODE_MUTANT(answers_before_write)) driver_.on_persisted();
  }
  for (const AppliedEntry& entry : output.applied) {
    host_.apply(entry);
    if (!driver_.wants_digest(entry.position.index)) continue;
    if (const auto digest = host_.digest()) driver_.on_digest(entry.position.index, *digest);
  }
  if (!output.applied.empty()) host_.on_applied_batch();
  tell_role(output);
  answer(output);
  for (SnapshotWork& work : output.snapshot_work) perform(work);
  if (output.install) {
    logger_.info("raft", "installing the snapshot up to entry {}",
                 output.install->last.index.value());
    host_.install_snapshot(*output.install, [this](bool ok) {
      if (!ok) return;  // the host has said why and stops the process
      driver_.on_snapshot_installed();
      shell_.schedule_turn();
    });
  }
  if (output.removed) host_.on_removed();
  if (output.diverged)
    fail(fmt::format("the state of this node differs from that of a majority as of entry {}: its "
                     "memory, its disk or its program is at fault; move the data directory away, "
                     "and let the node join the cluster again under a new node id",
                     output.diverged->value()));
}

void HostLoop::tell_role(const Output& output) {
  const NodeId self = driver_.core().id();
  if (output.handing_over)
    logger_.info("raft", "node {} hands leadership over to node {} in term {}: {}", self.value(),
                 output.handing_over->to.value(), driver_.core().term().value(),
                 describe(output.handing_over->cause));
  std::string why;
  for (const RoleChange& change : output.role_changes) {
    const bool is_bad =
        change.event == RoleEvent::hand_over_failed || change.cause == RoleCause::no_quorum;
    logger_.write(is_bad ? base::LogLevel::warning : base::LogLevel::info, "raft",
                  describe(change, self, tick_ms_));
    if (change.event == RoleEvent::leads) why = describe_cause(change, tick_ms_);
    shell_.on_role_changed(change);
  }
  if (output.became_leader) host_.on_became_leader(driver_.core().term(), why);
}

void HostLoop::perform(SnapshotWork& work) {
  if (std::holds_alternative<MakeSnapshot>(work)) {
    logger_.info("raft", "making a snapshot for a follower that is too far behind");
    host_.make_snapshot([this](std::optional<SnapshotMeta> meta, std::uint64_t total_bytes) {
      driver_.on_snapshot_made(std::move(meta), total_bytes);
      shell_.schedule_turn();
    });
  } else if (const auto* read = std::get_if<ReadSnapshot>(&work)) {
    const std::uint64_t offset = read->offset;
    host_.read_snapshot(offset, read->size,
                        [this, offset](std::optional<base::SharedBytes> data) {
                          driver_.on_snapshot_read(offset, std::move(data));
                          shell_.schedule_turn();
                        });
  } else if (std::holds_alternative<DropSnapshot>(work)) {
    host_.drop_snapshot();
  } else if (const auto* begin = std::get_if<BeginReceive>(&work)) {
    logger_.info("raft", "receiving a snapshot of {} bytes", begin->total_bytes);
    host_.begin_receive(begin->total_bytes, [this](bool ok) {
      driver_.on_snapshot_begun(ok);
      shell_.schedule_turn();
    });
  } else if (std::holds_alternative<DropReceived>(work)) {
    host_.drop_received();
  } else if (auto* write = std::get_if<WriteChunk>(&work)) {
    host_.write_chunk(write->offset, std::move(write->data), [this](bool ok) {
      driver_.on_snapshot_written(ok);
      shell_.schedule_turn();
    });
  }
}

}  // namespace raft
