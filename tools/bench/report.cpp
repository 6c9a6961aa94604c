#include "bench/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

namespace bench {
namespace {

// "leader 62.5 (io 43.0, raft.db 6.5, state.db 13.0)"; threads that hardly ran are left out, and
// one that is nearly the whole.
std::string text_of_node(const std::map<std::string, double>& cpu_us, const std::string& role,
                         const std::string& name, double per_request) {
  const auto whole = cpu_us.find(role);
  if (whole == cpu_us.end()) return "";
  std::string threads;
  for (const auto& [key, us] : cpu_us) {
    const double part = us / whole->second;
    if (!key.starts_with(role + "/") || part < 0.01 || part > 0.99) continue;
    threads += fmt::format("{}{} {:.1f}", threads.empty() ? "" : ", ",
                           key.substr(role.size() + 1), us / per_request);
  }
  return fmt::format(", {} {:.1f}{}", name, whole->second / per_request,
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
  const auto cpu_us = rounds.cpu_us();
  fmt::print("  us of processor each: servers {:.1f}{}{}; generator {:.1f}\n", 
             cpu_us.at("all") / per_request, text_of_node(cpu_us, "leader", "leader", per_request),
             text_of_node(cpu_us, "follower", "each follower", per_request),
             cpu_us.at("generator") / per_request);
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
