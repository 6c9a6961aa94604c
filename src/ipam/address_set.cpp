#include "ipam/address_set.hpp"

#include <algorithm>
#include <cstdlib>

#include "base/assert.hpp"

namespace ipam {

AddressSet::AddressSet(U128 first, U128 last) : nodes_(1), first_(first), last_(last) {
  ASSERT(first <= last);
  ASSERT(first > 0 || last < ~U128{0});
  root_ = make_node(first, last);
  free_count_ = last - first + 1;
}

std::optional<U128> AddressSet::first_fit(U128 count) const {
  ASSERT(count > 0);
  if (longest_run() < count) return std::nullopt;
  Index index = root_;
  while (true) {
    const Node& node = nodes_[index];
    if (nodes_[node.left].longest >= count)
      index = node.left;
    else if (node.length() >= count)
      return node.first;
    else
      index = node.right;
    ASSERT(index != none);
  }
}

bool AddressSet::is_free(U128 first, U128 last) const {
  ASSERT(first <= last);
  const Index run = at_or_below(first);
  return run != none && nodes_[run].last >= last;
}

std::optional<U128> AddressSet::first_free() const {
  if (root_ == none) return std::nullopt;
  Index index = root_;
  while (nodes_[index].left != none) index = nodes_[index].left;
  return nodes_[index].first;
}

void AddressSet::take(U128 first, U128 last) {
  const Index run = at_or_below(first);
  ASSERT(first <= last && run != none && nodes_[run].last >= last);
  const U128 run_first = nodes_[run].first;
  const U128 run_last = nodes_[run].last;
  if (run_first == first && run_last == last) {
    root_ = erase(root_, first);
  } else if (run_first == first) {
    resize(root_, run_first, last + 1, run_last);
  } else {
    resize(root_, run_first, run_first, first - 1);
    if (run_last != last) root_ = insert(root_, last + 1, run_last);
  }
  free_count_ -= last - first + 1;
}

void AddressSet::give_back(U128 first, U128 last) {
  ASSERT(first <= last && first_ <= first && last <= last_);
  const Index before = at_or_below(first);
  const Index after = above(first);
  ASSERT(before == none || nodes_[before].last < first);
  ASSERT(after == none || nodes_[after].first > last);
  const bool joins_before = before != none && nodes_[before].last == first - 1;
  const bool joins_after = after != none && nodes_[after].first == last + 1;
  const U128 run_first = joins_before ? nodes_[before].first : first;
  const U128 run_last = joins_after ? nodes_[after].last : last;
  if (joins_before) {
    if (joins_after) root_ = erase(root_, last + 1);
    resize(root_, run_first, run_first, run_last);
  } else if (joins_after) {
    resize(root_, last + 1, first, run_last);
  } else {
    root_ = insert(root_, first, last);
  }
  free_count_ += last - first + 1;
}

AddressSet::Index AddressSet::make_node(U128 first, U128 last) {
  Index index = recycled_;
  if (index != none) {
    recycled_ = nodes_[index].left;
  } else {
    ASSERT(nodes_.size() < UINT32_MAX);
    index = static_cast<Index>(nodes_.size());
    nodes_.emplace_back();
  }
  nodes_[index] = Node{first, last, last - first + 1, none, none, 1};
  ++run_count_;
  return index;
}

void AddressSet::recycle(Index index) {
  nodes_[index].left = recycled_;
  recycled_ = index;
  --run_count_;
}

void AddressSet::update(Index index) {
  Node& node = nodes_[index];
  const Node& left = nodes_[node.left];
  const Node& right = nodes_[node.right];
  node.height = static_cast<std::int8_t>(1 + std::max(left.height, right.height));
  node.longest = std::max({left.longest, node.length(), right.longest});
}

int AddressSet::balance(Index index) const {
  return nodes_[nodes_[index].left].height - nodes_[nodes_[index].right].height;
}

AddressSet::Index AddressSet::rotate_left(Index index) {
  const Index top = nodes_[index].right;
  nodes_[index].right = nodes_[top].left;
  nodes_[top].left = index;
  update(index);
  update(top);
  return top;
}

AddressSet::Index AddressSet::rotate_right(Index index) {
  const Index top = nodes_[index].left;
  nodes_[index].left = nodes_[top].right;
  nodes_[top].right = index;
  update(index);
  update(top);
  return top;
}

AddressSet::Index AddressSet::rebalance(Index index) {
  update(index);
  if (balance(index) > 1) {
    const Index left = nodes_[index].left;
    if (balance(left) < 0) nodes_[index].left = rotate_left(left);
    return rotate_right(index);
  }
  if (balance(index) < -1) {
    const Index right = nodes_[index].right;
    if (balance(right) > 0) nodes_[index].right = rotate_right(right);
    return rotate_left(index);
  }
  return index;
}

// make_node() may move the nodes: a child is assigned only after the call returned.
AddressSet::Index AddressSet::insert(Index index, U128 first, U128 last) {
  if (index == none) return make_node(first, last);
  if (first < nodes_[index].first) {
    const Index left = insert(nodes_[index].left, first, last);
    nodes_[index].left = left;
  } else {
    const Index right = insert(nodes_[index].right, first, last);
    nodes_[index].right = right;
  }
  return rebalance(index);
}

AddressSet::Index AddressSet::erase(Index index, U128 first) {
  ASSERT(index != none);
  Node& node = nodes_[index];
  if (first < node.first) {
    node.left = erase(node.left, first);
    return rebalance(index);
  }
  if (first > node.first) {
    node.right = erase(node.right, first);
    return rebalance(index);
  }
  const Index left = node.left;
  const Index right = node.right;
  recycle(index);
  if (left == none) return right;
  if (right == none) return left;
  Index lowest = none;
  const Index rest = detach_lowest(right, lowest);
  nodes_[lowest].left = left;
  nodes_[lowest].right = rest;
  return rebalance(lowest);
}

AddressSet::Index AddressSet::detach_lowest(Index index, Index& lowest) {
  if (nodes_[index].left == none) {
    lowest = index;
    return nodes_[index].right;
  }
  nodes_[index].left = detach_lowest(nodes_[index].left, lowest);
  return rebalance(index);
}

void AddressSet::resize(Index index, U128 old_first, U128 first, U128 last) {
  ASSERT(index != none);
  Node& node = nodes_[index];
  if (old_first < node.first) {
    resize(node.left, old_first, first, last);
  } else if (old_first > node.first) {
    resize(node.right, old_first, first, last);
  } else {
    node.first = first;
    node.last = last;
  }
  update(index);
}

AddressSet::Index AddressSet::at_or_below(U128 address) const {
  Index found = none;
  for (Index index = root_; index != none;) {
    if (nodes_[index].first <= address) {
      found = index;
      index = nodes_[index].right;
    } else {
      index = nodes_[index].left;
    }
  }
  return found;
}

AddressSet::Index AddressSet::above(U128 address) const {
  Index found = none;
  for (Index index = root_; index != none;) {
    if (nodes_[index].first > address) {
      found = index;
      index = nodes_[index].left;
    } else {
      index = nodes_[index].right;
    }
  }
  return found;
}

void AddressSet::check_invariants() const {
  ASSERT(nodes_[none].height == 0 && nodes_[none].longest == 0);
  const Checked checked = check(root_, std::nullopt, std::nullopt);
  ASSERT(checked.free_count == free_count_);
  ASSERT(checked.run_count == run_count_);
}

// `above` and `below` are addresses that must be neither free nor next to a run of the subtree's.
AddressSet::Checked AddressSet::check(Index index, std::optional<U128> above,
                                      std::optional<U128> below) const {
  if (index == none) return {};
  const Node& node = nodes_[index];
  ASSERT(first_ <= node.first && node.first <= node.last && node.last <= last_);
  ASSERT(!above || (node.first > *above && node.first - *above > 1));
  ASSERT(!below || (node.last < *below && *below - node.last > 1));
  ASSERT(std::abs(balance(index)) <= 1);
  const Checked left = check(node.left, above, node.first);
  const Checked right = check(node.right, node.last, below);
  const Node& left_node = nodes_[node.left];
  const Node& right_node = nodes_[node.right];
  ASSERT(node.height == 1 + std::max(left_node.height, right_node.height));
  ASSERT(node.longest == std::max({left_node.longest, node.length(), right_node.longest}));
  return {left.free_count + node.length() + right.free_count,
          left.run_count + 1 + right.run_count};
}

}  // namespace ipam
