#include "node_workload.hpp"

#include <fmt/format.h>

#include "violation.hpp"

namespace simulation {

using raft::Index;
using raft::NodeId;

namespace {
constexpr Time operation_timeout = 6 * second;
}

NodeWorkload::NodeWorkload(NodeWorld& world, NodeCluster& cluster, std::uint64_t seed)
    : world_(world), cluster_(cluster) {
  base::Random random(seed ^ 0x776f726b);
  clients_ = 1 + random.below(6);
  think_max_ = (20 + random.below(600)) * millisecond;
  read_percent_ = 10 + random.below(50);
  text_bytes_max_ = random.chance(50) ? 40 : 900;
}

void NodeWorkload::start() {
  for (std::uint64_t client = 0; client < clients_; ++client)
    world_.events.push(world_.now + world_.random.below(second), EventKind::client, {}, client);
}

void NodeWorkload::begin_final() {
  final_ = true;
  current_.clear();
  world_.events.push(world_.now, EventKind::client, {}, 0);
}

void NodeWorkload::step(std::uint64_t client) {
  if (stopped_ && !final_) return;
  const Time think = final_ ? 20 * millisecond : 1 + world_.random.below(think_max_);
  world_.events.push(world_.now + think, EventKind::client, {}, client);
  Client& self = current_[client];
  if (self.operation != 0 && world_.now < self.deadline) return;
  auto running = cluster_.running();
  SimulatedNode* const leader = cluster_.leader();
  // Whoever waits to be added answers nobody.
  if (final_ && leader != nullptr)
    std::erase_if(running,
                  [&](NodeId id) { return !leader->core().configuration().contains(id); });
  if (running.empty()) return;
  SimulatedNode& node = cluster_.node(running[world_.random.below(running.size())]);
  if (node.paused_until > world_.now) return;
  self.operation = ++last_operation_;
  self.deadline = world_.now + operation_timeout;
  const bool reads =
      final_ ? final_reads_ < final_writes_ : world_.random.chance(read_percent_);
  if (reads)
    read(client, node);
  else
    write(client, node);
  node.after_event();
}

bool NodeWorkload::finish(std::uint64_t client, std::uint64_t operation) {
  Client& self = current_[client];
  if (self.operation != operation) return false;
  self.operation = 0;
  return true;
}

void NodeWorkload::write(std::uint64_t client, SimulatedNode& node) {
  Client& self = current_[client];
  const ipam::Command command = self.again ? *std::exchange(self.again, {}) : draw_command();
  if (!command.idempotency.key.empty()) self.again = command;  // until it is answered
  const Index floor = world_.invariants.read_floor();
  const auto proposal = std::make_shared<raft::ProposalId>();
  const auto id = node.write(command, [=, this, operation = self.operation](
                                          server::WriteResult result) {
    if (const auto* failure = std::get_if<server::WriteFailure>(&result)) {
      const bool unknown = *failure == server::WriteFailure::unknown;
      if (finish(client, operation) && !unknown) current_[client].again = command;
      return;
    }
    // The answer counts whether or not the client still waits for it.
    const Index index =
        world_.oracle.check_outcome(*proposal, std::get<server::Decided>(result).outcome);
    if (index <= floor)
      throw Violation("real_time_order",
                      fmt::format("a write at {} began after {} was there", index.value(),
                                  floor.value()));
    const auto& entry = world_.invariants.committed(index);
    world_.invariants.write_acknowledged({index, entry.term}, entry.data);
    ++world_.statistics.writes;
    if (!finish(client, operation)) return;
    current_[client].again.reset();
    if (final_) ++final_writes_;
  });
  if (id) *proposal = *id;
}

void NodeWorkload::read(std::uint64_t client, SimulatedNode& node) {
  const Index floor = world_.invariants.read_floor();
  world_.trace.record(world_.now, TraceKind::read_started, node.id(), last_operation_,
                      floor.value());
  node.read([=, this, &node, operation = current_[client].operation](bool ok) {
    if (ok) {
      const Index applied = node.replica().applied();
      world_.trace.record(world_.now, TraceKind::read_served, node.id(), operation,
                          floor.value(), applied.value());
      world_.oracle.check_digest(node.id(), applied,
                                 node.replica().state_machine().digest());
      world_.invariants.read_served(floor, applied);
      if (world_.random.chance(10)) node.check_history();
      ++world_.statistics.reads;
    }
    if (finish(client, operation) && ok && final_) ++final_reads_;
  });
}

// ---- commands ----

ipam::Prefix NodeWorkload::draw_prefix() {
  base::Random& random = world_.random;
  std::string text;
  const std::uint64_t kind = random.below(6);
  // One after the other: compilers differ in the order of a call's arguments.
  const std::uint64_t octet_2 = random.below(4);
  const std::uint64_t octet_3 = random.below(8);
  const std::uint64_t octet_4 = 8 * random.below(32);
  switch (kind) {
    case 0: text = fmt::format("2001:db8:{:x}::/120", octet_3); break;
    case 1: text = fmt::format("10.{}.0.0/16", octet_2); break;
    case 2: text = fmt::format("10.{}.{}.0/24", octet_2, octet_3); break;
    default: text = fmt::format("10.{}.{}.{}/29", octet_2, octet_3, octet_4); break;
  }
  return *ipam::parse_prefix(text);
}

// Mostly the default one, so that networks still nest and fill up there.
ipam::VrfReference NodeWorkload::draw_vrf() {
  if (!world_.random.chance(25)) return ipam::vrf_default;
  return ipam::VrfId(world_.random.between(2, 3));
}

ipam::CommandBody NodeWorkload::draw_vrf_command() {
  base::Random& random = world_.random;
  const std::uint64_t kind = random.below(8);
  if (kind == 0) return ipam::DeleteVrf{draw_vrf()};
  if (kind == 1) return ipam::UpdateVrf{draw_vrf(), std::nullopt, "changed"};
  return ipam::CreateVrf{random.chance(50) ? "blue" : "red", ""};
}

ipam::AllocateOptions NodeWorkload::draw_options() {
  base::Random& random = world_.random;
  ipam::AllocateOptions options;
  options.scattered = random.chance(30);
  if (!options.scattered && random.chance(30)) options.align = 1u << random.below(4);
  if (random.chance(70)) options.strategy = static_cast<ipam::Strategy>(random.between(1, 4));
  if (!options.scattered) options.unique_hostname = random.chance(20);
  if (random.chance(30)) options.owner = random.chance(50) ? "owner" : "other";
  if (!options.owner.empty() && !options.scattered && random.chance(50))
    options.strategy = ipam::Strategy::sticky;
  if (random.chance(30)) options.metadata = {{"key", "value"}};
  return options;
}

ipam::UpdateAllocation NodeWorkload::draw_update(ipam::AllocationId id) {
  base::Random& random = world_.random;
  ipam::UpdateAllocation update{.id = id};
  update.hostname = random.chance(50) ? "host" : "other";
  update.unique_hostname = random.chance(20);
  if (random.chance(50)) update.description = "changed";
  if (random.chance(50)) update.metadata = ipam::MetadataPatch{false, {{"key", std::nullopt}}};
  return update;
}

ipam::IdempotencyKey NodeWorkload::draw_key() {
  return {fmt::format("{}{}", key_prefix, ++last_key_), 1, ipam::idempotency_seconds_max};
}

ipam::Command NodeWorkload::draw_command() {
  base::Random& random = world_.random;
  const ipam::Counters& counters = world_.oracle.machine().counters();
  const ipam::NetworkId network(1 + random.below(counters.next_network));
  const auto text = [&] { return std::string(random.below(text_bytes_max_), 'x'); };
  const std::uint64_t kind = random.below(20);
  ipam::Command command;
  command.actor = "client";
  if (kind < 4) {
    ipam::CreateNetwork create{draw_prefix(), {}, {"a", "b\"c"}};
    create.description = text();
    create.vrf = draw_vrf();
    if (random.chance(50))
      create.quarantine_seconds = static_cast<std::uint32_t>(1 + random.below(20));
    command.body = std::move(create);
    if (random.chance(15)) command.body = draw_vrf_command();
    if (random.chance(15)) {
      ipam::CarveNetworks carve;
      carve.parent = network;
      carve.prefix_length = static_cast<std::uint8_t>(random.between(25, 29));
      carve.count = random.between(1, 3);
      if (random.chance(50)) carve.strategy = ipam::CarveStrategy::best;
      command.body = std::move(carve);
    }
    if (random.chance(10)) {
      ipam::UpdateNetwork update{.id = network};
      update.description = text();
      command.body = std::move(update);
    }
  } else if (kind == 4) {
    command.body = ipam::DeleteNetwork{network};
  } else if (kind < 9) {
    const std::uint64_t newest = counters.next_allocation;
    const std::uint64_t back = random.below(std::min<std::uint64_t>(newest, 40));
    const ipam::AllocationId id(newest - back);
    if (kind < 8)
      command.body = ipam::Release{id};
    else if (random.chance(50))
      command.body = ipam::RenewLease{id, 1 + random.below(20), {}};
    else
      command.body = draw_update(id);
    // As a client that has seen what is there now, which by then may have changed.
    const auto seen = world_.oracle.machine().allocation(id);
    if (seen && random.chance(30))
      command.precondition = ipam::Precondition{{seen->revision}};
  } else {
    ipam::Allocate allocate;
    allocate.network = network;
    if (random.chance(20)) {
      allocate.network = draw_prefix();
      allocate.vrf = draw_vrf();
    }
    if (random.chance(20)) allocate.count = 1 + random.below(4);
    if (random.chance(30)) allocate.ttl_seconds = 1 + random.below(20);
    allocate.hostname = "host";
    if (random.chance(20)) allocate.options = draw_options();
    if (!allocate.options && random.chance(50)) {
      command.idempotency = draw_key();
      allocate.hostname = command.idempotency.key;  // by which Oracle knows what came of it
    }
    allocate.description = text();
    command.body = std::move(allocate);
  }
  return command;
}

}  // namespace simulation
