#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <vector>

#include "base/random.hpp"
#include "ipam/address_set.hpp"

namespace {

using ipam::AddressSet;
using ipam::Prefix;
using ipam::U128;

// The same set as one flag an address.
class FlagSet {
 public:
  explicit FlagSet(std::size_t size) : is_free_(size, true) {}

  std::optional<U128> first_fit(std::size_t count) const {
    std::size_t run = 0;
    for (std::size_t i = 0; i < is_free_.size(); ++i) {
      run = is_free_[i] ? run + 1 : 0;
      if (run == count) return i + 1 - count;
    }
    return std::nullopt;
  }
  // Where `count` free ones in a row begin within [first, last] at a multiple of `align`.
  std::vector<std::size_t> fits(std::size_t first, std::size_t last, std::size_t count,
                                U128 align, U128 offset) const {
    std::vector<std::size_t> starts;
    for (std::size_t i = first; i <= last && last - i >= count - 1; ++i)
      if ((offset + i) % align == 0 && all(i, i + count - 1, true)) starts.push_back(i);
    return starts;
  }
  bool all(std::size_t first, std::size_t last, bool free) const {
    for (std::size_t i = first; i <= last; ++i)
      if (is_free_[i] != free) return false;
    return true;
  }
  void set(std::size_t first, std::size_t last, bool free) {
    for (std::size_t i = first; i <= last; ++i) is_free_[i] = free;
  }
  std::size_t free_count() const {
    return static_cast<std::size_t>(std::count(is_free_.begin(), is_free_.end(), true));
  }

 private:
  std::vector<bool> is_free_;
};

// All questions about a part of the set, against the flags.
void compare_within(const AddressSet& set, const FlagSet& flags, U128 offset, std::size_t size,
                    base::Random& random) {
  const std::size_t first = random.below(size);
  const std::size_t last = first + random.below(size - first);
  const std::size_t count = 1 + random.below(random.chance(20) ? 40 : 4);
  const int align_bits = random.chance(50) ? 0 : static_cast<int>(random.below(6));
  const auto starts = flags.fits(first, last, count, U128{1} << align_bits, offset);
  const ipam::Fit wanted{offset + first, offset + last, count, align_bits};
  const auto lowest = set.first_fit(wanted);
  const auto highest = set.last_fit(wanted);
  const int bits = static_cast<int>(random.below(6));
  const auto blocks = flags.fits(first, size - 1, std::size_t{1} << bits, U128{1} << bits, offset);
  const auto block = set.first_block(bits, offset + first);
  REQUIRE(block.has_value() == !blocks.empty());
  if (block) REQUIRE((*block == offset + blocks.front()));
  const auto free_from = flags.fits(first, size - 1, 1, 1, offset);
  const auto run = set.run_from(offset + first);
  REQUIRE(run.has_value() == !free_from.empty());
  if (run) REQUIRE((run->first <= offset + free_from.front() &&
                    offset + free_from.front() <= run->last));
  REQUIRE(lowest.has_value() == !starts.empty());
  REQUIRE(highest.has_value() == !starts.empty());
  if (lowest) REQUIRE((*lowest == offset + starts.front()));
  if (highest) REQUIRE((*highest == offset + starts.back()));
  const auto free = flags.fits(first, last, 1, 1, offset);
  REQUIRE((set.free_count(offset + first, offset + last) == free.size()));
  const auto longest = set.longest_run(offset + first, offset + last);
  REQUIRE(longest.has_value() == !free.empty());
  if (free.empty()) return;
  const std::size_t k = random.below(free.size());
  REQUIRE((set.kth_free(offset + first, k) == offset + free[k]));
  const auto length = static_cast<std::size_t>(longest->last - longest->first + 1);
  REQUIRE((flags.fits(first, last, length, 1, offset).front() + offset == longest->first));
  REQUIRE(flags.fits(first, last, length + 1, 1, offset).empty());
}

// Random takes and returns of ranges at random places, with the set moved to begin at `offset`.
void compare_with_flags(std::uint64_t seed, std::size_t size, U128 offset, int rounds) {
  CAPTURE(seed);
  base::Random random(seed);
  AddressSet set(offset, offset + (size - 1));
  FlagSet flags(size);
  for (int round = 0; round < rounds; ++round) {
    CAPTURE(round);
    const std::size_t count = 1 + random.below(random.chance(10) ? size : 6);
    const auto fit = flags.first_fit(count);
    const auto found = set.first_fit(count);
    REQUIRE(found.has_value() == fit.has_value());
    if (fit) REQUIRE((*found == offset + *fit));
    if (fit && random.chance(30)) {
      set.take(*found, *found + (count - 1));
      flags.set(static_cast<std::size_t>(*fit), static_cast<std::size_t>(*fit) + count - 1, false);
    }
    const std::size_t first = random.below(size);
    const std::size_t last = first + random.below(std::min<std::size_t>(size - first, 5));
    const bool all_free = flags.all(first, last, true);
    REQUIRE(set.is_free(offset + first, offset + last) == all_free);
    if (all_free) {
      set.take(offset + first, offset + last);
      flags.set(first, last, false);
    } else if (flags.all(first, last, false)) {
      set.give_back(offset + first, offset + last);
      flags.set(first, last, true);
    }
    if (round % 4 == 0) compare_within(set, flags, offset, size, random);
    if (round % 64 != 0) continue;
    set.check_invariants();
    REQUIRE((set.free_count() == flags.free_count()));
    REQUIRE(set.first_free().has_value() == flags.first_fit(1).has_value());
    if (set.first_free()) REQUIRE((*set.first_free() == offset + *flags.first_fit(1)));
    REQUIRE(!flags.first_fit(static_cast<std::size_t>(set.longest_run()) + 1));
  }
}

// Free runs as a plain map, first to last: for sets whose size no flags can hold.
class RunMap {
 public:
  RunMap(U128 first, U128 last) { runs_[first] = last; }

