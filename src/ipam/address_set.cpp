#include "ipam/address_set.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>

#include "base/assert.hpp"

namespace ipam {

namespace {

int trailing_zeros(U128 value) {
  const auto low = static_cast<std::uint64_t>(value);
  if (low != 0) return std::countr_zero(low);
  return 64 + std::countr_zero(static_cast<std::uint64_t>(value >> 64));
}

int highest_bit(U128 value) {
  const auto high = static_cast<std::uint64_t>(value >> 64);
  if (high != 0) return 127 - std::countl_zero(high);
  return 63 - std::countl_zero(static_cast<std::uint64_t>(value));
}

// The greatest k for which a multiple of 2^k lies in [first, last]: the bit up to which first - 1
// and last agree is where a number between them can end in zeros.
std::uint8_t best_alignment(U128 first, U128 last) {
  if (first == 0) return 128;
  return static_cast<std::uint8_t>(
      first == last ? trailing_zeros(first) : highest_bit((first - 1) ^ last));
}

// The lowest multiple of 2^bits in [first, last] with a whole block of 2^bits from it on.
std::optional<U128> block_in(U128 first, U128 last, int bits) {
  const U128 below = (U128{1} << bits) - 1;
  if (first > ~U128{0} - below) return std::nullopt;
  const U128 start = (first + below) & ~below;
  if (start > last || last - start < below) return std::nullopt;
  return start;
}

// A run of at least 2^k addresses has an aligned block of 2^k or of 2^(k-1).
std::uint8_t largest_block(U128 first, U128 last) {
  const U128 length = last - first + 1;  // AddressSet: never all 2^128
  const int bits = highest_bit(length);
  return static_cast<std::uint8_t>(block_in(first, last, bits) ? bits : bits - 1);
}

std::optional<U128> fit_in_run(const FreeRun& run, const Fit& wanted, bool lowest) {
  const U128 first = std::max(run.first, wanted.first);
  const U128 last = std::min(run.last, wanted.last);
  if (first > last || last - first < wanted.count - 1) return std::nullopt;
  const U128 below_alignment = (U128{1} << wanted.align_bits) - 1;
  if (!lowest) {
    const U128 start = (last - (wanted.count - 1)) & ~below_alignment;
    return start >= first ? std::optional(start) : std::nullopt;
  }
  if (first > ~U128{0} - below_alignment) return std::nullopt;
  const U128 start = (first + below_alignment) & ~below_alignment;
  if (start > last || last - start < wanted.count - 1) return std::nullopt;
  return start;
}

}  // namespace

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

template <bool lowest>
std::optional<U128> AddressSet::fit(Index index, const Fit& wanted) const {
  const Node& node = nodes_[index];
  if (node.longest < wanted.count || node.align_bits < wanted.align_bits) return std::nullopt;
  const bool left_counts = node.first > wanted.first;
  const bool right_counts = node.last < wanted.last;
  if (lowest ? left_counts : right_counts)
    if (const auto found = fit<lowest>(lowest ? node.left : node.right, wanted)) return found;
  if (const auto found = fit_in_run({node.first, node.last}, wanted, lowest)) return found;
  if (lowest ? right_counts : left_counts)
    return fit<lowest>(lowest ? node.right : node.left, wanted);
  return std::nullopt;
}

std::optional<U128> AddressSet::first_fit(const Fit& wanted) const {
  ASSERT(wanted.count > 0);
  return fit<true>(root_, wanted);
}

std::optional<U128> AddressSet::last_fit(const Fit& wanted) const {
  ASSERT(wanted.count > 0);
  return fit<false>(root_, wanted);
}

std::optional<U128> AddressSet::first_block(int bits, U128 from) const {
  ASSERT(0 <= bits && bits < 128);
  return first_block(root_, bits, from);
}

std::optional<U128> AddressSet::first_block(Index index, int bits, U128 from) const {
  const Node& node = nodes_[index];
  if (index == none || node.block_bits < bits) return std::nullopt;
  if (node.first > from)
    if (const auto found = first_block(node.left, bits, from)) return found;
  if (node.last >= from)
    if (const auto found = block_in(std::max(node.first, from), node.last, bits)) return found;
  return first_block(node.right, bits, from);
}

std::optional<FreeRun> AddressSet::run_from(U128 from) const {
  Index found = at_or_below(from);
  if (found == none || nodes_[found].last < from) found = above(from);
  if (found == none) return std::nullopt;
  return FreeRun{nodes_[found].first, nodes_[found].last};
}

std::optional<FreeRun> AddressSet::longest_run(U128 first, U128 last) const {
  if (first > last) return std::nullopt;
  const U128 length = longest_within(root_, first, last);
  if (length == 0) return std::nullopt;
  const auto start = first_fit(Fit{first, last, length});
  ASSERT(start);
  return FreeRun{*start, *start + (length - 1)};
}

// Bounds that the subtree cannot cross are nullopt: then the sum that the node has is the answer.
U128 AddressSet::longest_within(Index index, std::optional<U128> first,
                                std::optional<U128> last) const {
  const Node& node = nodes_[index];
  if (index == none || (!first && !last)) return node.longest;
  if (first && node.last < *first) return longest_within(node.right, first, last);
  if (last && node.first > *last) return longest_within(node.left, first, last);
  const U128 from = std::max(node.first, first.value_or(node.first));
  const U128 to = std::min(node.last, last.value_or(node.last));
  U128 longest = to - from + 1;
  if (!first || node.first > *first)
    longest = std::max(longest, longest_within(node.left, first, std::nullopt));
  if (!last || node.last < *last)
    longest = std::max(longest, longest_within(node.right, std::nullopt, last));
  return longest;
}

U128 AddressSet::free_below(U128 address) const {
  U128 count = 0;
  for (Index index = root_; index != none;) {
    const Node& node = nodes_[index];
    if (node.first >= address) {
      index = node.left;
      continue;
    }
    count += nodes_[node.left].total + (std::min(node.last, address - 1) - node.first + 1);
    index = node.right;
  }
  return count;
}

U128 AddressSet::free_count(U128 first, U128 last) const {
  if (first > last) return 0;
  const U128 up_to_last = last == ~U128{0} ? free_count_ : free_below(last + 1);
  return up_to_last - free_below(first);
}

U128 AddressSet::kth_free(U128 first, U128 k) const {
  k += free_below(first);
  ASSERT(k < free_count_);
  Index index = root_;
  while (true) {
    const Node& node = nodes_[index];
    const U128 left = nodes_[node.left].total;
    if (k < left) {
      index = node.left;
    } else if (k - left < node.length()) {
      return node.first + (k - left);
    } else {
      k -= left + node.length();
      index = node.right;
    }
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

void AddressSet::set_range(U128 first, U128 last) {
  ASSERT(first <= last);
  ASSERT(first > 0 || last < ~U128{0});
  ASSERT(free_count(first, last) == free_count_);
  first_ = first;
  last_ = last;
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
  const std::uint8_t align_bits = best_alignment(first, last);
  const U128 length = last - first + 1;
  const std::uint8_t block_bits = largest_block(first, last);
  nodes_[index] = Node{first, last,       length,     length,     none,      none,
                       1,     align_bits, align_bits, block_bits, block_bits};
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
  node.total = left.total + node.length() + right.total;
  node.align_bits = std::max({left.align_bits, node.own_align_bits, right.align_bits});
  node.block_bits = std::max({left.block_bits, node.own_block_bits, right.block_bits});
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
    node.own_align_bits = best_alignment(first, last);
    node.own_block_bits = largest_block(first, last);
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
  ASSERT(nodes_[none].height == 0 && nodes_[none].longest == 0 && nodes_[none].total == 0);
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
  ASSERT(node.own_align_bits == best_alignment(node.first, node.last));
  ASSERT(node.align_bits ==
         std::max({left_node.align_bits, node.own_align_bits, right_node.align_bits}));
  ASSERT(node.own_block_bits == largest_block(node.first, node.last));
  ASSERT(node.block_bits ==
         std::max({left_node.block_bits, node.own_block_bits, right_node.block_bits}));
  ASSERT(node.total == left.free_count + node.length() + right.free_count);
  return {left.free_count + node.length() + right.free_count,
          left.run_count + 1 + right.run_count};
}

}  // namespace ipam
