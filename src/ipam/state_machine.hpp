// The address plan and everything that decides about it. Equal commands in equal order give equal
// state, outcomes and changes on every node: no clock, no randomness, no iteration over hash order.
// Pure; on a node it lives on the io thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ipam/change.hpp"
#include "ipam/command.hpp"
#include "ipam/model.hpp"

namespace ipam {

class StateMachine {
 public:
  StateMachine();
  ~StateMachine();
  StateMachine(StateMachine&&) noexcept;
  StateMachine& operator=(StateMachine&&) noexcept;

  // Decides `command`. `timestamp` is the leader's clock when it appended the entry; the replicated
  // clock is the greatest one so far. An Outcome of Error changes nothing but the clock.
  Applied apply(Revision revision, TimeMs timestamp, const Command& command);

  // What apply() would give as the outcome; everything is as before then, the clock too.
  Outcome preview(Revision revision, TimeMs timestamp, const Command& command);

  // ---- queries; O(log n) where not said otherwise ----
  // Allocations are values: in memory each is a few bytes (packed_allocation.hpp).
  const Vrf* vrf(const VrfReference& vrf) const;  // nullptr: no such VRF
  std::size_t network_count_in(VrfId vrf) const;
  void for_each_vrf(const std::function<void(const Vrf&)>& visit) const;  // by id
  const Network* network(NetworkId id) const;       // nullptr: no such network
  const Network* network(const Prefix& prefix, VrfId vrf = vrf_default) const;
  // REQUIRES: the network is one of this state machine.
  NetworkContext context(const Network& network) const;
  std::optional<Allocation> allocation(AllocationId id) const;  // active ones only
  const Reservation* reservation(ReservationId id) const;
  // True where the id was once handed out, whether or not it is active.
  bool allocation_existed(AllocationId id) const;
  // REQUIRES: the network exists.
  NetworkStats stats(NetworkId id) const;
  std::size_t network_count() const;
  std::size_t allocation_count() const;  // active ones
  // By id, ascending; the callback must not change the state machine. O(n).
  void for_each_network(const std::function<void(const Network&)>& visit) const;
  // Those of one VRF that lie in the prefix, itself included, by address; one step for each.
  void for_each_network_within(VrfId vrf, const Prefix& prefix,
                               const std::function<void(const Network&)>& visit) const;
  // Those whose parent it is, by address, from `from` on, until the callback says false.
  void visit_children_of(NetworkId id, const Address& from,
                         const std::function<bool(const Network&)>& visit) const;
  // The lowest `limit` free blocks of the network: of this length, or the largest that there are.
  // REQUIRES: the network exists, and the length is longer than its own.
  std::vector<Prefix> free_blocks(NetworkId id, std::optional<int> length,
                                  std::size_t limit) const;
  // Those that contain the prefix, itself included, the widest first.
  void for_each_network_containing(VrfId vrf, const Prefix& prefix,
                                   const std::function<void(const Network&)>& visit) const;
  void for_each_allocation(const std::function<void(const Allocation&)>& visit) const;
  // Active allocations that contain the address, at most one in each VRF, by VRF.
  std::vector<Allocation> allocations_holding(const Address& address) const;
  // The one in this VRF.
  std::optional<Allocation> allocation_of(const Address& address, VrfId vrf) const;
  // The most specific network that contains the address (longest match).
  const Network* network_of(const Address& address, VrfId vrf = vrf_default) const;

  // The quarantine that the address is in, in the network that would hand it out; or nullptr.
  const Quarantine* quarantine_of(const Address& address, VrfId vrf = vrf_default) const;

  // The reservation that covers the address, in the network that would hand it out; or nullptr.
  const Reservation* reservation_of(const Address& address, VrfId vrf = vrf_default) const;
  // Those of one network that begin at this value or above, by address, until the callback says
  // false. O(visited).
  void visit_reservations_in(NetworkId id, U128 from,
                             const std::function<bool(const Reservation&)>& visit) const;
  // All from this id on, until the callback says false. O(visited).
  void visit_reservations(ReservationId from,
                          const std::function<bool(const Reservation&)>& visit) const;
  std::size_t reservation_count() const;

  // Whether next-free could hand it out. REQUIRES: network_of() has one.
  bool is_free(const Address& address, VrfId vrf = vrf_default) const;
  // Networks and active allocations from this id on, until the callback says false. O(visited).
  void visit_networks(NetworkId from, const std::function<bool(const Network&)>& visit) const;
  void visit_vrfs(VrfId from, const std::function<bool(const Vrf&)>& visit) const;
  // Of one network, by address, from this value on.
  void visit_allocations_in(NetworkId id, U128 from,
                            const std::function<bool(const Allocation&)>& visit) const;
  // As for_each_network_within(), until the callback says false.
  void visit_networks_within(VrfId vrf, const Prefix& prefix,
                             const std::function<bool(const Network&)>& visit) const;
  void visit_allocations(AllocationId from,
                         const std::function<bool(const Allocation&)>& visit) const;
  // Active ones of one network that begin at this address or above, by address. O(visited).
  void visit_allocations_in(NetworkId id, const Address& from,
                            const std::function<bool(const Allocation&)>& visit) const;

  // nullptr: no such token.
  const Token* token(const TokenReference& reference) const;
  const Token* token_of(const base::Sha256& hash) const;  // by the hash of its secret
  void for_each_token(const std::function<void(const Token&)>& visit) const;  // by id

  // When the next lease or quarantine ends; the leader proposes ExpireLeases once its clock has
  // passed it.
  std::optional<TimeMs> next_expiry() const;
  const Counters& counters() const;

  // ---- loading from state.db: VRFs, networks, active allocations, in this order of the kinds ----
  // Rows that contradict one another (an address held twice, a network that does not exist) are a
  // broken file: load_vrf, load_network and load_allocation throw std::runtime_error that says why.
  void load_counters(const Counters& counters);
  void load_vrf(Vrf vrf);
  void load_network(Network network);
  void load_allocation(Allocation allocation);
  void load_reservation(Reservation reservation);  // after the networks; throws like them
  void load_quarantine(Quarantine quarantine);  // after the allocations; throws like them
  void load_last_held(LastHeld held);           // after the networks; throws like them
  void load_token(Token token);  // throws like them
  void load_outcome(StoredOutcome stored);

  // A digest of the whole state, equal on all nodes that have applied the same entries. O(n).
  std::uint64_t digest() const;

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace ipam
