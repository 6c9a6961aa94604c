// Rows of a file that shall exist: each is decided as its command alone would be, or changes what
// is there already.
#include <fmt/format.h>

#include "ipam/decision.hpp"
#include "ipam/limits.hpp"
#include "ipam/scope.hpp"

namespace ipam {

namespace {

// The row asks for what is there already.
bool is_conflict(const Error& error) {
  return error.code == ErrorCode::network_exists || error.code == ErrorCode::address_in_use ||
         error.code == ErrorCode::vrf_exists || error.code == ErrorCode::vrf_is_default ||
         error.code == ErrorCode::reservation_overlaps;
}

// The most specific network of the VRF that contains the address, which a row leaves to us.
base::Result<const NetworkState*, Error> network_for(const AddressPlan& plan,
                                                     const VrfReference& reference,
                                                     const Address& address) {
  const VrfState* vrf = plan.vrf(reference);
  if (vrf == nullptr) return base::fail(vrf_not_found(reference));
  const NetworkState* state = plan.network_of(vrf->vrf.id, address);
  if (state != nullptr) return state;
  return base::fail(
      Error{ErrorCode::network_not_found,
            fmt::format("network not found: none contains {}", to_string(address))});
}

Outcome decide_reservation(Decision& decision, CreateReservation row) {
  if (auto error = check_scope(decision.plan, decision.vrfs, row)) return *std::move(error);
  if (row.network_id) return decision.decide(row);
  const auto state = network_for(decision.plan, row.vrf, row.first);
  if (!state) return state.error();
  row.network_id = state.value()->network.id;
  return decision.decide(row);
}

Outcome decide_row(Decision& decision, const CommandBody& body) {
  if (auto error = check_limits(body)) return *std::move(error);
  if (const auto* reservation = std::get_if<CreateReservation>(&body))
    return decide_reservation(decision, *reservation);
  if (!std::holds_alternative<Allocate>(body)) return decision.decide_any(body);
  const Allocate& allocate = std::get<Allocate>(body);
  if (allocate.network != decltype(allocate.network)(NetworkId())) return decision.decide_any(body);
  if (auto error = check_scope(decision.plan, decision.vrfs, body)) return *std::move(error);
  const Address& ip = *allocate.options->ip;
  const auto found = network_for(decision.plan, allocate.vrf, ip);
  if (!found) return found.error();
  const NetworkState* const state = found.value();
  AllocateOptions options = *allocate.options;
  // The file says what is so: also in a network that hands out nothing by itself, or reserved.
  options.force = decision.plan.first_quarantine_in(state->network.id, ip.value,
                                                    ip.value + (allocate.count - 1)) == nullptr;
  Allocate in_network = allocate;
  in_network.network = state->network.id;
  in_network.options.set(std::move(options));
  return decision.decide(in_network);
}

// ---- a row as a change of what is there already: what it leaves empty stays as it is ----

template <typename Value>
std::optional<Value> if_given(const Value& value) {
  return value.empty() ? std::nullopt : std::optional(value);
}

std::optional<MetadataPatch> put_all(const Metadata& metadata) {
  if (metadata.empty()) return std::nullopt;
  MetadataPatch patch;
  for (const auto& [key, value] : metadata) patch.entries[key] = value;
  return patch;
}

// What holds the first address of a row; false or nullptr: nothing.
PackedAllocation holder_of(const AddressPlan& plan, const Allocate& row) {
  const VrfState* const vrf = plan.vrf(row.vrf);
  const Address& first = *row.options->ip;
  const NetworkState* const state =
      vrf == nullptr ? nullptr : plan.network_of(vrf->vrf.id, first);
  if (state == nullptr) return {};
  return state->first_allocation_in(first.value, first.value);
}

const Reservation* holder_of(const AddressPlan& plan, const CreateReservation& row) {
  const VrfState* const vrf = plan.vrf(row.vrf);
  const NetworkState* state = plan.network(row.network_id);
  if (!row.network_id && vrf != nullptr) state = plan.network_of(vrf->vrf.id, row.first);
  if (state == nullptr) return nullptr;
  return state->first_reservation_in(row.first.value, row.first.value);
}

struct UpdateOf {
  const AddressPlan& plan;

