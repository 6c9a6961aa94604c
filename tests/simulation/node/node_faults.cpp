#include "node_faults.hpp"

#include <algorithm>
#include <array>

namespace simulation {

using raft::NodeId;

namespace {

constexpr const char* fault_names[] = {
    "power_cut",  "power_cut_of_many", "power_cut_at_call", "kill",        "restart",
    "pause",      "isolate",           "split",             "one_way",     "bridge",
    "stranded_leader",
    "bad_network", "disconnect",       "slow_disk",         "clock_rate",  "wall_clock",
    "add_member", "remove_member",     "transfer",          "sync_fails",  "call_fails",
    "disk_full",  "disk_lies",         "bit_rot"};
static_assert(std::size(fault_names) == node_fault_kinds);

// All that a data directory has.
constexpr const char* files[] = {"raft.db", "raft.db-wal", "raft.last",   "state.db",
                                 "state.db-wal", "snapshot.db", "incoming.db"};

constexpr std::size_t members_wanted_max = 6;
constexpr Time usual_write_delay = 3 * millisecond;

}  // namespace

const char* name_of(NodeFaultKind kind) { return fault_names[static_cast<std::size_t>(kind)]; }

std::vector<NodeFault> plan_node_faults(std::uint64_t seed, Time until) {
  base::Random random(seed ^ 0x6661756c747332);
  // Each seed has its own mix: some kinds often, some never. These are in every one.
  std::array<std::uint64_t, node_fault_kinds> weights{};
  for (auto& weight : weights) weight = random.chance(35) ? 0 : 1 + random.below(6);
  for (const NodeFaultKind kind : {NodeFaultKind::power_cut, NodeFaultKind::power_cut_at_call,
                                   NodeFaultKind::kill, NodeFaultKind::add_member,
                                   NodeFaultKind::remove_member})
    weights[static_cast<std::size_t>(kind)] += 2;
  std::uint64_t total = 0;
  for (const auto weight : weights) total += weight;
  const Time gap_max = (1 + random.below(6)) * second;
  std::vector<NodeFault> plan;
  for (Time at = 2 * second; at < until; at += 10 * millisecond + random.below(gap_max)) {
    NodeFault fault;
    fault.at = at;
    std::uint64_t pick = random.below(total);
    std::size_t kind = 0;
    while (pick >= weights[kind]) pick -= weights[kind++];
    fault.kind = static_cast<NodeFaultKind>(kind);
    fault.duration = random.chance(40) ? 10 * millisecond + random.below(second)
                                       : second + random.below(7 * second);
    fault.salt = random.next();
    plan.push_back(fault);
  }
  return plan;
}

NodeFaultInjector::NodeFaultInjector(NodeWorld& world, NodeCluster& cluster,
                                     std::vector<NodeFault> plan)
    : world_(world), cluster_(cluster), plan_(std::move(plan)),
      usual_quality_(world.network.quality) {}

void NodeFaultInjector::start(const std::vector<bool>& skipped) {
  for (std::size_t number = 0; number < plan_.size(); ++number)
    if (number >= skipped.size() || !skipped[number])
      world_.events.push(plan_[number].at, EventKind::fault, {}, number);
}

NodeId NodeFaultInjector::victim(base::Random& random) {
  SimulatedNode* const leader = cluster_.leader();
  if (leader != nullptr && random.chance(40)) return leader->id();
  const auto running = cluster_.running();
  if (running.empty()) return {};
  return running[random.below(running.size())];
}

void NodeFaultInjector::stop(SimulatedNode& node, Stop how, Time down) {
  if (!node.running()) return;
  node.stop(how);
  world_.events.push(world_.now + down, EventKind::restart, node.id());
}

void NodeFaultInjector::cut_both(NodeId a, NodeId b) {
  world_.network.cut(a, b);
  world_.network.cut(b, a);
}

void NodeFaultInjector::partition(NodeFaultKind kind, base::Random& random) {
  const NodeId center = victim(random);
  if (!center) return;
  const std::uint64_t sides = random.next();
  const auto side = [&](NodeId id) { return sides >> id.value() & 1; };
  for (std::size_t i = 0; i < cluster_.size(); ++i) {
    for (std::size_t j = 0; j < cluster_.size(); ++j) {
      const NodeId a = cluster_.id_at(i), b = cluster_.id_at(j);
      const bool links_center = a == center || b == center;
      const bool lucky = random.chance(30);
      if (kind == NodeFaultKind::isolate && links_center) cut_both(a, b);
      if (kind == NodeFaultKind::split && side(a) != side(b)) cut_both(a, b);
      if (kind == NodeFaultKind::one_way && (lucky || a == center)) world_.network.cut(a, b);
      if (kind == NodeFaultKind::bridge && side(a) != side(b) && !links_center) cut_both(a, b);
    }
  }
}

void NodeFaultInjector::strand_leader(base::Random& random) {
  SimulatedNode* const leader = cluster_.leader();
  if (leader == nullptr) return;
  const auto running = cluster_.running();
  const NodeId companion = running[random.below(running.size())];
  const auto stranded = [&](NodeId id) { return id == leader->id() || id == companion; };
  for (std::size_t i = 0; i < cluster_.size(); ++i) {
    const NodeId id = cluster_.id_at(i);
    // Longer than the cut: the next leader comes while the write of the last one is under way.
    if (stranded(id)) cluster_.node(id).slow_until = world_.now + 6 * second;
    for (std::size_t j = 0; j < i; ++j)
      if (stranded(id) != stranded(cluster_.id_at(j))) cut_both(id, cluster_.id_at(j));
  }
}

void NodeFaultInjector::change_members(NodeFaultKind kind, base::Random& random) {
  SimulatedNode* const leader = cluster_.leader();
  // A broken node is replaced before anything else changes.
  if (leader == nullptr || cluster_.damaged() || cluster_.recovering()) return;
  const raft::Configuration& configuration = leader->core().configuration();
  const auto& members = configuration.members;
  if (kind == NodeFaultKind::add_member) {
    if (members.size() >= members_wanted_max) return;
    if (SimulatedNode* const fresh = cluster_.add_node()) {
      fresh->start();
      cluster_.change_members(true, fresh->id());
    }
    return;
  }
  // The smaller the cluster, the less often it shrinks.
  if (members.size() <= 1 || (members.size() <= 3 && random.chance(70))) return;
  auto it = members.begin();
  std::advance(it, static_cast<std::ptrdiff_t>(random.below(members.size())));
  const NodeId leaver = random.chance(20) ? leader->id() : it->first;
  // Of two who remain none may be lost: there is one that its disk may take away for good.
  const bool is_needed = damaged_ && damaged_ != leaver && members.contains(damaged_) &&
                         cluster_.node(damaged_).suspect;
  if (is_needed && (configuration.joint || configuration.voter_count() <= 3)) return;
  cluster_.change_members(false, leaver);
}

// Damage may take a node away for good: the others must be able to go on without it.
bool NodeFaultInjector::may_damage(NodeId id) {
  SimulatedNode* const leader = cluster_.leader();
  if (leader == nullptr || cluster_.damaged() || cluster_.recovering()) return false;
  const raft::Configuration& members = leader->core().configuration();
  if (members.joint || members.voter_count() < 3 || !members.contains(id)) return false;
  return !damaged_ || damaged_ == id || !members.contains(damaged_) ||
         !cluster_.node(damaged_).suspect;
}

void NodeFaultInjector::spoil(SimulatedNode& node, const NodeFault& fault,
                              base::Random& random) {
  switch (fault.kind) {
    case NodeFaultKind::power_cut_at_call:
      if (random.chance(50))
        node.cut_power_at_rare_write = true;
      else if (!node.disk().lies())
        node.disk().lose_power_at(1 + random.below(60));
      break;
    case NodeFaultKind::sync_fails: node.disk().fail_sync(1 + random.below(4)); break;
    case NodeFaultKind::call_fails:
      if (random.chance(50)) {
        node.disk().fail_call(1 + random.below(100));
      } else {  // by file: most calls are of a few
        const char* const file = files[random.below(std::size(files))];
        node.disk().fail_call(1 + random.below(40), file);
      }
      break;
    case NodeFaultKind::disk_full: node.disk().set_full(true); break;
    case NodeFaultKind::disk_lies:
      if (!may_damage(node.id())) break;
      damaged_ = node.id();
      node.suspect = true;
      node.disk().cancel_power_cut();
      // Not state.db: its rows carry no checksums, so nobody at this node can notice.
      node.disk().lie_about({"raft.db", "raft.db-wal"});
      // So that a vote is among what gets lost.
      if (SimulatedNode* const leader = cluster_.leader(); leader != nullptr && random.chance(50))
        leader->transfer_leader(cluster_.id_at(random.below(cluster_.size())));
      break;
    default:  // bit_rot
      if (!may_damage(node.id())) break;
      damaged_ = node.id();
      node.suspect = true;
      for (std::uint64_t bits = 1 + random.below(16); bits > 0; --bits)
        (void)node.disk().flip_bit(random.chance(70) ? "raft.db" : "raft.db-wal", random);
      stop(node, Stop::killed, fault.duration);
      break;
  }
}

void NodeFaultInjector::begin(std::size_t number) {
  const NodeFault& fault = plan_[number];
  base::Random random(fault.salt);
  const NodeId id = victim(random);
  world_.trace.record(world_.now, TraceKind::fault, id, number,
                      static_cast<std::uint64_t>(fault.kind));
  if (!id) return;
  SimulatedNode& node = cluster_.node(id);
  victims_.emplace_back(number, id);
  world_.events.push(world_.now + fault.duration, EventKind::fault_ended, {}, number);
  switch (fault.kind) {
    case NodeFaultKind::power_cut: stop(node, Stop::power_cut, fault.duration); break;
    case NodeFaultKind::power_cut_of_many:
      for (const NodeId other : cluster_.running())
        if (random.chance(70))
          stop(cluster_.node(other), Stop::power_cut, random.below(fault.duration));
      break;
    case NodeFaultKind::kill: stop(node, Stop::killed, fault.duration); break;
    case NodeFaultKind::restart: stop(node, Stop::gracefully, fault.duration); break;
    case NodeFaultKind::pause:  // as in level 1
      node.paused_until = std::max(node.paused_until, world_.now + fault.duration);
      break;
    case NodeFaultKind::isolate:
    case NodeFaultKind::split:
    case NodeFaultKind::one_way:
    case NodeFaultKind::bridge: partition(fault.kind, random); break;
    case NodeFaultKind::stranded_leader: strand_leader(random); break;
    case NodeFaultKind::bad_network:
      world_.network.quality.loss_permille = static_cast<unsigned>(random.below(300));
      world_.network.quality.duplicate_permille = static_cast<unsigned>(random.below(200));
      world_.network.quality.delay_max = 10 * millisecond + random.below(400 * millisecond);
      break;
    case NodeFaultKind::disconnect:
      for (const NodeId other : cluster_.running())
        if (other != id && random.chance(60)) cluster_.node(other).on_disconnected(id);
      break;
    case NodeFaultKind::slow_disk:
      node.write_delay_max = 20 * millisecond + random.below(3 * second);
      break;
    case NodeFaultKind::clock_rate: node.tick_period = (25 + random.below(75)) * millisecond; break;
    case NodeFaultKind::wall_clock:
      node.set_wall_clock(static_cast<std::int64_t>(random.below(600'000)) - 300'000);
      break;
    case NodeFaultKind::add_member:
    case NodeFaultKind::remove_member: change_members(fault.kind, random); break;
    case NodeFaultKind::transfer:
      node.transfer_leader(cluster_.id_at(random.below(cluster_.size())));
      break;
    default: spoil(node, fault, random); break;
  }
}

void NodeFaultInjector::end(std::size_t number) {
  if (over_) return;
  const NodeFault& fault = plan_[number];
  world_.trace.record(world_.now, TraceKind::fault_ended, {}, number);
  const auto mine =
      std::ranges::find_if(victims_, [&](const auto& pair) { return pair.first == number; });
  SimulatedNode& node = cluster_.node(mine->second);
  victims_.erase(mine);
  switch (fault.kind) {
    case NodeFaultKind::isolate:
    case NodeFaultKind::split:
    case NodeFaultKind::one_way:
    case NodeFaultKind::bridge:
    case NodeFaultKind::stranded_leader: world_.network.heal(); break;
    case NodeFaultKind::bad_network: world_.network.quality = usual_quality_; break;
    case NodeFaultKind::slow_disk: node.write_delay_max = usual_write_delay; break;
    case NodeFaultKind::disk_full: node.disk().set_full(false); break;
    case NodeFaultKind::disk_lies:
      if (node.disk().lies()) {
        stop(node, Stop::power_cut, second);
        node.disk().lie_about({});
      }
      break;
    default: break;
  }
}

void NodeFaultInjector::end_amid_snapshot() {
  base::Random random(world_.random.next());
  for (const NodeId id : cluster_.running()) {
    const char* const file = random.chance(70) ? "snapshot.db" : "incoming.db";
    cluster_.node(id).disk().fail_call(1 + random.below(60), file);
  }
  change_members(NodeFaultKind::add_member, random);
}

void NodeFaultInjector::end_all() {
  over_ = true;
  world_.network.heal();
  world_.network.quality = LinkQuality();
  for (std::size_t i = 0; i < cluster_.size(); ++i) {
    SimulatedNode& node = cluster_.node(cluster_.id_at(i));
    node.paused_until = 0;
    node.write_delay_max = usual_write_delay;
    node.tick_period = cluster_.settings().tick;
    node.disk().set_full(false);
    node.disk().fail_call(0);
    node.disk().fail_sync(0);
    node.disk().cancel_power_cut();
    node.cut_power_at_rare_write = false;
    node.slow_until = 0;
    if (node.disk().lies() && node.running()) {
      node.stop(Stop::power_cut);
      node.disk().lie_about({});
    }
    if (!node.running() && !node.was_removed() && !node.damaged()) node.start();
  }
}

}  // namespace simulation
