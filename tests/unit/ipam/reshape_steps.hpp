// Random splits, mergers and resizings against the naive plan: each address is looked at.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/random.hpp"
#include "ipam/state_machine.hpp"
#include "naive_plan.hpp"

namespace {

using namespace ipam;

// How many networks were split, merged, grew and shrank.
using ReshapeCounts = std::array<int, 4>;

class ReshapeSteps {
 public:
  ReshapeSteps(NaivePlan& naive, base::Random& random, ReshapeCounts& counts)
      : naive_(naive), random_(random), reshaped_(counts) {}

  // `apply` gives its commands to the state machine, and counts `revision` up.
  void step(std::function<Outcome(const CommandBody&)> apply,
            const std::uint64_t& revision, const Prefix& any_prefix) {
    apply_ = [&revision, this, apply = std::move(apply)](const CommandBody& body) {
      Outcome outcome = apply(body);
      revision_ = Revision(revision);
      return outcome;
    };
    const std::uint64_t choice = random_.below(3);
    if (choice == 0)
      split();
    else if (choice == 1)
      merge();
    else
      resize(any_prefix);
  }

 private:
  NetworkId some_network() { return naive_.some_network(random_); }

  Address some_address(const Prefix& prefix) {
    Address address = prefix.base;
    address.value += random_.below(
        static_cast<std::uint64_t>(prefix.last().value - prefix.base.value) + 1);
    return address;
  }

  // A network holds something on an address that the network of `prefix_of(address)` would not
  // hand out.
  template <class PrefixOf>
  bool would_lose_held(NetworkId id, PrefixOf prefix_of) {
    return std::ranges::any_of(naive_.allocations, [&](const auto& entry) {
      const Allocation& held = entry.second;
      if (held.network_id != id) return false;
      for (Address a = held.first; a <= held.last; ++a.value)
        if (!is_usable(prefix_of(a), a) || !(prefix_of(a) == prefix_of(held.first))) return true;
      return false;
    });
  }
  template <class PrefixOf>
  bool would_lose_waiting(NetworkId id, PrefixOf prefix_of) {
    return std::ranges::any_of(naive_.waiting, [&](const auto& entry) {
      const Address& a = entry.first.second;
      return entry.first.first == id && !is_usable(prefix_of(a), a);
    });
  }
  template <class PrefixOf>
  bool would_lose_reserved(NetworkId id, PrefixOf prefix_of) {
    return std::ranges::any_of(naive_.reservations, [&](const auto& entry) {
      const Reservation& one = entry.second;
      if (one.network_id != id) return false;
      for (Address a = one.first; a <= one.last; ++a.value)
        if (!prefix_of(one.first).contains(a)) return true;
      return false;
    });
  }
  static bool is_usable(const Prefix& prefix, const Address& address) {
    const UsableRange usable = usable_range(prefix);
    return usable.first <= address && address <= usable.last;
  }

  // All that `from` has is the network's that `home(address)` gives, if there is one.
  template <class HomeOf>
  void move(NetworkId from, Revision revision, HomeOf home) {
    for (auto& [id, held] : naive_.allocations) {
      if (held.network_id != from) continue;
      held.network_id = *home(held.first);
      held.revision = revision;
    }
    const auto waits = naive_.waiting;
    for (const auto& [key, wait] : waits) {
      if (key.first != from) continue;
      naive_.waiting.erase(key);
      const NetworkId id = *home(key.second);
      naive_.waiting[{id, key.second}] = {id, wait.until, wait.after};
    }
    const auto owners = naive_.last_held;
    for (const auto& [key, held] : owners) {
      if (key.first != from) continue;
      naive_.last_held.erase(key);
      const std::optional<NetworkId> id = home(held.first);
      if (!id) continue;
      const auto other = naive_.last_held.find({*id, key.second});
      const auto age = [](const Allocation& one) { return std::pair(one.revision, one.id); };
      if (other == naive_.last_held.end() || age(held) > age(other->second))
        naive_.last_held[{*id, key.second}] = held;
    }
    for (auto& [id, reservation] : naive_.reservations) {
      if (reservation.network_id != from) continue;
      reservation.network_id = *home(reservation.first);
      reservation.revision = revision;
    }
    naive_.networks.erase(from);
    naive_.gateways.erase(from);
    naive_.wait_ms.erase(from);
  }

  static bool is_one_of(const Outcome& outcome,
                        std::initializer_list<std::pair<bool, ErrorCode>> of) {
    const auto error = error_of(outcome);
    return error && std::ranges::any_of(of, [&](const auto& one) {
      return one.first && one.second == *error;
    });
  }

