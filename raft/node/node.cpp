#include "raft/node/node.hpp"

#include <asio/post.hpp>
#include <sys/time.h>
#include <utility>

#include "base/assert.hpp"

namespace raft {
namespace {

constexpr unsigned hand_over_ticks = 20;  // how long a stopping leader waits for a successor
constexpr unsigned drain_ticks = 4;       // and then for its last messages to leave

// A node that waits to be added belongs to no epoch yet.
std::uint64_t epoch_of(const RaftCore& core) {
  return core.configuration().members.empty() ? 0 : core.configuration().epoch;
}

std::int64_t wall_ms() {
  timeval now{};
  gettimeofday(&now, nullptr);
  return static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_usec / 1000;
}

}  // namespace

Node::Node(asio::io_context& io, base::Logger& logger, const NodeOptions& options,
           std::unique_ptr<LogStore> store, DurableState durable, Host& host)
    : io_(io),
      logger_(logger),
      options_(options),
      host_(host),
      driver_(options.driver, std::move(durable)),
      storage_(io, std::move(store),
               [this](const std::string& reason) {
                 failed_ = true;
                 host_.on_failure(reason);
               }),
      tick_timer_(io) {
  if (options_.address.empty()) return;
  Handshake self;
  self.cluster_id = options_.identity.cluster_id;
  self.node_id = options_.identity.node_id;
  self.cluster_epoch = epoch_of(driver_.core());
  self.process = options_.driver.core.process;
  self.address = options_.address;
  TransportEvents events;
  events.on_message = [this](Message message) {
    driver_.receive(std::move(message));
    schedule_turn();
  };
  events.on_disconnect = [this](NodeId peer) {
    driver_.on_peer_disconnected(peer);
    schedule_turn();
  };
  transport_ = std::make_unique<Transport>(io_, logger_, self, std::move(events));
}

Node::~Node() = default;

base::Result<base::Ok, std::string> Node::start() {
  if (transport_) {
    if (auto listening = transport_->listen(options_.address); !listening.ok()) return listening;
  }
  schedule_tick();
  schedule_turn();
  return base::Ok();
}

std::optional<ProposalId> Node::propose(base::SharedBytes command) {
  if (stopping_ || failed_) return std::nullopt;
  const ProposalId id{options_.driver.origin, next_sequence_++};
  if (!driver_.propose(id, std::move(command))) return std::nullopt;
  schedule_turn();
  return id;
}

void Node::read(std::function<void(bool)> done) {
  const std::uint64_t id = next_request_++;
  reads_.emplace(id, std::move(done));
  driver_.read(id);
  schedule_turn();
}

void Node::change_members(const MemberChange& change,
                          std::function<void(MemberChangeReply)> done) {
  const std::uint64_t id = next_request_++;
  member_changes_.emplace(id, std::move(done));
  driver_.change_members(id, change);
  schedule_turn();
}

base::Result<base::Ok, Refusal> Node::transfer_leader(NodeId target) {
  auto result = driver_.transfer_leader(target);
  schedule_turn();
  return result;
}

void Node::on_state_durable(Index index) { driver_.on_state_durable(index); }

// ---- turns ----

// Whatever is ready on the io thread before the turn comes shares its write and its messages.
void Node::schedule_turn() {
  if (turn_scheduled_) return;
  turn_scheduled_ = true;
  asio::post(io_, [this] {
    turn_scheduled_ = false;
    turn();
  });
}

void Node::turn() {
  if (failed_) return;
  perform(driver_.take_output(wall_ms()));
  update_peers();
  const RaftCore& core = driver_.core();
  if (core.leader() != logged_leader_ || core.term() != logged_term_) {
    if (core.leader() && core.leader() != logged_leader_)
      logger_.info("raft", "node {} leads in term {}", core.leader().value(),
                   core.term().value());
    logged_leader_ = core.leader();
    logged_term_ = core.term();
  }
}

void Node::perform(Output output) {
  for (const Message& message : output.messages)
    if (!transport_ || !transport_->send(message)) driver_.on_not_sent(message);
  if (output.persist)
    storage_.persist(std::move(*output.persist), [this] {
      driver_.on_persisted();
      schedule_turn();
    });
  for (const AppliedEntry& entry : output.applied) host_.apply(entry);
  if (!output.applied.empty()) host_.on_applied_batch();
  for (const FailedProposal& failed : output.failed_proposals) host_.on_proposal_failed(failed);
  if (output.became_leader) host_.on_became_leader(driver_.core().term());
  for (const ReadReply& reply : output.reads)
    if (auto node = reads_.extract(reply.id)) node.mapped()(reply.ok);
  for (const MemberChangeReply& reply : output.member_changes)
    if (auto node = member_changes_.extract(reply.id)) node.mapped()(reply);
  for (SnapshotWork& work : output.snapshot_work) perform(work);
  if (output.install) {
    logger_.info("raft", "installing the snapshot up to entry {}",
                 output.install->last.index.value());
    host_.install_snapshot(*output.install, [this](bool ok) {
      if (!ok) return;  // the host has said why and stops the process
      driver_.on_snapshot_installed();
      schedule_turn();
    });
  }
  if (output.removed) host_.on_removed();
}

void Node::perform(SnapshotWork& work) {
  if (std::holds_alternative<MakeSnapshot>(work)) {
    logger_.info("raft", "making a snapshot for a follower that is too far behind");
    host_.make_snapshot([this](std::optional<SnapshotMeta> meta, std::uint64_t total_bytes) {
      driver_.on_snapshot_made(std::move(meta), total_bytes);
      schedule_turn();
    });
  } else if (const auto* read = std::get_if<ReadSnapshot>(&work)) {
    const std::uint64_t offset = read->offset;
    host_.read_snapshot(offset, read->size,
                        [this, offset](std::optional<base::SharedBytes> data) {
                          driver_.on_snapshot_read(offset, std::move(data));
                          schedule_turn();
                        });
  } else if (std::holds_alternative<DropSnapshot>(work)) {
    host_.drop_snapshot();
  } else if (const auto* begin = std::get_if<BeginReceive>(&work)) {
    logger_.info("raft", "receiving a snapshot of {} bytes", begin->total_bytes);
    host_.begin_receive(begin->total_bytes, [this](bool ok) {
      driver_.on_snapshot_begun(ok);
      schedule_turn();
    });
  } else if (auto* write = std::get_if<WriteChunk>(&work)) {
    host_.write_chunk(write->offset, std::move(write->data), [this](bool ok) {
      driver_.on_snapshot_written(ok);
      schedule_turn();
    });
  }
}

void Node::schedule_tick() {
  tick_timer_.expires_after(options_.tick);
  tick_timer_.async_wait([this](const std::error_code& ec) {
    if (ec) return;
    // A thread that was held up ticks once, not for all the time that it missed: its peers did not
    // get the chance to be heard meanwhile.
    driver_.tick(wall_ms());
    schedule_turn();
    if (stopping_) continue_stop();
    if (!stopping_ || stopped_) schedule_tick();
  });
}

void Node::update_peers() {
  const RaftCore& core = driver_.core();
  if (!transport_ || core.configuration_index() == peers_as_of_) return;
  peers_as_of_ = core.configuration_index();
  transport_->set_cluster_epoch(epoch_of(core));
  std::map<NodeId, std::string> addresses;
  if (core.configuration().members.empty()) addresses = options_.known_addresses;
  for (const auto& [id, member] : core.configuration().members) addresses[id] = member.address;
  addresses.erase(core.id());
  transport_->set_peers(addresses);
}

// ---- the end ----

void Node::stop(std::function<void()> done) {
  ASSERT(!stopping_);
  stopping_ = true;
  stopped_ = std::move(done);
  stop_ticks_left_ = drain_ticks;
  if (failed_) return finish_stop();
  if (!transport_) {
    // Nobody to hand over to, and no message that has to leave first.
    driver_.fail_pending();
    turn();
    return finish_stop();
  }
  const RaftCore& core = driver_.core();
  if (!core.is_leader()) return;
  NodeId successor;
  Index best;
  for (const ProgressStatus& peer : core.status().progress) {
    if (!core.configuration().is_voter(peer.id) || peer.match < best) continue;
    best = peer.match;
    successor = peer.id;
  }
  if (successor && driver_.transfer_leader(successor).ok()) {
    logger_.info("raft", "handing leadership over to node {}", successor.value());
    stop_ticks_left_ = hand_over_ticks;
    schedule_turn();
  }
}

// Called each tick.
void Node::continue_stop() {
  if (!stopped_) return;
  if (!driver_.core().is_leader() && stop_ticks_left_ > drain_ticks)
    stop_ticks_left_ = drain_ticks;
  if (--stop_ticks_left_ == drain_ticks / 2) {
    driver_.fail_pending();
    schedule_turn();
  }
  if (stop_ticks_left_ == 0 || failed_) finish_stop();
}

void Node::finish_stop() {
  if (transport_) transport_->close();
  tick_timer_.cancel();
  if (auto done = std::exchange(stopped_, nullptr)) done();
}

}  // namespace raft