  std::optional<CommandBody> operator()(const CreateVrf& row) const {
    return UpdateVrf{VrfReference(row.name), std::nullopt, if_given(row.description)};
  }
  std::optional<CommandBody> operator()(const CreateNetwork& row) const {
    const VrfState* const vrf = plan.vrf(row.vrf);
    const NetworkState* const state =
        vrf == nullptr ? nullptr : plan.network(vrf->vrf.id, row.prefix);
    if (state == nullptr) return std::nullopt;
    UpdateNetwork update{.id = state->network.id};
    update.description = if_given(row.description);
    update.tags = if_given(row.tags);
    if (row.quarantine_seconds > 0) update.quarantine_seconds = row.quarantine_seconds;
    if (!row.extras) return update;
    const NetworkExtras& extras = *row.extras;
    if (extras.status != NetworkStatus::active) update.status = extras.status;
    if (extras.strategy != Strategy::first) update.strategy = extras.strategy;
    if (extras.gateway) update.gateway = extras.gateway;
    if (extras.threshold_percent > 0) update.threshold_percent = extras.threshold_percent;
    update.metadata = put_all(extras.metadata);
    return update;
  }
  // Where just these addresses are an allocation; one that has others too is another one.
  std::optional<CommandBody> operator()(const Allocate& row) const {
    const Address& first = *row.options->ip;
    const PackedAllocation held = holder_of(plan, row);
    const bool is_same = held && held.first() == first &&
                         held.last().value - first.value == row.count - 1;
    if (!is_same) return std::nullopt;
    UpdateAllocation update{.id = held.id()};
    update.hostname = if_given(row.hostname);
    update.description = if_given(row.description);
    update.tags = if_given(row.tags);
    update.owner = if_given(row.options->owner);
    update.metadata = put_all(row.options->metadata);
    return update;
  }
  // Where just these addresses are a reservation.
  std::optional<CommandBody> operator()(const CreateReservation& row) const {
    const Reservation* const there = holder_of(plan, row);
    const bool is_same =
        there != nullptr && there->first == row.first && there->last == row.last;
    if (!is_same) return std::nullopt;
    UpdateReservation update{.id = there->id};
    update.reason = if_given(row.reason);
    update.tags = if_given(row.tags);
    update.metadata = put_all(row.metadata);
    return update;
  }
  template <typename Other>
  std::optional<CommandBody> operator()(const Other&) const {
    return std::nullopt;
  }
};

// Whether what a row was refused for is there in all of its range: were a block that is taken in
// part called there already, nobody would know that the rest of it may be handed out to others.
struct IsThere {
  const AddressPlan& plan;

  bool operator()(const Allocate& row) const {
    if (row.count <= 1) return true;
    const PackedAllocation held = holder_of(plan, row);
    return held && held.last().value >= row.options->ip->value + (row.count - 1);
  }
  bool operator()(const CreateReservation& row) const {
    const Reservation* const there = holder_of(plan, row);
    return there != nullptr && there->last.value >= row.last.value;
  }
  template <typename Other>
  bool operator()(const Other&) const {
    return true;
  }
};

// nullopt where what is there is not what the row asks for.
std::optional<Outcome> update_row(Decision& decision, const CommandBody& row,
                                  ImportReport& report) {
  const auto update = std::visit(UpdateOf{decision.plan}, row);
  if (!update) return std::nullopt;
  const std::size_t changes_before = decision.changes.size();
  Outcome outcome = decision.decide_any(*update);
  if (!std::holds_alternative<Error>(outcome))
    ++(decision.changes.size() > changes_before ? report.updated : report.unchanged);
  return outcome;
}

// The VRF default is always there: what a row says of it is taken where nothing is said of it yet.
bool fills_default_vrf(const AddressPlan& plan, const CommandBody& row) {
  const auto* const vrf = std::get_if<CreateVrf>(&row);
  return vrf != nullptr && vrf->name == vrf_default_name &&
         plan.vrf(vrf_default)->vrf.description.empty();
}

}  // namespace

Outcome Decision::decide(const Import& command) {
  ImportReport report;
  changes.reserve(changes.size() + changes_per_operation * command.rows.size());
  Attempt attempt(*this);
  for (std::size_t row = 0; row < command.rows.size(); ++row) {
    if (auto too_much = check_cost()) {
      too_much->operation = static_cast<std::uint32_t>(row);
      attempt.undo();
      return *std::move(too_much);
    }
    Outcome outcome = decide_row(*this, command.rows[row].body);
    auto* error = std::get_if<Error>(&outcome);
    if (error == nullptr) {
      ++report.created;
      continue;
    }
    const bool updates = command.on_conflict == OnConflict::update ||
                         fills_default_vrf(plan, command.rows[row].body);
    if (updates && is_conflict(*error)) {
      if (auto updated = update_row(*this, command.rows[row].body, report))
        outcome = *std::move(updated);
      error = std::get_if<Error>(&outcome);
      if (error == nullptr) continue;
    }
    error->operation = static_cast<std::uint32_t>(row);
    if (command.on_conflict == OnConflict::fail) {
      attempt.undo();
      return outcome;
    }
    if (command.on_conflict == OnConflict::skip && is_conflict(*error) &&
        std::visit(IsThere{plan}, command.rows[row].body))
      ++report.skipped;
    else
      report.refused.push_back(std::move(*error));
  }
  attempt.keep();
  return report;
}

}  // namespace ipam
