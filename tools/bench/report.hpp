// Rounds of one measurement as a line of a table: median, and how far the rounds lay apart. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "bench/cpu_times.hpp"
#include "bench/http_load.hpp"

namespace bench {

struct Spread {
  double median = 0, least = 0, most = 0;
};
// REQUIRES: at least one value.
Spread spread_of(std::vector<double> values);

// The rounds of one system at one kind of work.
class Rounds {
 public:
  void add(const LoadResult& result, const CpuUse& use);
  Spread rate() const { return spread_of(rates_); }  // a second
  Spread p50() const { return spread_of(p50_ms_); }
  Spread p99() const { return spread_of(p99_ms_); }
  std::uint64_t failed() const { return failed_; }
  const std::string& first_failure() const { return first_failure_; }
  // Microseconds of processor for each request, of the keys "all", "generator", "leader",
  // "leader/THREAD", "follower" and "follower/THREAD" (one follower); all is all nodes' together.
  std::map<std::string, double> cpu_us() const;  // medians

 private:
  void add_cpu(const CpuUse& use, double requests);

  std::vector<double> rates_, p50_ms_, p99_ms_;
  std::map<std::string, std::vector<double>> cpu_us_;
  std::uint64_t failed_ = 0;
  std::string first_failure_;
};

void print_head(const std::string& title);
// "allocate at the leader, 64 connections   ipam   31,000 (30,100 to 31,900)   p50 …   p99 …"
void print_line(const std::string& work, const std::string& system, const Rounds& rounds,
                double per_request = 1);
// How much faster `a` is than `b`, by the medians.
void print_ratio(const std::string& work, const Rounds& a, const Rounds& b);

double milliseconds_of(std::chrono::nanoseconds time);

}  // namespace bench
