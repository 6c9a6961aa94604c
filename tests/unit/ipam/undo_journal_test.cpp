// Changes of an address plan that are taken back: everything is then as it was, free runs included.
#include <doctest/doctest.h>

#include <set>
#include <string>

#include "base/random.hpp"
#include "ipam/address_plan.hpp"

namespace {

using namespace ipam;

// All of the plan as text, with the free runs of each network one by one.
std::string dump(const AddressPlan& plan) {
  std::string text;
  for (const auto& [id, state] : plan.vrfs()) {
    text += to_string(id) + " " + state.vrf.name + " " + std::to_string(state.tree.size()) + "\n";
    REQUIRE(plan.vrf(VrfReference(state.vrf.name)) == &state);
  }
  for (const auto& [id, state] : plan.networks()) {
    state.free.check_invariants();
    text += to_string(id) + " " + to_string(state.network.prefix) + " runs " +
            std::to_string(state.free.run_count()) + " free";
    for (U128 v = state.usable.first.value; v <= state.usable.last.value; ++v)
      if (state.free.is_free(v, v)) text += " " + to_string(v);
    if (state.withheld) {
      state.withheld->nobodys.check_invariants();
      REQUIRE_FALSE(state.withheld->is_empty());
      text += " withheld";
      for (U128 v = state.usable.first.value; v <= state.usable.last.value; ++v)
        if (state.withheld->nobodys.is_free(v, v)) text += " " + to_string(v);
    }
    text += " held";
    state.allocations.check_invariants();
    for (const PackedAllocation held : state.allocations) text += " " + to_string(held.id());
    if (state.hostnames) {
      std::set<std::uint64_t> named, indexed;
      for (const PackedAllocation held : state.allocations)
        if (!held.hostname().empty()) named.insert(held.id().value());
      for (const auto& [hash, holder] : *state.hostnames) indexed.insert(holder.value());
      REQUIRE(named == indexed);
    }
    const auto* parent = plan.parent_of(state.network.vrf, state.network.prefix);
    text += " children " + std::to_string(state.children_count) + " in " +
            to_string(state.network.vrf);
    text += " allocated " + to_string(state.allocated) + " in " +
            (parent == nullptr ? "none" : to_string(parent->network.id)) + "\n";
  }
  plan.allocations().check_invariants();
  for (const PackedAllocation held : plan.allocations())
    text += to_string(held.id()) + " " + to_string(held.first()) + " " +
            std::string(held.hostname()) + "\n";
  for (const auto& [key, quarantine] : plan.quarantines())
    text += "quarantine " + to_string(quarantine.first) + " " + to_string(quarantine.last) + "\n";
  for (const auto& [id, reservation] : plan.reservations())
    text += to_string(id) + " " + to_string(reservation.first) + " " + reservation.reason + "\n";
  for (const QuarantineEnd& end : plan.quarantine_ends())
    text += "ends " + to_string(end.first) + " " + std::to_string(end.ends_at) + "\n";
  for (const auto& [key, held] : plan.last_held())
    text += "last " + to_string(held.network_id) + held.owner + to_string(held.allocation_id) +
            "\n";
  if (!plan.last_held().empty()) text += "oldest " + plan.oldest_last_held().owner + "\n";
  for (const Lease& lease : plan.leases())
    text += "lease " + to_string(lease.id) + " " + std::to_string(lease.expires_at) + "\n";
  return text;
}

class RandomPlan {
 public:
  explicit RandomPlan(std::uint64_t seed) : random_(seed) {}

  AddressPlan plan;
  int resized_count = 0;

  void change() {
    const std::uint64_t choice = random_.below(16);
    if (random_.chance(5))
      change_vrf();
    else if (random_.chance(15))
      change_reservations();
    else if (random_.chance(5))
      move_gateway();
    else if (choice < 3)
      add_network();
    else if (choice < 4)
      random_.chance(50) ? remove_network() : resize_network();
    else if (choice < 8)
      add_allocation();
    else if (choice < 10)
      replace_allocation();
    else if (choice < 12)
      change_quarantine();
    else if (choice < 14)
      change_last_held();
    else
      remove_allocation();
  }

  // Random changes, some of them in transactions within this one that end one way or the other.
  void changes(int depth) {
    for (std::uint64_t i = 0; i < random_.between(1, 12); ++i) {
      if (depth == 0 || random_.chance(80)) {
        change();
        continue;
      }
      const std::string before = dump(plan);
      const auto mark = plan.journal().begin();
      changes(depth - 1);
      if (random_.chance(50)) {
        plan.journal().commit(mark);
      } else {
        plan.journal().rollback(mark, plan);
        REQUIRE(dump(plan) == before);
      }
    }
  }

