// A histogram with fixed upper bounds, as Prometheus wants it: how often a value was at most each
// bound, and the sum of all. Pure; its owner's thread alone touches it.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace metrics {

// Seconds. From below one commit on a fast disk to the longest deadline of a request.
inline constexpr std::array<double, 16> latency_bounds{
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
    0.05,   0.1,     0.25,   0.5,   1,      2.5,   5,    10};

class Histogram {
 public:
  void observe(double seconds) {
    std::size_t bucket = 0;
    while (bucket < latency_bounds.size() && seconds > latency_bounds[bucket]) ++bucket;
    ++counts_[bucket];
    sum_ += seconds;
  }

  // Values up to each of latency_bounds that are above the bound before; the last: beyond all.
  std::span<const std::uint64_t> counts() const { return counts_; }
  double sum() const { return sum_; }

 private:
  std::array<std::uint64_t, latency_bounds.size() + 1> counts_{};
  double sum_ = 0;
};

}  // namespace metrics
