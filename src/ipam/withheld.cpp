#include "ipam/withheld.hpp"

#include <algorithm>

namespace ipam {

namespace {

// Of each run of the set in [first, last], cut to it, after it was taken out.
template <class Visit>
void for_each_taken(AddressSet& set, U128 first, U128 last, Visit visit) {
  while (const auto run = set.run_from(first)) {
    if (run->first > last) return;
    const U128 begin = std::max(run->first, first);
    const U128 end = std::min(run->last, last);
    set.take(begin, end);
    visit(begin, end);
    if (end == last) return;
    first = end + 1;
  }
}

}  // namespace

Withheld::Withheld(const UsableRange& usable) : nobodys(usable.first.value, usable.last.value) {
  nobodys.take(usable.first.value, usable.last.value);
}

Withheld::Part Withheld::part_at(U128 first, U128 last) const {
  if (const Reservation* const reservation = first_reservation_in(first, last)) {
    if (reservation->first.value <= first)
      return {std::min(last, reservation->last.value), true};
    last = reservation->first.value - 1;
  }
  if (gateway == first) return {first, true};
  if (gateway && first < *gateway && *gateway <= last) last = *gateway - 1;
  return {last, false};
}

const Reservation* Withheld::first_reservation_in(U128 first, U128 last) const {
  auto it = reservations.upper_bound(first);
  if (it != reservations.begin()) {
    const Reservation* before = std::prev(it)->second;
    if (before->last.value >= first) return before;
  }
  return it != reservations.end() && it->first <= last ? it->second : nullptr;
}

void take_runs(AddressSet& set, U128 first, U128 last) {
  for_each_taken(set, first, last, [](U128, U128) {});
}

void move_runs(AddressSet& from, AddressSet& to, U128 first, U128 last) {
  for_each_taken(from, first, last,
                 [&](U128 begin, U128 end) { to.give_back(begin, end); });
}

}  // namespace ipam
