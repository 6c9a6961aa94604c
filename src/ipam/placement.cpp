#include "ipam/placement.hpp"

#include <algorithm>
#include <bit>

#include "ipam/digest.hpp"

namespace ipam {

namespace {

// The usable addresses of [range_start, range_end] without the excluded ones.
std::vector<FreeRun> windows_of(const NetworkState& network, const AllocateOptions& options) {
  U128 first = network.usable.first.value;
  U128 last = network.usable.last.value;
  if (options.range_start) first = std::max(first, options.range_start->value);
  if (options.range_end) last = std::min(last, options.range_end->value);
  std::vector<FreeRun> excluded;
  for (const AddressRange& range : options.exclude)
    excluded.push_back({range.first.value, range.last.value});
  std::sort(excluded.begin(), excluded.end(),
            [](const FreeRun& a, const FreeRun& b) { return a.first < b.first; });
  std::vector<FreeRun> windows;
  for (const FreeRun& hole : excluded) {
    if (first > last || hole.first > last) break;
    if (hole.last < first) continue;
    if (hole.first > first) windows.push_back({first, hole.first - 1});
    if (hole.last >= last) return windows;
    first = hole.last + 1;
  }
  if (first <= last) windows.push_back({first, last});
  return windows;
}

}  // namespace

Strategy strategy_of(const Network& network, const AllocateOptions& options) {
  if (options.strategy) return *options.strategy;
  return network.extras ? network.extras->strategy : Strategy::first;
}

Placement::Placement(const NetworkState& network, const AllocateOptions& options,
                     std::uint64_t seed)
    : free_(network.free),
      windows_(windows_of(network, options)),
      strategy_(strategy_of(network.network, options)),
      align_bits_(std::countr_zero(options.align)),
      seed_(seed) {}

std::optional<U128> Placement::find(U128 count) {
  switch (strategy_) {
    case Strategy::first:
    case Strategy::sticky: return first(count);
    case Strategy::last: return last(count);
    case Strategy::random: return random(count);
    case Strategy::sparse: return sparse(count);
  }
  UNREACHABLE();
}

U128 Placement::free_count() const {
  U128 count = 0;
  for (const FreeRun& window : windows_) count += free_.free_count(window.first, window.last);
  return count;
}

Fit Placement::fit(const FreeRun& window, U128 count) const {
  return {window.first, window.last, count, align_bits_};
}

std::optional<U128> Placement::first(U128 count) const {
  for (const FreeRun& window : windows_)
    if (const auto found = free_.first_fit(fit(window, count))) return found;
  return std::nullopt;
}

std::optional<U128> Placement::last(U128 count) const {
  for (auto window = windows_.rbegin(); window != windows_.rend(); ++window)
    if (const auto found = free_.last_fit(fit(*window, count))) return found;
  return std::nullopt;
}

// A single address: each free one equally likely. A block or an aligned one: the first fit from a
// free address that is drawn so, round to the lowest.
std::optional<U128> Placement::random(U128 count) {
  const U128 total = free_count();
  if (total < count) return std::nullopt;
  U128 k = next_random() % total;
  for (const FreeRun& window : windows_) {
    const U128 here = free_.free_count(window.first, window.last);
    if (k >= here) {
      k -= here;
      continue;
    }
    const U128 drawn = free_.kth_free(window.first, k);
    if (count == 1 && align_bits_ == 0) return drawn;
    if (const auto found = free_.first_fit(fit({drawn, window.last}, count))) return found;
    break;
  }
  return first(count);
}

// So that what grows next to it has room: the middle of the longest free run.
std::optional<U128> Placement::sparse(U128 count) const {
  std::optional<FreeRun> longest;
  for (const FreeRun& window : windows_) {
    const auto run = free_.longest_run(window.first, window.last);
    if (run && (!longest || run->last - run->first > longest->last - longest->first)) longest = run;
  }
  if (!longest || longest->last - longest->first < count - 1) return std::nullopt;
  const U128 middle =
      longest->first + (longest->last - longest->first - (count - 1)) / 2;
  if (const auto found = free_.first_fit(fit({middle, longest->last}, count))) return found;
  return first(count);
}

U128 Placement::next_random() {
  Digest digest(seed_);
  digest.add(std::uint64_t{1});
  const std::uint64_t high = digest.value();
  digest.add(std::uint64_t{2});
  seed_ = digest.value();
  return static_cast<U128>(high) << 64 | seed_;
}

}  // namespace ipam