  void split() {
    const NetworkId id = some_network();
    const int length = static_cast<int>(random_.chance(50) ? 23 + random_.below(11)
                                                           : 119 + random_.below(11));
    CAPTURE(to_string(id));
    CAPTURE(length);
    const Outcome outcome = apply_(SplitNetwork{id, static_cast<std::uint8_t>(length)});
    if (!naive_.networks.contains(id)) {
      REQUIRE(error_of(outcome) == ErrorCode::network_not_found);
      return;
    }
    const Place place = naive_.networks.at(id);
    const auto piece_of = [&](Address address) {
      Prefix piece{address, length};
      piece.base.value &= piece.mask();
      return piece;
    };
    if (length <= place.prefix.length || length > bits_of(place.prefix.base.family)) {
      REQUIRE(error_of(outcome) == ErrorCode::invalid_argument);
      return;
    }
    const bool has_large_child = std::ranges::any_of(naive_.networks, [&](const auto& other) {
      return other.second.vrf == place.vrf && place.prefix.contains(other.second.prefix) &&
             other.first != id && other.second.prefix.length <= length;
    });
    if (has_large_child) {
      REQUIRE(error_of(outcome) == ErrorCode::network_in_the_way);
      return;
    }
    if (would_lose_held(id, piece_of)) {
      REQUIRE(error_of(outcome) == ErrorCode::allocation_in_the_way);
      return;
    }
    if (would_lose_reserved(id, piece_of)) {
      REQUIRE(error_of(outcome) == ErrorCode::address_reserved);
      return;
    }
    if (would_lose_waiting(id, piece_of)) {
      REQUIRE(error_of(outcome) == ErrorCode::address_in_quarantine);
      return;
    }
    const auto& pieces = std::get<std::vector<NetworkView>>(outcome);
    REQUIRE(pieces.size() == std::size_t{1} << (length - place.prefix.length));
    const TimeMs wait = naive_.wait_ms.at(id);
    const auto gateway = naive_.gateways.find(id);
    std::map<Prefix, NetworkId> ids;
    Prefix expected = piece_of(place.prefix.base);
    for (const NetworkView& piece : pieces) {
      REQUIRE(piece.prefix == expected);
      ids[expected] = piece.id;
      naive_.networks[piece.id] = {place.vrf, expected};
      naive_.wait_ms[piece.id] = wait;
      const bool has_gateway =
          gateway != naive_.gateways.end() && expected.contains(gateway->second);
      REQUIRE(piece.gateway().has_value() == has_gateway);
      if (has_gateway) naive_.gateways[piece.id] = gateway->second;
      expected.base.value = expected.last().value + 1;
    }
    move(id, revision_, [&](Address address) -> std::optional<NetworkId> {
      const auto piece = ids.find(piece_of(address));
      return piece == ids.end() ? std::nullopt : std::optional(piece->second);
    });
    ++reshaped_[0];
  }

  // Those that lie in a block, mostly all of them.
  std::vector<NetworkId> some_siblings() {
    const NetworkId id = some_network();
    if (!naive_.networks.contains(id)) return {id, NetworkId(1)};
    const auto& [vrf, prefix] = naive_.networks.at(id);
    Prefix block{prefix.base, prefix.length - static_cast<int>(random_.between(1, 2))};
    block.base.value &= block.mask();
    std::vector<NetworkId> ids;
    for (const auto& [other, place] : naive_.networks)
      if (place.vrf == vrf && block.contains(place.prefix) && place.prefix != block &&
          naive_.parent_of(place) == naive_.parent_of(naive_.networks.at(id)) &&
          !random_.chance(3))
        ids.push_back(other);
    if (random_.chance(3)) ids.push_back(some_network());
    for (std::size_t i = ids.size(); i > 1; --i) std::swap(ids[i - 1], ids[random_.below(i)]);
    return ids;
  }

  // The block that they are together.
  std::optional<Place> together(const std::vector<NetworkId>& ids) const {
    const Place& first = naive_.networks.at(ids.front());
    std::set<Address> addresses;
    for (const NetworkId id : ids) {
      const Place& place = naive_.networks.at(id);
      if (place.vrf != first.vrf || naive_.parent_of(place) != naive_.parent_of(first))
        return std::nullopt;
      for (Address a = place.prefix.base; a <= place.prefix.last(); ++a.value) addresses.insert(a);
    }
    Prefix block = first.prefix;
    block.base = *addresses.begin();
    for (block.length = 0; block.length <= bits_of(block.base.family); ++block.length)
      if (is_valid(block) && block.last() == *addresses.rbegin() &&
          (block.last().value - block.base.value + 1 == addresses.size()))
        return Place{first.vrf, block};
    return std::nullopt;
  }

