// Prefixes of both families, each with something of the caller's: a path-compressed binary trie, so
// every question costs at most the bits of an address, whatever the number of prefixes. The tree
// holds pointers and owns nothing. Nodes live in one vector and name one another by index. Pure.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <vector>

#include "base/assert.hpp"
#include "ipam/address.hpp"

namespace ipam {

template <class T>
class PrefixTree {
 public:
  // False (and nothing changes) where the prefix is there already. REQUIRES: value, valid prefix.
  bool insert(const Prefix& prefix, T* value);
  // nullptr: the prefix was not there.
  T* erase(const Prefix& prefix);

  T* find(const Prefix& prefix) const;  // nullptr: not there
  // The most specific prefix that contains the address. nullptr: none.
  T* longest_match(const Address& address) const {
    return deepest(address.family, align(address), bits_of(address.family));
  }
  // The most specific prefix that strictly contains this one, which need not be in the tree.
  T* parent_of(const Prefix& prefix) const {
    if (prefix.length == 0) return nullptr;
    return deepest(prefix.base.family, align(prefix.base), prefix.length - 1);
  }
  // All prefixes that contain this one, itself included; the widest first.
  template <class Visit>
  void for_each_containing(const Prefix& prefix, Visit&& visit) const {
    const U128 key = align(prefix.base);
    for (Index index = roots_[root_of(prefix.base.family)]; index != none;) {
      const Node& node = nodes_[index];
      if (node.length > prefix.length || common_length(node.key, key) < node.length) return;
      if (node.value != nullptr) visit(*node.value);
      if (node.length == prefix.length) return;
      index = node.children[bit(key, node.length)];
    }
  }
  // The prefixes strictly within `prefix` that lie in no other such one; ascending by address.
  // `visit(T&)` must not change the tree.
  template <class Visit>
  void for_each_child_of(const Prefix& prefix, Visit&& visit) const {
    walk(top_within(prefix), prefix.length + 1, true, visit);
  }
  // The same from those that begin at `from` on, until `visit` gives false. REQUIRES: `from` is of
  // the family of `prefix`.
  template <class Visit>
  void visit_children_of(const Prefix& prefix, const Address& from, Visit&& visit) const {
    bool goes_on = true;
    walk_children(top_within(prefix), prefix.length + 1, align(from), goes_on, visit);
  }
  // All prefixes within `prefix`, itself included; ascending by address, the wider one first.
  template <class Visit>
  void for_each_within(const Prefix& prefix, Visit&& visit) const {
    walk(top_within(prefix), prefix.length, false, visit);
  }
  // The same until `visit` gives false.
  template <class Visit>
  void visit_within(const Prefix& prefix, Visit&& visit) const {
    bool goes_on = true;
    walk_while(top_within(prefix), prefix.length, goes_on, visit);
  }
  // The lowest one strictly within `prefix` that begins in [first, last]. nullptr: none.
  T* first_beginning_in(const Prefix& prefix, const Address& first, const Address& last) const {
    return first_in(top_within(prefix), prefix.length + 1, align(first), align(last));
  }
  std::size_t size() const { return size_; }

 private:
  using Index = std::uint32_t;
  static constexpr Index none = UINT32_MAX;

  // Without a value: a fork, which always has two children.
  struct Node {
    U128 key = 0;  // the base, shifted so that its first bit is bit 127 in either family
    T* value = nullptr;
    std::array<Index, 2> children = {none, none};
    int length = 0;
  };
  // Where the index of a node is kept: in its parent or in roots_.
  struct Slot {
    Index parent = none;
    std::size_t side = 0;
  };

  static U128 align(const Address& address) {
    return address.value << (128 - bits_of(address.family));
  }
  static std::size_t bit(U128 key, int position) {
    return static_cast<std::size_t>(key >> (127 - position) & 1);
  }
  static int common_length(U128 a, U128 b) {
    const U128 difference = a ^ b;
    const auto high = static_cast<std::uint64_t>(difference >> 64);
    if (high != 0) return std::countl_zero(high);
    return 64 + std::countl_zero(static_cast<std::uint64_t>(difference));
  }
  static std::size_t root_of(Family family) { return family == Family::ipv4 ? 0 : 1; }

  Index& at(Slot slot) {
    return slot.parent == none ? roots_[slot.side] : nodes_[slot.parent].children[slot.side];
  }
  Index make_node(U128 key, int length, T* value) {
    Index index = none;
    if (!recycled_.empty()) {
      index = recycled_.back();
      recycled_.pop_back();
    } else {
      ASSERT(nodes_.size() < none);
      index = static_cast<Index>(nodes_.size());
      nodes_.emplace_back();
    }
    nodes_[index] = Node{key, value, {none, none}, length};
    return index;
  }
  // Takes the node out where it has no value and is no fork. True: nothing came into its place.
  bool splice(Slot slot) {
    const Index index = at(slot);
    const Node& node = nodes_[index];
    const bool is_fork = node.children[0] != none && node.children[1] != none;
    if (node.value != nullptr || is_fork) return false;
    const Index child = node.children[node.children[0] != none ? 0 : 1];
    at(slot) = child;
    recycled_.push_back(index);
    return child == none;
  }

