#include <fmt/format.h>

#include "base/assert.hpp"
#include "ipam/decision.hpp"
#include "ipam/free_blocks.hpp"

namespace ipam {

namespace {

// The command's fields.
Network network_of(const CreateNetwork& command, VrfId vrf) {
  Network network;
  network.prefix = command.prefix;
  network.description = command.description;
  network.tags = command.tags;
  network.quarantine_seconds = command.quarantine_seconds;
  network.vrf = vrf;
  network.extras = command.extras;
  return network;
}

// Why it cannot be the network's gateway.
std::optional<Error> check_gateway(const Prefix& prefix, const std::optional<Address>& gateway) {
  if (!gateway || (gateway->family == prefix.base.family && prefix.contains(*gateway)))
    return std::nullopt;
  return Error{ErrorCode::invalid_argument,
               fmt::format("the gateway {} is not in {}", to_string(*gateway), to_string(prefix))};
}

// The fields that have another value, for the audit log.
std::string changed_fields(const Network& before, const Network& after) {
  ChangedFields fields;
  const NetworkExtras old = before.extras.value_or_default();
  const NetworkExtras now = after.extras.value_or_default();
  fields.add(before.description != after.description, "description");
  fields.add(before.tags != after.tags, "tags");
  fields.add(old.status != now.status, "status");
  fields.add(old.strategy != now.strategy, "strategy");
  fields.add(old.gateway != now.gateway, "gateway");
  fields.add(before.quarantine_seconds != after.quarantine_seconds, "quarantine_seconds");
  fields.add(old.threshold_percent != now.threshold_percent, "threshold_percent");
  fields.add(old.metadata != now.metadata, "metadata");
  return fields.names();
}

}  // namespace

std::string in_vrf(const Vrf& vrf) {
  return vrf.id == vrf_default ? std::string() : " in VRF " + vrf.name;
}

Error network_exists(const Network& existing) {
  return {ErrorCode::network_exists, fmt::format("network {} already exists as {}",
                                                 to_string(existing.prefix),
                                                 to_string(existing.id))};
}

Error not_longer(const Prefix& whole) {
  const int width = bits_of(whole.base.family);
  return {ErrorCode::invalid_argument,
          whole.length == width ? to_string(whole) + " has no room for other networks"
                                : fmt::format("prefix_length must be from {} to {} in {}",
                                              whole.length + 1, width, to_string(whole))};
}

std::optional<Error> check_parent(const AddressPlan& plan, VrfId vrf, const Prefix& prefix) {
  const NetworkState* const parent = plan.parent_of(vrf, prefix);
  if (parent == nullptr) return std::nullopt;
  const U128 last = prefix.last().value;
  if (const PackedAllocation held = parent->first_allocation_in(prefix.base.value, last))
    return Error{ErrorCode::child_holds_allocations,
                 fmt::format("{} of network {} holds {}, which {} would cover",
                             to_string(held.id()), to_string(parent->network.prefix),
                             held_range(held), to_string(prefix))};
  const Quarantine* const waits =
      plan.first_quarantine_in(parent->network.id, prefix.base.value, last);
  if (waits != nullptr)
    return in_quarantine(*waits, fmt::format("{} would cover it", to_string(prefix)));
  const Reservation* const reserved = parent->first_reservation_in(prefix.base.value, last);
  if (reserved == nullptr) return std::nullopt;
  return in_reservation(*reserved, fmt::format("{} would cover it", to_string(prefix)));
}

const Network& Decision::create(Network network) {
  network.id = NetworkId(counters.next_network++);
  network.created_at = counters.now;
  network.updated_at = counters.now;
  network.revision = revision;
  const Network& added = plan.add_network(std::move(network));
  changes.push_back(NetworkPut{added});
  audit("network_created", to_string(added.id),
        "Created network " + to_string(added.prefix) + in_vrf(plan.vrf(added.vrf)->vrf));
  return added;
}

Error network_not_active(const Network& network, std::string_view advice) {
  return {ErrorCode::network_not_active,
          fmt::format("{} is {}: {}", to_string(network.prefix), to_string(network.status()),
                      advice)};
}

std::optional<Error> patch_metadata(Metadata& metadata, const MetadataPatch& patch) {
  metadata = patched(std::move(metadata), patch);
  if (metadata.size() <= metadata_entries_max) return std::nullopt;
  return Error{ErrorCode::invalid_argument,
               fmt::format("metadata would have {} entries, {} are the most", metadata.size(),
                           metadata_entries_max)};
}

void Decision::note_threshold(const NetworkState& state, bool was_reached) {
  const bool is_reached = state.is_threshold_reached();
  // A network without a threshold any more has not fallen below it.
  const std::uint32_t percent = state.network.extras ? state.network.extras->threshold_percent : 0;
  if (is_reached == was_reached || percent == 0) return;
  const NetworkId id = state.network.id;
  changes.push_back(ThresholdCrossed{id, percent, is_reached});
  audit(is_reached ? "threshold_reached" : "threshold_cleared", to_string(id),
        fmt::format("{} {} its threshold of {}%: {} of {} addresses are allocated",
                    to_string(state.network.prefix), is_reached ? "has reached" : "is below",
                    percent, to_string(state.allocated), to_string(state.usable.count)));
}

std::string held_range(const Address& first, const Address& last) {
  return first == last ? to_string(first) : to_string(first) + "-" + to_string(last);
}

std::string held_range(PackedAllocation allocation) {
  return held_range(allocation.first(), allocation.last());
}

Error network_not_found(NetworkId id) {
  return {ErrorCode::network_not_found, "network not found: " + to_string(id)};
}

Outcome Decision::decide(const CreateNetwork& command) {
  const Prefix& prefix = command.prefix;
  const VrfState* const vrf = plan.vrf(command.vrf);
  if (vrf == nullptr) return vrf_not_found(command.vrf);
  if (command.extras)
    if (auto error = check_gateway(prefix, command.extras->gateway)) return *std::move(error);
  if (const NetworkState* existing = plan.network(vrf->vrf.id, prefix))
    return network_exists(existing->network);
  if (auto error = check_parent(plan, vrf->vrf.id, prefix)) return *std::move(error);
  const Network& added = create(network_of(command, vrf->vrf.id));
  return NetworkView{added, plan.context(added)};
}

Outcome Decision::decide(const UpdateNetwork& command) {
  const NetworkState* state = plan.network(command.id);
  if (state == nullptr) return network_not_found(command.id);
  Network network = state->network;
  if (command.prefix) network.prefix = *command.prefix;
  if (command.description) network.description = *command.description;
  if (command.tags) network.tags = *command.tags;
  if (command.quarantine_seconds) network.quarantine_seconds = *command.quarantine_seconds;
  NetworkExtras extras = network.extras.value_or_default();
  if (command.status) extras.status = *command.status;
  if (command.strategy) extras.strategy = *command.strategy;
  if (command.gateway) extras.gateway = *command.gateway;
  if (auto error = check_gateway(network.prefix, extras.gateway)) return *std::move(error);
  if (command.threshold_percent) extras.threshold_percent = *command.threshold_percent;
  if (command.metadata)
    if (auto error = patch_metadata(extras.metadata, *command.metadata)) return *std::move(error);
  network.extras.set(std::move(extras));
  if (network == state->network) return NetworkView{network, plan.context(network)};
  const Prefix before = state->network.prefix;
  const bool is_resized = network.prefix != before;
  if (is_resized)
    if (auto error = check_resize(plan, *state, network.prefix)) return *std::move(error);
  network.updated_at = counters.now;
  network.revision = revision;
  const std::string fields = changed_fields(state->network, network);
  const bool was_reached = state->is_threshold_reached();
  if (is_resized) plan.resize_network(command.id, network.prefix);
  const Network& changed = plan.replace_network(std::move(network));
  changes.push_back(NetworkPut{changed});
  const std::string where = in_vrf(plan.vrf(changed.vrf)->vrf);
  if (is_resized)
    audit("network_resized", to_string(changed.id),
          fmt::format("Resized network {} to {}{}", to_string(before), to_string(changed.prefix),
                      where));
  if (!fields.empty())
    audit("network_updated", to_string(changed.id),
          fmt::format("Updated network {}{}: {}", to_string(changed.prefix), where, fields));
  note_threshold(*state, was_reached);
  return NetworkView{changed, plan.context(changed)};
}

Outcome Decision::decide(const CarveNetworks& command) {
  const NetworkState* parent = plan.network(command.parent);
  if (parent == nullptr) return network_not_found(command.parent);
  const Prefix& whole = parent->network.prefix;
  if (!hands_out_blocks(parent->network.status()))
    return network_not_active(parent->network, "it hands out no blocks by itself; a network in it "
                                               "can be added by its CIDR");
  const int width = bits_of(whole.base.family);
  if (command.prefix_length <= whole.length || command.prefix_length > width)
    return not_longer(whole);
  const bool is_best = command.strategy == CarveStrategy::best;
  if (is_best) plan.note_steps(parent->free.run_count());
  const auto blocks =
      is_best ? best_free_blocks(plan, *parent, command.prefix_length, command.count)
              : free_blocks(plan, *parent, command.prefix_length, command.count);
  if (blocks.size() < command.count)
    return Error{ErrorCode::network_full,
                 fmt::format("no free /{} in {}: {} wanted, {} left", command.prefix_length,
                             to_string(whole), command.count, blocks.size())};
  std::vector<NetworkView> made;
  for (const Prefix& block : blocks) {
    const Network& added = create(
        network_of({block, command.description, command.tags}, parent->network.vrf));
    made.push_back({added, plan.context(added)});
  }
  return made;
}

Outcome Decision::decide(const DeleteNetwork& command) {
  const NetworkState* state = plan.network(command.id);
  if (state == nullptr) return network_not_found(command.id);
  if (!state->allocations.empty())
    return Error{ErrorCode::network_has_allocations,
                 fmt::format("cannot delete network with active allocations: {} has {}",
                             to_string(command.id), state->allocations.size())};
  const Prefix prefix = state->network.prefix;
  while (state->quarantined > 0)
    plan.remove_quarantine(command.id,
                           plan.first_quarantine_in(command.id, prefix.base.value,
                                                    prefix.last().value)->first.value);
  while (const Reservation* reservation =
             state->first_reservation_in(prefix.base.value, prefix.last().value))
    delete_reservation(reservation->id);
  const std::string where = in_vrf(plan.vrf(state->network.vrf)->vrf);
  plan.remove_network(command.id);
  changes.push_back(NetworkDeleted{command.id});
  audit("network_deleted", to_string(command.id), "Deleted network " + to_string(prefix) + where);
  return std::monostate();
}

}  // namespace ipam
