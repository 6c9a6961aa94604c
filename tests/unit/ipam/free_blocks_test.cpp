// Free blocks against a model that looks at every address, in both families.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "base/random.hpp"
#include "ipam/free_blocks.hpp"

namespace {

using namespace ipam;

// A network of 256 addresses with children, allocations and reservations at random places.
class RandomNetwork {
 public:
  RandomNetwork(std::uint64_t seed, const char* cidr) : random_(seed), whole_(*parse_prefix(cidr)) {
    add(whole_);
    for (std::uint64_t i = random_.below(30); i > 0; --i) {
      const int length = whole_.length + 1 + static_cast<int>(random_.below(8));
      const Prefix prefix = block(length, random_.below(256));
      const NetworkState* parent = plan.parent_of(vrf_default, prefix);
      if (plan.network(vrf_default, prefix) == nullptr &&
          !parent->first_allocation_in(prefix.base.value, prefix.last().value) &&
          !parent->first_reservation_in(prefix.base.value, prefix.last().value))
        add(prefix);
      if (random_.chance(50)) allocate();
      if (random_.chance(10)) reserve();
    }
  }

  const NetworkState& network() const { return *plan.network(NetworkId(1)); }
  const Prefix& whole() const { return whole_; }

  // The block of this length around the address with this offset.
  Prefix block(int length, std::uint64_t offset) const {
    Prefix prefix{{whole_.base.family, whole_.base.value + offset}, length};
    prefix.base.value &= prefix.mask();
    return prefix;
  }

  // Nothing is in it: neither a network nor an allocation, nor is any of it reserved.
  bool is_free(const Prefix& prefix) const {
    for (const auto& [id, state] : plan.networks()) {
      const Prefix& other = state.network.prefix;
      if (id != NetworkId(1) && (other.contains(prefix) || prefix.contains(other))) return false;
    }
    for (const auto& [id, reservation] : plan.reservations())
      if (reservation.first <= prefix.last() && prefix.base <= reservation.last) return false;
    return !network().first_allocation_in(prefix.base.value, prefix.last().value);
  }

  // All free blocks of the length, by address.
  std::vector<Prefix> blocks(int length) const {
    std::vector<Prefix> found;
    const std::uint64_t size = 1u << (bits_of(whole_.base.family) - length);
    for (std::uint64_t offset = 0; offset < 256; offset += size)
      if (is_free(block(length, offset))) found.push_back(block(length, offset));
    return found;
  }

  // The free blocks that are in no larger free block.
  std::vector<Prefix> largest() const {
    std::vector<Prefix> found;
    for (int length = whole_.length; length <= bits_of(whole_.base.family); ++length)
      for (const Prefix& one : blocks(length))
        if (std::none_of(found.begin(), found.end(),
                         [&](const Prefix& other) { return other.contains(one); }))
          found.push_back(one);
    std::sort(found.begin(), found.end());
    return found;
  }

  // Takes the lowest block of the smallest that has room, as often as there is one.
  std::vector<Prefix> best(int length, std::size_t limit) {
    std::vector<Prefix> found;
    while (found.size() < limit) {
      const Prefix* from = nullptr;
      const auto all = largest();
      for (const Prefix& one : all)
        if (one.length <= length && (from == nullptr || one.length > from->length)) from = &one;
      if (from == nullptr) break;
      found.push_back({from->base, length});
      add(found.back());
    }
    return found;
  }

  AddressPlan plan;

 private:
  void add(const Prefix& prefix) {
    Network network;
    network.id = NetworkId(++next_id_);
    network.prefix = prefix;
    plan.add_network(std::move(network));
  }

  void allocate() {
    const U128 address = whole_.base.value + random_.below(256);
    if (!network().free.is_free(address, address)) return;
    Allocation allocation;
    allocation.id = AllocationId(++next_id_);
    allocation.network_id = NetworkId(1);
    allocation.first = allocation.last = {whole_.base.family, address};
    plan.add_allocation(allocation);
  }

  void reserve() {
    Reservation reservation;
    reservation.id = ReservationId(++next_id_);
    reservation.network_id = NetworkId(1);
    reservation.first = reservation.last = block(bits_of(whole_.base.family),
                                                 random_.below(256)).base;
    reservation.last.value += random_.below(5);
    const bool is_possible =
        whole_.contains(reservation.last) &&
        !plan.first_child_in(network(), reservation.first, reservation.last) &&
        !network().first_reservation_in(reservation.first.value, reservation.last.value);
    if (is_possible) plan.add_reservation(std::move(reservation));
  }

  base::Random random_;
  Prefix whole_;
  std::uint64_t next_id_ = 0;
};

}  // namespace

TEST_CASE("free blocks are those in which nothing is, whatever is in the network") {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    for (const char* cidr : {"10.0.0.0/24", "255.255.255.0/24", "2001:db8::/120",
                             "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff00/120"}) {
      CAPTURE(seed);
      CAPTURE(cidr);
      RandomNetwork random(seed, cidr);
      const int width = bits_of(random.whole().base.family);
      for (int length = random.whole().length + 1; length <= width; ++length) {
        auto expected = random.blocks(length);
        REQUIRE(free_blocks(random.plan, random.network(), length, 1000) == expected);
        expected.resize(std::min<std::size_t>(expected.size(), 3));
        REQUIRE(free_blocks(random.plan, random.network(), length, 3) == expected);
      }
      auto largest = random.largest();
      REQUIRE(largest_free_blocks(random.plan, random.network(), 1000) == largest);
      largest.resize(std::min<std::size_t>(largest.size(), 3));
      REQUIRE(largest_free_blocks(random.plan, random.network(), 3) == largest);
      const int length = random.whole().length + 1 + static_cast<int>(seed % 8);
      const auto best = best_free_blocks(random.plan, random.network(), length, 5);
      REQUIRE(random.best(length, 5) == best);
    }
  }
}

TEST_CASE("the free blocks of the widest networks are found without overflow") {
  for (const char* cidr : {"0.0.0.0/0", "::/0"}) {
    AddressPlan plan;
    Network network;
    network.id = NetworkId(1);
    network.prefix = *parse_prefix(cidr);
    plan.add_network(network);
    const NetworkState& state = *plan.network(NetworkId(1));
    const int width = bits_of(network.prefix.base.family);
    CHECK(largest_free_blocks(plan, state, 10) == std::vector<Prefix>{network.prefix});
    CHECK(free_blocks(plan, state, 1, 10).size() == 2);
    CHECK(free_blocks(plan, state, width, 10).size() == 10);
    CHECK(best_free_blocks(plan, state, 1, 10) == free_blocks(plan, state, 1, 10));
  }
}
