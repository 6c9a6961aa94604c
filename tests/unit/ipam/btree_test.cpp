#include <doctest/doctest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "base/random.hpp"
#include "ipam/btree.hpp"

namespace {

struct Item {
  std::uint64_t key = 0;
  int version = 0;
};
struct KeyOfItem {
  std::uint64_t operator()(const Item* item) const { return item != nullptr ? item->key : 0; }
};
using Tree = ipam::BTree<const Item*, KeyOfItem>;
using Naive = std::map<std::uint64_t, std::unique_ptr<Item>>;

void check_same(const Tree& tree, const Naive& naive) {
  tree.check_invariants();
  REQUIRE(tree.size() == naive.size());
  REQUIRE(tree.empty() == naive.empty());
  auto it = tree.begin();
  for (const auto& [key, item] : naive) {
    REQUIRE(it != tree.end());
    REQUIRE(*it == item.get());
    ++it;
  }
  REQUIRE(it == tree.end());
  for (auto back = naive.rbegin(); back != naive.rend(); ++back)
    REQUIRE(*--it == back->second.get());
  REQUIRE(it == tree.begin());
}

void check_bounds(const Tree& tree, const Naive& naive, std::uint64_t key) {
  const auto same = [&](Tree::Iterator found, Naive::const_iterator expected) {
    REQUIRE((found == tree.end()) == (expected == naive.end()));
    if (expected != naive.end()) REQUIRE(*found == expected->second.get());
  };
  same(tree.lower_bound(key), naive.lower_bound(key));
  same(tree.upper_bound(key), naive.upper_bound(key));
  const auto there = naive.find(key);
  REQUIRE(tree.find(key) == (there == naive.end() ? nullptr : there->second.get()));
}

// Inserts and erases keys of [1, keys]; which of the two more often changes every so often, so that
// the tree grows and shrinks.
void compare_with_map(std::uint64_t seed, std::uint64_t keys, int steps) {
  CAPTURE(seed);
  base::Random random(seed);
  Tree tree;
  Naive naive;
  std::uint64_t inserts_percent = 80;
  std::uint64_t ascending = 0;
  for (int step = 0; step < steps; ++step) {
    if (random.below(static_cast<std::uint64_t>(steps) / 10 + 1) == 0)
      inserts_percent = random.chance(50) ? 80 : 15;
    const std::uint64_t key = random.chance(30) ? ++ascending % keys + 1 : 1 + random.below(keys);
    auto item = std::make_unique<Item>(Item{key, step});
    const auto there = naive.find(key);
    if (random.chance(10)) {
      check_bounds(tree, naive, key);
    } else if (random.chance(inserts_percent)) {
      REQUIRE(tree.insert(item.get()) == (there == naive.end()));
      if (there == naive.end()) {
        naive[key] = std::move(item);
      } else if (random.chance(50)) {
        tree.replace(item.get());
        there->second = std::move(item);
      }
    } else {
      REQUIRE(tree.erase(key) == (there != naive.end()));
      if (there != naive.end()) naive.erase(there);
    }
    if (step % 512 == 0) check_same(tree, naive);
  }
  check_same(tree, naive);
  while (!naive.empty()) {
    const auto any = naive.lower_bound(1 + random.below(keys));
    const auto gone = any != naive.end() ? any : naive.begin();
    REQUIRE(tree.erase(gone->first));
    naive.erase(gone);
    if (naive.size() % 512 == 0) check_same(tree, naive);
  }
  check_same(tree, naive);
}

}  // namespace

TEST_CASE("a B+ tree is what a std::map of the same keys is") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    compare_with_map(seed, 40, 2'000);
    compare_with_map(seed, 3'000, 20'000);
  }
  compare_with_map(11, 100'000, 60'000);
}

TEST_CASE("a B+ tree of ascending keys is full, and empty when they went in that order") {
  Tree tree;
  std::vector<Item> items;
  for (std::uint64_t key = 1; key <= 20'000; ++key) items.push_back({key});
  for (const Item& item : items) {
    REQUIRE(tree.insert(&item));
    if (item.key < 200) tree.check_invariants();
  }
  tree.check_invariants();
  for (const Item& item : items) REQUIRE(tree.erase(item.key));
  tree.check_invariants();
  CHECK(tree.empty());
  CHECK(tree.begin() == tree.end());
  CHECK(tree.find(1) == nullptr);
  CHECK(!tree.erase(1));
}
