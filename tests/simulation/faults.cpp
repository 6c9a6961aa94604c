#include "faults.hpp"

#include <algorithm>
#include <array>

namespace simulation {

using raft::NodeId;

namespace {
constexpr const char* fault_names[] = {
    "crash",       "crash_many", "pause", "isolate",    "split",         "one_way",
    "bridge",      "leader_spoke", "slow_disk", "bad_network", "clock",  "add_member",
    "remove_member", "transfer", "disconnect", "lose_tail", "wipe"};
static_assert(std::size(fault_names) == fault_kinds);

constexpr std::size_t members_wanted_max = 7;
}  // namespace

const char* name_of(FaultKind kind) { return fault_names[static_cast<std::size_t>(kind)]; }

std::vector<Fault> plan_faults(std::uint64_t seed, Time until) {
  base::Random random(seed ^ 0x6661756c74);
  // Each seed has its own mix: some kinds often, some never. These are in every one.
  std::array<std::uint64_t, fault_kinds> weights{};
  for (auto& weight : weights) weight = random.chance(35) ? 0 : 1 + random.below(6);
  for (const FaultKind kind : {FaultKind::crash, FaultKind::add_member, FaultKind::remove_member})
    weights[static_cast<std::size_t>(kind)] += 2;
  std::uint64_t total = 0;
  for (const auto weight : weights) total += weight;
  const Time gap_max = (1 + random.below(8)) * second;
  std::vector<Fault> plan;
  for (Time at = 2 * second; at < until; at += 10 * millisecond + random.below(gap_max)) {
    Fault fault;
    fault.at = at;
    std::uint64_t pick = random.below(total);
    std::size_t kind = 0;
    while (pick >= weights[kind]) pick -= weights[kind++];
    fault.kind = static_cast<FaultKind>(kind);
    fault.duration = random.chance(30) ? 10 * millisecond + random.below(second)
                                       : second + random.below(9 * second);
    fault.salt = random.next();
    plan.push_back(fault);
  }
  return plan;
}

FaultInjector::FaultInjector(World& world, Cluster& cluster, std::vector<Fault> plan)
    : world_(world), cluster_(cluster), plan_(std::move(plan)),
      usual_quality_(world.network.quality), founders_(cluster.size()) {}

void FaultInjector::start(const std::vector<bool>& skipped) {
  for (std::size_t number = 0; number < plan_.size(); ++number)
    if (number >= skipped.size() || !skipped[number])
      world_.events.push(plan_[number].at, EventKind::fault, {}, number);
}

NodeId FaultInjector::victim(base::Random& random) {
  Host* const leader = cluster_.leader();
  if (leader != nullptr && random.chance(40)) return leader->id();
  const auto running = cluster_.running();
  if (running.empty()) return {};
  return running[random.below(running.size())];
}

void FaultInjector::crash(NodeId id, Time down) {
  Host& host = cluster_.host(id);
  if (!host.running()) return;
  host.crash();
  world_.events.push(world_.now + down, EventKind::restart, id);
}

void FaultInjector::cut_both(NodeId a, NodeId b) {
  world_.network.cut(a, b);
  world_.network.cut(b, a);
}

void FaultInjector::partition(FaultKind kind, base::Random& random) {
  const NodeId center = victim(random);
  if (!center) return;
  const std::uint64_t sides = random.next();
  const auto side = [&](NodeId id) { return sides >> id.value() & 1; };
  NodeId spoke = center;
  while (cluster_.size() > 1 && spoke == center)
    spoke = cluster_.id_at(random.below(cluster_.size()));
  for (std::size_t i = 0; i < cluster_.size(); ++i) {
    for (std::size_t j = 0; j < cluster_.size(); ++j) {
      const NodeId a = cluster_.id_at(i), b = cluster_.id_at(j);
      const bool links_center = a == center || b == center;
      const bool links_spoke = a == spoke || b == spoke;
      const bool lucky = random.chance(30);
      switch (kind) {
        case FaultKind::isolate:
          if (links_center) cut_both(a, b);
          break;
        case FaultKind::split:
          if (side(a) != side(b)) cut_both(a, b);
          break;
        case FaultKind::one_way:
          if (lucky || a == center) world_.network.cut(a, b);
          break;
        case FaultKind::bridge:
          if (side(a) != side(b) && !links_center) cut_both(a, b);
          break;
        default:  // leader_spoke
          if (links_center && !links_spoke) cut_both(a, b);
          break;
      }
    }
  }
}

void FaultInjector::change_members(FaultKind kind, base::Random& random) {
  Host* const leader = cluster_.leader();
  if (leader == nullptr || leader->paused_until > world_.now) return;
  const auto& members = leader->core().configuration().members;
  if (kind == FaultKind::add_member) {
    if (members.size() < members_wanted_max) rejoin_or_add(random, *leader);
    return;
  }
  // Who remains could be too few, where one of them has lost its disk.
  if (any_wiped()) return;
  // The smaller the cluster, the less often it shrinks.
  if (members.size() <= 1 || (members.size() <= 3 && random.chance(60))) return;
  auto it = members.begin();
  std::advance(it, static_cast<std::ptrdiff_t>(random.below(members.size())));
  leader->remove_member(random.chance(20) ? leader->id() : it->first);
}

void FaultInjector::rejoin_or_add(base::Random& random, Host& leader) {
  if (random.chance(40)) {
    const NodeId id = cluster_.id_at(random.below(cluster_.size()));
    // A change that an earlier leader began may yet make it a voter: then its disk counts. Who is
    // down may know of one.
    bool counted = false;
    for (std::size_t i = 0; i < cluster_.size(); ++i) {
      const Host& host = cluster_.host(cluster_.id_at(i));
      counted = counted || (host.running() ? host.core().configuration().contains(id)
                                           : host.id() != id && !host.was_removed());
    }
    if (!leader.core().configuration().contains(id) && leader.add_member(id)) {
      Host& host = cluster_.host(id);
      host.allow_restart();
      if (host.running()) return;
      if (random.chance(50) && !counted) host.wipe(false);
      host.start();
    }
    return;
  }
  Host* const host = cluster_.add_host();
  if (host == nullptr) return;
  leader.add_member(host->id());
  host->start();
}

// A node that lost entries does not vote for a while: the others must be able to go on without it.
bool FaultInjector::may_lose_tail(NodeId id) {
  Host* const leader = cluster_.leader();
  if (leader == nullptr || (tail_loser_ && tail_loser_ != id)) return false;
  const raft::Configuration& configuration = leader->core().configuration();
  if (configuration.joint || configuration.voter_count() < 3) return false;
  return !any_wiped();
}

// Its data directory is not the one that the members know.
bool FaultInjector::is_stranger(const raft::Configuration& configuration, NodeId id) {
  const auto member = configuration.members.find(id);
  return member != configuration.members.end() &&
         member->second.incarnation != cluster_.host(id).incarnation();
}

bool FaultInjector::any_wiped() {
  Host* const leader = cluster_.leader();
  if (leader == nullptr) return true;
  const raft::Configuration& configuration = leader->core().configuration();
  return std::ranges::any_of(configuration.members, [&](const auto& item) {
    return item.second.promote || is_stranger(configuration, item.first);
  });
}

// A quorum of the others has everything, and knows which data directory is about to go.
bool FaultInjector::may_wipe(NodeId id) {
  Host* const leader = cluster_.leader();
  if (leader == nullptr || leader->core().configuration().joint) return false;
  // Others may still go by the configuration before one that is not committed.
  if (leader->core().configuration_index() > leader->core().commit()) return false;
  const raft::Configuration& configuration = leader->core().configuration();
  const auto intact = [&](NodeId voter) {
    const Host& host = cluster_.host(voter);
    if (voter == id || !host.running() || is_stranger(configuration, voter)) return false;
    const auto& known = host.core().configuration().members;
    const auto member = known.find(id);
    return host.disk().last_index() >= world_.invariants.committed_last() &&
           !host.recovering() && member != known.end() &&
           member->second.incarnation == cluster_.host(id).incarnation();
  };
  // The leader may promote who was caught up before it hears that the disk has gone (seed 314).
  raft::Configuration promoted = configuration;
  for (auto& [member, record] : promoted.members) record.voter = record.voter || record.promote;
  return raft::has_quorum(configuration, intact) && raft::has_quorum(promoted, intact);
}

void FaultInjector::add_member() {
  base::Random random(world_.random.next());
  change_members(FaultKind::add_member, random);
}

void FaultInjector::begin(std::size_t number) {
  const Fault& fault = plan_[number];
  base::Random random(fault.salt);
  const NodeId id = victim(random);
  world_.trace.record(world_.now, TraceKind::fault, id, number,
                      static_cast<std::uint64_t>(fault.kind));
  if (!id) return;
  Host& host = cluster_.host(id);
  world_.events.push(world_.now + fault.duration, EventKind::fault_ended, {}, number);
  switch (fault.kind) {
    case FaultKind::crash:
      crash(id, fault.duration);
      if (random.chance(50))
        for (const NodeId other : cluster_.running()) cluster_.host(other).on_disconnected(id);
      break;
    case FaultKind::crash_many:
      for (const NodeId other : cluster_.running())
        if (random.chance(70)) crash(other, random.below(fault.duration));
      break;
    case FaultKind::pause:  // one that is shorter ends no other: what waits would be overtaken
      host.paused_until = std::max(host.paused_until, world_.now + fault.duration);
      break;
    case FaultKind::isolate:
    case FaultKind::split:
    case FaultKind::one_way:
    case FaultKind::bridge:
    case FaultKind::leader_spoke: partition(fault.kind, random); break;
    case FaultKind::slow_disk:
      host.write_delay_max = 50 * millisecond + random.below(2 * second);
      break;
    case FaultKind::bad_network:
      world_.network.quality.loss_permille = static_cast<unsigned>(random.below(300));
      world_.network.quality.duplicate_permille = static_cast<unsigned>(random.below(200));
      world_.network.quality.delay_max = 10 * millisecond + random.below(600 * millisecond);
      break;
    case FaultKind::clock: host.tick_period = (50 + random.below(150)) * millisecond; break;
    case FaultKind::add_member:
    case FaultKind::remove_member: change_members(fault.kind, random); break;
    case FaultKind::transfer:
      if (Host* const leader = cluster_.leader())
        leader->transfer_leader(cluster_.id_at(random.below(cluster_.size())));
      break;
    case FaultKind::disconnect:
      for (const NodeId other : cluster_.running())
        if (random.chance(60)) cluster_.host(other).on_disconnected(id);
      break;
    case FaultKind::lose_tail:
      if (!may_lose_tail(id)) break;
      tail_loser_ = id;
      host.lose_tail_entries = 1 + random.below(5);
      crash(id, fault.duration);
      break;
    case FaultKind::wipe:
      if (!may_wipe(id)) break;
      crash(id, fault.duration);
      host.wipe(founders_ >= 3 && !any_wiped());
      break;
  }
}

void FaultInjector::end(std::size_t number) {
  if (over_) return;
  const Fault& fault = plan_[number];
  world_.trace.record(world_.now, TraceKind::fault_ended, {}, number);
  base::Random random(fault.salt);
  switch (fault.kind) {
    case FaultKind::isolate:
    case FaultKind::split:
    case FaultKind::one_way:
    case FaultKind::bridge:
    case FaultKind::leader_spoke: world_.network.heal(); break;
    case FaultKind::slow_disk:
      for (std::size_t i = 0; i < cluster_.size(); ++i)
        cluster_.host(cluster_.id_at(i)).write_delay_max = 5 * millisecond;
      break;
    case FaultKind::bad_network: world_.network.quality = usual_quality_; break;
    default: break;
  }
}

Time FaultInjector::end_all() {
  Time well_from = world_.now;
  over_ = true;
  world_.network.heal();
  world_.network.quality = LinkQuality();
  for (std::size_t i = 0; i < cluster_.size(); ++i) {
    Host& host = cluster_.host(cluster_.id_at(i));
    // What a paused node missed waits for the end of its pause, its ticks too.
    well_from = std::max(well_from, host.paused_until);
    host.write_delay_max = 5 * millisecond;
    host.tick_period = 100 * millisecond;
    if (!host.running() && !host.was_removed()) host.start();
  }
  return well_from;
}

}  // namespace simulation
