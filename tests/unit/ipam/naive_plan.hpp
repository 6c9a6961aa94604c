// An address plan that is too simple to be wrong: it keeps no free space and no nesting, and
// answers every question by looking at all addresses of small networks.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "ipam/state_machine.hpp"

namespace {

using namespace ipam;

std::optional<ErrorCode> error_of(const Outcome& outcome) {
  const auto* error = std::get_if<Error>(&outcome);
  return error != nullptr ? std::optional(error->code) : std::nullopt;
}

// A prefix of one VRF.
struct Place {
  VrfId vrf;
  Prefix prefix;
  friend bool operator==(const Place&, const Place&) = default;
};

class NaivePlan {
 public:
  std::set<VrfId> vrfs = {vrf_default};
  std::map<NetworkId, Place> networks;
  std::map<AllocationId, Allocation> allocations;
  struct Waiting {
    NetworkId network;
    TimeMs until = 0;
    AllocationId after;
  };
  // What each owner gave back last in a network.
  std::map<std::pair<NetworkId, std::string>, Allocation> last_held;
  std::map<NetworkId, TimeMs> wait_ms;
  std::map<NetworkId, Address> gateways;
  std::map<ReservationId, Reservation> reservations;
  std::map<std::pair<NetworkId, Address>, Waiting> waiting;

  void end(Allocation allocation, TimeMs now, Revision revision) {
    allocation.revision = revision;
    const TimeMs wait = wait_ms.at(allocation.network_id);
    for (Address a = allocation.first; wait > 0 && a <= allocation.last; ++a.value)
      waiting[{allocation.network_id, a}] = {allocation.network_id, now + wait, allocation.id};
    if (allocation.extras && allocation.first == allocation.last)
      last_held[{allocation.network_id, allocation.extras->owner}] = allocation;
  }

  // Mostly one that is there.
  NetworkId some_network(base::Random& random) const {
    if (networks.empty() || random.chance(3)) return NetworkId(random.below(500));
    return std::next(networks.begin(), static_cast<long>(random.below(networks.size())))->first;
  }

  bool is_reserved(NetworkId id, const Address& address) const {
    return std::ranges::any_of(reservations, [&](const auto& entry) {
      const Reservation& one = entry.second;
      return one.network_id == id && one.first <= address && address <= one.last;
    });
  }

  // Not handed out by itself, whoever has it.
  bool is_withheld(NetworkId id, const Address& address) const {
    return (gateways.contains(id) && gateways.at(id) == address) || is_reserved(id, address);
  }

  // Where the owner's last one is free, or waits after the owner alone.
  std::optional<U128> sticky(NetworkId id, const std::string& owner) const {
    const auto held = last_held.find({id, owner});
    if (held == last_held.end()) return std::nullopt;
    if (is_withheld(id, held->second.first)) return std::nullopt;
    const auto waits = waiting.find({id, held->second.first});
    const bool is_own = waits != waiting.end() && waits->second.after == held->second.id;
    if (!is_own && !free_in(id).contains(held->second.first.value)) return std::nullopt;
    return held->second.first.value;
  }

  std::size_t waiting_in(NetworkId id) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        waiting, [&](const auto& entry) { return entry.second.network == id; }));
  }

  bool has(const Place& place) const {
    return std::any_of(networks.begin(), networks.end(),
                       [&](const auto& other) { return other.second == place; });
  }

  std::optional<NetworkId> most_specific(VrfId vrf, const Address& address,
                                         int length_max = 128) const {
    std::optional<NetworkId> best;
    for (const auto& [id, place] : networks)
      if (place.vrf == vrf && place.prefix.contains(address) &&
          place.prefix.length <= length_max &&
          (!best || place.prefix.length > networks.at(*best).prefix.length))
        best = id;
    return best;
  }

  std::optional<NetworkId> parent_of(const Place& place) const {
    return most_specific(place.vrf, place.prefix.base, place.prefix.length - 1);
  }

  // The network that a new one would take addresses from has handed out some of them.
  bool parent_holds_some_of(const Place& place) const {
    const auto& prefix = place.prefix;
    const auto parent = parent_of(place);
    if (!parent) return false;
    for (const auto& [id, allocation] : allocations)
      if (allocation.network_id == *parent && allocation.last >= prefix.base &&
          allocation.first <= prefix.last())
        return true;
    return false;
  }

  bool parent_waits_for_some_of(const Place& place) const {
    const auto parent = parent_of(place);
    return parent && std::ranges::any_of(waiting, [&](const auto& entry) {
             return entry.second.network == *parent && place.prefix.contains(entry.first.second);
           });
  }

  bool parent_reserves_some_of(const Place& place) const {
    const auto parent = parent_of(place);
    for (Address a = place.prefix.base; parent && a <= place.prefix.last(); ++a.value)
      if (is_reserved(*parent, a)) return true;
    return false;
  }

  // A network within this one has some of the addresses.
  bool is_delegated(NetworkId id, const Address& first, const Address& last) const {
    const Place& place = networks.at(id);
    return std::ranges::any_of(networks, [&](const auto& entry) {
      const Prefix& other = entry.second.prefix;
      return entry.second.vrf == place.vrf && other.length > place.prefix.length &&
             place.prefix.contains(other) && other.base <= last && first <= other.last();
    });
  }

  std::set<U128> held_in(NetworkId id) const {
    std::set<U128> held;
    for (const auto& [other, allocation] : allocations)
      if (allocation.network_id == id)
        for (U128 v = allocation.first.value; v <= allocation.last.value; ++v) held.insert(v);
    return held;
  }

  // Nobody has them; with `of_withheld` those of them that are not handed out by themselves.
  std::set<U128> free_in(NetworkId id, bool of_withheld = false) const {
    const auto& [vrf, prefix] = networks.at(id);
    const UsableRange usable = usable_range(prefix);
    const std::set<U128> held = held_in(id);
    std::vector<Prefix> within;
    for (const auto& [other, child] : networks)
      if (child.vrf == vrf && child.prefix.length > prefix.length &&
          prefix.contains(child.prefix))
        within.push_back(child.prefix);
    std::set<U128> free;
    for (U128 v = usable.first.value; v <= usable.last.value; ++v) {
      const Address address{prefix.base.family, v};
      const bool is_delegated = std::any_of(within.begin(), within.end(), [&](const Prefix& child) {
        return child.contains(address);
      });
      const bool is_nobodys =
          !is_delegated && held.count(v) == 0 && !waiting.contains({id, address});
      if (is_nobodys && is_withheld(id, address) == of_withheld) free.insert(v);
    }
    return free;
  }

  std::optional<U128> first_fit(NetworkId id, U128 count) const {
    U128 run = 0, previous = 0;
    for (const U128 v : free_in(id)) {
      run = run > 0 && v == previous + 1 ? run + 1 : 1;
      if (run == count) return v - (count - 1);
      previous = v;
    }
    return std::nullopt;
  }
};

}  // namespace
