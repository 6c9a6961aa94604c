#include <fmt/format.h>

#include "ipam/decision.hpp"

namespace ipam {

namespace {

Error vrf_exists(const std::string& name, const VrfState& existing) {
  return {ErrorCode::vrf_exists,
          fmt::format("VRF {} already exists as {}", name, to_string(existing.vrf.id))};
}

VrfView view_of(const AddressPlan& plan, VrfId id) {
  const VrfState* state = plan.vrf(id);
  return {state->vrf, state->tree.size()};
}

}  // namespace

Error vrf_not_found(const VrfReference& vrf) {
  const auto* id = std::get_if<VrfId>(&vrf);
  return {ErrorCode::vrf_not_found,
          "VRF not found: " + (id != nullptr ? to_string(*id) : std::get<std::string>(vrf))};
}

Outcome Decision::decide(const CreateVrf& command) {
  if (const VrfState* existing = plan.vrf(VrfReference(command.name)))
    return vrf_exists(command.name, *existing);
  if (plan.vrfs().size() >= vrfs_max)
    return Error{ErrorCode::too_many_vrfs, fmt::format("there are {} VRFs already", vrfs_max)};
  Vrf vrf;
  vrf.id = VrfId(counters.next_vrf++);
  vrf.name = command.name;
  vrf.description = command.description;
  vrf.created_at = counters.now;
  vrf.updated_at = counters.now;
  vrf.revision = revision;
  changes.push_back(VrfPut{vrf});
  audit("vrf_created", to_string(vrf.id), "Created VRF " + vrf.name);
  const VrfId id = vrf.id;
  plan.put_vrf(std::move(vrf));
  return view_of(plan, id);
}

Outcome Decision::decide(const UpdateVrf& command) {
  const VrfState* const state = plan.vrf(command.vrf);
  if (state == nullptr) return vrf_not_found(command.vrf);
  Vrf vrf = state->vrf;
  if (command.name && *command.name != vrf.name) {
    if (vrf.id == vrf_default)
      return Error{ErrorCode::vrf_is_default, "the VRF default cannot be renamed"};
    if (const VrfState* existing = plan.vrf(VrfReference(*command.name)))
      return vrf_exists(*command.name, *existing);
    vrf.name = *command.name;
  }
  if (command.description) vrf.description = *command.description;
  const VrfId id = vrf.id;
  if (vrf == state->vrf) return view_of(plan, id);
  vrf.updated_at = counters.now;
  vrf.revision = revision;
  changes.push_back(VrfPut{vrf});
  audit("vrf_updated", to_string(id), "Updated VRF " + vrf.name);
  plan.put_vrf(std::move(vrf));
  return view_of(plan, id);
}

Outcome Decision::decide(const DeleteVrf& command) {
  const VrfState* const state = plan.vrf(command.vrf);
  if (state == nullptr) return vrf_not_found(command.vrf);
  const VrfId id = state->vrf.id;
  if (id == vrf_default)
    return Error{ErrorCode::vrf_is_default, "the VRF default cannot be deleted"};
  if (state->tree.size() > 0)
    return Error{ErrorCode::vrf_has_networks,
                 fmt::format("cannot delete VRF {} with networks: it has {}", state->vrf.name,
                             state->tree.size())};
  changes.push_back(VrfDeleted{id});
  audit("vrf_deleted", to_string(id), "Deleted VRF " + state->vrf.name);
  plan.remove_vrf(id);
  return std::monostate();
}

}  // namespace ipam
