#include "raft/node/node.hpp"

#include <time.h>

#include <asio/post.hpp>
#include <utility>

#include "base/assert.hpp"

namespace raft {
namespace {

constexpr unsigned hand_over_ticks = 20;  // how long a stopping leader waits for a successor
constexpr unsigned drain_ticks = 4;       // and then for its last messages to leave
constexpr unsigned disk_check_ticks = 10;  // a full log may grow by some MiB meanwhile

// A node that waits to be added belongs to no epoch yet.
std::uint64_t epoch_of(const RaftCore& core) {
  return core.configuration().members.empty() ? 0 : core.configuration().epoch;
}

// A quarter more than the reserve has to be free before it counts as enough again: a node at the
// edge would hand over to and fro.
bool is_low(const sqlite::Space& space, bool was_low) {
  const std::uint64_t reserve = sqlite::reserve_bytes(space);
  return space.free_bytes < (was_low ? reserve + reserve / 4 : reserve);
}

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

Node::Node(asio::io_context& io, base::Logger& logger, const NodeOptions& options,
           std::unique_ptr<LogStore> store, DurableState durable, Host& host)
    : io_(io),
      logger_(logger),
      options_(options),
      loop_(logger, options.driver, std::move(durable), host, *this),
      storage_(io, std::move(store), [this](const std::string& reason) { loop_.fail(reason); }),
      tick_timer_(io) {
  if (options_.address.empty()) return;
  Handshake self;
  self.cluster_id = options_.identity.cluster_id;
  self.node_id = options_.identity.node_id;
  self.cluster_epoch = epoch_of(loop_.core());
  self.process = options_.driver.core.process;
  self.address = options_.address;
  TransportEvents events;
  events.on_message = [this](Message message) { loop_.receive(std::move(message)); };
  events.on_disconnect = [this](NodeId peer) { loop_.on_peer_disconnected(peer); };
  transport_ = std::make_unique<Transport>(io_, logger_, self, std::move(events),
                                           TransportLimits{}, options_.credentials);
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
  if (stopping_) return std::nullopt;
  return loop_.propose(std::move(command));
}

void Node::read(base::UniqueFunction<void(bool)> done) {
  // Without turns and ticks it would wait for ever, and keep the process from its end.
  if (stopping_ || loop_.failed()) return done(false);
  loop_.read(std::move(done));
}

void Node::change_members(const MemberChange& change,
                          std::function<void(MemberChangeReply)> done) {
  loop_.change_members(change, std::move(done));
}

// ---- the shell ----

bool Node::send(const Message& message) { return transport_ && transport_->send(message); }

void Node::flush_messages() {
  if (transport_) transport_->flush();
}

void Node::persist(PersistBatch batch, std::function<void()> done) {
  const std::size_t entries = batch.entries.size();
  storage_.persist(std::move(batch),
                   [this, entries, done = std::move(done)](std::chrono::nanoseconds taken) {
                     if (options_.observer != nullptr)
                       options_.observer->on_written(seconds(taken), entries);
                     done();
                   });
}

ClockReading Node::clocks() {
  const auto milliseconds = [](clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
  };
  // CLOCK_MONOTONIC stands while the machine is suspended, but leases go on.
  return {milliseconds(CLOCK_REALTIME), milliseconds(CLOCK_BOOTTIME)};
}

// Whatever is ready on the io thread before the turn comes shares its write and its messages.
void Node::schedule_turn() {
  if (turn_scheduled_) return;
  turn_scheduled_ = true;
  asio::post(io_, [this] {
    turn_scheduled_ = false;
    turn();
  });
}

void Node::on_role_changed(const RoleChange& change) {
  if (options_.observer != nullptr) options_.observer->on_role_changed(change);
}

void Node::turn() {
  if (loop_.failed()) return;
  const auto began = std::chrono::steady_clock::now();
  loop_.turn();
  if (options_.observer != nullptr) {
    options_.observer->on_turn(seconds(std::chrono::steady_clock::now() - began));
    watch_commits();
  }
  update_peers();
  const RaftCore& core = loop_.core();
  if (core.leader() != logged_leader_ || core.term() != logged_term_) {
    if (core.leader() && core.leader() != last_leader_) {
      last_leader_ = core.leader();
      if (options_.observer != nullptr) options_.observer->on_leader_changed();
    }
    // Of itself it says why, when it wins.
    if (core.leader() && core.leader() != logged_leader_ && !core.is_leader())
      logger_.info("raft", "node {} follows node {} in term {}", core.id().value(),
                   core.leader().value(), core.term().value());
    logged_leader_ = core.leader();
    logged_term_ = core.term();
  }
}

void Node::watch_commits() {
  const RaftCore& core = loop_.core();
  if (!core.is_leader()) return appended_.clear();
  const auto now = std::chrono::steady_clock::now();
  for (; !appended_.empty() && appended_.front().first <= core.commit(); appended_.pop_front())
    options_.observer->on_committed(seconds(now - appended_.front().second));
  const Index last = core.log().last_index();
  if (last > core.commit() && (appended_.empty() || appended_.back().first < last))
    appended_.emplace_back(last, now);
}

void Node::schedule_tick() {
  tick_timer_.expires_after(options_.tick);
  tick_timer_.async_wait([this](const std::error_code& ec) {
    if (ec) return;
    // A thread that was held up ticks once, not for all the time that it missed: its peers did not
    // get the chance to be heard meanwhile.
    loop_.tick();
    watch_disk_space();
    if (stopping_) continue_stop();
    if (!stopping_ || stopped_) schedule_tick();
  });
}

// A leader whose disk is nearly full hands over before it has to stop.
void Node::watch_disk_space() {
  if (stopping_ || loop_.failed() || ticks_until_disk_check_-- > 0) return;
  ticks_until_disk_check_ = disk_check_ticks;
  storage_.measure_space([this](std::optional<sqlite::Space> space) {
    const bool low = space && is_low(*space, disk_low_);
    if (low == disk_low_) return;
    disk_low_ = low;
    if (low)
      logger_.warning("raft",
                      "only {} of {} MiB are free on the disk of raft.db, and {} should be: this "
                      "node does not lead where another can; make room before it has to stop",
                      space->free_bytes >> 20, space->total_bytes >> 20,
                      sqlite::reserve_bytes(*space) >> 20);
    else
      logger_.info("raft", "there is room on the disk of raft.db again");
    loop_.on_disk_low(low);
  });
}

void Node::update_peers() {
  const RaftCore& core = loop_.core();
  if (!transport_ || core.configuration_position() == peers_as_of_) return;
  peers_as_of_ = core.configuration_position();
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
  if (loop_.failed()) return finish_stop();
  if (is_alone_and_idle()) return end_alone();
  // Or it is handing over already.
  if (loop_.hand_over(HandOverCause::stopping) || loop_.core().transfer_target())
    stop_ticks_left_ = hand_over_ticks;
}

// Nobody to hand over to, and no message that has to leave first.
bool Node::is_alone_and_idle() const { return !transport_ && loop_.pending_proposals() == 0; }

void Node::end_alone() {
  loop_.fail_pending();
  turn();
  finish_stop();
}

// Called each tick.
void Node::continue_stop() {
  if (!stopped_) return;
  if (is_alone_and_idle()) return end_alone();
  if (!loop_.core().is_leader() && stop_ticks_left_ > drain_ticks)
    stop_ticks_left_ = drain_ticks;
  if (--stop_ticks_left_ == drain_ticks / 2) {
    loop_.fail_pending();
  }
  if (stop_ticks_left_ == 0 || loop_.failed()) finish_stop();
}

void Node::finish_stop() {
  if (transport_) transport_->close();
  tick_timer_.cancel();
  if (auto done = std::exchange(stopped_, nullptr)) done();
}

}  // namespace raft