  T* deepest(Family family, U128 key, int length_max) const {
    T* found = nullptr;
    for (Index index = roots_[root_of(family)]; index != none;) {
      const Node& node = nodes_[index];
      if (node.length > length_max || common_length(node.key, key) < node.length) break;
      if (node.value != nullptr) found = node.value;
      if (node.length == length_max) break;
      index = node.children[bit(key, node.length)];
    }
    return found;
  }

  // The root of the subtree that holds everything within `prefix`.
  Index top_within(const Prefix& prefix) const {
    const U128 key = align(prefix.base);
    Index index = roots_[root_of(prefix.base.family)];
    while (index != none) {
      const Node& node = nodes_[index];
      const int common = common_length(node.key, key);
      if (node.length >= prefix.length) return common >= prefix.length ? index : none;
      if (common < node.length) return none;
      index = node.children[bit(key, node.length)];
    }
    return none;
  }

  template <class Visit>
  void walk(Index index, int length_min, bool stop_at_first, Visit& visit) const {
    if (index == none) return;
    const Node& node = nodes_[index];
    if (node.value != nullptr && node.length >= length_min) {
      visit(*node.value);
      if (stop_at_first) return;
    }
    for (const Index child : node.children) walk(child, length_min, stop_at_first, visit);
  }

  // Subtrees that end before `first` or begin after `last` are left out: two paths at most.
  T* first_in(Index index, int length_min, U128 first, U128 last) const {
    if (index == none) return nullptr;
    const Node& node = nodes_[index];
    const U128 rest = node.length == 128 ? U128{0} : ~U128{0} >> node.length;
    if (node.key > last || (node.key | rest) < first) return nullptr;
    if (node.value != nullptr && node.length >= length_min && node.key >= first) return node.value;
    for (const Index child : node.children)
      if (T* found = first_in(child, length_min, first, last)) return found;
    return nullptr;
  }

  template <class Visit>
  void walk_while(Index index, int length_min, bool& goes_on, Visit& visit) const {
    if (index == none || !goes_on) return;
    const Node& node = nodes_[index];
    if (node.value != nullptr && node.length >= length_min) goes_on = visit(*node.value);
    for (const Index child : node.children) walk_while(child, length_min, goes_on, visit);
  }

  template <class Visit>
  void walk_children(Index index, int length_min, U128 from, bool& goes_on, Visit& visit) const {
    if (index == none || !goes_on) return;
    const Node& node = nodes_[index];
    const U128 last = node.length == 128 ? node.key : node.key | (~U128{0} >> node.length);
    if (last < from) return;
    if (node.value != nullptr && node.length >= length_min) {
      if (node.key >= from) goes_on = visit(*node.value);
      return;
    }
    for (const Index child : node.children)
      walk_children(child, length_min, from, goes_on, visit);
  }

  std::vector<Node> nodes_;
  std::vector<Index> recycled_;
  std::array<Index, 2> roots_ = {none, none};
  std::size_t size_ = 0;
};

template <class T>
bool PrefixTree<T>::insert(const Prefix& prefix, T* value) {
  ASSERT(value != nullptr && is_valid(prefix));
  const U128 key = align(prefix.base);
  const int length = prefix.length;
  Slot slot{none, root_of(prefix.base.family)};
  while (true) {
    const Index index = at(slot);
    if (index == none) break;
    const Node& node = nodes_[index];
    const int common = std::min({common_length(node.key, key), node.length, length});
    if (common == node.length && common == length) {
      if (node.value != nullptr) return false;
      nodes_[index].value = value;
      ++size_;
      return true;
    }
    if (common < node.length) break;
    slot = {index, bit(key, node.length)};
  }
  // The new node takes the slot; what was there goes below it, or beside it below a new fork.
  const Index below = at(slot);
  const Index added = make_node(key, length, value);
  ++size_;
  Index top = added;
  if (below != none) {
    const U128 below_key = nodes_[below].key;
    const int common = std::min(common_length(below_key, key), length);
    if (common < length) {
      const U128 fork_mask = common == 0 ? 0 : ~U128{0} << (128 - common);
      top = make_node(key & fork_mask, common, nullptr);
      nodes_[top].children[bit(key, common)] = added;
    }
    nodes_[top].children[bit(below_key, common)] = below;
  }
  at(slot) = top;
  return true;
}

template <class T>
T* PrefixTree<T>::erase(const Prefix& prefix) {
  const U128 key = align(prefix.base);
  Slot parent;
  Slot slot{none, root_of(prefix.base.family)};
  while (true) {
    const Index index = at(slot);
    if (index == none) return nullptr;
    const Node& node = nodes_[index];
    if (node.length > prefix.length || common_length(node.key, key) < node.length) return nullptr;
    if (node.length == prefix.length) break;
    parent = slot;
    slot = {index, bit(key, node.length)};
  }
  T* const value = nodes_[at(slot)].value;
  if (value == nullptr) return nullptr;
  nodes_[at(slot)].value = nullptr;
  --size_;
  const bool left_nothing = splice(slot);
  if (left_nothing && slot.parent != none) splice(parent);
  return value;
}

template <class T>
T* PrefixTree<T>::find(const Prefix& prefix) const {
  const Index index = top_within(prefix);
  return index != none && nodes_[index].length == prefix.length ? nodes_[index].value : nullptr;
}

}  // namespace ipam