 private:
  void change_vrf() {
    const VrfState* blue = plan.vrf(VrfId(2));
    if (blue && blue->tree.size() == 0 && random_.chance(50)) return plan.remove_vrf(VrfId(2));
    Vrf vrf;
    vrf.id = VrfId(2);
    vrf.name = "name " + std::to_string(random_.below(3));
    plan.put_vrf(std::move(vrf));
  }

  void add_network() {
    Network network;
    if (plan.vrf(VrfId(2)) && random_.chance(30)) network.vrf = VrfId(2);
    network.id = NetworkId(++next_id_);
    network.prefix.base = *parse_address("10.0.0.0");
    network.prefix.base.value += random_.below(256);
    network.prefix.length = static_cast<int>(random_.between(24, 32));
    network.prefix.base.value &= network.prefix.mask();
    const Prefix& prefix = network.prefix;
    if (plan.network(network.vrf, prefix) != nullptr) return;
    const NetworkState* parent = plan.parent_of(network.vrf, prefix);
    const U128 last = prefix.last().value;
    if (parent && parent->first_allocation_in(prefix.base.value, last)) return;
    if (parent && plan.first_quarantine_in(parent->network.id, prefix.base.value, last)) return;
    if (parent && parent->first_reservation_in(prefix.base.value, last)) return;
    plan.add_network(std::move(network));
  }

  void remove_network() {
    const NetworkState* state = some_network();
    if (state && state->allocations.empty() && state->quarantined == 0 &&
        state->reservation_count() == 0)
      plan.remove_network(state->network.id);
  }

  void resize_network() {
    const NetworkState* state = some_network();
    if (state == nullptr) return;
    const NetworkId id = state->network.id;
    const Prefix before = state->network.prefix;
    Prefix prefix = before;
    prefix.base.value += random_.below(1u << (32 - before.length));
    prefix.length = static_cast<int>(random_.between(23, 32));
    prefix.base.value &= prefix.mask();
    const VrfId vrf = state->network.vrf;
    const U128 first = prefix.base.value, last = prefix.last().value;
    const NetworkState* const parent = plan.parent_of(vrf, before);
    const NetworkState* const then = plan.parent_of(vrf, prefix);
    if (plan.network(vrf, prefix) || then != (prefix.contains(before) ? parent : state)) return;
    if (parent && parent->first_allocation_in(first, last)) return;
    if (parent && plan.first_quarantine_in(parent->network.id, first, last)) return;
    const UsableRange usable = usable_range(prefix);
    const auto is_lost = [&](U128 from, U128 to) {
      return from < usable.first.value || to > usable.last.value;
    };
    for (const PackedAllocation held : state->allocations)
      if (is_lost(held.first().value, held.last().value)) return;
    for (const auto& [key, waits] : plan.quarantines())
      if (key.first == id && is_lost(waits.first.value, waits.last.value)) return;
    REQUIRE(plan.resize_network(id, prefix).prefix == prefix);
    ++resized_count;
  }

  void add_allocation() {
    const NetworkState* state = some_network();
    if (state == nullptr) return;
    const std::uint64_t count = random_.chance(60) ? 1 : random_.between(2, 9);
    const auto first = state->free.first_fit(count);
    if (!first) return;
    Allocation allocation;
    allocation.id = AllocationId(++next_id_);
    allocation.network_id = state->network.id;
    allocation.first = {Family::ipv4, *first};
    allocation.last = {Family::ipv4, *first + (count - 1)};
    allocation.hostname = "host-" + std::to_string(next_id_);
    if (random_.chance(40)) allocation.expires_at = static_cast<TimeMs>(random_.below(100));
    plan.add_allocation(allocation);
  }

  void change_quarantine() {
    if (!plan.quarantines().empty() && random_.chance(50)) {
      const auto at = static_cast<long>(random_.below(plan.quarantines().size()));
      const auto [id, first] = std::next(plan.quarantines().begin(), at)->first;
      plan.remove_quarantine(id, first);
      return;
    }
    const NetworkState* state = some_network();
    if (state == nullptr) return;
    const std::uint64_t count = random_.between(1, 5);
    const auto first = state->free.first_fit(count);
    if (!first) return;
    plan.add_quarantine({state->network.id, {Family::ipv4, *first},
                         {Family::ipv4, *first + (count - 1)},
                         static_cast<TimeMs>(random_.below(100)), AllocationId(1)});
  }