  void merge() {
    const std::vector<NetworkId> ids = some_siblings();
    const Outcome outcome = apply_(MergeNetworks{ids});
    const bool are_different = std::set(ids.begin(), ids.end()).size() == ids.size();
    if (ids.size() < 2 || !are_different) {
      REQUIRE(error_of(outcome) == ErrorCode::invalid_argument);
      return;
    }
    if (!std::ranges::all_of(ids, [&](NetworkId id) { return naive_.networks.contains(id); })) {
      REQUIRE(error_of(outcome) == ErrorCode::network_not_found);
      return;
    }
    const auto whole = together(ids);
    if (!whole) {
      REQUIRE(error_of(outcome) == ErrorCode::networks_not_mergeable);
      return;
    }
    CAPTURE(to_string(whole->prefix));
    if (naive_.has(*whole)) {
      REQUIRE(error_of(outcome) == ErrorCode::network_exists);
      return;
    }
    const auto prefix_of = [&](const Address&) { return whole->prefix; };
    bool is_held = false, waits = false;
    for (const NetworkId id : ids) {
      is_held = is_held || would_lose_held(id, prefix_of);
      waits = waits || would_lose_waiting(id, prefix_of);
    }
    if (is_held || waits) {
      REQUIRE(is_one_of(outcome, {{is_held, ErrorCode::allocation_in_the_way},
                                  {waits, ErrorCode::address_in_quarantine}}));
      return;
    }
    const NetworkView& network = std::get<NetworkView>(outcome);
    REQUIRE(network.prefix == whole->prefix);
    const TimeMs wait = naive_.wait_ms.at(ids.front());
    std::optional<Address> gateway;
    for (const NetworkId id : ids)
      if (!gateway && naive_.gateways.contains(id)) gateway = naive_.gateways.at(id);
    REQUIRE(network.gateway() == gateway);
    for (const NetworkId id : ids)
      move(id, revision_,
                  [&](const Address&) { return std::optional(network.id); });
    naive_.networks[network.id] = *whole;
    naive_.wait_ms[network.id] = wait;
    if (gateway) naive_.gateways[network.id] = *gateway;
    ++reshaped_[1];
  }

  void resize(const Prefix& any_prefix) {
    const NetworkId id = some_network();
    if (!naive_.networks.contains(id)) return;
    const Place place = naive_.networks.at(id);
    const int width = bits_of(place.prefix.base.family);
    Prefix prefix{some_address(place.prefix), width - static_cast<int>(random_.below(10))};
    prefix.base.value &= prefix.mask();
    if (random_.chance(5)) prefix = any_prefix;
    UpdateNetwork update{.id = id};
    update.prefix = prefix;
    std::optional<Address> gateway;
    if (naive_.gateways.contains(id)) gateway = naive_.gateways.at(id);
    if (random_.chance(20)) {
      gateway.reset();
      if (random_.chance(70)) gateway = some_address(prefix);
      update.gateway = gateway;
    }
    CAPTURE(to_string(place.prefix));
    CAPTURE(to_string(prefix));
    const Outcome outcome = apply_(update);
    const Place then{place.vrf, prefix};
    const bool grows = prefix.contains(place.prefix);
    if (prefix == place.prefix) {
      REQUIRE_FALSE(error_of(outcome));
    } else if ((!grows && !place.prefix.contains(prefix)) ||
               (gateway && !prefix.contains(*gateway))) {
      REQUIRE(error_of(outcome) == ErrorCode::invalid_argument);
      return;
    } else if (naive_.has(then)) {
      REQUIRE(error_of(outcome) == ErrorCode::network_exists);
      return;
    } else if (naive_.parent_of(then) != (grows ? naive_.parent_of(place) : std::optional(id))) {
      REQUIRE(error_of(outcome) == ErrorCode::network_in_the_way);
      return;
    } else if (grows && naive_.parent_holds_some_of(then)) {
      REQUIRE(error_of(outcome) == ErrorCode::child_holds_allocations);
      return;
    } else if (grows && naive_.parent_waits_for_some_of(then)) {
      REQUIRE(error_of(outcome) == ErrorCode::address_in_quarantine);
      return;
    } else if (grows && naive_.parent_reserves_some_of(then)) {
      REQUIRE(error_of(outcome) == ErrorCode::address_reserved);
      return;
    } else {
      const auto prefix_of = [&](const Address&) { return prefix; };
      const bool is_held = would_lose_held(id, prefix_of);
      const bool waits = would_lose_waiting(id, prefix_of);
      const bool is_reserved = would_lose_reserved(id, prefix_of);
      if (is_held || waits || is_reserved) {
        REQUIRE(is_one_of(outcome, {{is_reserved, ErrorCode::address_reserved},
                                    {is_held, ErrorCode::allocation_in_the_way},
                                    {waits, ErrorCode::address_in_quarantine}}));
        return;
      }
      REQUIRE(std::get<NetworkView>(outcome).prefix == prefix);
      ++reshaped_[grows ? 2 : 3];
    }
    naive_.networks.at(id) = then;
    naive_.gateways.erase(id);
    if (gateway) naive_.gateways[id] = *gateway;
  }


  NaivePlan& naive_;
  base::Random& random_;
  ReshapeCounts& reshaped_;
  std::function<Outcome(const CommandBody&)> apply_;
  Revision revision_;
};

}  // namespace
