#include "ipam/state_machine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "base/assert.hpp"
#include "ipam/address_plan.hpp"
#include "ipam/audit_chain.hpp"
#include "ipam/decision.hpp"
#include "ipam/digest.hpp"
#include "ipam/free_blocks.hpp"
#include "ipam/idempotency.hpp"
#include "ipam/limits.hpp"
#include "ipam/outcome_codec.hpp"
#include "ipam/precondition.hpp"
#include "ipam/scope.hpp"

namespace ipam {

struct StateMachine::Implementation {
  AddressPlan plan;
  IdempotencyKeys keys;
  Counters counters;
};

StateMachine::StateMachine() : implementation_(std::make_unique<Implementation>()) {}
StateMachine::~StateMachine() = default;
StateMachine::StateMachine(StateMachine&&) noexcept = default;
StateMachine& StateMachine::operator=(StateMachine&&) noexcept = default;

void Decision::audit(std::string action, std::string resource, std::string details) {
  AuditEntry entry;
  entry.id = AuditId(counters.next_audit++);
  entry.timestamp = counters.now;
  entry.action = std::move(action);
  entry.resource = std::move(resource);
  entry.details = std::move(details);
  entry.user = actor;
  entry.revision = revision;
  entry.previous_hash = counters.audit_hash;
  entry.hash = counters.audit_hash = chain_hash(entry);
  changes.push_back(AuditAppended{std::move(entry)});
}

Outcome Decision::decide(const RecordEvent& command) {
  audit(command.action, command.resource, command.details);
  return std::monostate();
}

namespace {

// What lies outside the token's VRFs must not show by its precondition.
Outcome decided(Decision& decision, const Command& command) {
  if (auto error = check_scope(decision.plan, decision.vrfs, command.body))
    return std::move(*error);
  if (auto error = check_precondition(decision.plan, command)) return std::move(*error);
  return decision.decide_any(command.body);
}

template <class Tree, class Key>
void visit_from(const Tree& tree, const Key& from,
                const std::function<bool(const Allocation&)>& visit) {
  Allocation allocation;
  for (auto it = tree.lower_bound(from); it != tree.end(); ++it) {
    (*it).unpack(allocation);
    if (!visit(allocation)) return;
  }
}

}  // namespace

Outcome Decision::decide_any(const CommandBody& body) {
  if (auto error = check_scope(plan, vrfs, body)) return *std::move(error);
  return std::visit([this](const auto& one) { return decide(one); }, body);
}

Applied StateMachine::apply(Revision revision, TimeMs timestamp, const Command& command) {
  Counters& counters = implementation_->counters;
  counters.now = std::max(counters.now, std::min(timestamp, time_ms_max));
  Digest digest(counters.digest);
  digest.add(revision.value());
  digest.add(static_cast<std::uint64_t>(counters.now));
  counters.digest = digest.value();
  const AddressPlan& plan = implementation_->plan;
  if (auto error = check_limits(command)) return {std::move(*error), {}};
  if (auto error = check_token(plan, command, counters.now)) return {std::move(*error), {}};
  // A copy: the command may be the one that revokes its own token.
  const std::vector<VrfId> vrfs = vrfs_of(plan, command);
  Applied applied;
  IdempotencyKeys& keys = implementation_->keys;
  const IdempotencyKey& idempotency = command.idempotency;
  keys.forget(counters.now, applied.changes);
  const StoredOutcome* known =
      idempotency.key.empty() ? nullptr : keys.find(idempotency.key);
  // Many may have come to their end together, of which it is not the turn of this one.
  if (known != nullptr && known->forgotten_at <= counters.now) {
    keys.forget(*known, applied.changes);
    known = nullptr;
  }
  if (known != nullptr) {
    applied.replayed = known->request_hash == idempotency.request_hash;
    applied.outcome = applied.replayed ? stored_outcome(*known) : Outcome(key_reused(*known));
  } else {
    Decision decision{implementation_->plan, counters, revision, command.actor, applied.changes,
                      vrfs};
    const std::size_t forgotten = applied.changes.size();
    applied.changes.reserve(forgotten + changes_per_operation);
    applied.outcome = decided(decision, command);
    ASSERT(applied.changes.size() == forgotten || !std::holds_alternative<Error>(applied.outcome));
    if (!idempotency.key.empty())
      keys.store(idempotency, revision, counters.now, applied.outcome, applied.changes);
  }
  for (const Change& change : applied.changes) digest.add(change);
  counters.digest = digest.value();
  return applied;
}

Outcome StateMachine::preview(Revision revision, TimeMs timestamp, const Command& command) {
  if (auto error = check_limits(command)) return std::move(*error);
  AddressPlan& plan = implementation_->plan;
  Counters& counters = implementation_->counters;
  const Counters counters_before = counters;
  const auto mark = plan.journal().begin();
  counters.now = std::max(counters.now, std::min(timestamp, time_ms_max));
  std::vector<Change> changes;
  const std::vector<VrfId> vrfs = vrfs_of(plan, command);
  Decision decision{plan, counters, revision, command.actor, changes, vrfs};
  auto error = check_token(plan, command, counters.now);
  Outcome outcome = error ? Outcome(*std::move(error)) : decided(decision, command);
  plan.journal().rollback(mark, plan);
  counters = counters_before;
  return outcome;
}

const Network* StateMachine::network(NetworkId id) const {
  const NetworkState* state = implementation_->plan.network(id);
  return state != nullptr ? &state->network : nullptr;
}

const Vrf* StateMachine::vrf(const VrfReference& vrf) const {
  const VrfState* state = implementation_->plan.vrf(vrf);
  return state != nullptr ? &state->vrf : nullptr;
}

std::size_t StateMachine::network_count_in(VrfId vrf) const {
  const VrfState* state = implementation_->plan.vrf(vrf);
  return state != nullptr ? state->tree.size() : 0;
}

void StateMachine::for_each_vrf(const std::function<void(const Vrf&)>& visit) const {
  for (const auto& [id, state] : implementation_->plan.vrfs()) visit(state.vrf);
}

NetworkContext StateMachine::context(const Network& network) const {
  return implementation_->plan.context(network);
}

const Network* StateMachine::network(const Prefix& prefix, VrfId vrf) const {
  const NetworkState* state = implementation_->plan.network(vrf, prefix);
  return state != nullptr ? &state->network : nullptr;
}

std::optional<Allocation> StateMachine::allocation(AllocationId id) const {
  const PackedAllocation found = implementation_->plan.allocation(id);
  return found ? std::optional(found.unpacked()) : std::nullopt;
}

bool StateMachine::allocation_existed(AllocationId id) const {
  return id.value() != 0 && id.value() < counters().next_allocation;
}

NetworkStats StateMachine::stats(NetworkId id) const {
  const NetworkState* state = implementation_->plan.network(id);
  ASSERT(state != nullptr);
  return implementation_->plan.stats(*state);
}

std::size_t StateMachine::network_count() const { return implementation_->plan.networks().size(); }

std::size_t StateMachine::allocation_count() const {
  return implementation_->plan.allocations().size();
}

void StateMachine::for_each_network(const std::function<void(const Network&)>& visit) const {
  for (const auto& [id, state] : implementation_->plan.networks()) visit(state.network);
}

void StateMachine::for_each_network_within(
    VrfId vrf, const Prefix& prefix, const std::function<void(const Network&)>& visit) const {
  const VrfState* in = implementation_->plan.vrf(vrf);
  if (in == nullptr) return;
  in->tree.for_each_within(prefix, [&](const NetworkState& state) { visit(state.network); });
}

void StateMachine::visit_children_of(NetworkId id, const Address& from,
                                     const std::function<bool(const Network&)>& visit) const {
  const NetworkState* parent = implementation_->plan.network(id);
  if (parent == nullptr) return;
  implementation_->plan.vrf(parent->network.vrf)
      ->tree.visit_children_of(parent->network.prefix, from,
                               [&](const NetworkState& state) { return visit(state.network); });
}

std::vector<Prefix> StateMachine::free_blocks(NetworkId id, std::optional<int> length,
                                              std::size_t limit) const {
  const AddressPlan& plan = implementation_->plan;
  const NetworkState* network = plan.network(id);
  ASSERT(network != nullptr);
  return length ? ipam::free_blocks(plan, *network, *length, limit)
                : largest_free_blocks(plan, *network, limit);
}

void StateMachine::for_each_network_containing(
    VrfId vrf, const Prefix& prefix, const std::function<void(const Network&)>& visit) const {
  const VrfState* in = implementation_->plan.vrf(vrf);
  if (in == nullptr) return;
  in->tree.for_each_containing(prefix, [&](const NetworkState& state) { visit(state.network); });
}

void StateMachine::for_each_allocation(const std::function<void(const Allocation&)>& visit) const {
  Allocation allocation;
  for (const PackedAllocation one : implementation_->plan.allocations()) {
    one.unpack(allocation);
    visit(allocation);
  }
}

// Only the most specific network of a VRF hands the address out (address_plan.hpp), so it is asked
// alone.
std::vector<Allocation> StateMachine::allocations_holding(const Address& address) const {
  std::vector<Allocation> holding;
  for (const auto& [id, vrf] : implementation_->plan.vrfs()) {
    const NetworkState* state = vrf.tree.longest_match(address);
    if (state == nullptr) continue;
    const PackedAllocation held = state->first_allocation_in(address.value, address.value);
    if (held) holding.push_back(held.unpacked());
  }
  return holding;
}

std::optional<Allocation> StateMachine::allocation_of(const Address& address, VrfId vrf) const {
  const NetworkState* state = implementation_->plan.network_of(vrf, address);
  if (state == nullptr) return std::nullopt;
  const PackedAllocation held = state->first_allocation_in(address.value, address.value);
  return held ? std::optional(held.unpacked()) : std::nullopt;
}

const Network* StateMachine::network_of(const Address& address, VrfId vrf) const {
  const NetworkState* state = implementation_->plan.network_of(vrf, address);
  return state != nullptr ? &state->network : nullptr;
}

const Quarantine* StateMachine::quarantine_of(const Address& address, VrfId vrf) const {
  const NetworkState* state = implementation_->plan.network_of(vrf, address);
  if (state == nullptr) return nullptr;
  return implementation_->plan.first_quarantine_in(state->network.id, address.value,
                                                   address.value);
}

const Reservation* StateMachine::reservation(ReservationId id) const {
  return implementation_->plan.reservation(id);
}

const Reservation* StateMachine::reservation_of(const Address& address, VrfId vrf) const {
  const NetworkState* state = implementation_->plan.network_of(vrf, address);
  return state != nullptr ? state->first_reservation_in(address.value, address.value) : nullptr;
}

void StateMachine::visit_reservations_in(
    NetworkId id, U128 from, const std::function<bool(const Reservation&)>& visit) const {
  const NetworkState* state = implementation_->plan.network(id);
  if (state == nullptr || !state->withheld) return;
  const auto& reservations = state->withheld->reservations;
  for (auto it = reservations.lower_bound(from); it != reservations.end(); ++it)
    if (!visit(*it->second)) return;
}

void StateMachine::visit_reservations(
    ReservationId from, const std::function<bool(const Reservation&)>& visit) const {
  const auto& reservations = implementation_->plan.reservations();
  for (auto it = reservations.lower_bound(from); it != reservations.end(); ++it)
    if (!visit(it->second)) return;
}

std::size_t StateMachine::reservation_count() const {
  return implementation_->plan.reservations().size();
}

bool StateMachine::is_free(const Address& address, VrfId vrf) const {
  const NetworkState* state = implementation_->plan.network_of(vrf, address);
  ASSERT(state != nullptr);
  return state->free.is_free(address.value, address.value);
}

void StateMachine::visit_networks(NetworkId from,
                                  const std::function<bool(const Network&)>& visit) const {
  const auto& networks = implementation_->plan.networks();
  for (auto it = networks.lower_bound(from); it != networks.end(); ++it)
    if (!visit(it->second.network)) return;
}

void StateMachine::visit_vrfs(VrfId from, const std::function<bool(const Vrf&)>& visit) const {
  const auto& vrfs = implementation_->plan.vrfs();
  for (auto it = vrfs.lower_bound(from); it != vrfs.end(); ++it)
    if (!visit(it->second.vrf)) return;
}

void StateMachine::visit_allocations_in(
    NetworkId id, U128 from, const std::function<bool(const Allocation&)>& visit) const {
  const NetworkState* state = implementation_->plan.network(id);
  if (state != nullptr) visit_from(state->allocations, from, visit);
}

void StateMachine::visit_networks_within(
    VrfId vrf, const Prefix& prefix, const std::function<bool(const Network&)>& visit) const {
  const VrfState* in = implementation_->plan.vrf(vrf);
  if (in == nullptr) return;
  in->tree.visit_within(prefix, [&](const NetworkState& state) { return visit(state.network); });
}

void StateMachine::visit_allocations(
    AllocationId from, const std::function<bool(const Allocation&)>& visit) const {
  visit_from(implementation_->plan.allocations(), from, visit);
}

void StateMachine::visit_allocations_in(
    NetworkId id, const Address& from, const std::function<bool(const Allocation&)>& visit) const {
  const NetworkState* state = implementation_->plan.network(id);
  if (state == nullptr || from.family != state->network.prefix.base.family) return;
  visit_from(state->allocations, from.value, visit);
}

const Token* StateMachine::token(const TokenReference& reference) const {
  const TokenTable& tokens = implementation_->plan.tokens();
  if (const auto* id = std::get_if<TokenId>(&reference)) return tokens.find(*id);
  return tokens.find(std::string_view(std::get<std::string>(reference)));
}

const Token* StateMachine::token_of(const base::Sha256& hash) const {
  return implementation_->plan.tokens().find(hash);
}

void StateMachine::for_each_token(const std::function<void(const Token&)>& visit) const {
  for (const auto& [id, token] : implementation_->plan.tokens().all()) visit(token);
}

std::optional<TimeMs> StateMachine::next_expiry() const {
  const auto& leases = implementation_->plan.leases();
  const auto& quarantines = implementation_->plan.quarantine_ends();
  std::optional<TimeMs> next;
  if (!leases.empty()) next = leases.begin()->expires_at;
  if (!quarantines.empty() && (!next || quarantines.begin()->ends_at < *next))
    next = quarantines.begin()->ends_at;
  return next;
}

const Counters& StateMachine::counters() const { return implementation_->counters; }

void StateMachine::load_counters(const Counters& counters) {
  implementation_->counters = counters;
}

void StateMachine::load_vrf(Vrf vrf) {
  AddressPlan& plan = implementation_->plan;
  const auto refuse = [&](std::string_view reason) {
    throw std::runtime_error(fmt::format("{}: {}", to_string(vrf.id), reason));
  };
  if (!vrf.id) refuse("a VRF without an id");
  const bool is_default = vrf.id == vrf_default;
  if (is_default != (vrf.name == vrf_default_name)) refuse("its name is not its own");
  if (!is_default && plan.vrf(vrf.id) != nullptr) refuse("the id is there twice");
  if (!is_default && plan.vrf(VrfReference(vrf.name)) != nullptr) refuse("its name is there twice");
  if (!plan.networks().empty()) refuse("VRFs are loaded before networks");
  plan.put_vrf(std::move(vrf));
}

void StateMachine::load_network(Network network) {
  AddressPlan& plan = implementation_->plan;
  const auto refuse = [&](std::string_view reason) {
    throw std::runtime_error(fmt::format("{}: {}", to_string(network.id), reason));
  };
  if (!network.id) refuse("a network without an id");
  if (!is_valid(network.prefix)) refuse("its prefix is not valid");
  if (plan.network(network.id) != nullptr) refuse("the id is there twice");
  if (plan.vrf(network.vrf) == nullptr) refuse("its VRF does not exist");
  if (plan.network(network.vrf, network.prefix) != nullptr) refuse("its prefix is there twice");
  if (!plan.allocations().empty()) refuse("networks are loaded before allocations");
  plan.add_network(std::move(network));
}

void StateMachine::load_allocation(Allocation allocation) {
  AddressPlan& plan = implementation_->plan;
  const auto refuse = [&](std::string_view reason) {
    throw std::runtime_error(fmt::format("{}: {}", to_string(allocation.id), reason));
  };
  if (!allocation.id) refuse("an allocation without an id");
  if (allocation.status != AllocationStatus::allocated || allocation.released_at)
    refuse("it is not active");
  if (plan.allocation(allocation.id)) refuse("the id is there twice");
  const NetworkState* state = plan.network(allocation.network_id);
  if (state == nullptr) refuse("its network does not exist");
  const Family family = state->network.prefix.base.family;
  const bool is_range = allocation.first.family == family && allocation.last.family == family &&
                        allocation.first.value <= allocation.last.value;
  if (!is_range) refuse("its addresses are no range of its network's family");
  if (!state->is_available(allocation.first.value, allocation.last.value))
    refuse("its addresses are outside its network, or something else holds them");
  plan.add_allocation(allocation);
}

void StateMachine::load_quarantine(Quarantine quarantine) {
  AddressPlan& plan = implementation_->plan;
  const auto refuse = [&](std::string_view reason) {
    throw std::runtime_error(fmt::format("the quarantine of {} in {}: {}",
                                         to_string(quarantine.first),
                                         to_string(quarantine.network_id), reason));
  };
  const NetworkState* state = plan.network(quarantine.network_id);
  if (state == nullptr) refuse("its network does not exist");
  const Family family = state->network.prefix.base.family;
  const bool is_range = quarantine.first.family == family && quarantine.last.family == family &&
                        quarantine.first.value <= quarantine.last.value;
  if (!is_range) refuse("its addresses are no range of its network's family");
  if (!state->is_available(quarantine.first.value, quarantine.last.value))
    refuse("its addresses are outside its network, or something else holds them");
  plan.add_quarantine(std::move(quarantine));
}

void StateMachine::load_reservation(Reservation reservation) {
  AddressPlan& plan = implementation_->plan;
  const auto refuse = [&](std::string_view reason) {
    throw std::runtime_error(fmt::format("{}: {}", to_string(reservation.id), reason));
  };
  if (!reservation.id) refuse("a reservation without an id");
  if (plan.reservation(reservation.id) != nullptr) refuse("the id is there twice");
  const NetworkState* state = plan.network(reservation.network_id);
  if (state == nullptr) refuse("its network does not exist");
  const Address& first = reservation.first;
  const Address& last = reservation.last;
  const Prefix& prefix = state->network.prefix;
  const bool is_within = prefix.contains(first) && prefix.contains(last) && first <= last;
  if (!is_within) refuse("its addresses are no range of its network");
  if (plan.first_child_in(*state, first, last) != nullptr) refuse("a child network has some of it");
  if (state->first_reservation_in(first.value, last.value) != nullptr)
    refuse("another one has some of its addresses");
  plan.add_reservation(std::move(reservation));
}

void StateMachine::load_last_held(LastHeld held) {
  AddressPlan& plan = implementation_->plan;
  const auto refuse = [&](std::string_view reason) {
    throw std::runtime_error(fmt::format("what {:?} held last in {}: {}", held.owner,
                                         to_string(held.network_id), reason));
  };
  const NetworkState* state = plan.network(held.network_id);
  if (state == nullptr) refuse("the network does not exist");
  if (held.address.family != state->network.prefix.base.family)
    refuse("it is not of the network's family");
  if (held.owner.empty()) refuse("there is no owner");
  if (plan.last_held(held.network_id, held.owner) != nullptr) refuse("it is there twice");
  plan.put_last_held(std::move(held));
}

void StateMachine::load_token(Token token) {
  AddressPlan& plan = implementation_->plan;
  const auto refuse = [&](std::string_view reason) {
    throw std::runtime_error(fmt::format("{}: {}", to_string(token.id), reason));
  };
  if (!token.id) refuse("a token without an id");
  if (token.name.empty() || parse_token_id(token.name)) refuse("its name is none");
  if (plan.tokens().find(token.id) != nullptr) refuse("the id is there twice");
  if (plan.tokens().find(std::string_view(token.name)) != nullptr)
    refuse("its name is there twice");
  if (plan.tokens().find(token.hash) != nullptr) refuse("its hash is there twice");
  if (std::adjacent_find(token.vrfs.begin(), token.vrfs.end(), std::greater_equal<>()) !=
      token.vrfs.end())
    refuse("its VRFs are not in order");
  plan.put_token(std::move(token));
}

void StateMachine::load_outcome(StoredOutcome stored) {
  const auto refuse = [&](std::string_view reason) {
    throw std::runtime_error(fmt::format("idempotency key {:?}: {}", stored.key, reason));
  };
  if (stored.key.empty() || stored.key.size() > idempotency_key_bytes_max) refuse("its length");
  if (!decode_outcome(stored.outcome)) refuse("its outcome cannot be read");
  if (implementation_->keys.find(stored.key) != nullptr) refuse("it is there twice");
  implementation_->keys.load(std::move(stored));
}

std::uint64_t StateMachine::digest() const {
  Digest digest;
  const Counters& counters = implementation_->counters;
  digest.add(counters.next_network);
  digest.add(counters.next_allocation);
  digest.add(counters.next_audit);
  digest.add(static_cast<std::uint64_t>(counters.now));
  digest.add(counters.audit_hash);
  digest.add(counters.next_vrf);
  digest.add(implementation_->plan.vrfs().size());
  for_each_vrf([&](const Vrf& vrf) { digest.add(vrf); });
  digest.add(network_count());
  for_each_network([&](const Network& network) { digest.add(network); });
  digest.add(allocation_count());
  for_each_allocation([&](const Allocation& allocation) { digest.add(allocation); });
  const auto& quarantines = implementation_->plan.quarantines();
  digest.add(quarantines.size());
  for (const auto& [key, quarantine] : quarantines) digest.add(quarantine);
  digest.add(counters.next_reservation);
  digest.add(implementation_->plan.reservations().size());
  for (const auto& [id, reservation] : implementation_->plan.reservations())
    digest.add(reservation);
  digest.add(implementation_->plan.last_held().size());
  for (const auto& [key, held] : implementation_->plan.last_held()) digest.add(held);
  digest.add(counters.next_token);
  digest.add(implementation_->plan.tokens().all().size());
  for_each_token([&](const Token& token) { digest.add(token); });
  digest.add(implementation_->keys.size());
  implementation_->keys.for_each([&](const StoredOutcome& stored) { digest.add(stored); });
  return digest.value();
}

}  // namespace ipam