  std::optional<U128> first_fit(U128 count) const {
    for (const auto& [first, last] : runs_)
      if (last - first + 1 >= count) return first;
    return std::nullopt;
  }
  void take(U128 first, U128 last) {
    const auto it = std::prev(runs_.upper_bound(first));
    const auto [run_first, run_last] = *it;
    runs_.erase(it);
    if (run_first < first) runs_[run_first] = first - 1;
    if (last < run_last) runs_[last + 1] = run_last;
  }
  void give_back(U128 first, U128 last) {
    auto it = runs_.emplace(first, last).first;
    const auto after = std::next(it);
    if (after != runs_.end() && after->first == last + 1) {
      it->second = after->second;
      runs_.erase(after);
    }
    if (it == runs_.begin()) return;
    const auto before = std::prev(it);
    if (before->second != first - 1) return;
    before->second = it->second;
    runs_.erase(it);
  }
  std::size_t run_count() const { return runs_.size(); }

 private:
  std::map<U128, U128> runs_;
};

void compare_with_runs(std::uint64_t seed, const Prefix& prefix, int rounds) {
  CAPTURE(seed);
  CAPTURE(ipam::to_string(prefix));
  base::Random random(seed);
  const ipam::UsableRange usable = ipam::usable_range(prefix);
  AddressSet set(usable.first.value, usable.last.value);
  RunMap runs(usable.first.value, usable.last.value);
  std::vector<std::pair<U128, U128>> taken;
  for (int round = 0; round < rounds; ++round) {
    CAPTURE(round);
    const bool grows = taken.size() < 100 || random.chance(taken.size() < 400 ? 55 : 45);
    if (grows) {
      const U128 wide = (static_cast<U128>(random.next()) << 64 | random.next()) % usable.count + 1;
      const U128 count = random.chance(5) ? wide >> random.below(120) | 1 : 1 + random.below(8);
      const auto found = set.first_fit(count);
      REQUIRE((found == runs.first_fit(count)));
      if (!found) continue;
      // Half of them not where first fit puts them, so that the free space gets holes.
      U128 first = *found;
      if (random.chance(50)) {
        first = usable.first.value + (wide - 1);
        if (usable.last.value - first < count - 1 || !set.is_free(first, first + (count - 1)))
          first = *found;
      }
      set.take(first, first + (count - 1));
      runs.take(first, first + (count - 1));
      taken.emplace_back(first, first + (count - 1));
    } else {
      const std::size_t index = random.below(taken.size());
      set.give_back(taken[index].first, taken[index].second);
      runs.give_back(taken[index].first, taken[index].second);
      taken[index] = taken.back();
      taken.pop_back();
    }
    REQUIRE(set.run_count() == runs.run_count());
    if (round % 1024 == 0) set.check_invariants();
  }
  for (const auto& [first, last] : taken) set.give_back(first, last);
  set.check_invariants();
  CHECK(set.run_count() == 1);
  CHECK((set.free_count() == usable.count));
}

// Fills `used` addresses from the first on, gives 1% back at random places, and times first fit:
// of 1 (found at once) and of 2 in a row, which must get past nearly all the single holes.
void measure_at_99_percent(const char* name, U128 first, U128 last, std::uint64_t used) {
  base::Random random(99);
  AddressSet set(first, last);
  set.take(first, first + (used - 1));
  if (first + used <= last) set.take(first + used, last);  // the rest is never free
  for (std::uint64_t i = 0; i < used / 100;) {
    const U128 address = first + random.below(used);
    if (set.is_free(address, address)) continue;
    set.give_back(address, address);
    ++i;
  }
  const auto time = [&](U128 count) {
    constexpr int rounds = 100'000;
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < rounds; ++i) {
      const auto found = set.first_fit(count);
      REQUIRE(found);
      set.take(*found, *found + (count - 1));
      // Given back as it was, or the set would drift from 99%.
      set.give_back(*found, *found + (count - 1));
    }
    const std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - start;
    return spent.count() / rounds;
  };
  std::printf("address set %s, 99%% full, %zu free runs, longest %s: find + take + give back of 1: "
              "%.0f ns, of 3 in a row: %.0f ns\n",
              name, set.run_count(), ipam::to_string(set.longest_run()).c_str(), time(1), time(3));
}

}  // namespace

