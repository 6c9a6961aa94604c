// Random commands against a plan that is too simple to be wrong.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "base/random.hpp"
#include "ipam/state_machine.hpp"
#include "naive_plan.hpp"
#include "reshape_steps.hpp"

namespace {

using namespace ipam;

// What state.db keeps of the change stream.
struct Stored {
  std::map<VrfId, Vrf> vrfs;
  std::map<NetworkId, Network> networks;
  std::map<AllocationId, Allocation> active;
  std::map<std::pair<NetworkId, Address>, Quarantine> quarantines;
  std::map<std::pair<NetworkId, std::string>, LastHeld> last_held;
  std::map<ReservationId, Reservation> reservations;
  std::uint64_t audits = 0;

  void follow(const std::vector<Change>& changes) {
    for (const auto& change : changes) {
      if (const auto* put = std::get_if<NetworkPut>(&change)) {
        networks[put->network.id] = put->network;
      } else if (const auto* deleted = std::get_if<NetworkDeleted>(&change)) {
        REQUIRE(networks.erase(deleted->id) == 1);
        const auto is_of = [&](const auto& entry) { return entry.first.first == deleted->id; };
        std::erase_if(quarantines, is_of);
        std::erase_if(last_held, is_of);
      } else if (const auto* waits = std::get_if<QuarantinePut>(&change)) {
        const Quarantine& quarantine = waits->quarantine;
        quarantines[{quarantine.network_id, quarantine.first}] = quarantine;
      } else if (const auto* ended = std::get_if<QuarantineEnded>(&change)) {
        REQUIRE(quarantines.erase({ended->network_id, ended->first}) == 1);
      } else if (const auto* held = std::get_if<LastHeldPut>(&change)) {
        last_held[{held->held.network_id, held->held.owner}] = held->held;
      } else if (const auto* reserved = std::get_if<ReservationPut>(&change)) {
        reservations[reserved->reservation.id] = reserved->reservation;
      } else if (const auto* unreserved = std::get_if<ReservationDeleted>(&change)) {
        REQUIRE(networks.contains(unreserved->network_id));
        REQUIRE(reservations.erase(unreserved->id) == 1);
      } else if (const auto* vrf = std::get_if<VrfPut>(&change)) {
        vrfs[vrf->vrf.id] = vrf->vrf;
      } else if (const auto* gone = std::get_if<VrfDeleted>(&change)) {
        REQUIRE(vrfs.erase(gone->id) == 1);
      } else if (const auto* allocation = std::get_if<AllocationPut>(&change)) {
        active.erase(allocation->allocation.id);
        if (allocation->allocation.status == AllocationStatus::allocated)
          active[allocation->allocation.id] = allocation->allocation;
      } else if (!std::holds_alternative<ThresholdCrossed>(change)) {
        REQUIRE(std::get<AuditAppended>(change).entry.id == AuditId(++audits));
      }
    }
  }
};

template <class T>
void shuffle(std::vector<T>& items, base::Random& random) {
  for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[random.below(i)]);
}

StateMachine loaded_from(const Stored& stored, const Counters& counters, base::Random& random) {
  StateMachine machine;
  machine.load_counters(counters);
  for (const auto& [id, vrf] : stored.vrfs) machine.load_vrf(vrf);
  std::vector<Network> networks;
  for (const auto& [id, network] : stored.networks) networks.push_back(network);
  std::vector<Allocation> allocations;
  for (const auto& [id, allocation] : stored.active) allocations.push_back(allocation);
  std::vector<Reservation> reservations;
  for (const auto& [id, reservation] : stored.reservations) reservations.push_back(reservation);
  shuffle(networks, random);
  shuffle(reservations, random);
  shuffle(allocations, random);
  for (auto& network : networks) machine.load_network(std::move(network));
  // Before or after the allocations: either way nobody but next-free minds.
  const bool is_first = random.chance(50);
  const auto load_reservations = [&] {
    for (auto& reservation : reservations) machine.load_reservation(std::move(reservation));
  };
  if (is_first) load_reservations();
  for (auto& allocation : allocations) machine.load_allocation(std::move(allocation));
  if (!is_first) load_reservations();
  for (const auto& [key, quarantine] : stored.quarantines) machine.load_quarantine(quarantine);
  for (const auto& [key, held] : stored.last_held) machine.load_last_held(held);
  return machine;
}

