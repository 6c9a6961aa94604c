#include <fmt/format.h>

#include <algorithm>

#include "base/assert.hpp"
#include "ipam/decision.hpp"
#include "ipam/digest.hpp"
#include "ipam/placement.hpp"

namespace ipam {

namespace {

// The addresses are free: makes the record of the command's fields.
Allocation hand_out(Decision& decision, const NetworkState& state, const Allocate& command,
                    U128 first, std::uint64_t count) {
  const Family family = state.network.prefix.base.family;
  Allocation allocation;
  allocation.id = AllocationId(decision.counters.next_allocation++);
  allocation.network_id = state.network.id;
  allocation.first = {family, first};
  allocation.last = {family, first + (count - 1)};
  allocation.hostname = command.hostname;
  allocation.description = command.description;
  allocation.tags = command.tags;
  allocation.allocated_at = decision.counters.now;
  if (command.ttl_seconds)
    allocation.expires_at =
        decision.counters.now + static_cast<TimeMs>(*command.ttl_seconds) * 1000;
  allocation.revision = decision.revision;
  if (command.options)
    allocation.extras.set({command.options->owner, command.options->metadata});
  const bool was_reached = state.is_threshold_reached();
  decision.plan.add_allocation(allocation);
  decision.changes.push_back(AllocationPut{allocation});
  decision.audit("ip_allocated", to_string(allocation.id),
                 sentence("Allocated", allocation, state.network));
  decision.note_threshold(state, was_reached);
  return allocation;
}

Error network_full(const NetworkState& state, std::uint64_t count) {
  std::string detail = "no available IP addresses in " + to_string(state.network.prefix);
  if (count > 1)
    detail += fmt::format(": {} in a row wanted, the longest free run is {}", count,
                          to_string(state.free.longest_run()));
  return {ErrorCode::network_full, std::move(detail)};
}

std::optional<Error> check_families(const NetworkState& state, const AllocateOptions& options) {
  const Family family = state.network.prefix.base.family;
  const auto check = [&](const Address& address) -> std::optional<Error> {
    if (address.family == family) return std::nullopt;
    return Error{ErrorCode::invalid_argument,
                 fmt::format("{} is not of the address family of {}", to_string(address),
                             to_string(state.network.prefix))};
  };
  for (const auto& address : {options.ip, options.range_start, options.range_end})
    if (address)
      if (auto error = check(*address)) return error;
  for (const AddressRange& range : options.exclude)
    if (auto error = check(range.first)) return error;
  return std::nullopt;
}

// Why the network does not hand out `count` addresses from this one on; nullopt: they are free, or
// kept back in a way that does not matter.
std::optional<Error> check_free(const Decision& decision, const NetworkState& state,
                                const Address& first, std::uint64_t count, bool force) {
  const Prefix& network = state.network.prefix;
  const UsableRange& usable = state.usable;
  const bool is_usable = usable.first <= first && first <= usable.last &&
                         usable.last.value - first.value >= count - 1;
  if (!is_usable)
    return Error{ErrorCode::address_not_usable,
                 fmt::format("{}{} is not within the usable addresses of {}: {} to {}",
                             to_string(first),
                             count > 1 ? fmt::format(" and {} in all", count) : "",
                             to_string(network), to_string(usable.first),
                             to_string(usable.last))};
  const Address last{first.family, first.value + (count - 1)};
  if (state.free.is_free(first.value, last.value)) return std::nullopt;
  if (const PackedAllocation held = state.first_allocation_in(first.value, last.value))
    return Error{ErrorCode::address_in_use,
                 fmt::format("{} of {} is in use: {} holds it", held_range(held),
                             to_string(network), to_string(held.id()))};
  const AddressPlan& plan = decision.plan;
  // What nobody holds and no child has is kept back: it is in quarantine or withheld.
  if (plan.first_child_in(state, first, last) == nullptr) {
    constexpr std::string_view advice = "with force: true it is handed out all the same";
    if (force) return std::nullopt;
    if (const Quarantine* waits =
            plan.first_quarantine_in(state.network.id, first.value, last.value))
      return in_quarantine(*waits, advice);
    // Else it is the gateway: who names it gets it.
    const Reservation* reserved = state.first_reservation_in(first.value, last.value);
    return reserved == nullptr ? std::nullopt : std::optional(in_reservation(*reserved, advice));
  }
  for (const Address& end : {first, last}) {
    const NetworkState* child = plan.network_of(state.network.vrf, end);
    if (child != nullptr && child != &state)
      return Error{ErrorCode::address_not_usable,
                   fmt::format("{} belongs to the child network {} ({}): allocate it there",
                               to_string(end), to_string(child->network.id),
                               to_string(child->network.prefix))};
  }
  return Error{ErrorCode::address_not_usable,
               fmt::format("a child network of {} lies between {} and {}",
                           to_string(network), to_string(first), to_string(last))};
}

Error no_room(const NetworkState& state, std::uint64_t count, bool scattered) {
  return {ErrorCode::network_full,
          fmt::format("no available IP addresses in {}: {}{} wanted, within what range, exclude "
                      "and align leave",
                      to_string(state.network.prefix), count,
                      count > 1 && !scattered ? " in a row" : "")};
}

Outcome hand_out_scattered(Decision& decision, const NetworkState& state, const Allocate& command,
                           Placement& placement) {
  if (placement.free_count() < command.count) return no_room(state, command.count, true);
  std::vector<Allocation> made;
  for (std::uint64_t i = 0; i < command.count; ++i) {
    const auto first = placement.find(1);
    ASSERT(first);
    made.push_back(hand_out(decision, state, command, *first, 1));
  }
  return made;
}

// The address that the owner gave back last, where it is wanted, and free or in quarantine after
// just that.
std::optional<U128> sticky_address(const Decision& decision, const NetworkState& state,
                                   const AllocateOptions& options) {
  const LastHeld* held = decision.plan.last_held(state.network.id, options.owner);
  if (held == nullptr) return std::nullopt;
  const Address& address = held->address;
  const auto excludes = [&](const AddressRange& range) {
    return range.first <= address && address <= range.last;
  };
  const bool is_wanted = (!options.range_start || *options.range_start <= address) &&
                         (!options.range_end || address <= *options.range_end) &&
                         std::none_of(options.exclude.begin(), options.exclude.end(), excludes) &&
                         (address.value & (options.align - 1)) == 0;
  if (!is_wanted || !state.network.prefix.contains(address)) return std::nullopt;
  if (state.is_withheld(address.value)) return std::nullopt;  // since then: it only waits
  if (state.free.is_free(address.value, address.value)) return address.value;
  const Quarantine* waits =
      decision.plan.first_quarantine_in(state.network.id, address.value, address.value);
  if (waits == nullptr || waits->allocation_id != held->allocation_id) return std::nullopt;
  return address.value;
}

Outcome allocate_with_options(Decision& decision, const NetworkState& state,
                              const Allocate& command) {
  const AllocateOptions none;
  const AllocateOptions& options = command.options ? *command.options : none;
  if (auto error = check_families(state, options)) return *std::move(error);
  if (options.unique_hostname) {
    const PackedAllocation holder =
        decision.plan.hostname_holder(state.network.id, command.hostname);
    if (holder) return hostname_in_use(state, command.hostname, holder);
  }
  if (options.ip) {
    if (auto error = check_free(decision, state, *options.ip, command.count, options.force))
      return *std::move(error);
    decision.cut_quarantines(state, options.ip->value, options.ip->value + (command.count - 1));
    return hand_out(decision, state, command, options.ip->value, command.count);
  }
  const bool is_sticky = strategy_of(state.network, options) == Strategy::sticky &&
                         !options.owner.empty() && command.count == 1 && !options.scattered;
  if (is_sticky)
    if (const auto address = sticky_address(decision, state, options)) {
      decision.cut_quarantines(state, *address, *address);
      return hand_out(decision, state, command, *address, 1);
    }
  Digest seed(decision.revision.value());
  seed.add(decision.counters.next_allocation);
  Placement placement(state, options, seed.value());
  if (options.scattered) return hand_out_scattered(decision, state, command, placement);
  const auto first = placement.find(command.count);
  if (!first) return no_room(state, command.count, false);
  return hand_out(decision, state, command, *first, command.count);
}

}  // namespace

std::string sentence(std::string_view verb, const Allocation& allocation,
                     const Network& network) {
  constexpr std::size_t rest_bytes = 64;  // two IPv4 addresses, a prefix, the words between
  std::string text;
  text.reserve(verb.size() + allocation.hostname.size() + rest_bytes);
  text += verb;
  text += ' ';
  append(text, allocation.first);
  if (allocation.last != allocation.first) {
    text += '-';
    append(text, allocation.last);
  }
  text += " in ";
  append(text, network.prefix);
  if (!allocation.hostname.empty()) {
    text += " for ";
    text += allocation.hostname;
  }
  return text;
}

Error hostname_in_use(const NetworkState& state, std::string_view hostname,
                      PackedAllocation holder) {
  return {ErrorCode::hostname_in_use,
          fmt::format("the hostname {} is in use in {}: {} has it with {}", hostname,
                      to_string(state.network.prefix), to_string(holder.id()),
                      held_range(holder))};
}

Outcome Decision::decide(const Allocate& command) {
  const NetworkState* state = nullptr;
  if (const auto* id = std::get_if<NetworkId>(&command.network)) {
    state = plan.network(*id);
    if (state == nullptr) return network_not_found(*id);
  } else {
    const Prefix& prefix = std::get<Prefix>(command.network);
    const VrfState* const vrf = plan.vrf(command.vrf);
    if (vrf == nullptr) return vrf_not_found(command.vrf);
    state = plan.network(vrf->vrf.id, prefix);
    if (state == nullptr)
      return Error{ErrorCode::network_not_found, "network not found: " + to_string(prefix)};
  }
  const Network& network = state->network;
  const bool is_forced = command.options && command.options->force;
  if (!hands_out_addresses(network.status()) && !is_forced)
    return network_not_active(network, "it hands out no addresses by itself; one that is named by "
                                       "ip is handed out with force: true");
  if (command.options || (network.extras && network.extras->strategy != Strategy::first))
    return allocate_with_options(*this, *state, command);
  const auto first = state->free.first_fit(command.count);
  if (!first) return network_full(*state, command.count);
  return hand_out(*this, *state, command, *first, command.count);
}

}  // namespace ipam
