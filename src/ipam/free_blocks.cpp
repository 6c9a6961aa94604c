#include "ipam/free_blocks.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace ipam {

namespace {

// The address, which is not among the usable ones or is free, is in no child and not reserved.
bool is_own(const AddressPlan& plan, const NetworkState& network, const Address& address) {
  return plan.network_of(network.network.vrf, address) == &network &&
         network.first_reservation_in(address.value, address.value) == nullptr;
}

// Of the block's addresses, those that the network hands out are free, and the others in no child.
bool is_free(const AddressPlan& plan, const NetworkState& network, const Prefix& block) {
  const U128 first = std::max(block.base.value, network.usable.first.value);
  const U128 last = std::min(block.last().value, network.usable.last.value);
  if (first <= last && !network.free.is_free(first, last)) return false;
  return is_own(plan, network, block.base) && is_own(plan, network, block.last());
}

// The free runs in order, with what the network does not hand out where it is in no child.
class Runs {
 public:
  Runs(const AddressPlan& plan, const NetworkState& network)
      : set_(network.free),
        first_(network.network.prefix.base.value),
        last_(network.network.prefix.last().value),
        usable_(network.usable),
        has_first_(is_own(plan, network, network.network.prefix.base)),
        has_last_(is_own(plan, network, network.network.prefix.last())) {}

  std::optional<FreeRun> next() {
    if (is_done_) return std::nullopt;
    const bool is_beginning = std::exchange(is_beginning_, false);
    auto run = from_ <= usable_.last.value ? set_.run_from(std::max(from_, usable_.first.value))
                                           : std::nullopt;
    if (is_beginning && has_first_ && first_ < usable_.first.value) {
      const bool joins = run && run->first == usable_.first.value;
      if (!joins) {
        from_ = usable_.first.value;
        return FreeRun{first_, usable_.first.value - 1};
      }
      run->first = first_;
    }
    if (run && run->last < usable_.last.value) {
      from_ = run->last + 1;
      return run;
    }
    is_done_ = true;  // the run goes up to the end, or there is none
    if (has_last_ && usable_.last.value < last_) {
      if (run)
        run->last = last_;
      else
        run = FreeRun{usable_.last.value + 1, last_};
    }
    return run;
  }

 private:
  const AddressSet& set_;
  const U128 first_;
  const U128 last_;
  const UsableRange usable_;
  const bool has_first_;
  const bool has_last_;
  U128 from_ = 0;
  bool is_beginning_ = true;
  bool is_done_ = false;
};

int trailing_zeros(U128 value) {
  int count = 0;
  while ((value & 1) == 0) {
    value >>= 1;
    ++count;
  }
  return count;
}

// The largest blocks that make up the run, until `visit` gives false.
template <class Visit>
void for_each_block(const FreeRun& run, Family family, const Visit& visit) {
  const int width = bits_of(family);
  U128 first = run.first;
  while (true) {
    int bits = first == 0 ? width : std::min(width, trailing_zeros(first));
    // 2^bits - 1 addresses more than the first one must be there.
    const auto fits = [&](int k) {
      const U128 more = k == 128 ? ~U128{0} : (U128{1} << k) - 1;
      return run.last - first >= more;
    };
    while (!fits(bits)) --bits;
    if (!visit(Prefix{{family, first}, width - bits})) return;
    const U128 more = bits == 128 ? ~U128{0} : (U128{1} << bits) - 1;
    if (run.last - first == more) return;
    first += more + 1;
  }
}

}  // namespace

std::vector<Prefix> free_blocks(const AddressPlan& plan, const NetworkState& network, int length,
                                std::size_t limit) {
  const Prefix& whole = network.network.prefix;
  const Family family = whole.base.family;
  ASSERT(length > whole.length && length <= bits_of(family));
  const int bits = bits_of(family) - length;
  const U128 size = U128{1} << bits;
  std::vector<Prefix> blocks;
  const Prefix lowest{whole.base, length};
  const Prefix highest{{family, whole.last().value - (size - 1)}, length};
  // The first and the last one have addresses that are not in the set.
  if (limit > 0 && is_free(plan, network, lowest)) blocks.push_back(lowest);
  U128 from = whole.base.value + size;
  while (blocks.size() < limit && from < highest.base.value) {
    const auto start = network.free.first_block(bits, from);
    if (!start || *start >= highest.base.value) break;
    blocks.push_back({{family, *start}, length});
    from = *start + size;
  }
  if (blocks.size() < limit && is_free(plan, network, highest)) blocks.push_back(highest);
  return blocks;
}

std::vector<Prefix> largest_free_blocks(const AddressPlan& plan, const NetworkState& network,
                                        std::size_t limit) {
  std::vector<Prefix> blocks;
  Runs runs(plan, network);
  while (blocks.size() < limit) {
    const auto run = runs.next();
    if (!run) break;
    for_each_block(*run, network.network.prefix.base.family, [&](const Prefix& block) {
      blocks.push_back(block);
      return blocks.size() < limit;
    });
  }
  return blocks;
}

std::vector<Prefix> best_free_blocks(const AddressPlan& plan, const NetworkState& network,
                                     int length, std::size_t limit) {
  // What is left of a block that was broken up is smaller than all others that have room, so the
  // next one comes from there: each block is used up in turn. So many of them suffice, as each has
  // room for one at least.
  const auto is_better = [](const Prefix& a, const Prefix& b) {
    return a.length != b.length ? a.length > b.length : a.base < b.base;
  };
  std::vector<Prefix> largest;  // a heap: the worst one comes first
  Runs runs(plan, network);
  while (const auto run = runs.next())
    for_each_block(*run, network.network.prefix.base.family, [&](const Prefix& block) {
      const bool is_full = largest.size() >= limit;
      if (block.length > length || limit == 0) return true;
      if (is_full && !is_better(block, largest.front())) return true;
      if (is_full) {
        std::pop_heap(largest.begin(), largest.end(), is_better);
        largest.pop_back();
      }
      largest.push_back(block);
      std::push_heap(largest.begin(), largest.end(), is_better);
      return true;
    });
  std::sort_heap(largest.begin(), largest.end(), is_better);
  std::vector<Prefix> blocks;
  for (const Prefix& block : largest) {
    const Family family = block.base.family;
    const U128 size = U128{1} << (bits_of(family) - length);
    const U128 last = block.last().value - (size - 1);
    for (U128 start = block.base.value; blocks.size() < limit; start += size) {
      blocks.push_back({{family, start}, length});
      if (start == last) break;
    }
    if (blocks.size() >= limit) break;
  }
  return blocks;
}

}  // namespace ipam