bool equal(const NetworkStats& a, const NetworkStats& b) {
  return a.total == b.total && a.allocated == b.allocated && a.available == b.available &&
         a.reserved == b.reserved && a.quarantined == b.quarantined &&
         a.first_available == b.first_available &&
         a.last_allocated == b.last_allocated && a.threshold_reached == b.threshold_reached;
}

// Prefixes of 1 to 256 addresses, so close to one another that they nest in every way.
Prefix random_prefix(base::Random& random) {
  Prefix prefix;
  const bool is_ipv4 = random.chance(60);
  prefix.base = is_ipv4 ? *parse_address("10.0.0.0") : *parse_address("2001:db8::");
  prefix.base.value += random.below(512);
  prefix.length = bits_of(prefix.base.family) - static_cast<int>(random.below(9));
  prefix.base.value &= prefix.mask();
  return prefix;
}

class Comparison {
 public:
  explicit Comparison(std::uint64_t seed) : random_(seed) {}

  void step() {
    now_ += static_cast<TimeMs>(500 * random_.below(5));  // often just when a lease ends
    const std::uint64_t choice = random_.below(100);
    if (random_.chance(8))
      reshape();
    else if (choice < 3)
      change_vrfs();
    else if (choice < 15)
      create();
    else if (choice < 20)
      delete_network();
    else if (choice < 24)
      move_gateway();
    else if (choice < 27)
      reserve();
    else if (choice < 29)
      change_reservation();
    else if (choice < 31)
      try_reserving();
    else if (choice < 60)
      allocate();
    else if (choice < 65)
      allocate_given();
    else if (choice < 82)
      release();
    else if (choice < 90)
      change();
    else
      expire();
  }

  // How many were split, merged, grew and shrank.
  const ReshapeCounts& reshaped() const { return reshaped_; }

  void check_all() {
    REQUIRE(machine_.network_count() == naive_.networks.size());
    REQUIRE(machine_.allocation_count() == naive_.allocations.size());
    for (const auto& [id, place] : naive_.networks) check_network(id, place);
    for (const auto& [id, allocation] : naive_.allocations) {
      REQUIRE(machine_.allocation(id));
      REQUIRE(*machine_.allocation(id) == allocation);
    }
    std::optional<TimeMs> next;
    for (const auto& [id, allocation] : naive_.allocations)
      if (allocation.expires_at && (!next || *allocation.expires_at < *next))
        next = allocation.expires_at;
    for (const auto& [address, waiting] : naive_.waiting)
      if (!next || waiting.until < *next) next = waiting.until;
    REQUIRE(machine_.next_expiry() == next);
    REQUIRE(machine_.reservation_count() == naive_.reservations.size());
    for (const auto& [id, reservation] : naive_.reservations) {
      REQUIRE(machine_.reservation(id) != nullptr);
      REQUIRE(*machine_.reservation(id) == reservation);
    }
    for (int i = 0; i < 20; ++i) check_address(random_prefix(random_).base);
    for (const VrfId vrf : naive_.vrfs) check_nesting(vrf, random_prefix(random_));
  }

  void check_loading() {
    StateMachine loaded = loaded_from(stored_, machine_.counters(), random_);
    REQUIRE(loaded.digest() == machine_.digest());
    for (const auto& [id, place] : naive_.networks)
      REQUIRE(equal(loaded.stats(id), machine_.stats(id)));
    REQUIRE(loaded.next_expiry() == machine_.next_expiry());
    // The rest of the run is decided by the loaded one beside the first.
    twin_ = std::move(loaded);
  }

 private:
  Outcome apply(CommandBody body) {
    Command command;
    command.body = std::move(body);
    const auto decoded = decode_command(encode(command));
    REQUIRE(decoded);
    ++revision_;
    const Counters counters_before = machine_.counters();
    const std::uint64_t digest_before = machine_.digest();
    const Outcome previewed = machine_.preview(Revision(revision_), now_, command);
    REQUIRE(machine_.digest() == digest_before);
    REQUIRE(machine_.counters() == counters_before);
    const Applied applied = machine_.apply(Revision(revision_), now_, command);
    REQUIRE(applied == twin_.apply(Revision(revision_), now_, *decoded));
    REQUIRE(previewed == applied.outcome);
    if (std::holds_alternative<Error>(applied.outcome)) REQUIRE(applied.changes.empty());
    stored_.follow(applied.changes);
    return applied.outcome;
  }

