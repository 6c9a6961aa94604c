#include "ipam/scope.hpp"

#include <algorithm>

#include "ipam/decision.hpp"

namespace ipam {

namespace {

// A command that is not named here is refused for a token with a limit.
struct ScopeCheck {
  const AddressPlan& plan;
  const std::vector<VrfId>& vrfs;

  using Result = std::optional<Error>;

  bool has(VrfId vrf) const { return std::binary_search(vrfs.begin(), vrfs.end(), vrf); }

  // What is not there at all is told by the decision.
  Result in(const VrfReference& reference) const {
    const VrfState* const vrf = plan.vrf(reference);
    if (vrf == nullptr || has(vrf->vrf.id)) return std::nullopt;
    return vrf_not_found(reference);
  }
  Result in(NetworkId id) const {
    const NetworkState* const state = plan.network(id);
    if (state == nullptr || has(state->network.vrf)) return std::nullopt;
    return network_not_found(id);
  }
  Result in(AllocationId id) const {
    // One that has ended was in some network: whose is not known here.
    const PackedAllocation allocation = plan.allocation(id);
    if (allocation && !in(allocation.network_id())) return std::nullopt;
    return Error{ErrorCode::allocation_not_found, "allocation not found: " + to_string(id)};
  }

  Result in(ReservationId id) const {
    const Reservation* const reservation = plan.reservation(id);
    if (reservation == nullptr || !in(reservation->network_id)) return std::nullopt;
    return Error{ErrorCode::reservation_not_found, "reservation not found: " + to_string(id)};
  }

  Result operator()(const CreateNetwork& command) const { return in(command.vrf); }
  Result operator()(const UpdateNetwork& command) const { return in(command.id); }
  Result operator()(const DeleteNetwork& command) const { return in(command.id); }
  Result operator()(const CarveNetworks& command) const { return in(command.parent); }
  Result operator()(const Allocate& command) const {
    const auto* id = std::get_if<NetworkId>(&command.network);
    return id != nullptr && *id ? in(*id) : in(command.vrf);
  }
  Result operator()(const CreateReservation& command) const {
    return command.network_id ? in(command.network_id) : in(command.vrf);
  }
  Result operator()(const UpdateReservation& command) const {
    if (auto error = in(command.network_id)) return error;
    return in(command.id);
  }
  Result operator()(const DeleteReservation& command) const {
    if (auto error = in(command.network_id)) return error;
    return in(command.id);
  }
  Result operator()(const SplitNetwork& command) const { return in(command.id); }
  Result operator()(const MergeNetworks& command) const {
    for (const NetworkId id : command.ids) {
      if (plan.network(id) == nullptr) return network_not_found(id);
      if (auto error = in(id)) return error;
    }
    return std::nullopt;
  }
  Result operator()(const Release& command) const { return in(command.id); }
  Result operator()(const UpdateAllocation& command) const { return in(command.id); }
  Result operator()(const RenewLease& command) const { return in(command.id); }
  Result operator()(const Transaction&) const { return std::nullopt; }
  Result operator()(const Import&) const { return std::nullopt; }
  template <class Other>
  Result operator()(const Other&) const {
    return Error{ErrorCode::forbidden,
                 "the token is limited to VRFs, and this is not about one of their networks"};
  }
};

const std::vector<VrfId> no_limit;

}  // namespace

std::optional<Error> check_token(const AddressPlan& plan, const Command& command, TimeMs now) {
  if (!command.token) return std::nullopt;
  const Token* const token = plan.tokens().find(command.token);
  if (token != nullptr && !token->is_expired(now)) return std::nullopt;
  return Error{ErrorCode::unauthenticated, token == nullptr
                                               ? "the token was revoked: nothing was changed"
                                               : "the token has expired: nothing was changed"};
}

const std::vector<VrfId>& vrfs_of(const AddressPlan& plan, const Command& command) {
  const Token* const token = plan.tokens().find(command.token);
  return token != nullptr ? token->vrfs : no_limit;
}

std::optional<Error> check_scope(const AddressPlan& plan, const std::vector<VrfId>& vrfs,
                                 const CommandBody& body) {
  if (vrfs.empty()) return std::nullopt;
  return std::visit(ScopeCheck{plan, vrfs}, body);
}

}  // namespace ipam
