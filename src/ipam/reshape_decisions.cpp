// Networks that change their size: one into several, several into one, one that grows or shrinks.
// What they hold stays held: where it cannot, the decision is refused and names the first obstacle.
#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "base/assert.hpp"
#include "ipam/decision.hpp"

namespace ipam {

namespace {

// All that a network holds of its own, what is in its children not included.
struct Holdings {
  std::vector<Allocation> allocations;
  std::vector<Quarantine> quarantines;
  std::vector<LastHeld> last_held;
  std::vector<Reservation> reservations;
};

// The lowest reservation of the network.
const Reservation* any_reservation(const NetworkState& state) {
  const Prefix& prefix = state.network.prefix;
  return state.first_reservation_in(prefix.base.value, prefix.last().value);
}

// Of the network, which has nothing of it any more then.
void take_out(AddressPlan& plan, const NetworkState& state, Holdings& holdings) {
  const NetworkId id = state.network.id;
  while (!state.allocations.empty())
    holdings.allocations.push_back(plan.remove_allocation((*state.allocations.begin()).id()));
  const auto& quarantines = plan.quarantines();
  for (auto next = quarantines.lower_bound({id, 0});
       next != quarantines.end() && next->first.first == id;
       next = quarantines.lower_bound({id, 0}))
    holdings.quarantines.push_back(plan.remove_quarantine(id, next->first.second));
  while (const LastHeld* const held = plan.any_last_held(id)) {
    holdings.last_held.push_back(*held);
    plan.remove_last_held(id, holdings.last_held.back().owner);
  }
  while (const Reservation* const reservation = any_reservation(state)) {
    holdings.reservations.push_back(*reservation);
    plan.remove_reservation(holdings.reservations.back().id);
  }
}

// The network that has the address from now on; nullptr: none.
using Home = std::function<const Network*(const Address&)>;

void put_allocation(Decision& decision, Allocation allocation, const Home& home) {
  allocation.network_id = home(allocation.first)->id;
  allocation.revision = decision.revision;
  decision.plan.add_allocation(allocation);
  decision.changes.push_back(AllocationPut{std::move(allocation)});
}

// In as many parts as there are networks that have some of it.
void put_quarantine(Decision& decision, Quarantine quarantine, const Home& home) {
  const Address last = quarantine.last;
  while (true) {
    const Network& network = *home(quarantine.first);
    quarantine.network_id = network.id;
    quarantine.last = std::min(last, network.prefix.last());
    decision.changes.push_back(QuarantinePut{quarantine});
    decision.plan.add_quarantine(quarantine);
    if (quarantine.last == last) return;
    quarantine.first.value = quarantine.last.value + 1;
  }
}

// An owner has one address in a network: the one given back last.
void put_last_held(Decision& decision, LastHeld held, const Home& home) {
  const Network* const network = home(held.address);
  if (network == nullptr) return;
  const LastHeld* const other = decision.plan.last_held(network->id, held.owner);
  const auto age = [](const LastHeld& one) { return std::pair(one.revision, one.allocation_id); };
  if (other != nullptr && age(held) < age(*other)) return;
  held.network_id = network->id;
  decision.changes.push_back(LastHeldPut{held});
  decision.plan.put_last_held(std::move(held));
}

void put_reservation(Decision& decision, Reservation reservation, const Home& home) {
  reservation.network_id = home(reservation.first)->id;
  reservation.revision = decision.revision;
  decision.changes.push_back(
      ReservationPut{decision.plan.add_reservation(std::move(reservation))});
}

// REQUIRES: check_holdings() said so of each network that the holdings are from.
void put_in(Decision& decision, Holdings holdings, const Home& home) {
  for (Allocation& allocation : holdings.allocations)
    put_allocation(decision, std::move(allocation), home);
  for (Quarantine& quarantine : holdings.quarantines)
    put_quarantine(decision, std::move(quarantine), home);
  for (LastHeld& held : holdings.last_held) put_last_held(decision, std::move(held), home);
  for (Reservation& reservation : holdings.reservations)
    put_reservation(decision, std::move(reservation), home);
}

// The command moves what the network holds, and makes `made` networks: nullopt where that is not
// too much with what it has moved before.
std::optional<Error> count_moves(Decision& decision, const NetworkState& state,
                                 std::uint64_t made) {
  const AddressPlan& plan = decision.plan;
  const NetworkId id = state.network.id;
  std::size_t& moves = decision.moves;
  moves += state.allocations.size() + state.reservation_count() + made;
  const auto quarantines = plan.quarantines().lower_bound({id, 0});
  for (auto it = quarantines; moves <= moves_max && it != plan.quarantines().end(); ++it, ++moves)
    if (it->first.first != id) break;
  const auto owners = plan.last_held().lower_bound({id, std::string()});
  for (auto it = owners; moves <= moves_max && it != plan.last_held().end(); ++it, ++moves)
    if (it->first.first != id) break;
  if (moves <= moves_max) return std::nullopt;
  return Error{ErrorCode::too_much_to_move,
               fmt::format("more than {} allocations, reservations, quarantines and networks would "
                           "move at once; "
                           "{} has {} allocations",
                           moves_max, to_string(state.network.prefix), state.allocations.size())};
}

Prefix block_of(Address address, int length) {
  Prefix block{address, length};
  block.base.value &= block.mask();
  return block;
}

bool hands_out(const Prefix& prefix, const Address& first, const Address& last) {
  const UsableRange usable = usable_range(prefix);
  return usable.first <= first && last <= usable.last;
}

Error in_the_way(const NetworkState& state, PackedAllocation held, std::string_view why) {
  return {ErrorCode::allocation_in_the_way,
          fmt::format("{} of network {} holds {}, {}", to_string(held.id()),
                      to_string(state.network.prefix), held_range(held), why)};
}

std::string not_handed_out(const Prefix& prefix) {
  return fmt::format("which {} would not hand out", to_string(prefix));
}

// The lowest thing that the network holds in [first, last], which `prefix` would not hand out.
std::optional<Error> check_range(const AddressPlan& plan, const NetworkState& state, U128 first,
                                 U128 last, const Prefix& prefix) {
  if (first > last) return std::nullopt;
  if (const PackedAllocation held = state.first_allocation_in(first, last))
    return in_the_way(state, held, not_handed_out(prefix));
  if (const Quarantine* waits = plan.first_quarantine_in(state.network.id, first, last))
    return in_quarantine(*waits, to_string(prefix) + " would not hand it out then");
  return std::nullopt;
}

// The lowest reservation that is not within the prefix.
std::optional<Error> check_reservations(const NetworkState& state, const Prefix& prefix) {
  const Prefix& now = state.network.prefix;
  const Reservation* outside = nullptr;
  if (now.base < prefix.base)
    outside = state.first_reservation_in(now.base.value, prefix.base.value - 1);
  if (outside == nullptr && prefix.last() < now.last())
    outside = state.first_reservation_in(prefix.last().value + 1, now.last().value);
  if (outside == nullptr) return std::nullopt;
  return in_reservation(*outside, to_string(prefix) + " would not have all of it");
}

// Of what the network holds, what a network of this prefix could not hold.
std::optional<Error> check_holdings(const AddressPlan& plan, const NetworkState& state,
                                    const Prefix& prefix) {
  if (auto error = check_reservations(state, prefix)) return error;
  const UsableRange& now = state.usable;
  const UsableRange then = usable_range(prefix);
  if (now.first < then.first)
    if (auto error = check_range(plan, state, now.first.value,
                                 std::min(now.last.value, then.first.value - 1), prefix))
      return error;
  if (then.last >= now.last) return std::nullopt;
  return check_range(plan, state, std::max(now.first.value, then.last.value + 1), now.last.value,
                     prefix);
}

// The same where the network is split into blocks of this length. O(n) of what it holds.
std::optional<Error> check_split(const AddressPlan& plan, const NetworkState& state, int length) {
  for (const PackedAllocation held : state.allocations) {
    const Prefix block = block_of(held.first(), length);
    if (!block.contains(held.last()))
      return in_the_way(state, held,
                        fmt::format("which {} would have in part alone", to_string(block)));
    if (!hands_out(block, held.first(), held.last()))
      return in_the_way(state, held, not_handed_out(block));
  }
  const U128 end = state.network.prefix.last().value;
  for (const Reservation* reserved = any_reservation(state); reserved != nullptr;) {
    const Prefix block = block_of(reserved->first, length);
    const U128 last = reserved->last.value;
    if (!block.contains(reserved->last))
      return in_reservation(*reserved, to_string(block) + " would have a part of it alone");
    reserved = last == end ? nullptr : state.first_reservation_in(last + 1, end);
  }
  const auto& quarantines = plan.quarantines();
  const NetworkId id = state.network.id;
  for (auto it = quarantines.lower_bound({id, 0});
       it != quarantines.end() && it->first.first == id; ++it) {
    const Quarantine& waits = it->second;
    Address first = waits.first;
    while (true) {
      const Prefix block = block_of(first, length);
      const Address last = std::min(block.last(), waits.last);
      if (!hands_out(block, first, last))
        return in_quarantine(waits, to_string(block) + " would not hand all of it out then");
      if (last == waits.last) break;
      first.value = last.value + 1;
    }
  }
  return std::nullopt;
}

// A child that none of the blocks would contain.
std::optional<Error> check_children(const AddressPlan& plan, const NetworkState& state,
                                    int length) {
  const NetworkState* found = nullptr;
  plan.vrf(state.network.vrf)->tree.for_each_child_of(
      state.network.prefix, [&](const NetworkState& child) {
        if (found == nullptr && child.network.prefix.length <= length) found = &child;
      });
  if (found == nullptr) return std::nullopt;
  return Error{ErrorCode::network_in_the_way,
               fmt::format("the child network {} ({}) is as large as a /{}, or larger",
                           to_string(found->network.id), to_string(found->network.prefix),
                           length)};
}

Error not_mergeable(std::string detail) {
  return {ErrorCode::networks_not_mergeable, std::move(detail)};
}

std::string name_of(const Network& network) {
  return fmt::format("{} ({})", to_string(network.id), to_string(network.prefix));
}

// The block that the networks are together; an Error where they are none.
base::Result<Prefix, Error> block_together(const AddressPlan& plan,
                                           std::vector<const NetworkState*> states) {
  const Network& one = states.front()->network;
  const NetworkState* const parent = plan.parent_of(one.vrf, one.prefix);
  for (const NetworkState* state : states) {
    const Network& other = state->network;
    const auto apart = [&](std::string_view what) {
      return base::fail(not_mergeable(fmt::format("{} and {} are {}", name_of(one),
                                                  name_of(other), what)));
    };
    if (other.vrf != one.vrf) return apart("in different VRFs");
    if (other.prefix.base.family != one.prefix.base.family)
      return apart("of different address families");
    // So none of them contains another.
    if (plan.parent_of(other.vrf, other.prefix) != parent)
      return apart("not children of the same network");
  }
  std::sort(states.begin(), states.end(), [](const NetworkState* a, const NetworkState* b) {
    return a->network.prefix.base < b->network.prefix.base;
  });
  for (std::size_t i = 1; i < states.size(); ++i) {
    const Network& before = states[i - 1]->network;
    const Network& after = states[i]->network;
    if (before.prefix.last().value + 1 != after.prefix.base.value)
      return base::fail(not_mergeable(fmt::format("there is a gap between {} and {}",
                                                  name_of(before), name_of(after))));
  }
  const Prefix& first = states.front()->network.prefix;
  const Address last = states.back()->network.prefix.last();
  Prefix block = first;
  while (!block.contains(last)) block = block_of(first.base, block.length - 1);
  if (block.base == first.base && block.last() == last) return block;
  return base::fail(not_mergeable(fmt::format("{} to {} is not one CIDR block: the smallest that "
                                              "contains it is {}",
                                              to_string(first.base), to_string(last),
                                              to_string(block))));
}

// As the first of them is, with what the others add to it.
base::Result<Network, Error> merged(const std::vector<const NetworkState*>& states,
                                    const Prefix& block) {
  Network network = states.front()->network;
  network.prefix = block;
  NetworkExtras extras = network.extras.value_or_default();
  for (const NetworkState* state : states) {
    if (!extras.gateway) extras.gateway = state->network.gateway();
    for (const std::string& tag : state->network.tags)
      if (std::find(network.tags.begin(), network.tags.end(), tag) == network.tags.end())
        network.tags.push_back(tag);
    if (network.tags.size() > tags_max)
      return base::fail(Error{ErrorCode::invalid_argument,
                              fmt::format("together they have more than {} tags", tags_max)});
  }
  network.extras.set(std::move(extras));
  return network;
}

// It is empty, and gone then.
void remove(Decision& decision, const Network& network) {
  const NetworkId id = network.id;
  std::string details = "Deleted network " + to_string(network.prefix) +
                        in_vrf(decision.plan.vrf(network.vrf)->vrf);
  decision.plan.remove_network(id);
  decision.changes.push_back(NetworkDeleted{id});
  decision.audit("network_deleted", to_string(id), std::move(details));
}

}  // namespace

std::optional<Error> check_resize(const AddressPlan& plan, const NetworkState& state,
                                  const Prefix& prefix) {
  const Network& network = state.network;
  const bool grows = prefix.contains(network.prefix);
  if (!grows && !network.prefix.contains(prefix))
    return Error{ErrorCode::invalid_argument,
                 fmt::format("{} cannot become {}: one must contain the other",
                             to_string(network.prefix), to_string(prefix))};
  if (const NetworkState* existing = plan.network(network.vrf, prefix))
    return network_exists(existing->network);
  const NetworkState* const parent = plan.parent_of(network.vrf, network.prefix);
  const NetworkState* const then = plan.parent_of(network.vrf, prefix);
  if (grows && then != parent)
    return Error{ErrorCode::network_in_the_way,
                 fmt::format("{} would contain the parent {}", to_string(prefix),
                             name_of(parent->network))};
  if (!grows && then != &state)
    return Error{ErrorCode::network_in_the_way,
                 fmt::format("{} would lie in the child {}", to_string(prefix),
                             name_of(then->network))};
  if (grows)
    if (auto error = check_parent(plan, network.vrf, prefix)) return error;
  return check_holdings(plan, state, prefix);
}

Outcome Decision::decide(const SplitNetwork& command) {
  const NetworkState* const state = plan.network(command.id);
  if (state == nullptr) return network_not_found(command.id);
  const Network whole = state->network;
  const int length = command.prefix_length;
  if (length <= whole.prefix.length || length > bits_of(whole.prefix.base.family))
    return not_longer(whole.prefix);
  const int bits = length - whole.prefix.length;
  if (bits >= 64 || (std::uint64_t{1} << bits) > subnets_max)
    return Error{ErrorCode::invalid_argument,
                 fmt::format("{} has more than {} blocks of /{}", to_string(whole.prefix),
                             subnets_max, length)};
  const std::uint64_t count = std::uint64_t{1} << bits;
  if (auto error = count_moves(*this, *state, count)) return *std::move(error);
  if (auto error = check_children(plan, *state, length)) return *std::move(error);
  if (auto error = check_split(plan, *state, length)) return *std::move(error);

  Holdings holdings;
  take_out(plan, *state, holdings);
  remove(*this, whole);
  std::vector<NetworkId> ids;
  Prefix block{whole.prefix.base, length};
  while (true) {
    Network piece = whole;
    piece.prefix = block;
    NetworkExtras extras = whole.extras.value_or_default();
    if (extras.gateway && !block.contains(*extras.gateway)) extras.gateway.reset();
    piece.extras.set(std::move(extras));
    ids.push_back(create(std::move(piece)).id);
    if (ids.size() == count) break;
    block.base.value = block.last().value + 1;
  }
  put_in(*this, std::move(holdings), [&](const Address& address) -> const Network* {
    // What was last held may lie outside of it: it was larger once.
    if (!whole.prefix.contains(address)) return nullptr;
    return &plan.network(whole.vrf, block_of(address, length))->network;
  });
  audit("network_split", to_string(whole.id),
        fmt::format("Split network {}{} into {} networks of /{}: {} to {}",
                    to_string(whole.prefix), in_vrf(plan.vrf(whole.vrf)->vrf), count, length,
                    to_string(ids.front()), to_string(ids.back())));
  std::vector<NetworkView> pieces;
  for (const NetworkId id : ids) {
    const NetworkState& piece = *plan.network(id);
    note_threshold(piece, false);
    pieces.push_back({piece.network, plan.context(piece.network)});
  }
  return pieces;
}

Outcome Decision::decide(const MergeNetworks& command) {
  std::vector<const NetworkState*> states;
  for (const NetworkId id : command.ids) {
    states.push_back(plan.network(id));
    if (states.back() == nullptr) return network_not_found(id);
  }
  const auto block = block_together(plan, states);
  if (!block) return block.error();
  if (const NetworkState* existing = plan.network(states.front()->network.vrf, *block))
    return network_exists(existing->network);
  auto network = merged(states, *block);
  if (!network) return network.error();
  std::size_t reservations = 0;
  for (const NetworkState* state : states) {
    reservations += state->reservation_count();
    if (auto error = count_moves(*this, *state, 1)) return *std::move(error);
    if (auto error = check_holdings(plan, *state, *block)) return *std::move(error);
  }
  if (reservations > reservations_max)
    return Error{ErrorCode::too_many_reservations,
                 fmt::format("together they have {} reservations, {} are the most", reservations,
                             reservations_max)};

  Holdings holdings;
  std::string names;
  for (const NetworkState* state : states) {
    if (names.size() < description_bytes_max)
      names += (names.empty() ? "" : ", ") + name_of(state->network);
    take_out(plan, *state, holdings);
    remove(*this, Network(state->network));
  }
  const Network& whole = create(std::move(network).value());
  put_in(*this, std::move(holdings), [&](const Address&) { return &whole; });
  audit("network_merged", to_string(whole.id),
        fmt::format("Merged {} networks into {}{}: {}", states.size(), to_string(whole.prefix),
                    in_vrf(plan.vrf(whole.vrf)->vrf), names));
  note_threshold(*plan.network(whole.id), false);
  return NetworkView{whole, plan.context(whole)};
}

}  // namespace ipam
