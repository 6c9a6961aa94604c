// The VRFs, their networks, how they nest, which of their addresses are free, and the active
// allocations: the data of the state machine, which decides nothing. Every caller checks first; a
// broken REQUIRES is our bug. Pure; owned by StateMachine.
//
// Invariant: an address of a network is held by exactly one of its allocations, in quarantine after
// one of them, delegated, which means that it lies in a child network, or none of these: it is then
// withheld, where it is the gateway or reserved, else free. So an address is handed out by one
// network of each VRF at most, the most specific one that contains it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>

#include "ipam/address_set.hpp"
#include "ipam/command.hpp"
#include "ipam/model.hpp"
#include "ipam/packed_allocation.hpp"
#include "ipam/prefix_tree.hpp"
#include "ipam/token_table.hpp"
#include "ipam/undo_journal.hpp"
#include "ipam/withheld.hpp"

namespace ipam {

// Allocations by the hash of their hostname in lower case.
using HostnameIndex = std::set<std::pair<std::uint64_t, AllocationId>>;

struct NetworkState {
  explicit NetworkState(Network n);

  Network network;
  UsableRange usable;
  AddressSet free;
  std::unique_ptr<Withheld> withheld;  // only where there is a gateway or a reservation
  AllocationsByAddress allocations;
  U128 allocated = 0;  // addresses in `allocations`
  U128 quarantined = 0;
  std::uint64_t children_count = 0;  // the direct ones
  // Only from the first request for a unique hostname on: most networks never need it.
  std::unique_ptr<HostnameIndex> hostnames;

  // The lowest allocation that holds an address of [first, last]; none: no such.
  PackedAllocation first_allocation_in(U128 first, U128 last) const;
  // The lowest reservation that has an address of [first, last].
  const Reservation* first_reservation_in(U128 first, U128 last) const;
  std::size_t reservation_count() const { return withheld ? withheld->reservations.size() : 0; }
  bool is_withheld(U128 address) const { return withheld && withheld->has(address); }
  // How many of [first, last] are withheld: nobody has them, and yet they are not free. O(log n).
  U128 withheld_in(U128 first, U128 last) const;
  // Nobody has any of [first, last], and the network could hand it out. O(log n).
  bool is_available(U128 first, U128 last) const;
  bool is_threshold_reached() const;
};

struct VrfState {
  Vrf vrf;
  PrefixTree<NetworkState> tree = {};  // points into AddressPlan::networks()
};

struct Lease {
  TimeMs expires_at = 0;
  AllocationId id;

  friend auto operator<=>(const Lease&, const Lease&) = default;
};

struct QuarantineEnd {
  TimeMs ends_at = 0;
  NetworkId network_id;
  U128 first = 0;

  friend auto operator<=>(const QuarantineEnd&, const QuarantineEnd&) = default;
};

using OwnerKey = std::pair<NetworkId, std::string>;

class AddressPlan {
 public:
  AddressPlan();

  const VrfState* vrf(VrfId id) const;
  const VrfState* vrf(const VrfReference& reference) const;
  const NetworkState* network(NetworkId id) const;
  // nullptr also where there is no such VRF.
  const NetworkState* network(VrfId vrf, const Prefix& prefix) const;
  const NetworkState* network_of(VrfId vrf, const Address& address) const;  // the most specific
  const NetworkState* parent_of(VrfId vrf, const Prefix& prefix) const;
  // REQUIRES: the network is one of this plan.
  NetworkContext context(const Network& network) const;
  PackedAllocation allocation(AllocationId id) const;  // none: it is not active
  NetworkStats stats(const NetworkState& state) const;

  // Adds it, or replaces the one of the same id. REQUIRES: no other VRF has its name.
  void put_vrf(Vrf vrf);
  // REQUIRES: it exists, has no networks, and is not vrf_default.
  void remove_vrf(VrfId id);

  // Puts it between its parent and its children. REQUIRES: a valid prefix, the VRF exists, id and
  // prefix are new in it, the parent has no allocation, quarantine or reservation in it.
  const Network& add_network(Network network);
  // Puts it in the place of the one with its id. REQUIRES: which has the same VRF and prefix.
  const Network& replace_network(Network network);
  // It has this prefix from now on: children that are no longer in it go to its parent, and
  // networks that are in it now become its children. REQUIRES: the prefix contains the one it has
  // or is contained in it, no network of the VRF has it, its parent is the same network, the parent
  // has no allocations, quarantines and reservations in it, its own allocations and quarantines are
  // within the prefix's usable range, and its own reservations within the prefix.
  const Network& resize_network(NetworkId id, const Prefix& prefix);
  // Its children go to its parent; what was last held in it is forgotten. REQUIRES: it exists,
  // without allocations, quarantines and reservations.
  void remove_network(NetworkId id);

