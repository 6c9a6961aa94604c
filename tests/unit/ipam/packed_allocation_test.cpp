#include <doctest/doctest.h>

#include <map>

#include "base/random.hpp"
#include "ipam/packed_allocation.hpp"

namespace {

using namespace ipam;

std::string random_text(base::Random& random, std::size_t max) {
  std::string text(random.below(max + 1), 'x');
  for (char& c : text) c = static_cast<char>(random.below(256));
  return text;
}

Allocation random_allocation(base::Random& random, AllocationId id) {
  Allocation allocation;
  allocation.id = id;
  allocation.network_id = NetworkId(random.next() >> random.below(64));
  const Family family = random.chance(50) ? Family::ipv4 : Family::ipv6;
  U128 value = U128{random.next()} << 64 | random.next();
  if (family == Family::ipv4) value &= 0xffff'ffff;
  allocation.first = allocation.last = {family, value >> 1};
  if (random.chance(20)) allocation.last.value += 1 + random.below(100);
  if (random.chance(70)) allocation.hostname = random_text(random, hostname_bytes_max);
  if (random.chance(20)) allocation.description = random_text(random, description_bytes_max);
  for (std::uint64_t left = random.chance(20) ? random.below(4) : 0; left > 0; --left)
    allocation.tags.push_back(random_text(random, 8));
  allocation.allocated_at = static_cast<TimeMs>(random.below(time_ms_max));
  if (random.chance(20)) allocation.expires_at = static_cast<TimeMs>(random.below(time_ms_max));
  allocation.revision = Revision(random.next() >> random.below(64));
  if (random.chance(20)) {
    AllocationExtras extras;
    extras.owner = random_text(random, 20);
    for (std::uint64_t left = random.below(3); left > 0; --left)
      extras.metadata[random_text(random, 8)] = random_text(random, 8);
    allocation.extras.set(std::move(extras));
  }
  return allocation;
}

void check_same(PackedAllocation packed, const Allocation& allocation) {
  REQUIRE(packed);
  REQUIRE(packed.id() == allocation.id);
  REQUIRE(packed.network_id() == allocation.network_id);
  REQUIRE(packed.first() == allocation.first);
  REQUIRE(packed.first_value() == allocation.first.value);
  REQUIRE(packed.last() == allocation.last);
  REQUIRE(packed.hostname() == allocation.hostname);
  REQUIRE(packed.unpacked() == allocation);
}

}  // namespace

TEST_CASE("what is packed comes out as it was, whatever was in its place") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    base::Random random(seed);
    AllocationTable table;
    std::map<AllocationId, Allocation> naive;
    Allocation reused;
    for (int step = 0; step < 2'000; ++step) {
      const AllocationId id(1 + random.below(500));
      const auto there = naive.find(id);
      if (there == naive.end()) {
        const Allocation made = random_allocation(random, id);
        REQUIRE(!table.by_id().find(id));
        check_same(table.add(made), made);
        naive.emplace(id, made);
      } else if (random.chance(50)) {
        there->second = random_allocation(random, id);
        table.replace(table.make(there->second));
      } else {
        check_same(table.by_id().find(id), there->second);
        table.remove(id);
        naive.erase(there);
      }
    }
    REQUIRE(table.by_id().size() == naive.size());
    auto it = table.by_id().begin();
    for (const auto& [id, allocation] : naive) {
      check_same(*it, allocation);
      (*it).unpack(reused);
      REQUIRE(reused == allocation);
      ++it;
    }
  }
}
