// What becomes of an allocation after it was made: changes of its fields, renewal, its end.
#include <fmt/format.h>

#include "base/assert.hpp"
#include "ipam/decision.hpp"

namespace ipam {

namespace {

void put_quarantine(Decision& decision, Quarantine quarantine) {
  decision.changes.push_back(QuarantinePut{quarantine});
  decision.plan.add_quarantine(std::move(quarantine));
}

// For when its owner comes again; a block or an allocation without an owner leaves nothing.
void remember(Decision& decision, const Allocation& ended) {
  if (!ended.extras || ended.extras->owner.empty() || ended.first != ended.last) return;
  AddressPlan& plan = decision.plan;
  const LastHeld held{ended.network_id, ended.extras->owner, ended.first, ended.id,
                      decision.revision};
  plan.put_last_held(held);
  decision.changes.push_back(LastHeldPut{held});
  if (plan.last_held().size() <= last_held_max) return;
  const LastHeld oldest = plan.oldest_last_held();
  plan.remove_last_held(oldest.network_id, oldest.owner);
  decision.changes.push_back(LastHeldForgotten{oldest.network_id, oldest.owner});
}

// Ends an active allocation: memory forgets it, the change tells the history. Its addresses wait
// for as long as the network says.
void end_allocation(Decision& decision, AllocationId id, AllocationStatus status,
                    std::string action, std::string_view verb) {
  const NetworkState& state = *decision.plan.network(decision.plan.allocation(id).network_id());
  const bool was_reached = state.is_threshold_reached();
  Allocation ended = decision.plan.remove_allocation(id);
  ended.status = status;
  ended.released_at = decision.counters.now;
  ended.revision = decision.revision;
  std::string details = sentence(verb, ended, state.network);
  const TimeMs wait_ms = TimeMs{1000} * state.network.quarantine_seconds;
  const Quarantine quarantine{ended.network_id, ended.first, ended.last,
                              decision.counters.now + wait_ms, id};
  remember(decision, ended);
  decision.changes.push_back(AllocationPut{std::move(ended)});
  if (wait_ms > 0) put_quarantine(decision, quarantine);
  decision.audit(std::move(action), to_string(id), std::move(details));
  decision.note_threshold(state, was_reached);
}

// Why the allocation cannot be changed; nullopt: it is active, and has the fence that is given.
std::optional<Error> check_active(const Decision& decision, AllocationId id,
                                  std::optional<std::uint64_t> fence) {
  if (!decision.plan.allocation(id)) {
    if (id.value() == 0 || id.value() >= decision.counters.next_allocation)
      return Error{ErrorCode::allocation_not_found, "allocation not found: " + to_string(id)};
    return Error{ErrorCode::already_released, to_string(id) + " is already released"};
  }
  if (!fence || *fence == fence_of(id)) return std::nullopt;
  return Error{ErrorCode::stale_fence,
               fmt::format("the fence of {} is {}, not {}: its address was handed out anew; look "
                           "with GET before you change it",
                           to_string(id), fence_of(id), *fence)};
}

// The fields that the command gives another value, for the audit log.
std::string changed_fields(const Allocation& before, const Allocation& after) {
  ChangedFields fields;
  const AllocationExtras old = before.extras.value_or_default();
  const AllocationExtras now = after.extras.value_or_default();
  fields.add(before.hostname != after.hostname, "hostname");
  fields.add(before.description != after.description, "description");
  fields.add(before.tags != after.tags, "tags");
  fields.add(old.owner != now.owner, "owner");
  fields.add(old.metadata != now.metadata, "metadata");
  return fields.names();
}

const Network& network_of(const Allocation& allocation, const AddressPlan& plan) {
  return plan.network(allocation.network_id)->network;
}

void put(Decision& decision, Allocation& allocation) {
  allocation.revision = decision.revision;
  decision.plan.replace_allocation(allocation);
  decision.changes.push_back(AllocationPut{allocation});
}

}  // namespace

Error in_quarantine(const Quarantine& quarantine, std::string_view advice) {
  return {ErrorCode::address_in_quarantine,
          fmt::format("{} waits until {} before it is handed out again, after {}; {}",
                      held_range(quarantine.first, quarantine.last),
                      to_rfc3339(quarantine.ends_at), to_string(quarantine.allocation_id),
                      advice)};
}

void Decision::cut_quarantines(const NetworkState& state, U128 first, U128 last) {
  const NetworkId id = state.network.id;
  while (const Quarantine* found = plan.first_quarantine_in(id, first, last)) {
    const Quarantine whole = plan.remove_quarantine(id, found->first.value);
    changes.push_back(QuarantineEnded{id, whole.first});
    const auto keep = [&](U128 from, U128 to) {
      Quarantine part = whole;
      part.first.value = from;
      part.last.value = to;
      put_quarantine(*this, std::move(part));
    };
    if (whole.first.value < first) keep(whole.first.value, first - 1);
    if (whole.last.value > last) keep(last + 1, whole.last.value);
  }
}

Outcome Decision::decide(const UpdateAllocation& command) {
  if (auto error = check_active(*this, command.id, command.fence)) return *std::move(error);
  const Allocation before = plan.allocation(command.id).unpacked();
  if (command.unique_hostname) {
    const NetworkState& state = *plan.network(before.network_id);
    const PackedAllocation holder =
        plan.hostname_holder(before.network_id, *command.hostname, before.id);
    if (holder) return hostname_in_use(state, *command.hostname, holder);
  }
  Allocation after = before;
  if (command.hostname) after.hostname = *command.hostname;
  if (command.description) after.description = *command.description;
  if (command.tags) after.tags = *command.tags;
  AllocationExtras extras = before.extras.value_or_default();
  if (command.owner) extras.owner = *command.owner;
  if (command.metadata)
    if (auto error = patch_metadata(extras.metadata, *command.metadata)) return *std::move(error);
  after.extras.set(std::move(extras));
  const std::string fields = changed_fields(before, after);
  if (fields.empty()) return before;
  put(*this, after);
  audit("allocation_updated", to_string(after.id),
        sentence("Updated", after, network_of(after, plan)) + ": " + fields);
  return after;
}

Outcome Decision::decide(const RenewLease& command) {
  if (auto error = check_active(*this, command.id, command.fence)) return *std::move(error);
  Allocation renewed = plan.allocation(command.id).unpacked();
  renewed.expires_at = counters.now + static_cast<TimeMs>(command.ttl_seconds) * 1000;
  put(*this, renewed);
  audit("ip_renewed", to_string(renewed.id),
        sentence("Renewed", renewed, network_of(renewed, plan)) + " until " +
            to_rfc3339(*renewed.expires_at));
  return renewed;
}

Outcome Decision::decide(const Release& command) {
  if (auto error = check_active(*this, command.id, command.fence)) return *std::move(error);
  end_allocation(*this, command.id, AllocationStatus::released, "ip_released", "Released");
  return std::monostate();
}

Outcome Decision::decide(const ExpireLeases&) {
  for (std::size_t i = 0; i < leases_per_expiry_max; ++i) {
    const auto next = plan.leases().begin();
    if (next == plan.leases().end() || next->expires_at > counters.now) break;
    const AllocationId id = next->id;
    end_allocation(*this, id, AllocationStatus::expired, "ip_expired", "Expired");
  }
  for (std::size_t i = 0; i < leases_per_expiry_max; ++i) {
    const auto next = plan.quarantine_ends().begin();
    if (next == plan.quarantine_ends().end() || next->ends_at > counters.now) break;
    const Quarantine ended = plan.remove_quarantine(next->network_id, next->first);
    changes.push_back(QuarantineEnded{ended.network_id, ended.first});
  }
  return std::monostate();
}

}  // namespace ipam