  NetworkId some_network() { return naive_.some_network(random_); }

  VrfId some_vrf() { return VrfId(random_.between(1, 3)); }

  // Two VRFs beside the default one come and go.
  void change_vrfs() {
    const bool has_blue = machine_.vrf(VrfReference("blue")) != nullptr;
    if (random_.chance(60)) {
      const Outcome outcome = apply(CreateVrf{"blue", ""});
      REQUIRE(error_of(outcome) ==
              (has_blue ? std::optional(ErrorCode::vrf_exists) : std::nullopt));
      if (!has_blue) naive_.vrfs.insert(std::get<VrfView>(outcome).id);
      return;
    }
    if (has_blue && random_.chance(50)) {  // another may then have the name
      const VrfId id = machine_.vrf(VrfReference("blue"))->id;
      apply(UpdateVrf{VrfReference("blue"), to_string(id).substr(4) + "-renamed", "d"});
      return;
    }
    const VrfId id = some_vrf();
    const Outcome outcome = apply(DeleteVrf{id});
    const bool is_used =
        std::any_of(naive_.networks.begin(), naive_.networks.end(),
                    [&](const auto& network) { return network.second.vrf == id; });
    if (naive_.vrfs.count(id) == 0)
      REQUIRE(error_of(outcome) == ErrorCode::vrf_not_found);
    else if (id == vrf_default)
      REQUIRE(error_of(outcome) == ErrorCode::vrf_is_default);
    else if (is_used)
      REQUIRE(error_of(outcome) == ErrorCode::vrf_has_networks);
    else
      REQUIRE(naive_.vrfs.erase(id) == 1);
  }

  void create() {
    const Place place{random_.chance(60) ? vrf_default : some_vrf(), random_prefix(random_)};
    CAPTURE(to_string(place.prefix));
    const bool exists = naive_.has(place);
    const bool is_held = naive_.parent_holds_some_of(place);
    const bool waits = naive_.parent_waits_for_some_of(place);
    const bool is_reserved = naive_.parent_reserves_some_of(place);
    const auto seconds = static_cast<std::uint32_t>(random_.chance(50) ? random_.below(20) : 0);
    NetworkExtras extras;
    if (random_.chance(30)) extras.gateway = some_address(place.prefix);
    if (random_.chance(30)) extras.threshold_percent = 40;
    const Outcome outcome =
        apply(CreateNetwork{place.prefix, "", {}, seconds, place.vrf, extras});
    if (naive_.vrfs.count(place.vrf) == 0) {
      REQUIRE(error_of(outcome) == ErrorCode::vrf_not_found);
    } else if (exists) {
      REQUIRE(error_of(outcome) == ErrorCode::network_exists);
    } else if (is_held) {
      REQUIRE(error_of(outcome) == ErrorCode::child_holds_allocations);
    } else if (waits) {
      REQUIRE(error_of(outcome) == ErrorCode::address_in_quarantine);
    } else if (is_reserved) {
      REQUIRE(error_of(outcome) == ErrorCode::address_reserved);
    } else {
      REQUIRE(std::holds_alternative<NetworkView>(outcome));
      naive_.networks[std::get<NetworkView>(outcome).id] = place;
      naive_.wait_ms[std::get<NetworkView>(outcome).id] = TimeMs{1000} * seconds;
      if (extras.gateway) naive_.gateways[std::get<NetworkView>(outcome).id] = *extras.gateway;
    }
  }

  Address some_address(const Prefix& prefix) {
    Address address = prefix.base;
    address.value += random_.below(static_cast<std::uint64_t>(prefix.last().value -
                                                              prefix.base.value) + 1);
    return address;
  }

