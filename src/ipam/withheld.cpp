#include "ipam/withheld.hpp"

#include <algorithm>

namespace ipam {

namespace {

// Of each run of the set in [first, last], cut to it, after it was taken out. Gives their number.
template <class Visit>
std::uint64_t for_each_taken(AddressSet& set, U128 first, U128 last, Visit visit) {
  std::uint64_t count = 0;
  while (const auto run = set.run_from(first)) {
    if (run->first > last) break;
    const U128 begin = std::max(run->first, first);
    const U128 end = std::min(run->last, last);
    set.take(begin, end);
    visit(begin, end);
    ++count;
    if (end == last) break;
    first = end + 1;
  }
  return count;
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

std::uint64_t take_runs(AddressSet& set, U128 first, U128 last) {
  return for_each_taken(set, first, last, [](U128, U128) {});
}

std::uint64_t move_runs(AddressSet& from, AddressSet& to, U128 first, U128 last) {
  return for_each_taken(from, first, last,
                        [&](U128 begin, U128 end) { to.give_back(begin, end); });
}

}  // namespace ipam