  void change_reservations() {
    const auto& all = plan.reservations();
    if (!all.empty() && random_.chance(50)) {
      const auto it = std::next(all.begin(), static_cast<long>(random_.below(all.size())));
      Reservation changed = it->second;
      if (random_.chance(50)) return plan.remove_reservation(changed.id);
      changed.reason = "changed-" + std::to_string(random_.below(4));
      plan.replace_reservation(std::move(changed));
      return;
    }
    const NetworkState* state = some_network();
    if (state == nullptr) return;
    Reservation reservation;
    reservation.id = ReservationId(++next_id_);
    reservation.network_id = state->network.id;
    reservation.first = reservation.last = some_address(*state);
    reservation.last.value += random_.below(5);
    const bool is_possible =
        state->network.prefix.contains(reservation.last) &&
        !plan.first_child_in(*state, reservation.first, reservation.last) &&
        !state->first_reservation_in(reservation.first.value, reservation.last.value);
    if (is_possible) plan.add_reservation(std::move(reservation));
  }

  void move_gateway() {
    const NetworkState* state = some_network();
    if (state == nullptr) return;
    Network changed = state->network;
    NetworkExtras extras;
    if (random_.chance(70)) extras.gateway = some_address(*state);
    changed.extras.set(extras);
    plan.replace_network(std::move(changed));
  }

  Address some_address(const NetworkState& state) {
    Address address = state.network.prefix.base;
    const U128 more = state.network.prefix.last().value - address.value;
    address.value += random_.below(static_cast<std::uint64_t>(more) + 1);
    return address;
  }

  void change_last_held() {
    const NetworkState* state = some_network();
    if (state == nullptr) return;
    const NetworkId id = state->network.id;
    const std::string owner = "owner-" + std::to_string(random_.below(3));
    if (plan.last_held(id, owner) != nullptr && random_.chance(60))
      plan.remove_last_held(id, owner);
    else
      plan.put_last_held({id, owner, state->usable.first, AllocationId(++next_id_),
                          Revision(next_id_)});
  }

  void replace_allocation() {
    const auto& all = plan.allocations();
    if (all.empty()) return;
    Allocation changed = some_allocation().unpacked();
    changed.hostname = "changed-" + std::to_string(random_.below(4));
    changed.expires_at.reset();
    if (random_.chance(60)) changed.expires_at = static_cast<TimeMs>(random_.below(100));
    const NetworkId network = changed.network_id;
    plan.replace_allocation(changed);
    REQUIRE(plan.allocation(changed.id).unpacked() == changed);
    REQUIRE(plan.hostname_holder(network, changed.hostname));
  }

  void remove_allocation() {
    const auto& all = plan.allocations();
    if (all.empty()) return;
    plan.remove_allocation(some_allocation().id());
  }

  PackedAllocation some_allocation() {
    auto it = plan.allocations().begin();
    for (auto left = random_.below(plan.allocations().size()); left > 0; --left) ++it;
    return *it;
  }

  const NetworkState* some_network() {
    const auto& all = plan.networks();
    if (all.empty()) return nullptr;
    return &std::next(all.begin(), static_cast<long>(random_.below(all.size())))->second;
  }

  base::Random random_;
  std::uint64_t next_id_ = 0;
};

}  // namespace

TEST_CASE("random changes that are taken back leave the plan as it was, however they nest") {
  int resized_count = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    RandomPlan random(seed);
    for (int round = 0; round < 40; ++round) {
      CAPTURE(round);
      random.changes(3);
    }
    resized_count += random.resized_count;
  }
  CHECK(resized_count > 200);
}

TEST_CASE("a closed journal keeps nothing, a commit ends the outermost one") {
  AddressPlan plan;
  CHECK_FALSE(plan.journal().is_open());
  const auto outer = plan.journal().begin();
  const auto inner = plan.journal().begin();
  Network network;
  network.id = NetworkId(1);
  network.prefix = *parse_prefix("10.0.0.0/24");
  plan.add_network(network);
  plan.journal().commit(inner);
  CHECK(plan.journal().is_open());
  CHECK(plan.network(NetworkId(1)) != nullptr);
  plan.journal().rollback(outer, plan);
  CHECK(plan.network(NetworkId(1)) == nullptr);
  CHECK_FALSE(plan.journal().is_open());
}
