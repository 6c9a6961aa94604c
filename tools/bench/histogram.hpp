// Latencies in buckets of at most 1.6 % width (as HdrHistogram's): recording costs no allocation,
// and any number of them takes the same 16 KiB. Pure.
#pragma once

#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace bench {

class Histogram {
 public:
  using Duration = std::chrono::nanoseconds;

  // Above 2^36 ns (a minute) all are in the last bucket.
  void record(Duration duration) {
    ++buckets_[index_of(static_cast<std::uint64_t>(duration.count()))];
    ++count_;
    if (duration > max_) max_ = duration;
  }

  void add(const Histogram& other) {
    for (std::size_t i = 0; i < size; ++i) buckets_[i] += other.buckets_[i];
    count_ += other.count_;
    if (other.max_ > max_) max_ = other.max_;
  }

  std::uint64_t count() const { return count_; }
  Duration max() const { return max_; }
  // An upper bound of what `part` (0 to 1) of them took; zero where there are none.
  Duration at(double part) const {
    const auto wanted = static_cast<std::uint64_t>(part * static_cast<double>(count_));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (seen > wanted || (seen == count_ && count_ > 0)) {
        const Duration bound{static_cast<std::int64_t>(upper_bound_of(i))};
        return bound < max_ ? bound : max_;
      }
    }
    return Duration{0};
  }

 private:
  static constexpr unsigned sub_bits = 6;  // 64 buckets for each power of two
  static constexpr unsigned powers = 30;

  // Values below 128 have a bucket each; above, the seven highest bits choose it.
  static std::size_t index_of(std::uint64_t value) {
    const auto width = static_cast<unsigned>(std::bit_width(value));
    const unsigned shift = width > sub_bits + 1 ? width - (sub_bits + 1) : 0;
    if (shift >= powers) return size - 1;
    return (std::size_t{shift} << sub_bits) + static_cast<std::size_t>(value >> shift);
  }
  static std::uint64_t upper_bound_of(std::size_t index) {
    if (index < (std::size_t{2} << sub_bits)) return index;
    const std::size_t shift = (index >> sub_bits) - 1;
    const std::uint64_t top = index - (shift << sub_bits);
    return ((top + 1) << shift) - 1;
  }

  static constexpr std::size_t size = (std::size_t{powers} + 1) << sub_bits;
  std::array<std::uint64_t, size> buckets_{};
  std::uint64_t count_ = 0;
  Duration max_{0};
};

}  // namespace bench
