// The change stream: what applying a command did, in order. Three consumers read it: the writer of
// state.db, the watch hub, the audit log (design.md, rule 3). Pure.
#pragma once

#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "ipam/errors.hpp"
#include "ipam/model.hpp"

namespace ipam {

struct NetworkPut {
  Network network;
  friend bool operator==(const NetworkPut&, const NetworkPut&) = default;
};
struct NetworkDeleted {
  NetworkId id;
  friend bool operator==(const NetworkDeleted&, const NetworkDeleted&) = default;
};
// Also with status released or expired: memory then forgets it, state.db keeps it as history.
struct AllocationPut {
  Allocation allocation;
  friend bool operator==(const AllocationPut&, const AllocationPut&) = default;
};
struct QuarantinePut {
  Quarantine quarantine;
  friend bool operator==(const QuarantinePut&, const QuarantinePut&) = default;
};
// NetworkDeleted ends those of the network without a word.
struct QuarantineEnded {
  NetworkId network_id;
  Address first;
  friend bool operator==(const QuarantineEnded&, const QuarantineEnded&) = default;
};
struct LastHeldPut {
  LastHeld held;
  friend bool operator==(const LastHeldPut&, const LastHeldPut&) = default;
};
// NetworkDeleted forgets those of the network without a word.
struct LastHeldForgotten {
  NetworkId network_id;
  std::string owner;
  friend bool operator==(const LastHeldForgotten&, const LastHeldForgotten&) = default;
};
struct AuditAppended {
  AuditEntry entry;
  friend bool operator==(const AuditAppended&, const AuditAppended&) = default;
};

struct OutcomeStored {
  StoredOutcome stored;
  friend bool operator==(const OutcomeStored&, const OutcomeStored&) = default;
};
struct OutcomeForgotten {
  std::string key;
  friend bool operator==(const OutcomeForgotten&, const OutcomeForgotten&) = default;
};

struct VrfPut {
  Vrf vrf;
  friend bool operator==(const VrfPut&, const VrfPut&) = default;
};
struct VrfDeleted {
  VrfId id;
  friend bool operator==(const VrfDeleted&, const VrfDeleted&) = default;
};

struct TokenPut {
  Token token;
  friend bool operator==(const TokenPut&, const TokenPut&) = default;
};
struct TokenRevoked {
  TokenId id;
  friend bool operator==(const TokenRevoked&, const TokenRevoked&) = default;
};

// For those who watch: a network's utilization rose to its threshold, or fell below it. Nothing of
// it is stored.
struct ThresholdCrossed {
  NetworkId network_id;
  std::uint32_t threshold_percent = 0;
  bool is_reached = false;
  friend bool operator==(const ThresholdCrossed&, const ThresholdCrossed&) = default;
};

struct ReservationPut {
  Reservation reservation;
  friend bool operator==(const ReservationPut&, const ReservationPut&) = default;
};
// Also of each one of a network that is deleted, before NetworkDeleted.
struct ReservationDeleted {
  ReservationId id;
  NetworkId network_id;
  friend bool operator==(const ReservationDeleted&, const ReservationDeleted&) = default;
};

using Change = std::variant<NetworkPut, NetworkDeleted, AllocationPut, AuditAppended, OutcomeStored,
                            OutcomeForgotten, QuarantinePut, QuarantineEnded, VrfPut, VrfDeleted,
                            LastHeldPut, LastHeldForgotten, ThresholdCrossed, ReservationPut,
                            ReservationDeleted, TokenPut, TokenRevoked>;

// Those of one entry, on their way to who reads them, on threads of their own: nobody changes them.
using SharedChanges = std::shared_ptr<const std::vector<Change>>;
inline SharedChanges share(std::vector<Change> changes) {
  return std::make_shared<const std::vector<Change>>(std::move(changes));
}

// A VRF or a network is made, changed or deleted.
inline bool changes_plan(const Change& change) {
  return std::holds_alternative<NetworkPut>(change) ||
         std::holds_alternative<NetworkDeleted>(change) ||
         std::holds_alternative<VrfPut>(change) || std::holds_alternative<VrfDeleted>(change);
}

// What the client is told: CreateNetwork, UpdateNetwork and MergeNetworks give the network,
// CarveNetworks and SplitNetwork a list of them, CreateVrf and UpdateVrf the VRF, Allocate the
// Allocation (or a list of them, where scattered ones were wanted), CreateReservation and
// UpdateReservation the reservation, CreateToken the token; every other command nothing
// (std::monostate) where it succeeds. A transaction gives the outcomes of its operations.
struct Outcomes;
struct ImportReport {
  std::uint64_t created = 0;
  std::uint64_t skipped = 0;   // was there already
  std::vector<Error> refused;  // Error::operation is the row, counted from 0
  // Was there already, and has another value now, or just the same: with OnConflict::update, and of
  // the VRF default also with the others.
  std::uint64_t updated = 0;
  std::uint64_t unchanged = 0;

  friend bool operator==(const ImportReport&, const ImportReport&) = default;
};
using Outcome = std::variant<Error, NetworkView, Allocation, std::monostate,
                             std::vector<Allocation>, Outcomes, ImportReport, VrfView,
                             std::vector<NetworkView>, Reservation, Token>;
struct Outcomes {
  std::vector<Outcome> of_operations;  // in order; no Error, no Outcomes

  friend bool operator==(const Outcomes& a, const Outcomes& b);
};
inline bool operator==(const Outcomes& a, const Outcomes& b) {
  return a.of_operations == b.of_operations;
}

struct Applied {
  Outcome outcome;
  // Where the outcome is an Error, at most what concerns the idempotency key.
  std::vector<Change> changes;
  bool replayed = false;  // the outcome is that of an earlier command with the same key
  friend bool operator==(const Applied&, const Applied&) = default;
};

}  // namespace ipam