  void move_gateway() {
    const NetworkId id = some_network();
    if (!naive_.networks.contains(id)) return;
    UpdateNetwork update{.id = id};
    update.gateway.emplace();
    if (random_.chance(70)) *update.gateway = some_address(naive_.networks.at(id).prefix);
    REQUIRE(std::get<NetworkView>(apply(update)).gateway() == *update.gateway);
    naive_.gateways.erase(id);
    if (*update.gateway) naive_.gateways[id] = **update.gateway;
  }

  void delete_network() {
    const NetworkId id = some_network();
    const Outcome outcome = apply(DeleteNetwork{id});
    if (naive_.networks.count(id) == 0) {
      REQUIRE(error_of(outcome) == ErrorCode::network_not_found);
    } else if (!naive_.held_in(id).empty()) {
      REQUIRE(error_of(outcome) == ErrorCode::network_has_allocations);
    } else {
      REQUIRE_FALSE(error_of(outcome));
      naive_.networks.erase(id);
      const auto is_of = [&](const auto& entry) { return entry.first.first == id; };
      std::erase_if(naive_.waiting, is_of);
      std::erase_if(naive_.last_held, is_of);
      naive_.gateways.erase(id);
      std::erase_if(naive_.reservations,
                    [&](const auto& entry) { return entry.second.network_id == id; });
    }
  }

  // A range in or around a network.
  CreateReservation random_reservation(NetworkId id) {
    CreateReservation command{.network_id = id, .first = {}, .last = {}, .reason = "r"};
    command.first = command.last = naive_.networks.contains(id)
                                       ? some_address(naive_.networks.at(id).prefix)
                                       : *parse_address("10.0.0.1");
    command.last.value += random_.below(random_.chance(80) ? 6 : 60);
    return command;
  }

  std::optional<ErrorCode> refusal_of(const CreateReservation& command) const {
    const NetworkId id = command.network_id;
    if (!naive_.networks.contains(id)) return ErrorCode::network_not_found;
    if (!naive_.networks.at(id).prefix.contains(command.last) ||
        naive_.is_delegated(id, command.first, command.last))
      return ErrorCode::address_not_usable;
    for (Address a = command.first; a <= command.last; ++a.value)
      if (naive_.is_reserved(id, a)) return ErrorCode::reservation_overlaps;
    return std::nullopt;
  }

  void reserve() {
    const CreateReservation command = random_reservation(some_network());
    CAPTURE(to_string(command.first));
    CAPTURE(to_string(command.last));
    const auto refusal = refusal_of(command);
    const Outcome outcome = apply(command);
    REQUIRE(error_of(outcome) == refusal);
    if (refusal) return;
    const Reservation& made = std::get<Reservation>(outcome);
    REQUIRE(made.first == command.first);
    REQUIRE(made.last == command.last);
    REQUIRE(made.created_at == machine_.counters().now);
    naive_.reservations[made.id] = made;
  }

  void change_reservation() {
    if (naive_.reservations.empty()) return;
    const auto it = std::next(naive_.reservations.begin(),
                              static_cast<long>(random_.below(naive_.reservations.size())));
    Reservation& there = it->second;
    NetworkId network;
    if (random_.chance(50)) network = there.network_id;
    if (random_.chance(10)) network = NetworkId(there.network_id.value() + 1);
    const bool is_other = network && network != there.network_id;
    if (random_.chance(30)) {
      UpdateReservation update{.id = there.id, .network_id = network};
      update.reason = "reason " + std::to_string(random_.below(3));
      const Outcome outcome = apply(update);
      REQUIRE(error_of(outcome).has_value() == is_other);
      if (is_other) return;
      if (there.reason != *update.reason) there.revision = Revision(revision_);
      there.reason = *update.reason;
      REQUIRE(std::get<Reservation>(outcome) == there);
      return;
    }
    const Outcome outcome = apply(DeleteReservation{there.id, network});
    if (!is_other) {
      REQUIRE_FALSE(error_of(outcome));
      naive_.reservations.erase(it);
    } else {
      const bool exists = naive_.networks.contains(network);
      REQUIRE(error_of(outcome) ==
              (exists ? ErrorCode::reservation_not_found : ErrorCode::network_not_found));
    }
  }

