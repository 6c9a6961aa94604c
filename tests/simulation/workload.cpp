#include "workload.hpp"

namespace simulation {

using raft::NodeId;

namespace {
constexpr Time operation_timeout = 3 * second;
}

void Workload::start() {
  for (std::uint64_t client = 0; client < clients_; ++client)
    world_.events.push(world_.now + world_.random.below(second), EventKind::client, {}, client);
}

void Workload::step(std::uint64_t client) {
  if (stopped_ && !final_) return;
  const Time think = final_ ? 20 * millisecond : 1 + world_.random.below(think_max_);
  world_.events.push(world_.now + think, EventKind::client, {}, client);
  Operation& operation = current_[client];
  if (operation.id != 0 && world_.now < operation.deadline) return;
  operation.id = ++last_operation_;
  operation.is_read = final_ ? final_reads_ < final_writes_
                             : world_.random.chance(read_percent_);
  operation.deadline = world_.now + operation_timeout;
  // Finished or refused within the call: free for the next one.
  const Operation copy = operation;
  Operation issued = copy;
  if (!issue(issued) && current_[client].id == copy.id) current_[client].id = 0;
}

// Where the node that was asked does not lead, the client goes on to the one that it names.
bool Workload::issue(Operation& operation) {
  const auto running = cluster_.running();
  if (running.empty()) return false;
  Host* host = &cluster_.host(running[world_.random.below(running.size())]);
  if (host->paused_until > world_.now) return false;
  if (operation.is_read) return host->read(operation.id);
  const NodeId named = host->core().leader();
  if (!host->core().is_leader() && named && named.value() <= cluster_.size())
    host = &cluster_.host(named);
  if (!host->running() || host->paused_until > world_.now) return false;
  return host->write(operation.id, commands(operation.id));
}

std::vector<base::SharedBytes> Workload::commands(std::uint64_t operation) {
  const std::size_t count = world_.random.chance(20) ? 1 + world_.random.below(8) : 1;
  std::vector<base::SharedBytes> out;
  for (std::size_t i = 0; i < count; ++i) {
    base::Bytes bytes;
    base::ByteWriter writer(bytes);
    writer.u64(operation);
    writer.u8(static_cast<std::uint8_t>(i));
    bytes.append(world_.random.chance(5) ? world_.random.below(600) : world_.random.below(40), 'x');
    out.push_back(base::share(std::move(bytes)));
  }
  return out;
}

void Workload::on_finished(std::uint64_t operation, bool ok) {
  for (auto& [client, current] : current_) {
    if (current.id != operation) continue;
    if (ok) {
      ++(current.is_read ? world_.statistics.reads : world_.statistics.writes);
      if (final_) ++(current.is_read ? final_reads_ : final_writes_);
    }
    current.id = 0;
  }
}

void Workload::begin_final() {
  final_ = true;
  current_.clear();
  world_.events.push(world_.now, EventKind::client, {}, 0);
}

}  // namespace simulation
