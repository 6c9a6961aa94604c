#include "bench/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

namespace bench {

Spread spread_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  const double median =
      values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return {median, values.front(), values.back()};
}

double milliseconds_of(std::chrono::nanoseconds time) {
  return static_cast<double>(time.count()) / 1e6;
}

void Rounds::add(const LoadResult& result) {
  rates_.push_back(result.rate());
  p50_ms_.push_back(milliseconds_of(result.latency.at(0.5)));
  p99_ms_.push_back(milliseconds_of(result.latency.at(0.99)));
  failed_ += result.failed;
  if (first_failure_.empty()) first_failure_ = result.first_failure;
}

void print_head(const std::string& title) {
  fmt::print("\n{}\n{:<38} {:<6} {:>9} {:>19} {:>9} {:>17}\n", title, "work", "system", "median/s",
             "least to most", "p50 ms", "p99 ms (spread)");
  std::fflush(stdout);
}

void print_line(const std::string& work, const std::string& system, const Rounds& rounds,
                double per_request) {
  const Spread rate = rounds.rate(), p99 = rounds.p99();
  fmt::print("{:<38} {:<6} {:>9.0f} {:>19} {:>9.2f} {:>17}\n", work, system,
             rate.median * per_request,
             fmt::format("{:.0f} to {:.0f}", rate.least * per_request, rate.most * per_request),
             rounds.p50().median,
             fmt::format("{:.2f} ({:.1f}-{:.1f})", p99.median, p99.least, p99.most));
  if (rounds.failed() > 0)
    fmt::print("  {} tries failed, the first with: {:.160}\n", rounds.failed(),
               rounds.first_failure());
  std::fflush(stdout);
}

void print_ratio(const std::string& work, const Rounds& a, const Rounds& b) {
  const auto part = [](double x, double y) { return y > 0 ? x / y : 0; };
  fmt::print("{:<38} {:<6} {:>8.2f}x {:>19} {:>8.2f}x {:>16.2f}x\n", work, "ratio",
             part(a.rate().median, b.rate().median), "",
             part(a.p50().median, b.p50().median), part(a.p99().median, b.p99().median));
  std::fflush(stdout);
}

}  // namespace bench