  // One that is deleted in the transaction that makes it, or whose transaction fails.
  void try_reserving() {
    const CreateReservation command = random_reservation(some_network());
    const auto refusal = refusal_of(command);
    const bool fails = random_.chance(50);
    Transaction transaction{{{command, {}}}};
    if (fails)
      transaction.operations.push_back({Release{AllocationId(0)}, {}});
    else
      transaction.operations.push_back(
          {DeleteReservation{ReservationId(1), {}},
           {{OperationField::id, 0, ResultField::id},
            {OperationField::network_id, 0, ResultField::network_id}}});
    const Outcome outcome = apply(transaction);
    if (refusal)
      REQUIRE(error_of(outcome) == refusal);
    else if (fails)
      REQUIRE(error_of(outcome) == ErrorCode::allocation_not_found);
    else
      REQUIRE(std::get<Outcomes>(outcome).of_operations.size() == 2);
  }

  void allocate() {
    const NetworkId id = some_network();
    Allocate command;
    command.network = id;
    command.count = random_.chance(70) ? 1 : random_.between(1, 40);
    if (random_.chance(30)) command.ttl_seconds = random_.between(1, 60);
    const bool exists = naive_.networks.count(id) != 0;
    if (exists && random_.chance(50)) {
      command.network = naive_.networks.at(id).prefix;
      command.vrf = naive_.networks.at(id).vrf;
    }
    AllocateOptions options;
    options.strategy = Strategy::sticky;
    options.owner = "owner-" + std::to_string(random_.below(3));
    const bool is_sticky = command.count == 1 && random_.chance(30);
    if (is_sticky) command.options = options;
    CAPTURE(to_string(id));
    CAPTURE(command.count);
    const Outcome outcome = apply(command);
    if (!exists) {
      REQUIRE(error_of(outcome) == ErrorCode::network_not_found);
      return;
    }
    auto first = is_sticky ? naive_.sticky(id, options.owner) : std::nullopt;
    if (!first) first = naive_.first_fit(id, command.count);
    if (!first) {
      REQUIRE(error_of(outcome) == ErrorCode::network_full);
      return;
    }
    REQUIRE(std::holds_alternative<Allocation>(outcome));
    const Allocation& allocation = std::get<Allocation>(outcome);
    REQUIRE((allocation.first.value == *first));
    REQUIRE((allocation.last.value == *first + (command.count - 1)));
    REQUIRE(allocation.expires_at.has_value() == command.ttl_seconds.has_value());
    REQUIRE(naive_.allocations.emplace(allocation.id, allocation).second);
    naive_.waiting.erase(std::pair(id, allocation.first));  // where it was the owner's own
  }

  // By address, also where it waits.
  void allocate_given() {
    const NetworkId id = some_network();
    if (!naive_.networks.contains(id)) return;
    const Address first = some_address(naive_.networks.at(id).prefix);
    Allocate command;
    command.network = id;
    command.count = random_.between(1, 4);
    AllocateOptions options;
    options.ip = first;
    options.force = random_.chance(50);
    command.options = options;
    std::set<U128> free = naive_.free_in(id);
    free.merge(naive_.free_in(id, true));  // the gateway: who names it gets it
    bool is_free = true, is_possible = true, is_reserved = false;
    for (std::uint64_t i = 0; i < command.count; ++i) {
      const Address one{first.family, first.value + i};
      is_free = is_free && free.contains(one.value);
      is_reserved = is_reserved || naive_.is_reserved(id, one);
      is_possible =
          is_possible && (free.contains(one.value) || naive_.waiting.contains({id, one}));
    }
    CAPTURE(to_string(first));
    const Outcome outcome = apply(command);
    if ((is_free && !is_reserved) || (is_possible && options.force)) {
      const Allocation& allocation = std::get<Allocation>(outcome);
      REQUIRE(allocation.first == first);
      naive_.allocations.emplace(allocation.id, allocation);
      for (Address a = first; a <= allocation.last; ++a.value)
        naive_.waiting.erase(std::pair(id, a));
    } else if (is_possible) {
      REQUIRE(error_of(outcome) ==
              (is_free ? ErrorCode::address_reserved : ErrorCode::address_in_quarantine));
    } else {
      const auto error = error_of(outcome);
      REQUIRE((error == ErrorCode::address_in_use || error == ErrorCode::address_not_usable));
    }
  }

