// Rounds of one measurement as a line of a table, with their median and how far they lay apart; and
// all that was measured as one JSON file.
#pragma once

#include <boost/json.hpp>
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
  const std::vector<double>& rates() const { return rates_; }
  boost::json::object json(double parts) const;
  std::uint64_t failed() const { return failed_; }
  const std::string& first_failure() const { return first_failure_; }
  // Microseconds of processor for each request, of the keys "all", "generator", "leader",
  // "leader/THREAD", "follower" and "follower/THREAD" (one follower); all is all nodes' together.
  std::map<std::string, double> cpu_us() const;  // medians

 private:
  void add_cpu(const CpuUse& use, double requests);

  std::vector<double> rates_, p50_ms_, p99_ms_;
  std::map<std::string, std::vector<double>> cpu_us_;
  Histogram latency_;  // of all rounds
  std::uint64_t failed_ = 0;
  std::string first_failure_;
};

// Prints what is measured, and keeps it for --json.
class Report {
 public:
  // `file`: where everything is written after each line; empty: nowhere. `about`: what the file
  // begins with.
  Report(std::string file, boost::json::object about);

  // The lines that follow are of this measurement. `title` says what the numbers are.
  void begin(std::string measurement, const std::string& title);
  // As begin(), for rounds of a load: with the heads of the columns.
  void begin_rounds(std::string measurement, const std::string& title);
  // "allocate, 64 connections   ipam   31,000 (30,100 to 31,900)   p50 …   p99 …", and below it
  // what each took of the processors. A request does `parts` things; those are what counts.
  void add(const std::string& work, const std::string& system, const Rounds& rounds,
           double parts = 1);
  // How much more `a` is than `b`, by the medians.
  void add_ratio(const Rounds& a, const Rounds& b);
  // One number, measured as often as there are values.
  void add(const std::string& work, const std::string& system, const std::string& unit,
           std::vector<double> values);
  // A row of a table whose first column is time or size; the columns name their units.
  void add_row(const std::string& series, const std::vector<std::string>& columns,
               const std::vector<double>& row);

 private:
  void save(boost::json::object result);

  const std::string file_;
  boost::json::object content_;
  std::string measurement_;
  std::string title_;
  std::string series_;  // whose rows come, and whose heads are printed
};

double milliseconds_of(std::chrono::nanoseconds time);

}  // namespace bench
