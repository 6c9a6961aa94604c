// What a network keeps back from next-free: its gateway and its reservations, and which of those
// addresses nobody has. An address that nobody has is either here or in the network's free set, so
// whoever gives one back asks here first. Pure; owned by a network of the address plan that keeps
// anything back.
#pragma once

#include <map>
#include <optional>

#include "ipam/address_set.hpp"
#include "ipam/model.hpp"

namespace ipam {

class Withheld {
 public:
  explicit Withheld(const UsableRange& usable);

  // Addresses that are all kept back, or all not.
  struct Part {
    U128 last = 0;
    bool is_withheld = false;
  };
  // As much as is alike from `first` on, up to `last` at most.
  Part part_at(U128 first, U128 last) const;
  bool has(U128 address) const { return part_at(address, address).is_withheld; }

  // The lowest that has an address of [first, last].
  const Reservation* first_reservation_in(U128 first, U128 last) const;
  bool is_empty() const { return !gateway && reservations.empty(); }

  std::optional<U128> gateway;  // where the network could hand it out
  std::map<U128, const Reservation*> reservations;  // by first address; no two overlap
  AddressSet nobodys;  // what nobody has of all this
};

// Takes out of the set what it has of [first, last]. O(runs there), whose number they give.
std::uint64_t take_runs(AddressSet& set, U128 first, U128 last);
// Moves it into another one. REQUIRES: which has nothing of it.
std::uint64_t move_runs(AddressSet& from, AddressSet& to, U128 first, U128 last);

}  // namespace ipam