  void release() {
    const std::uint64_t next = machine_.counters().next_allocation;
    AllocationId id(random_.below(next + 3));
    if (!naive_.allocations.empty() && random_.chance(90))
      id = std::next(naive_.allocations.begin(),
                     static_cast<long>(random_.below(naive_.allocations.size())))->first;
    const Outcome outcome = apply(Release{id});
    const TimeMs now = machine_.counters().now;
    if (naive_.allocations.contains(id))
      naive_.end(naive_.allocations.at(id), now, Revision(revision_));
    if (naive_.allocations.erase(id) == 1)
      REQUIRE_FALSE(error_of(outcome));
    else if (id.value() == 0 || id.value() >= next)
      REQUIRE(error_of(outcome) == ErrorCode::allocation_not_found);
    else
      REQUIRE(error_of(outcome) == ErrorCode::already_released);
  }

  void change() {
    if (naive_.allocations.empty()) return;
    Allocation& held = std::next(naive_.allocations.begin(),
                                 static_cast<long>(random_.below(naive_.allocations.size())))
                           ->second;
    const std::uint64_t fence = held.fence() + (random_.chance(10) ? 1 : 0);
    Allocation expected = held;
    Outcome outcome;
    const bool renews = random_.chance(50);
    if (renews) {
      const std::uint64_t seconds = random_.between(1, 60);
      outcome = apply(RenewLease{held.id, seconds, fence});
      const TimeMs now = machine_.counters().now;
      expected.expires_at = now + static_cast<TimeMs>(seconds) * 1000;
    } else {
      UpdateAllocation update{.id = held.id, .fence = fence};
      update.hostname = "h" + std::to_string(random_.below(3));
      outcome = apply(update);
      expected.hostname = *update.hostname;
    }
    if (fence != held.fence()) {
      REQUIRE(error_of(outcome) == ErrorCode::stale_fence);
      return;
    }
    const bool is_changed = renews || !(expected == held);
    if (is_changed) expected.revision = Revision(revision_);
    REQUIRE(std::get<Allocation>(outcome) == expected);
    held = expected;
  }

  // Networks that change their size, first in a transaction that fails afterwards, sometimes.
  void reshape() {
    const auto apply_it = [this](const CommandBody& body) {
      const Operation refused{DeleteNetwork{NetworkId(1'000'000)}, {}};
      if (random_.chance(30)) REQUIRE(error_of(apply(Transaction{{{body, {}}, refused}})));
      return apply(body);
    };
    ReshapeSteps steps(naive_, random_, reshaped_);
    steps.step(apply_it, revision_, random_prefix(random_));
  }

  void expire() {
    REQUIRE_FALSE(error_of(apply(ExpireLeases{})));
    // The one whose lease was the last to end is what its owner gave back last.
    std::map<std::pair<TimeMs, AllocationId>, Allocation> due;
    for (const auto& [id, allocation] : naive_.allocations)
      if (allocation.expires_at && *allocation.expires_at <= now_)
        due[{*allocation.expires_at, id}] = allocation;
    for (const auto& [key, allocation] : due) {
      naive_.end(allocation, now_, Revision(revision_));
      naive_.allocations.erase(allocation.id);
    }
    std::erase_if(naive_.waiting, [&](const auto& entry) { return entry.second.until <= now_; });
  }

  void check_network(NetworkId id, const Place& place) {
    const auto& [vrf, prefix] = place;
    CAPTURE(to_string(prefix));
    const std::set<U128> held = naive_.held_in(id);
    const std::set<U128> free = naive_.free_in(id);
    const NetworkStats stats = machine_.stats(id);
    REQUIRE((stats.total == usable_range(prefix).count));
    REQUIRE((stats.allocated == held.size()));
    REQUIRE((stats.available == free.size()));
    REQUIRE((stats.reserved >= naive_.free_in(id, true).size() + stats.quarantined));
    REQUIRE((stats.quarantined == naive_.waiting_in(id)));
    REQUIRE((stats.total == stats.allocated + stats.available + stats.reserved));
    REQUIRE(stats.first_available.has_value() == !free.empty());
    if (!free.empty()) REQUIRE((stats.first_available->value == *free.begin()));
    REQUIRE(stats.last_allocated.has_value() == !held.empty());
    if (!held.empty()) REQUIRE((stats.last_allocated->value == *held.rbegin()));
    REQUIRE(machine_.network(prefix, vrf) == machine_.network(id));
    const NetworkContext context = machine_.context(*machine_.network(id));
    REQUIRE(context.parent_id == naive_.parent_of(place));
    const auto is_child = [&](const auto& other) { return naive_.parent_of(other.second) == id; };
    REQUIRE(context.children_count ==
            static_cast<std::uint64_t>(
                std::count_if(naive_.networks.begin(), naive_.networks.end(), is_child)));
  }

