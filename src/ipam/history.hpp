// Questions about what is no longer (or never was) in memory: answered from state.db. Pure types;
// state/ answers them, api/ asks them.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "ipam/model.hpp"

namespace ipam {

// The numbers of ids and revisions stay below, so that a database can hold them.
inline constexpr std::uint64_t number_max = std::numeric_limits<std::int64_t>::max();
inline constexpr Revision revision_max{number_max};

// Newest first.
struct AuditQuery {
  std::uint64_t limit = 100;
  std::optional<AuditId> before = std::nullopt;  // only entries older than this one
  AuditId from = AuditId(1);                     // and only this one and later ones
  std::optional<std::string> resource = std::nullopt;
  std::optional<std::string> actor = std::nullopt;
  std::optional<std::string> action = std::nullopt;
  std::optional<TimeMs> since = std::nullopt;  // included
  std::optional<TimeMs> until = std::nullopt;  // not included
};
// Is what this node has on its disk what was written there?
struct VerifyQuery {};
struct AllocationQuery {
  AllocationId id;
};

struct Verification {
  bool intact = false;
  std::string problem;        // a sentence; empty where intact
  std::uint64_t entries = 0;  // of the audit log, whose chain was walked
  std::uint64_t rows = 0;     // of all tables, whose checksums were compared
  base::Sha256 head{};        // the hash of the last audit entry
};

// Which networks' allocations are meant.
struct NetworkFilter {
  std::set<NetworkId> not_of = {};
  std::optional<std::set<NetworkId>> only_of = std::nullopt;

  bool is_given() const { return !not_of.empty() || only_of; }
  bool admits(NetworkId id) const {
    return (!only_of || only_of->contains(id)) && !not_of.contains(id);
  }
};

// The allocations that hold or held the address, the newest first.
struct AddressQuery {
  Address address;
  std::uint64_t limit = 100;
  Revision at = revision_max;                         // as they were then
  std::optional<AllocationId> before = std::nullopt;  // only those older than this one
  NetworkFilter networks = {};
  bool only_ended = false;  // now: without those that hold it, which memory has
  // Who holds it now. Who asks the replica leaves this empty: its memory knows them, and state.db
  // finds by itself only those that have ended.
  std::vector<AllocationId> held_by = {};
};

// The VRFs, networks or allocations (of every status) as they were when `at` was the last revision
// applied, in pieces: no question holds up the thread of state.db for long. A VRF `default` that
// was never changed is not among them.
template <class Object>
struct AtQuery {
  using Id = decltype(Object::id);

  Revision at = revision_max;
  Id from = Id(1);
  Id to = Id(number_max);           // not included
  std::size_t visits_max = 1000;    // rows that are looked at; at least one
  bool only_superseded = false;     // without those that are still now as they were then
  std::optional<NetworkId> network_id = std::nullopt;  // allocations only: of this one
};
template <class Object>
struct PieceAt {
  std::vector<Object> objects;  // by id: all that there are before `next`
  decltype(Object::id) next;    // AtQuery::to where this was the last piece
  Revision oldest = {};  // that is known: where it is later than `at`, some may be missing
};

// The revision that was the last one at a time: by the audit log, in which every change of data is;
// and how far back it is known what was there.
struct RevisionQuery {
  std::variant<Revision, TimeMs> at;
};
struct KnownRevision {
  Revision revision;
  TimeMs time = 0;  // of the last audit entry by then
  Revision oldest;
};

using HistoryQuery =
    std::variant<AuditQuery, AllocationQuery, VerifyQuery, AddressQuery, AtQuery<Vrf>,
                 AtQuery<Network>, AtQuery<Allocation>, RevisionQuery>;
// AllocationQuery gives a list of none or one.
using HistoryAnswer =
    std::variant<std::vector<AuditEntry>, std::vector<Allocation>, Verification, PieceAt<Vrf>,
                 PieceAt<Network>, PieceAt<Allocation>, KnownRevision>;

}  // namespace ipam
