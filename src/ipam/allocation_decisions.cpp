#include <fmt/format.h>

#include "base/assert.hpp"
#include "ipam/decision.hpp"

namespace ipam {

namespace {

// "10.0.0.1 in 10.0.0.0/24", "10.0.0.1-10.0.0.5 in 10.0.0.0/24 for web-1"
std::string described(const Allocation& allocation, const AddressPlan& plan) {
  const NetworkState* state = plan.network(allocation.network_id);
  ASSERT(state != nullptr);
  std::string text = held_range(allocation) + " in " + to_string(state->network.prefix);
  if (!allocation.hostname.empty()) text += " for " + allocation.hostname;
  return text;
}

Error network_full(const NetworkState& state, std::uint64_t count) {
  std::string detail = "no available IP addresses in " + to_string(state.network.prefix);
  if (count > 1)
    detail += fmt::format(": {} in a row wanted, the longest free run is {}", count,
                          to_string(state.free.longest_run()));
  return {ErrorCode::network_full, std::move(detail)};
}

// Ends an active allocation: memory forgets it, the change tells the history.
void end_allocation(Decision& decision, AllocationId id, AllocationStatus status,
                    std::string action, std::string_view verb) {
  Allocation ended = decision.plan.remove_allocation(id);
  ended.status = status;
  ended.released_at = decision.counters.now;
  ended.revision = decision.revision;
  std::string details = fmt::format("{} {}", verb, described(ended, decision.plan));
  decision.changes.push_back(AllocationPut{std::move(ended)});
  decision.audit(std::move(action), to_string(id), std::move(details));
}

}  // namespace

Outcome Decision::decide(const Allocate& command) {
  const NetworkState* state = nullptr;
  if (const auto* id = std::get_if<NetworkId>(&command.network)) {
    state = plan.network(*id);
    if (state == nullptr) return network_not_found(*id);
  } else {
    const Prefix& prefix = std::get<Prefix>(command.network);
    state = plan.network(prefix);
    if (state == nullptr)
      return Error{ErrorCode::network_not_found, "network not found: " + to_string(prefix)};
  }
  const auto first = state->free.first_fit(command.count);
  if (!first) return network_full(*state, command.count);
  const Family family = state->network.prefix.base.family;
  Allocation allocation;
  allocation.id = AllocationId(counters.next_allocation++);
  allocation.network_id = state->network.id;
  allocation.first = {family, *first};
  allocation.last = {family, *first + (command.count - 1)};
  allocation.hostname = command.hostname;
  allocation.description = command.description;
  allocation.tags = command.tags;
  allocation.allocated_at = counters.now;
  if (command.ttl_seconds)
    allocation.expires_at = counters.now + static_cast<TimeMs>(*command.ttl_seconds) * 1000;
  allocation.revision = revision;
  const Allocation& added = plan.add_allocation(std::move(allocation));
  changes.push_back(AllocationPut{added});
  audit("ip_allocated", to_string(added.id), "Allocated " + described(added, plan));
  return added;
}

Outcome Decision::decide(const Release& command) {
  if (plan.allocation(command.id) == nullptr) {
    const std::uint64_t id = command.id.value();
    if (id == 0 || id >= counters.next_allocation)
      return Error{ErrorCode::allocation_not_found,
                   "allocation not found: " + to_string(command.id)};
    return Error{ErrorCode::already_released, to_string(command.id) + " is already released"};
  }
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
  return std::monostate();
}

}  // namespace ipam