  void check_nesting(VrfId vrf, const Prefix& prefix) {
    std::set<NetworkId> within, around, expected_within, expected_around;
    machine_.for_each_network_within(vrf, prefix,
                                     [&](const Network& n) { within.insert(n.id); });
    machine_.for_each_network_containing(vrf, prefix,
                                         [&](const Network& n) { around.insert(n.id); });
    for (const auto& [id, place] : naive_.networks) {
      if (place.vrf != vrf) continue;
      if (prefix.contains(place.prefix)) expected_within.insert(id);
      if (place.prefix.contains(prefix)) expected_around.insert(id);
    }
    REQUIRE(within == expected_within);
    REQUIRE(around == expected_around);
  }

  void check_address(const Address& address) {
    CAPTURE(to_string(address));
    for (const VrfId vrf : naive_.vrfs) {
      const Network* network = machine_.network_of(address, vrf);
      const auto expected = naive_.most_specific(vrf, address);
      REQUIRE((network != nullptr) == expected.has_value());
      if (!expected) continue;
      REQUIRE(network->id == *expected);
      REQUIRE((machine_.reservation_of(address, vrf) != nullptr) ==
              naive_.is_reserved(*expected, address));
      const auto holds = [&](const auto& each) {
        const Allocation& held = each.second;
        return held.network_id == *expected && held.first <= address && address <= held.last;
      };
      REQUIRE(machine_.allocation_of(address, vrf).has_value() ==
              std::any_of(naive_.allocations.begin(), naive_.allocations.end(), holds));
    }
    std::vector<AllocationId> holders, expected_holders;
    for (const Allocation& allocation : machine_.allocations_holding(address))
      holders.push_back(allocation.id);
    for (const auto& [id, allocation] : naive_.allocations)
      if (allocation.first <= address && address <= allocation.last)
        expected_holders.push_back(id);
    std::sort(holders.begin(), holders.end());
    REQUIRE(holders == expected_holders);
  }

  base::Random random_;
  NaivePlan naive_;
  StateMachine machine_;
  StateMachine twin_;
  Stored stored_;
  std::uint64_t revision_ = 0;
  TimeMs now_ = 1'000'000;
  ReshapeCounts reshaped_ = {};
};

}  // namespace

TEST_CASE("random commands are decided as a naive model decides them, by every machine alike") {
  ReshapeCounts reshaped = {};
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    Comparison comparison(seed);
    for (int round = 0; round < 1500; ++round) {
      CAPTURE(round);
      comparison.step();
      if (round % 25 == 0) comparison.check_all();
      if (round % 250 == 249) comparison.check_loading();
    }
    for (std::size_t i = 0; i < reshaped.size(); ++i) reshaped[i] += comparison.reshaped()[i];
  }
  for (const int count : reshaped) CHECK(count > 100);
}

TEST_CASE("two machines that applied the same commands have the same digest, others have not") {
  const auto run = [](std::uint64_t seed, int commands) {
    base::Random random(seed);
    StateMachine machine;
    for (int i = 1; i <= commands; ++i) {
      Command command;
      if (i % 10 == 1)
        command.body = CreateNetwork{random_prefix(random), "", {}};
      else
        command.body = Allocate{NetworkId(random.between(1, 3)), 1, "", "", {}, {}};
      machine.apply(Revision(static_cast<std::uint64_t>(i)), i, command);
    }
    return machine.digest();
  };
  CHECK(run(1, 500) == run(1, 500));
  CHECK(run(1, 500) != run(1, 499));
  CHECK(run(1, 500) != run(2, 500));
}
