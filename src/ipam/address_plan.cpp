#include "ipam/address_plan.hpp"

#include <algorithm>
#include <functional>

#include "base/ascii.hpp"
#include "base/assert.hpp"
#include "ipam/digest.hpp"

namespace ipam {

namespace {

struct Range {
  U128 first = 0;
  U128 last = 0;
};

// What a child takes from its parent: all of its prefix, as far as it is usable in the parent.
// nullopt: nothing, such as a /32 on the parent's network address.
std::optional<Range> delegated_range(const NetworkState& parent, const Prefix& child) {
  const U128 first = std::max(parent.usable.first.value, child.base.value);
  const U128 last = std::min(parent.usable.last.value, child.last().value);
  if (first > last) return std::nullopt;
  return Range{first, last};
}

std::uint64_t hash_of(std::string_view hostname) {
  Digest digest;
  digest.add(std::string_view(base::lower_case(hostname)));
  return digest.value();
}

}  // namespace

NetworkState::NetworkState(Network n)
    : network(std::move(n)),
      usable(usable_range(network.prefix)),
      free(usable.first.value, usable.last.value) {}

PackedAllocation NetworkState::first_allocation_in(U128 first, U128 last) const {
  auto it = allocations.upper_bound(first);
  if (it != allocations.begin()) {
    auto before = it;
    --before;
    if ((*before).last().value >= first) return *before;
  }
  return it != allocations.end() && (*it).first_value() <= last ? *it : PackedAllocation();
}

const Reservation* NetworkState::first_reservation_in(U128 first, U128 last) const {
  return withheld ? withheld->first_reservation_in(first, last) : nullptr;
}

U128 NetworkState::withheld_in(U128 first, U128 last) const {
  return withheld ? withheld->nobodys.free_count(first, last) : 0;
}

bool NetworkState::is_available(U128 first, U128 last) const {
  if (first < usable.first.value || last > usable.last.value) return false;
  return free.is_free(first, last) ||
         free.free_count(first, last) + withheld_in(first, last) == last - first + 1;
}

bool NetworkState::is_threshold_reached() const {
  return network.extras && reaches(allocated, usable.count, network.extras->threshold_percent);
}

AddressPlan::AddressPlan() {
  Vrf vrf;
  vrf.id = vrf_default;
  vrf.name = vrf_default_name;
  put_vrf(std::move(vrf));
}

const VrfState* AddressPlan::vrf(VrfId id) const {
  const auto it = vrfs_.find(id);
  return it == vrfs_.end() ? nullptr : &it->second;
}

const VrfState* AddressPlan::vrf(const VrfReference& reference) const {
  if (const auto* id = std::get_if<VrfId>(&reference)) return vrf(*id);
  const auto it = vrf_names_.find(std::get<std::string>(reference));
  return it == vrf_names_.end() ? nullptr : vrf(it->second);
}

const NetworkState* AddressPlan::network(NetworkId id) const {
  const auto it = networks_.find(id);
  return it == networks_.end() ? nullptr : &it->second;
}

const NetworkState* AddressPlan::network(VrfId id, const Prefix& prefix) const {
  const VrfState* state = vrf(id);
  return state != nullptr ? state->tree.find(prefix) : nullptr;
}

const NetworkState* AddressPlan::network_of(VrfId id, const Address& address) const {
  const VrfState* state = vrf(id);
  return state != nullptr ? state->tree.longest_match(address) : nullptr;
}

const NetworkState* AddressPlan::parent_of(VrfId id, const Prefix& prefix) const {
  const VrfState* state = vrf(id);
  return state != nullptr ? state->tree.parent_of(prefix) : nullptr;
}

NetworkContext AddressPlan::context(const Network& network) const {
  NetworkContext context;
  context.vrf = vrfs_.at(network.vrf).vrf.name;
  if (const NetworkState* parent = parent_of(network.vrf, network.prefix))
    context.parent_id = parent->network.id;
  context.children_count = networks_.at(network.id).children_count;
  return context;
}

PackedAllocation AddressPlan::allocation(AllocationId id) const {
  return allocations_.by_id().find(id);
}

NetworkStats AddressPlan::stats(const NetworkState& state) const {
  NetworkStats stats;
  stats.network_id = state.network.id;
  stats.total = state.usable.count;
  stats.allocated = state.allocated;
  stats.available = state.free.free_count();
  if (state.network.extras) stats.threshold_percent = state.network.extras->threshold_percent;
  stats.threshold_reached = state.is_threshold_reached();
  stats.quarantined = state.quarantined;
  stats.reserved = stats.total - stats.allocated - stats.available;
  const Family family = state.network.prefix.base.family;
  const auto first = state.free.first_free();
  if (first && hands_out_addresses(state.network.status()))
    stats.first_available = Address{family, *first};
  // Allocations do not overlap, so the one that begins last also ends last.
  if (!state.allocations.empty()) stats.last_allocated = (*--state.allocations.end()).last();
  return stats;
}

void AddressPlan::take(NetworkState& state, U128 first, U128 last) {
  if (!state.withheld) return state.free.take(first, last);
  steps_ += take_runs(state.free, first, last);
  steps_ += take_runs(state.withheld->nobodys, first, last);
}

void AddressPlan::give_back(NetworkState& state, U128 first, U128 last) {
  if (!state.withheld) return state.free.give_back(first, last);
  while (true) {
    const Withheld::Part part = state.withheld->part_at(first, last);
    ++steps_;
    (part.is_withheld ? state.withheld->nobodys : state.free).give_back(first, part.last);
    if (part.last == last) return;
    first = part.last + 1;
  }
}

void AddressPlan::delegate(NetworkState& parent, const Prefix& child) {
  if (const auto range = delegated_range(parent, child)) take(parent, range->first, range->last);
}

void AddressPlan::take_back(NetworkState& parent, const Prefix& child) {
  if (const auto range = delegated_range(parent, child))
    give_back(parent, range->first, range->last);
}

void AddressPlan::move_gateway(NetworkState& state, const std::optional<Address>& before) {
  const auto after = state.network.gateway();
  const auto is_usable = [&](const std::optional<Address>& address) {
    return address && state.usable.first <= *address && *address <= state.usable.last;
  };
  if (before == after) return;
  if (is_usable(after) && !state.withheld)
    state.withheld = std::make_unique<Withheld>(state.usable);
  if (!state.withheld) return;
  Withheld& withheld = *state.withheld;
  withheld.gateway.reset();
  if (is_usable(before) && !withheld.has(before->value))
    move_runs(withheld.nobodys, state.free, before->value, before->value);
  if (is_usable(after)) {
    withheld.gateway = after->value;
    move_runs(state.free, withheld.nobodys, after->value, after->value);
  }
  if (withheld.is_empty()) state.withheld.reset();
}

void AddressPlan::put_vrf(Vrf vrf) {
  const VrfId id = vrf.id;
  const auto [it, is_new] = vrfs_.try_emplace(id, VrfState{vrf});
  if (is_new) {
    journal_.note([id](AddressPlan& plan) { plan.remove_vrf(id); });
  } else {
    if (journal_.is_open())
      journal_.note([old = it->second.vrf](AddressPlan& plan) { plan.put_vrf(old); });
    vrf_names_.erase(it->second.vrf.name);
  }
  const bool is_free = vrf_names_.emplace(vrf.name, id).second;
  ASSERT(is_free);
  it->second.vrf = std::move(vrf);
}

void AddressPlan::remove_vrf(VrfId id) {
  const auto it = vrfs_.find(id);
  ASSERT(it != vrfs_.end() && it->second.tree.size() == 0 && id != vrf_default);
  if (journal_.is_open())
    journal_.note([old = it->second.vrf](AddressPlan& plan) { plan.put_vrf(old); });
  vrf_names_.erase(it->second.vrf.name);
  vrfs_.erase(it);
}

const Network& AddressPlan::add_network(Network network) {
  const NetworkId id = network.id;
  const auto [it, is_new] = networks_.try_emplace(id, std::move(network));
  ASSERT(is_new);
  NetworkState& state = it->second;
  const Prefix& prefix = state.network.prefix;
  PrefixTree<NetworkState>& tree = vrfs_.at(state.network.vrf).tree;
  NetworkState* const parent = tree.parent_of(prefix);
  tree.for_each_child_of(prefix, [&](const NetworkState& child) {
    if (parent != nullptr) take_back(*parent, child.network.prefix);
    delegate(state, child.network.prefix);
    ++state.children_count;
    ++steps_;
  });
  if (parent != nullptr) {
    delegate(*parent, prefix);
    parent->children_count = parent->children_count - state.children_count + 1;
  }
  const bool is_inserted = tree.insert(prefix, &state);
  ASSERT(is_inserted);
  move_gateway(state, std::nullopt);
  journal_.note([id](AddressPlan& plan) { plan.remove_network(id); });
  return state.network;
}

const Network& AddressPlan::replace_network(Network network) {
  NetworkState& state = networks_.at(network.id);
  Network& there = state.network;
  ASSERT(there.prefix == network.prefix && there.vrf == network.vrf);
  if (journal_.is_open())
    journal_.note([old = there](AddressPlan& plan) { plan.replace_network(old); });
  const auto gateway = there.gateway();
  there = std::move(network);
  move_gateway(state, gateway);
  return there;
}

void AddressPlan::remove_network(NetworkId id) {
  const auto it = networks_.find(id);
  ASSERT(it != networks_.end() && it->second.allocations.empty() && it->second.quarantined == 0 &&
         it->second.reservation_count() == 0);
  while (const LastHeld* const held = any_last_held(id))
    remove_last_held(id, std::string(held->owner));
  const Prefix prefix = it->second.network.prefix;
  if (journal_.is_open())
    journal_.note([network = it->second.network](AddressPlan& plan) { plan.add_network(network); });
  PrefixTree<NetworkState>& tree = vrfs_.at(it->second.network.vrf).tree;
  const std::uint64_t children_count = it->second.children_count;
  tree.erase(prefix);
  networks_.erase(it);
  NetworkState* const parent = tree.parent_of(prefix);
  if (parent == nullptr) return;
  parent->children_count = parent->children_count - 1 + children_count;
  take_back(*parent, prefix);
  tree.for_each_child_of(prefix, [&](const NetworkState& child) {
    delegate(*parent, child.network.prefix);
    ++steps_;
  });
}

PackedAllocation AddressPlan::hostname_holder(NetworkId id, std::string_view hostname,
                                              AllocationId except) {
  NetworkState& state = networks_.at(id);
  if (!state.hostnames) {
    std::vector<HostnameIndex::value_type> entries;
    entries.reserve(state.allocations.size());
    for (const PackedAllocation allocation : state.allocations)
      if (!allocation.hostname().empty())
        entries.emplace_back(hash_of(allocation.hostname()), allocation.id());
    // In order, so that each goes to the end: several times as fast as where it belongs.
    std::sort(entries.begin(), entries.end());
    state.hostnames = std::make_unique<HostnameIndex>(entries.begin(), entries.end());
  }
  const std::uint64_t hash = hash_of(hostname);
  for (auto it = state.hostnames->lower_bound({hash, AllocationId()});
       it != state.hostnames->end() && it->first == hash; ++it) {
    const PackedAllocation holder = allocation(it->second);
    if (it->second != except && base::equal_ignoring_case(holder.hostname(), hostname))
      return holder;
  }
  return {};
}

void AddressPlan::add_allocation(const Allocation& allocation) {
  const AllocationId id = allocation.id;
  const auto network = networks_.find(allocation.network_id);
  ASSERT(network != networks_.end());
  NetworkState& state = network->second;
  take(state, allocation.first.value, allocation.last.value);
  const bool is_new = state.allocations.insert(allocations_.add(allocation));
  ASSERT(is_new);
  state.allocated += allocation.last.value - allocation.first.value + 1;
  if (state.hostnames && !allocation.hostname.empty())
    state.hostnames->emplace(hash_of(allocation.hostname), id);
  if (allocation.expires_at) leases_.insert({*allocation.expires_at, id});
  journal_.note([id](AddressPlan& plan) { plan.remove_allocation(id); });
}

void AddressPlan::replace_allocation(const Allocation& allocation) {
  const AllocationId id = allocation.id;
  const PackedAllocation held = this->allocation(id);
  ASSERT(held);
  Allocation before = held.unpacked();
  ASSERT(before.network_id == allocation.network_id && before.first == allocation.first &&
         before.last == allocation.last);
  NetworkState& state = networks_.at(before.network_id);
  if (state.hostnames && before.hostname != allocation.hostname) {
    if (!before.hostname.empty()) state.hostnames->erase({hash_of(before.hostname), id});
    if (!allocation.hostname.empty())
      state.hostnames->emplace(hash_of(allocation.hostname), id);
  }
  if (before.expires_at != allocation.expires_at) {
    if (before.expires_at) leases_.erase({*before.expires_at, id});
    if (allocation.expires_at) leases_.insert({*allocation.expires_at, id});
  }
  const PackedAllocation after = allocations_.make(allocation);
  state.allocations.replace(after);  // while the one before can still be read
  allocations_.replace(after);
  if (journal_.is_open())
    journal_.note([before = std::move(before)](AddressPlan& plan) {
      plan.replace_allocation(before);
    });
}

Allocation AddressPlan::remove_allocation(AllocationId id) {
  const PackedAllocation held = allocation(id);
  ASSERT(held);
  Allocation removed = held.unpacked();
  NetworkState& state = networks_.at(removed.network_id);
  const bool was_there = state.allocations.erase(removed.first.value);
  ASSERT(was_there);  // what stays behind would be read after it is gone
  allocations_.remove(id);
  state.allocated -= removed.last.value - removed.first.value + 1;
  give_back(state, removed.first.value, removed.last.value);
  if (state.hostnames && !removed.hostname.empty())
    state.hostnames->erase({hash_of(removed.hostname), id});
  if (removed.expires_at) leases_.erase({*removed.expires_at, id});
  if (journal_.is_open())
    journal_.note([removed](AddressPlan& plan) { plan.add_allocation(removed); });
  return removed;
}

const Reservation* AddressPlan::reservation(ReservationId id) const {
  const auto it = reservations_.find(id);
  return it == reservations_.end() ? nullptr : &it->second;
}

const NetworkState* AddressPlan::first_child_in(const NetworkState& state, const Address& first,
                                                const Address& last) const {
  const Network& network = state.network;
  const NetworkState* const around = network_of(network.vrf, first);
  if (around != &state) return around;
  return vrfs_.at(network.vrf).tree.first_beginning_in(network.prefix, first, last);
}

const Reservation& AddressPlan::add_reservation(Reservation reservation) {
  const ReservationId id = reservation.id;
  NetworkState& state = networks_.at(reservation.network_id);
  const auto [it, is_new] = reservations_.try_emplace(id, std::move(reservation));
  ASSERT(is_new);
  const Reservation& added = it->second;
  if (!state.withheld) state.withheld = std::make_unique<Withheld>(state.usable);
  ASSERT(state.first_reservation_in(added.first.value, added.last.value) == nullptr);
  state.withheld->reservations.emplace(added.first.value, &added);
  steps_ += move_runs(state.free, state.withheld->nobodys, added.first.value, added.last.value);
  journal_.note([id](AddressPlan& plan) { plan.remove_reservation(id); });
  return added;
}

const Reservation& AddressPlan::replace_reservation(Reservation reservation) {
  Reservation& there = reservations_.at(reservation.id);
  ASSERT(there.network_id == reservation.network_id && there.first == reservation.first &&
         there.last == reservation.last);
  std::swap(there, reservation);
  if (journal_.is_open())
    journal_.note([before = std::move(reservation)](AddressPlan& plan) {
      plan.replace_reservation(before);
    });
  return there;
}

void AddressPlan::remove_reservation(ReservationId id) {
  const auto it = reservations_.find(id);
  ASSERT(it != reservations_.end());
  const Reservation removed = std::move(it->second);
  NetworkState& state = networks_.at(removed.network_id);
  Withheld& withheld = *state.withheld;
  withheld.reservations.erase(removed.first.value);
  reservations_.erase(it);
  const U128 first = std::max(removed.first.value, state.usable.first.value);
  const U128 last = std::min(removed.last.value, state.usable.last.value);
  if (first <= last) {
    steps_ += move_runs(withheld.nobodys, state.free, first, last);
    // The gateway is still kept back.
    if (withheld.gateway)
      move_runs(state.free, withheld.nobodys, *withheld.gateway, *withheld.gateway);
  }
  if (withheld.is_empty()) state.withheld.reset();
  if (journal_.is_open())
    journal_.note([removed](AddressPlan& plan) { plan.add_reservation(removed); });
}

void AddressPlan::add_quarantine(Quarantine quarantine) {
  const NetworkId id = quarantine.network_id;
  const U128 first = quarantine.first.value;
  NetworkState& state = networks_.at(id);
  take(state, first, quarantine.last.value);
  state.quarantined += quarantine.last.value - first + 1;
  quarantine_ends_.insert({quarantine.ends_at, id, first});
  const bool is_new = quarantines_.emplace(std::pair(id, first), std::move(quarantine)).second;
  ASSERT(is_new);
  journal_.note([id, first](AddressPlan& plan) { plan.remove_quarantine(id, first); });
}

Quarantine AddressPlan::remove_quarantine(NetworkId id, U128 first) {
  const auto it = quarantines_.find({id, first});
  ASSERT(it != quarantines_.end());
  const Quarantine removed = it->second;
  quarantines_.erase(it);
  ++steps_;
  quarantine_ends_.erase({removed.ends_at, id, first});
  NetworkState& state = networks_.at(id);
  state.quarantined -= removed.last.value - first + 1;
  give_back(state, first, removed.last.value);
  journal_.note([removed](AddressPlan& plan) { plan.add_quarantine(removed); });
  return removed;
}

const Quarantine* AddressPlan::first_quarantine_in(NetworkId id, U128 first, U128 last) const {
  auto it = quarantines_.upper_bound({id, first});
  if (it != quarantines_.begin()) {
    const Quarantine& before = std::prev(it)->second;
    if (before.network_id == id && before.last.value >= first) return &before;
  }
  const bool is_found =
      it != quarantines_.end() && it->first.first == id && it->first.second <= last;
  return is_found ? &it->second : nullptr;
}

const LastHeld* AddressPlan::last_held(NetworkId id, const std::string& owner) const {
  const auto it = last_held_.find({id, owner});
  return it == last_held_.end() ? nullptr : &it->second;
}

const LastHeld* AddressPlan::any_last_held(NetworkId id) const {
  const auto it = last_held_.lower_bound({id, std::string()});
  return it == last_held_.end() || it->first.first != id ? nullptr : &it->second;
}

void AddressPlan::put_last_held(LastHeld held) {
  if (last_held(held.network_id, held.owner) != nullptr)
    remove_last_held(held.network_id, held.owner);
  const OwnerKey key(held.network_id, held.owner);
  last_held_by_age_.emplace(held.revision, key);
  last_held_.emplace(key, std::move(held));
  if (journal_.is_open())
    journal_.note([key](AddressPlan& plan) { plan.remove_last_held(key.first, key.second); });
}

void AddressPlan::remove_last_held(NetworkId id, const std::string& owner) {
  const auto it = last_held_.find({id, owner});
  ASSERT(it != last_held_.end());
  const LastHeld removed = std::move(it->second);
  last_held_by_age_.erase({removed.revision, it->first});
  last_held_.erase(it);
  if (journal_.is_open())
    journal_.note([removed](AddressPlan& plan) { plan.put_last_held(removed); });
}

void AddressPlan::put_token(Token token) {
  const TokenId id = token.id;
  if (const Token* const before = tokens_.find(id)) {
    if (journal_.is_open())
      journal_.note([old = *before](AddressPlan& plan) { plan.put_token(old); });
  } else {
    journal_.note([id](AddressPlan& plan) { plan.remove_token(id); });
  }
  tokens_.put(std::move(token));
}

void AddressPlan::remove_token(TokenId id) {
  Token removed = tokens_.remove(id);
  if (journal_.is_open())
    journal_.note([removed = std::move(removed)](AddressPlan& plan) { plan.put_token(removed); });
}

const LastHeld& AddressPlan::oldest_last_held() const {
  ASSERT(!last_held_by_age_.empty());
  return last_held_.at(last_held_by_age_.begin()->second);
}

}  // namespace ipam
