#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <vector>

#include "base/random.hpp"
#include "ipam/prefix_tree.hpp"

namespace {

using ipam::Address;
using ipam::Family;
using ipam::Prefix;
using ipam::U128;
using Tree = ipam::PrefixTree<Prefix>;
using Naive = std::map<Prefix, std::unique_ptr<Prefix>>;  // ordered by family, base, then length

// Few distinct bits, so that prefixes often nest.
Prefix random_prefix(base::Random& random) {
  Prefix prefix;
  prefix.base.family = random.chance(50) ? Family::ipv4 : Family::ipv6;
  const int bits = bits_of(prefix.base.family);
  prefix.length = static_cast<int>(random.below(static_cast<std::uint64_t>(bits) + 1));
  const bool sparse = random.chance(70);
  for (int i = 0; i < bits; ++i)
    if (random.chance(sparse ? 3 : 50)) prefix.base.value |= U128{1} << i;
  prefix.base.value &= prefix.mask();
  return prefix;
}

bool contains_strictly(const Prefix& outer, const Prefix& inner) {
  return outer.length < inner.length && outer.contains(inner);
}

const Prefix* naive_parent(const Naive& naive, const Prefix& prefix) {
  const Prefix* best = nullptr;
  for (const auto& [key, value] : naive)
    if (contains_strictly(key, prefix) && (best == nullptr || key.length > best->length))
      best = value.get();
  return best;
}

const Prefix* naive_match(const Naive& naive, const Address& address) {
  const Prefix* best = nullptr;
  for (const auto& [key, value] : naive)
    if (key.contains(address) && (best == nullptr || key.length > best->length))
      best = value.get();
  return best;
}

std::vector<Prefix> naive_within(const Naive& naive, const Prefix& prefix, bool children_only) {
  std::vector<Prefix> found;
  for (const auto& [key, value] : naive) {
    if (!children_only && prefix.contains(key)) found.push_back(key);
    if (!children_only || !contains_strictly(prefix, key)) continue;
    const Prefix* parent = naive_parent(naive, key);
    if (parent == nullptr || !contains_strictly(prefix, *parent)) found.push_back(key);
  }
  return found;
}

}  // namespace

TEST_CASE("a prefix tree agrees with a search of all prefixes") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    base::Random random(seed);
    Tree tree;
    Naive naive;
    for (int round = 0; round < 600; ++round) {
      CAPTURE(round);
      const Prefix prefix = random_prefix(random);
      CAPTURE(ipam::to_string(prefix));
      if (random.chance(60)) {
        auto value = std::make_unique<Prefix>(prefix);
        const bool inserted = tree.insert(prefix, value.get());
        REQUIRE(inserted == (naive.count(prefix) == 0));
        if (inserted) naive[prefix] = std::move(value);
      } else if (!naive.empty()) {
        auto victim = std::next(naive.begin(), static_cast<long>(random.below(naive.size())));
        REQUIRE(tree.erase(victim->first) == victim->second.get());
        REQUIRE(tree.erase(victim->first) == nullptr);
        naive.erase(victim);
      }
      REQUIRE(tree.size() == naive.size());
      const Prefix asked = random_prefix(random);
      CAPTURE(ipam::to_string(asked));
      const auto exact = naive.find(asked);
      REQUIRE(tree.find(asked) == (exact == naive.end() ? nullptr : exact->second.get()));
      REQUIRE(tree.parent_of(asked) == naive_parent(naive, asked));
      REQUIRE(tree.longest_match(asked.base) == naive_match(naive, asked.base));
      std::vector<Prefix> children, within;
      tree.for_each_child_of(asked, [&](const Prefix& found) { children.push_back(found); });
      tree.for_each_within(asked, [&](const Prefix& found) { within.push_back(found); });
      REQUIRE(children == naive_within(naive, asked, true));
      // In steps of some, each from behind the last one seen.
      std::vector<Prefix> in_steps;
      Address from = asked.base;
      for (std::size_t left = 0; left == 0;) {
        left = 1 + random.below(4);
        tree.visit_children_of(asked, from, [&](const Prefix& found) {
          in_steps.push_back(found);
          from.value = found.base.value + 1;
          return --left > 0;
        });
      }
      REQUIRE(in_steps == children);
      REQUIRE(within == naive_within(naive, asked, false));
    }
    for (const auto& [key, value] : naive) REQUIRE(tree.erase(key) == value.get());
    REQUIRE(tree.size() == 0);
    REQUIRE(tree.longest_match({Family::ipv4, 0}) == nullptr);
  }
}

TEST_CASE("the two families and the widest and narrowest prefixes do not mix") {
  Tree tree;
  std::vector<Prefix> all;
  for (const char* text : {"0.0.0.0/0", "::/0", "0.0.0.0/32", "255.255.255.255/32", "::/128",
                           "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"})
    all.push_back(*ipam::parse_prefix(text));
  for (auto& prefix : all) REQUIRE(tree.insert(prefix, &prefix));
  CHECK(tree.longest_match(*ipam::parse_address("0.0.0.0")) == &all[2]);
  CHECK(tree.longest_match(*ipam::parse_address("0.0.0.1")) == &all[0]);
  CHECK(tree.longest_match(*ipam::parse_address("255.255.255.255")) == &all[3]);
  CHECK(tree.longest_match(*ipam::parse_address("::")) == &all[4]);
  CHECK(tree.longest_match(all[5].base) == &all[5]);
  CHECK(tree.parent_of(all[5]) == &all[1]);
  CHECK(tree.parent_of(all[0]) == nullptr);
}