  // The allocation of the network, other than `except`, that has this hostname, in whatever case;
  // the oldest of several. The first call for a network makes its index, in O(n log n) of its
  // allocations.
  PackedAllocation hostname_holder(NetworkId id, std::string_view hostname,
                                   AllocationId except = AllocationId());

  // REQUIRES: the id is new, the network exists and all the addresses are available in it.
  void add_allocation(const Allocation& allocation);
  // Puts it in the place of the one with its id. REQUIRES: that exists, in the same network and
  // with the same addresses.
  void replace_allocation(const Allocation& allocation);
  // REQUIRES: it exists.
  Allocation remove_allocation(AllocationId id);

  const Reservation* reservation(ReservationId id) const;
  // The network's lowest direct child that has an address of [first, last], or one within that.
  // REQUIRES: all of it is in the network.
  const NetworkState* first_child_in(const NetworkState& state, const Address& first,
                                     const Address& last) const;
  // REQUIRES: the id is new, the network exists and has all of the addresses, none of them in a
  // child or in another reservation.
  const Reservation& add_reservation(Reservation reservation);
  // Puts it in the place of the one with its id. REQUIRES: that exists, in the same network and
  // with the same addresses.
  const Reservation& replace_reservation(Reservation reservation);
  // REQUIRES: it exists.
  void remove_reservation(ReservationId id);

  // REQUIRES: the network exists and all the addresses are available in it.
  void add_quarantine(Quarantine quarantine);
  // REQUIRES: one of the network begins there.
  Quarantine remove_quarantine(NetworkId id, U128 first);
  // The lowest of the network that has an address of [first, last]. O(log n).
  const Quarantine* first_quarantine_in(NetworkId id, U128 first, U128 last) const;

  // What the owner gave back last in the network; nullptr: nothing, or it is forgotten.
  const LastHeld* last_held(NetworkId id, const std::string& owner) const;
  const LastHeld* any_last_held(NetworkId id) const;  // of the network, of whichever owner
  // In the place of the owner's in the network, where it has one.
  void put_last_held(LastHeld held);
  // REQUIRES: it exists.
  void remove_last_held(NetworkId id, const std::string& owner);
  // REQUIRES: there is one.
  const LastHeld& oldest_last_held() const;

  // Who may change it: kept here so that the same journal takes it back.
  // REQUIRES: no other token has its name.
  void put_token(Token token);
  // REQUIRES: it exists.
  void remove_token(TokenId id);
  const TokenTable& tokens() const { return tokens_; }

  // Each add_, put_, remove_ and replace_ notes its inverse in it, so that all can be taken back.
  // Nothing else changes the plan.
  UndoJournal<AddressPlan>& journal() { return journal_; }

  // How many networks, free runs and quarantines were gone over by the changes until now: what one
  // change costs beyond O(log n). It follows from what is in the plan, not from how it came there.
  std::uint64_t steps() const { return steps_; }
  void note_steps(std::uint64_t count) { steps_ += count; }

  const std::map<VrfId, VrfState>& vrfs() const { return vrfs_; }
  const std::map<NetworkId, NetworkState>& networks() const { return networks_; }
  const AllocationTable::ById& allocations() const { return allocations_.by_id(); }
  const std::map<ReservationId, Reservation>& reservations() const { return reservations_; }
  const std::set<Lease>& leases() const { return leases_; }  // by when they end
  // By network and first address.
  using Quarantines = std::map<std::pair<NetworkId, U128>, Quarantine>;
  const Quarantines& quarantines() const { return quarantines_; }
  const std::set<QuarantineEnd>& quarantine_ends() const { return quarantine_ends_; }
  const std::map<OwnerKey, LastHeld>& last_held() const { return last_held_; }

 private:
  // Of [first, last], what nobody has.
  void take(NetworkState& state, U128 first, U128 last);
  // To the free set, or to what is withheld. REQUIRES: nobody has any of it, and it is in neither.
  void give_back(NetworkState& state, U128 first, U128 last);
  void delegate(NetworkState& parent, const Prefix& child);
  void take_back(NetworkState& parent, const Prefix& child);
  // The network's usable range is the prefix's from now on.
  void resize_free_set(NetworkState& state, const Prefix& prefix);
  // The network's gateway is another than it was before.
  void move_gateway(NetworkState& state, const std::optional<Address>& before);

  std::map<VrfId, VrfState> vrfs_;
  std::map<std::string, VrfId, std::less<>> vrf_names_;
  std::map<NetworkId, NetworkState> networks_;
  AllocationTable allocations_;
  std::map<ReservationId, Reservation> reservations_;
  std::set<Lease> leases_;
  Quarantines quarantines_;
  std::set<QuarantineEnd> quarantine_ends_;
  std::map<OwnerKey, LastHeld> last_held_;
  std::set<std::pair<Revision, OwnerKey>> last_held_by_age_;
  TokenTable tokens_;
  UndoJournal<AddressPlan> journal_;
  std::uint64_t steps_ = 0;
};

}  // namespace ipam
