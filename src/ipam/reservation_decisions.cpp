// What is withheld from next-free: made, changed, deleted.
#include <fmt/format.h>

#include "ipam/decision.hpp"

namespace ipam {

namespace {

// "10.0.0.10-10.0.0.20 in 10.0.0.0/24: DHCP pool"
std::string described(const Reservation& reservation, const AddressPlan& plan) {
  std::string text = fmt::format("{} in {}", held_range(reservation.first, reservation.last),
                                 to_string(plan.network(reservation.network_id)->network.prefix));
  if (!reservation.reason.empty()) text += ": " + reservation.reason;
  return text;
}

// Why the network cannot have such a reservation.
std::optional<Error> check_range(const AddressPlan& plan, const NetworkState& state,
                                 const Address& first, const Address& last) {
  const Prefix& prefix = state.network.prefix;
  const std::string range = held_range(first, last);
  if (!prefix.contains(first) || !prefix.contains(last))
    return Error{ErrorCode::address_not_usable,
                 fmt::format("{} is not within {}", range, to_string(prefix))};
  if (const NetworkState* child = plan.first_child_in(state, first, last))
    return Error{ErrorCode::address_not_usable,
                 fmt::format("{} has addresses of the child network {} ({}): reserve them there",
                             range, to_string(child->network.id),
                             to_string(child->network.prefix))};
  if (const Reservation* other = state.first_reservation_in(first.value, last.value))
    return Error{ErrorCode::reservation_overlaps,
                 fmt::format("{} has addresses of {}, which reserves {}", range,
                             to_string(other->id), held_range(other->first, other->last))};
  if (state.reservation_count() < reservations_max) return std::nullopt;
  return Error{ErrorCode::too_many_reservations,
               fmt::format("{} has {} reservations, the most there may be", to_string(prefix),
                           reservations_max)};
}

// nullptr also where it is of another network than the one that is named.
const Reservation* find(const AddressPlan& plan, ReservationId id, NetworkId network_id) {
  const Reservation* found = plan.reservation(id);
  return found && (!network_id || network_id == found->network_id) ? found : nullptr;
}

// `network_id` names a network that is not there, or else one that does not have the reservation.
Error reservation_not_found(const AddressPlan& plan, ReservationId id, NetworkId network_id) {
  if (network_id && plan.network(network_id) == nullptr) return network_not_found(network_id);
  return {ErrorCode::reservation_not_found,
          fmt::format("reservation not found{}: {}",
                      network_id ? " in " + to_string(network_id) : std::string(),
                      to_string(id))};
}

// The fields that have another value, for the audit log.
std::string changed_fields(const Reservation& before, const Reservation& after) {
  ChangedFields fields;
  fields.add(before.reason != after.reason, "reason");
  fields.add(before.tags != after.tags, "tags");
  fields.add(before.metadata != after.metadata, "metadata");
  return fields.names();
}

}  // namespace

Error in_reservation(const Reservation& reservation, std::string_view advice) {
  return {ErrorCode::address_reserved,
          fmt::format("{} is reserved by {}{}; {}",
                      held_range(reservation.first, reservation.last), to_string(reservation.id),
                      reservation.reason.empty() ? std::string()
                                                 : fmt::format(" ({})", reservation.reason),
                      advice)};
}

Outcome Decision::decide(const CreateReservation& command) {
  const NetworkState* state = plan.network(command.network_id);
  if (state == nullptr) return network_not_found(command.network_id);
  if (auto error = check_range(plan, *state, command.first, command.last))
    return *std::move(error);
  Reservation reservation;
  reservation.id = ReservationId(counters.next_reservation++);
  reservation.network_id = command.network_id;
  reservation.first = command.first;
  reservation.last = command.last;
  reservation.reason = command.reason;
  reservation.tags = command.tags;
  reservation.metadata = command.metadata;
  reservation.created_at = counters.now;
  reservation.revision = revision;
  const Reservation& added = plan.add_reservation(std::move(reservation));
  changes.push_back(ReservationPut{added});
  audit("reservation_created", to_string(added.id), "Reserved " + described(added, plan));
  return added;
}

Outcome Decision::decide(const UpdateReservation& command) {
  const Reservation* before = find(plan, command.id, command.network_id);
  if (before == nullptr) return reservation_not_found(plan, command.id, command.network_id);
  Reservation after = *before;
  if (command.reason) after.reason = *command.reason;
  if (command.tags) after.tags = *command.tags;
  if (command.metadata)
    if (auto error = patch_metadata(after.metadata, *command.metadata)) return *std::move(error);
  const std::string fields = changed_fields(*before, after);
  if (fields.empty()) return *before;
  after.revision = revision;
  const Reservation& changed = plan.replace_reservation(std::move(after));
  changes.push_back(ReservationPut{changed});
  audit("reservation_updated", to_string(changed.id),
        fmt::format("Updated the reservation of {}: {}",
                    held_range(changed.first, changed.last), fields));
  return changed;
}

void Decision::delete_reservation(ReservationId id) {
  const Reservation& reservation = *plan.reservation(id);
  changes.push_back(ReservationDeleted{id, reservation.network_id});
  audit("reservation_deleted", to_string(id),
        "Deleted the reservation of " + described(reservation, plan));
  plan.remove_reservation(id);
}

Outcome Decision::decide(const DeleteReservation& command) {
  if (find(plan, command.id, command.network_id) == nullptr)
    return reservation_not_found(plan, command.id, command.network_id);
  delete_reservation(command.id);
  return std::monostate();
}

}  // namespace ipam
