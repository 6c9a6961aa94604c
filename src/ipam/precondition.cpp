#include "ipam/precondition.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace ipam {

namespace {

// What a command is about. One that is not here takes no precondition.
VrfReference target_of(const UpdateVrf& command) { return command.vrf; }
VrfReference target_of(const DeleteVrf& command) { return command.vrf; }
NetworkId target_of(const UpdateNetwork& command) { return command.id; }
NetworkId target_of(const DeleteNetwork& command) { return command.id; }
NetworkId target_of(const SplitNetwork& command) { return command.id; }
AllocationId target_of(const UpdateAllocation& command) { return command.id; }
AllocationId target_of(const RenewLease& command) { return command.id; }
AllocationId target_of(const Release& command) { return command.id; }
ReservationId target_of(const UpdateReservation& command) { return command.id; }
ReservationId target_of(const DeleteReservation& command) { return command.id; }

template <typename Body>
concept HasTarget = requires(const Body& body) { target_of(body); };

struct Found {
  std::string name;
  Revision revision;
};

std::optional<Found> find(const AddressPlan& plan, const VrfReference& reference) {
  const VrfState* state = plan.vrf(reference);
  if (state == nullptr) return std::nullopt;
  return Found{to_string(state->vrf.id), state->vrf.revision};
}

std::optional<Found> find(const AddressPlan& plan, NetworkId id) {
  const NetworkState* state = plan.network(id);
  if (state == nullptr) return std::nullopt;
  return Found{to_string(id), state->network.revision};
}

std::optional<Found> find(const AddressPlan& plan, AllocationId id) {
  const PackedAllocation allocation = plan.allocation(id);
  if (!allocation) return std::nullopt;
  return Found{to_string(id), allocation.unpacked().revision};
}

std::optional<Found> find(const AddressPlan& plan, ReservationId id) {
  const Reservation* reservation = plan.reservation(id);
  if (reservation == nullptr) return std::nullopt;
  return Found{to_string(id), reservation->revision};
}

}  // namespace

bool takes_precondition(const CommandBody& body) {
  return std::visit([]<typename Body>(const Body&) { return HasTarget<Body>; }, body);
}

std::optional<Error> check_precondition(const AddressPlan& plan, const Command& command) {
  if (!command.precondition) return std::nullopt;
  const auto found = std::visit(
      [&]<typename Body>(const Body& body) -> std::optional<Found> {
        if constexpr (HasTarget<Body>)
          return find(plan, target_of(body));
        else
          return std::nullopt;
      },
      command.body);
  if (!found) return std::nullopt;
  const auto& wanted = command.precondition->revisions;
  if (std::find(wanted.begin(), wanted.end(), found->revision) != wanted.end())
    return std::nullopt;
  Error error{ErrorCode::precondition_failed,
              fmt::format("{} has changed: it is of revision {} now, which If-Match does not name",
                          found->name, found->revision.value())};
  error.current = found->revision;
  return error;
}

}  // namespace ipam