TEST_CASE("an address set agrees with one flag an address") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    compare_with_flags(seed, 254, 1, 20'000);
    compare_with_flags(seed, 1 + seed, 0, 2'000);
    compare_with_flags(seed, 200, ~U128{0} - 199, 2'000);  // up to the very last address
  }
}

TEST_CASE("an address set of any size agrees with a map of free runs") {
  for (const char* cidr : {"10.0.0.0/24", "10.0.0.0/8", "0.0.0.0/0", "2001:db8::/64", "::/0"})
    for (std::uint64_t seed = 1; seed <= 2; ++seed)
      compare_with_runs(seed, *ipam::parse_prefix(cidr), 100'000);
}

TEST_CASE("taking everything leaves nothing, and giving it back leaves one run") {
  AddressSet set(1, ~U128{0});
  CHECK((set.free_count() == ~U128{0}));
  CHECK((set.first_fit(~U128{0}) == U128{1}));
  set.take(1, ~U128{0});
  CHECK((set.free_count() == 0));
  CHECK((set.longest_run() == 0));
  CHECK_FALSE(set.first_free());
  CHECK_FALSE(set.first_fit(1));
  set.give_back(~U128{0}, ~U128{0});
  CHECK((set.first_fit(1) == ~U128{0}));
  set.give_back(1, ~U128{0} - 1);
  CHECK(set.run_count() == 1);
  CHECK((set.longest_run() == ~U128{0}));
  set.check_invariants();
}

TEST_CASE("the longest run is found behind very many short ones") {
  AddressSet set(0, 2'000'000);
  for (U128 address = 1; address < 1'000'000; address += 2) set.take(address, address);
  CHECK(set.run_count() == 500'001);
  CHECK((set.first_fit(2) == U128{1'000'000}));
  CHECK((set.first_fit(1'000'001) == U128{1'000'000}));
  CHECK_FALSE(set.first_fit(1'000'002));
  set.check_invariants();
}

TEST_CASE("first fit at 99% full is measured, not asserted") {
  const ipam::UsableRange v4 = ipam::usable_range(*ipam::parse_prefix("10.0.0.0/8"));
  measure_at_99_percent("v4 /8", v4.first.value, v4.last.value,
                        static_cast<std::uint64_t>(v4.count));
  const ipam::UsableRange v6 = ipam::usable_range(*ipam::parse_prefix("2001:db8::/64"));
  measure_at_99_percent("v6 /64", v6.first.value, v6.last.value, 40'000'000);
}
