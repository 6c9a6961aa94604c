#include <fmt/format.h>

#include "ipam/decision.hpp"

namespace ipam {

namespace {

// " in VRF blue"; nothing for the default one.
std::string in_vrf(const Vrf& vrf) {
  return vrf.id == vrf_default ? std::string() : " in VRF " + vrf.name;
}

}  // namespace

std::string held_range(const Address& first, const Address& last) {
  return first == last ? to_string(first) : to_string(first) + "-" + to_string(last);
}

std::string held_range(const Allocation& allocation) {
  return held_range(allocation.first, allocation.last);
}

Error network_not_found(NetworkId id) {
  return {ErrorCode::network_not_found, "network not found: " + to_string(id)};
}

Outcome Decision::decide(const CreateNetwork& command) {
  const Prefix& prefix = command.prefix;
  const VrfState* const vrf = plan.vrf(command.vrf);
  if (vrf == nullptr) return vrf_not_found(command.vrf);
  if (const NetworkState* existing = plan.network(vrf->vrf.id, prefix))
    return Error{ErrorCode::network_exists,
                 fmt::format("network {} already exists as {}", to_string(prefix),
                             to_string(existing->network.id))};
  if (const NetworkState* parent = plan.parent_of(vrf->vrf.id, prefix)) {
    const Allocation* held = parent->first_allocation_in(prefix.base.value, prefix.last().value);
    if (held != nullptr)
      return Error{ErrorCode::child_holds_allocations,
                   fmt::format("{} of network {} holds {}, which {} would cover",
                               to_string(held->id), to_string(parent->network.prefix),
                               held_range(*held), to_string(prefix))};
    const Quarantine* waits = plan.first_quarantine_in(parent->network.id, prefix.base.value,
                                                       prefix.last().value);
    if (waits != nullptr)
      return in_quarantine(*waits, fmt::format("{} would cover it", to_string(prefix)));
  }
  Network network;
  network.id = NetworkId(counters.next_network++);
  network.prefix = prefix;
  network.description = command.description;
  network.tags = command.tags;
  network.created_at = counters.now;
  network.updated_at = counters.now;
  network.revision = revision;
  network.quarantine_seconds = command.quarantine_seconds;
  network.vrf = vrf->vrf.id;
  const Network& added = plan.add_network(std::move(network));
  changes.push_back(NetworkPut{added});
  audit("network_created", to_string(added.id),
        "Created network " + to_string(prefix) + in_vrf(vrf->vrf));
  return NetworkView{added, plan.context(added)};
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
  const std::string where = in_vrf(plan.vrf(state->network.vrf)->vrf);
  plan.remove_network(command.id);
  changes.push_back(NetworkDeleted{command.id});
  audit("network_deleted", to_string(command.id), "Deleted network " + to_string(prefix) + where);
  return std::monostate();
}

}  // namespace ipam
