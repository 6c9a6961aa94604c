#include "bench/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <stdexcept>

namespace bench {
namespace {

constexpr double latency_parts[] = {0.001, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7,
                                    0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 0.9999, 1};

// "leader 62.5 (io 43.0, raft.db 6.5, state.db 13.0)"; threads that hardly ran are left out, and
// one that is nearly the whole.
std::string text_of_node(const std::map<std::string, double>& cpu_us, const std::string& role,
                         const std::string& name, double parts) {
  const auto whole = cpu_us.find(role);
  if (whole == cpu_us.end()) return "";
  std::string threads;
  for (const auto& [key, us] : cpu_us) {
    const double part = us / whole->second;
    if (!key.starts_with(role + "/") || part < 0.01 || part > 0.99) continue;
    threads += fmt::format("{}{} {:.1f}", threads.empty() ? "" : ", ",
                           key.substr(role.size() + 1), us / parts);
  }
  return fmt::format(", {} {:.1f}{}", name, whole->second / parts,
                     threads.empty() ? "" : " (" + threads + ")");
}

}  // namespace

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

void Rounds::add(const LoadResult& result, const CpuUse& use) {
  rates_.push_back(result.rate());
  p50_ms_.push_back(milliseconds_of(result.latency.at(0.5)));
  p99_ms_.push_back(milliseconds_of(result.latency.at(0.99)));
  latency_.add(result.latency);
  failed_ += result.failed;
  if (first_failure_.empty()) first_failure_ = result.first_failure;
  add_cpu(use, static_cast<double>(std::max<std::uint64_t>(result.done, 1)));
}

void Rounds::add_cpu(const CpuUse& use, double requests) {
  const auto add = [&](const std::string& key, std::chrono::nanoseconds time, double parts) {
    cpu_us_[key].push_back(static_cast<double>(time.count()) / 1e3 / requests / parts);
  };
  const auto add_node = [&](const std::string& role, const CpuTimes& times, double nodes) {
    std::chrono::nanoseconds sum{0};
    for (const auto& [thread, time] : times) {
      add(role + "/" + thread, time, nodes);
      sum += time;
    }
    add(role, sum, nodes);
    return sum;
  };
  add("generator", use.generator, 1);
  std::chrono::nanoseconds all = add_node("leader", use.leader, 1);
  if (use.followers_count > 0)
    all += add_node("follower", use.followers, static_cast<double>(use.followers_count));
  add("all", all, 1);
}

std::map<std::string, double> Rounds::cpu_us() const {
  std::map<std::string, double> out;
  for (const auto& [key, values] : cpu_us_) out[key] = spread_of(values).median;
  return out;
}

boost::json::object Rounds::json(double parts) const {
  std::vector<double> rates = rates_;
  for (double& rate : rates) rate *= parts;
  boost::json::object cpu;
  for (const auto& [key, us] : cpu_us()) cpu[key] = us / parts;
  boost::json::array latencies;  // [part of all, ms]
  for (const double part : latency_parts)
    latencies.push_back(boost::json::array{part, milliseconds_of(latency_.at(part))});
  return {{"rates", boost::json::value_from(rates)},
          {"p50_ms", boost::json::value_from(p50_ms_)},
          {"p99_ms", boost::json::value_from(p99_ms_)},
          {"cpu_us", cpu},
          {"latencies_ms", latencies},
          {"failed", failed_}};
}

Report::Report(std::string file, boost::json::object about)
    : file_(std::move(file)), content_(std::move(about)) {
  content_["results"] = boost::json::array();
}

void Report::begin(std::string measurement, const std::string& title) {
  measurement_ = std::move(measurement);
  title_ = title;
  series_.clear();
  fmt::print("\n{}\n", title);
  std::fflush(stdout);
}

void Report::begin_rounds(std::string measurement, const std::string& title) {
  begin(std::move(measurement), title);
  fmt::print("{:<38} {:<6} {:>9} {:>19} {:>9} {:>17}\n", "work", "system", "median/s",
             "least to most", "p50 ms", "p99 ms (spread)");
  std::fflush(stdout);
}

void Report::add(const std::string& work, const std::string& system, const Rounds& rounds,
                 double parts) {
  const Spread rate = rounds.rate(), p99 = rounds.p99();
  fmt::print("{:<38} {:<6} {:>9.0f} {:>19} {:>9.2f} {:>17}\n", work, system, rate.median * parts,
             fmt::format("{:.0f} to {:.0f}", rate.least * parts, rate.most * parts),
             rounds.p50().median,
             fmt::format("{:.2f} ({:.1f}-{:.1f})", p99.median, p99.least, p99.most));
  const auto cpu_us = rounds.cpu_us();
  fmt::print("  us of processor each: servers {:.1f}{}{}; generator {:.1f}\n",
             cpu_us.at("all") / parts, text_of_node(cpu_us, "leader", "leader", parts),
             text_of_node(cpu_us, "follower", "each follower", parts),
             cpu_us.at("generator") / parts);
  if (rounds.failed() > 0)
    fmt::print("  {} tries failed, the first with: {:.160}\n", rounds.failed(),
               rounds.first_failure());
  boost::json::object result = rounds.json(parts);
  result["work"] = work;
  result["system"] = system;
  save(std::move(result));
}

void Report::add_ratio(const Rounds& a, const Rounds& b) {
  const auto part = [](double x, double y) { return y > 0 ? x / y : 0; };
  fmt::print("{:<38} {:<6} {:>8.2f}x {:>19} {:>8.2f}x {:>16.2f}x\n", "", "ratio",
             part(a.rate().median, b.rate().median), "",
             part(a.p50().median, b.p50().median), part(a.p99().median, b.p99().median));
  std::fflush(stdout);
}

void Report::add(const std::string& work, const std::string& system, const std::string& unit,
                 std::vector<double> values) {
  const Spread spread = spread_of(values);
  fmt::print("{:<46} {:<6} {:>12.2f} {}", work, system, spread.median, unit);
  if (values.size() > 1)
    fmt::print(" ({:.2f} to {:.2f}, {} tries)", spread.least, spread.most, values.size());
  fmt::print("\n");
  save({{"work", work}, {"system", system}, {"unit", unit},
        {"values", boost::json::value_from(values)}});
}

void Report::add_row(const std::string& series, const std::vector<std::string>& columns,
                     const std::vector<double>& row) {
  if (series_ != series) {
    for (const std::string& column : columns) fmt::print("{:>16}", column);
    fmt::print("\n");
    series_ = series;
  }
  for (const double value : row)
    fmt::print("{:>16}", value == std::floor(value) ? fmt::format("{:.0f}", value)
                                                    : fmt::format("{:.3f}", value));
  fmt::print("\n");
  save({{"series", series}, {"columns", boost::json::value_from(columns)},
        {"row", boost::json::value_from(row)}});
}

void Report::save(boost::json::object result) {
  std::fflush(stdout);
  if (file_.empty()) return;
  result["measurement"] = measurement_;
  result["title"] = title_;
  content_["results"].as_array().push_back(std::move(result));
  std::ofstream out(file_);
  out << boost::json::serialize(content_) << "\n";
  if (!out.flush()) throw std::runtime_error("cannot write " + file_);
}

}  // namespace bench
