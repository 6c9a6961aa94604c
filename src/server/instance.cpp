#include "server/instance.hpp"

#include <algorithm>
#include <asio/post.hpp>
#include <random>
#include <utility>

namespace server {
namespace {

constexpr std::chrono::milliseconds lease_check_interval{250};
// Below the minute or so after which proxies take a silent connection for dead.
constexpr std::chrono::seconds keep_alive_interval{15};

// To members that catch up while clients write, whatever the heartbeat is: some 50,000 allocations.
constexpr std::size_t catch_up_bytes_per_second = 2560u << 10;

std::uint64_t random_number() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32) | device();
}

// Two ticks a heartbeat: fine enough for timeouts that differ, coarse enough to cost nothing.
raft::NodeOptions node_options(const InstanceOptions& options, std::uint64_t origin) {
  raft::NodeOptions out;
  out.tick = std::max(options.heartbeat / 2, std::chrono::milliseconds(1));
  const auto ticks = [&](std::chrono::milliseconds time) {
    return static_cast<unsigned>(std::max<std::int64_t>(1, time / out.tick));
  };
  out.driver.origin = origin;
  out.driver.tick_ms = static_cast<std::uint64_t>(out.tick.count());
  out.driver.log_entries_kept = options.log_entries_kept;
  out.driver.proposal_timeout_ticks = ticks(std::chrono::seconds(5));
  out.driver.read_timeout_ticks = ticks(std::chrono::seconds(5));
  out.driver.read_retry_ticks = ticks(options.election_timeout / 2);
  out.driver.disk_stall_ticks = ticks(options.election_timeout);
  out.driver.member_change_timeout_ticks = ticks(std::chrono::seconds(10));
  out.driver.snapshot_resend_ticks = ticks(std::chrono::seconds(2));
  out.driver.snapshot_give_up_ticks = ticks(std::chrono::seconds(60));
  out.driver.core.id = raft::NodeId(options.node.node_id);
  out.driver.core.seed = random_number();
  out.driver.core.founders_all_vote = true;
  out.driver.core.heartbeat_ticks = ticks(options.heartbeat);
  out.driver.core.catch_up_bytes_per_tick =
      catch_up_bytes_per_second * static_cast<std::size_t>(out.tick.count()) / 1000;
  out.driver.core.election_timeout_ticks =
      std::max(ticks(options.election_timeout), 2 * out.driver.core.heartbeat_ticks);
  // By then a leader that lives has connected and sent a heartbeat or two.
  out.driver.core.first_wait_ticks_min = std::min(2 * out.driver.core.heartbeat_ticks + 1,
                                                  out.driver.core.election_timeout_ticks);
  if (options.node.cluster_mode) out.address = options.node.raft_addr;
  out.credentials = options.credentials;
  for (const auto& [id, address] : options.known_members)
    out.known_addresses[raft::NodeId(id)] = address;
  return out;
}

}  // namespace

base::Result<std::unique_ptr<Instance>, std::string> Instance::open(
    asio::io_context& io, base::Logger& logger, const InstanceOptions& options,
    std::unique_ptr<DirectoryLock> lock, ReplicaEvents events) {
  std::unique_ptr<Instance> instance(new Instance(io, std::move(lock)));
  Instance* self = instance.get();
  const auto post = [&io](std::function<void()> work) { asio::post(io, std::move(work)); };
  const auto failed = [self](const std::string& reason) {
    if (self->replica_) self->replica_->on_failure(reason);
  };
  auto files = open_node_files(self->file_system_, options.node, random_number(), post, failed);
  if (!files.ok()) return base::fail(files.error());
  const std::uint64_t origin = random_number();
  instance->hub_ =
      std::make_unique<api::WatchHub>(ipam::Revision(files->durable.applied.last.index.value()));
  api::WatchHub& hub = *instance->hub_;
  events.on_changed = [&hub](ipam::Revision revision, const ipam::SharedChanges& changes) {
    hub.publish(revision, changes);
  };
  events.on_batch = [&hub] { hub.deliver(); };
  events.on_replaced = [&hub](ipam::Revision revision) { hub.restart(revision); };
  instance->replica_ =
      std::make_unique<Replica>(logger, options.node, origin, *files, std::move(events));
  raft::NodeOptions node = node_options(options, origin);
  node.identity = files->identity;
  node.observer = &instance->metrics_;
  node.driver.core.process = {files->identity.incarnation, ipam::command_version_latest};
  instance->node_ = std::make_unique<raft::Node>(io, logger, node, std::move(files->log_store),
                                                 std::move(files->durable), *instance->replica_);
  instance->replica_->attach(*instance->node_);
  instance->executor_ = std::make_unique<Executor>(io, options.node, node.tick,
                                                   *instance->replica_, *instance->node_, hub,
                                                   instance->metrics_);
  instance->gate_ = std::make_unique<Gate>(options.gate, *instance->replica_, *instance->node_,
                                           *instance->executor_, instance->metrics_);
  return instance;
}

Instance::~Instance() = default;

base::Result<base::Ok, std::string> Instance::start() {
  if (auto started = node_->start(); !started.ok()) return started;
  schedule_leases();
  schedule_keep_alive();
  return base::Ok();
}

bool Instance::expire_due_leases() {
  replica_->expire_leases();
  return replica_->has_due_leases();
}

void Instance::schedule_leases() {
  lease_timer_.expires_after(lease_check_interval);
  lease_timer_.async_wait([this](const std::error_code& ec) {
    if (ec || node_->stopping()) return;
    replica_->expire_leases();
    gate_->note_uses();
    schedule_leases();
  });
}

void Instance::schedule_keep_alive() {
  keep_alive_timer_.expires_after(keep_alive_interval);
  keep_alive_timer_.async_wait([this](const std::error_code& ec) {
    if (ec || node_->stopping()) return;
    hub_->keep_alive([this](ipam::TokenId token) { return executor_->is_valid(token); });
    schedule_keep_alive();
  });
}

void Instance::stop(std::function<void()> done) {
  lease_timer_.cancel();
  keep_alive_timer_.cancel();
  hub_->close();
  executor_->stop();
  auto stopped = [this, done = std::move(done)] {
    replica_->fail_waiting();
    replica_->flush(done);
  };
  node_->stop(std::move(stopped));
}

}  // namespace server
