// A network of the address plan gets another prefix in its place. What it costs follows the
// children and the free runs that are concerned, not the allocations.
#include <algorithm>
#include <array>

#include "base/assert.hpp"
#include "ipam/address_plan.hpp"

namespace ipam {

namespace {

using Ranges = std::array<std::optional<FreeRun>, 2>;

// What `from` has below and above `other`; all of it below or above where they have nothing in
// common.
Ranges outside(const UsableRange& from, const UsableRange& other) {
  Ranges ranges;
  if (from.first < other.first)
    ranges[0] = FreeRun{from.first.value, std::min(from.last.value, other.first.value - 1)};
  if (other.last < from.last)
    ranges[1] = FreeRun{std::max(from.first.value, other.last.value + 1), from.last.value};
  return ranges;
}

}  // namespace

void AddressPlan::resize_free_set(NetworkState& state, const Prefix& prefix) {
  const UsableRange before = state.usable;
  const UsableRange after = usable_range(prefix);
  for (const auto& lost : outside(before, after)) {
    if (!lost) continue;
    take_runs(state.free, lost->first, lost->last);
    if (state.withheld) take_runs(state.withheld->nobodys, lost->first, lost->last);
  }
  state.free.set_range(after.first.value, after.last.value);
  state.usable = after;
  // What is gained goes by what is kept back, and the gateway may be usable now, or no longer.
  const auto gateway = state.network.gateway();
  const bool is_kept = gateway && after.first <= *gateway && *gateway <= after.last;
  if (state.withheld) state.withheld->nobodys.set_range(after.first.value, after.last.value);
  else if (is_kept) state.withheld = std::make_unique<Withheld>(after);
  if (state.withheld)
    state.withheld->gateway = is_kept ? std::optional(gateway->value) : std::nullopt;
  const PrefixTree<NetworkState>& tree = vrfs_.at(state.network.vrf).tree;
  for (const auto& gained : outside(after, before)) {
    if (!gained) continue;
    give_back(state, gained->first, gained->last);
    tree.for_each_child_of(prefix, [&](const NetworkState& child) {
      const U128 first = std::max(child.network.prefix.base.value, gained->first);
      const U128 last = std::min(child.network.prefix.last().value, gained->last);
      if (first <= last) take(state, first, last);
      ++steps_;
    });
  }
}

const Network& AddressPlan::resize_network(NetworkId id, const Prefix& prefix) {
  NetworkState& state = networks_.at(id);
  const Prefix before = state.network.prefix;
  const bool grows = prefix.contains(before);
  ASSERT(grows || before.contains(prefix));
  if (before == prefix) return state.network;
  PrefixTree<NetworkState>& tree = vrfs_.at(state.network.vrf).tree;
  NetworkState* const parent = tree.parent_of(before);
  tree.erase(before);
  ASSERT(tree.parent_of(prefix) == parent);
  // Who is a child of one of the two changes hands where it is in only one of the prefixes.
  std::vector<const NetworkState*> movers;
  std::uint64_t children_count = 0;
  tree.for_each_child_of(grows ? prefix : before, [&](const NetworkState& child) {
    const bool was_in = before.contains(child.network.prefix);
    const bool is_in = prefix.contains(child.network.prefix);
    if (is_in) ++children_count;
    ++steps_;
    if (was_in != is_in) movers.push_back(&child);
  });
  if (parent != nullptr) {
    take_back(*parent, before);
    if (grows)
      for (const NetworkState* mover : movers) take_back(*parent, mover->network.prefix);
    delegate(*parent, prefix);
    if (!grows)
      for (const NetworkState* mover : movers) delegate(*parent, mover->network.prefix);
    parent->children_count += grows ? -movers.size() : movers.size();
  }
  state.children_count = children_count;
  resize_free_set(state, prefix);
  if (state.withheld && state.withheld->is_empty()) state.withheld.reset();
  state.network.prefix = prefix;
  const bool is_inserted = tree.insert(prefix, &state);
  ASSERT(is_inserted);
  journal_.note([id, before](AddressPlan& plan) { plan.resize_network(id, before); });
  return state.network;
}

}  // namespace ipam
