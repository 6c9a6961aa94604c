#include <doctest/doctest.h>

#include <map>

#include "state/rows.hpp"

TEST_CASE("hosts of equal numbers in consecutive networks have different keys") {
  const auto base = ipam::parse_address("2001:db8::");
  REQUIRE(base);
  std::map<std::uint64_t, int> rows;
  for (unsigned network = 0; network < 256; ++network)
    for (unsigned host = 1; host <= 256; ++host) {
      ipam::Prefix prefix{*base, 128};
      prefix.base.value |= ipam::U128{network} << 64 | host;
      CHECK(++rows[state::cover_key(prefix)] <= 2);
    }
  // Neighbours stay neighbours, but for where the lowest bits wrap.
  ipam::Prefix even{*base, 128}, odd{*base, 128};
  odd.base.value |= 1;
  CHECK((state::cover_key(even) ^ state::cover_key(odd)) == 1);
}
