// Which addresses of one network are free: the runs of free addresses in an AVL tree that is
// augmented with the longest run, the largest aligned block, the number of free addresses and the
// best alignment below each node: "the first k in a row" takes O(log runs) however full the network
// is, and free space costs nothing whatever its size. Nodes live in one vector and name one another
// by index. Pure; owned by a network of the address plan.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "ipam/address.hpp"

namespace ipam {

// `count` addresses in a row, all within [first, last], beginning at a multiple of 2^align_bits.
struct Fit {
  U128 first = 0;
  U128 last = 0;
  U128 count = 1;      // REQUIRES: > 0
  int align_bits = 0;  // 0 to 127
};

struct FreeRun {
  U128 first = 0;
  U128 last = 0;
};

class AddressSet {
 public:
  // All of [first, last] is free. REQUIRES: first <= last, and not all of the 2^128 addresses.
  AddressSet(U128 first, U128 last);

  // The lowest address that begins `count` free ones in a row. REQUIRES: count > 0.
  std::optional<U128> first_fit(U128 count) const;
  // The lowest or the highest address that begins such a row. O(log runs), but where a block of
  // several must be aligned: then each run that is long enough and has such a boundary, but too
  // near to its end, is looked at in turn.
  std::optional<U128> first_fit(const Fit& wanted) const;
  std::optional<U128> last_fit(const Fit& wanted) const;
  // The lowest multiple of 2^bits from `from` on that begins 2^bits free addresses: a free CIDR
  // block. O(log runs). REQUIRES: bits 0 to 127.
  std::optional<U128> first_block(int bits, U128 from) const;
  // The run with the lowest last address >= `from`. O(log runs).
  std::optional<FreeRun> run_from(U128 from) const;
  // The longest run, cut to [first, last]; the lowest of several. O(log runs).
  std::optional<FreeRun> longest_run(U128 first, U128 last) const;
  // How many addresses of [first, last] are free, and the one that has k free ones of [first, ..]
  // below it. O(log runs). REQUIRES: k < free_count(first, any last).
  U128 free_count(U128 first, U128 last) const;
  U128 kth_free(U128 first, U128 k) const;
  bool is_free(U128 first, U128 last) const;  // all of [first, last]

  // REQUIRES: is_free(first, last).
  void take(U128 first, U128 last);
  // REQUIRES: none of [first, last] is free, and all of it is in the set's range.
  void give_back(U128 first, U128 last);
  // The set is of [first, last] from now on; nothing becomes free. REQUIRES: as the constructor;
  // nothing outside is free.
  void set_range(U128 first, U128 last);

  U128 free_count() const { return free_count_; }
  U128 longest_run() const { return nodes_[root_].longest; }
  std::optional<U128> first_free() const;  // the lowest
  std::size_t run_count() const { return run_count_; }

  // Aborts where the tree is not a balanced tree of separate runs with true sums. O(n), for tests.
  void check_invariants() const;

 private:
  using Index = std::uint32_t;
  static constexpr Index none = 0;  // node 0: height 0, longest 0, never a run

  struct Node {
    U128 first = 0;
    U128 last = 0;
    U128 longest = 0;  // the length of the longest run of this subtree
    U128 total = 0;    // addresses in all runs of this subtree
    Index left = none;
    Index right = none;
    std::int8_t height = 0;
    std::uint8_t own_align_bits = 0;  // some address of the run is a multiple of 2^this
    std::uint8_t align_bits = 0;      // of any run of this subtree
    std::uint8_t own_block_bits = 0;  // the largest aligned block in the run has 2^this addresses
    std::uint8_t block_bits = 0;      // of any run of this subtree

    U128 length() const { return last - first + 1; }
  };

  struct Checked {
    U128 free_count = 0;
    std::size_t run_count = 0;
  };

  Index make_node(U128 first, U128 last);
  void recycle(Index index);
  void update(Index index);
  int balance(Index index) const;
  Index rotate_left(Index index);
  Index rotate_right(Index index);
  Index rebalance(Index index);
  // Each takes the root of a subtree and returns the root that replaces it.
  Index insert(Index index, U128 first, U128 last);
  Index erase(Index index, U128 first);
  Index detach_lowest(Index index, Index& lowest);
  // Gives the run that begins at `old_first` new ends; its place among the runs must not change.
  void resize(Index index, U128 old_first, U128 first, U128 last);
  std::optional<U128> first_block(Index index, int bits, U128 from) const;
  template <bool lowest>
  std::optional<U128> fit(Index index, const Fit& wanted) const;
  U128 longest_within(Index index, std::optional<U128> first, std::optional<U128> last) const;
  U128 free_below(U128 address) const;
  Index at_or_below(U128 address) const;  // the run with the greatest first <= address
  Index above(U128 address) const;        // the run with the lowest first > address
  Checked check(Index index, std::optional<U128> above, std::optional<U128> below) const;

  std::vector<Node> nodes_;
  Index root_ = none;
  Index recycled_ = none;  // a list through `left`
  std::size_t run_count_ = 0;
  U128 first_;
  U128 last_;
  U128 free_count_ = 0;
};

}  // namespace ipam
