// A transaction: its operations are decided in order, each by what its command is decided by alone.
// Where one is refused the journal takes back what those before it did.
#include <fmt/format.h>

#include "ipam/decision.hpp"
#include "ipam/limits.hpp"

namespace ipam {

namespace {

using Value = std::variant<NetworkId, AllocationId, VrfId, ReservationId, Prefix, Address>;

// Of one field of an outcome; nullopt where it has no such field.
struct ValueOf {
  ResultField field;

  std::optional<Value> operator()(const NetworkView& network) const {
    if (field == ResultField::id) return network.id;
    if (field == ResultField::cidr) return network.prefix;
    return std::nullopt;
  }
  std::optional<Value> operator()(const VrfView& vrf) const {
    if (field == ResultField::id) return vrf.id;
    return std::nullopt;
  }
  std::optional<Value> operator()(const Allocation& allocation) const {
    switch (field) {
      case ResultField::id: return allocation.id;
      case ResultField::network_id: return allocation.network_id;
      case ResultField::ip: return allocation.first;
      case ResultField::end_ip: return allocation.last;
      case ResultField::cidr: break;
    }
    return std::nullopt;
  }
  std::optional<Value> operator()(const Reservation& reservation) const {
    switch (field) {
      case ResultField::id: return reservation.id;
      case ResultField::network_id: return reservation.network_id;
      case ResultField::ip: return reservation.first;
      case ResultField::end_ip: return reservation.last;
      case ResultField::cidr: break;
    }
    return std::nullopt;
  }
  template <class Other>
  std::optional<Value> operator()(const Other&) const {
    return std::nullopt;
  }
};

// Puts the value into a field of a command. False: it has no such field, or one of another kind.
struct Assign {
  OperationField into;
  const Value& value;

  template <class T>
  bool put(T& field) const {
    const auto* fits = std::get_if<T>(&value);
    if (fits) field = *fits;
    return fits != nullptr;
  }
  template <class T>
  bool put(std::optional<T>& field) const {
    return put(field.emplace());
  }
  bool put_vrf(VrfReference& field) const {
    const auto* id = std::get_if<VrfId>(&value);
    if (id) field = *id;
    return id != nullptr;
  }
  bool operator()(UpdateVrf& command) const {
    return into == OperationField::id && put_vrf(command.vrf);
  }
  bool operator()(DeleteVrf& command) const {
    return into == OperationField::id && put_vrf(command.vrf);
  }
  bool operator()(CarveNetworks& command) const {
    return into == OperationField::id && put(command.parent);
  }
  bool operator()(Allocate& command) const {
    if (into == OperationField::vrf) return put_vrf(command.vrf);
    if (into == OperationField::network_id && std::holds_alternative<NetworkId>(value)) {
      command.network = std::get<NetworkId>(value);
      return true;
    }
    if (into == OperationField::cidr && std::holds_alternative<Prefix>(value)) {
      command.network = std::get<Prefix>(value);
      return true;
    }
    if (into != OperationField::ip) return false;
    AllocateOptions options = command.options.value_or_default();
    options.ip.emplace();
    const bool is_put = put(*options.ip);
    command.options.set(std::move(options));
    return is_put;
  }
  template <class Body>
  bool operator()(Body& command) const {
    if constexpr (requires { command.id; })
      if (into == OperationField::id) return put(command.id);
    if constexpr (requires { command.network_id; })
      if (into == OperationField::network_id) return put(command.network_id);
    if constexpr (requires { command.prefix; })
      if (into == OperationField::cidr) return put(command.prefix);
    if constexpr (requires { command.vrf; })
      if (into == OperationField::vrf) return put_vrf(command.vrf);
    return false;
  }
};

std::optional<Error> resolve(CommandBody& body, const std::vector<Reference>& references,
                             const std::vector<Outcome>& outcomes) {
  for (const Reference& reference : references) {
    const auto value = std::visit(ValueOf{reference.field}, outcomes[reference.operation]);
    if (value && std::visit(Assign{reference.into, *value}, body)) continue;
    return Error{ErrorCode::invalid_argument,
                 fmt::format("a reference to operation {} does not fit: {}", reference.operation,
                             value ? "its result is of another kind"
                                   : "its result has no such field")};
  }
  return std::nullopt;
}

Outcome decide_operation(Decision& decision, const Operation& operation,
                         const std::vector<Outcome>& outcomes) {
  const auto decide = [&decision](const CommandBody& body) -> Outcome {
    if (auto error = check_limits(body)) return *std::move(error);
    return decision.decide_any(body);
  };
  if (operation.references.empty()) return decide(operation.body);
  CommandBody body = operation.body;
  if (auto error = resolve(body, operation.references, outcomes)) return *std::move(error);
  return decide(body);
}

// What a change takes in memory and in state.db, more or less; the same on every node.
struct BytesOf {
  static constexpr std::size_t per_change = 256;

  std::size_t operator()(const AllocationPut& put) const { return text_bytes(put.allocation); }
  std::size_t operator()(const NetworkPut& put) const { return text_bytes(put.network); }
  std::size_t operator()(const ReservationPut& put) const { return text_bytes(put.reservation); }
  std::size_t operator()(const AuditAppended& appended) const {
    return appended.entry.details.size();
  }
  template <class Other>
  std::size_t operator()(const Other&) const {
    return 0;
  }
};

}  // namespace

std::optional<Error> Decision::check_cost() {
  for (; weighed < changes.size(); ++weighed)
    bytes += BytesOf::per_change + std::visit(BytesOf(), changes[weighed]);
  if (bytes > change_bytes_max)
    return Error{ErrorCode::too_much_to_move,
                 fmt::format("what is before this makes more than {} MiB of changes: send it in "
                             "several requests",
                             change_bytes_max >> 20)};
  if (plan.steps() - steps_before > change_steps_max)
    return Error{ErrorCode::too_much_to_move,
                 fmt::format("what is before this goes over more than {} networks, free ranges and "
                             "quarantines: send it in several requests",
                             change_steps_max)};
  return std::nullopt;
}

Outcome Decision::decide(const Transaction& command) {
  Attempt attempt(*this);
  Outcomes outcomes;
  outcomes.of_operations.reserve(command.operations.size());
  changes.reserve(changes.size() + changes_per_operation * command.operations.size());
  for (const Operation& operation : command.operations) {
    auto too_much = check_cost();
    Outcome outcome = too_much ? Outcome(*std::move(too_much))
                               : decide_operation(*this, operation, outcomes.of_operations);
    if (auto* error = std::get_if<Error>(&outcome)) {
      error->operation = static_cast<std::uint32_t>(outcomes.of_operations.size());
      attempt.undo();
      return outcome;
    }
    outcomes.of_operations.push_back(std::move(outcome));
  }
  attempt.keep();
  return outcomes;
}

}  // namespace ipam
