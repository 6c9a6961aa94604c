// `bench engine`: what the parts of ipam take that need no process and no network. It
// fills a network of each family with N allocations and one block of what else it has, gives 1%
// of them back at random, and prints what an allocation takes of memory, and percentiles of what
// finding and handing out takes. For each single address that is handed out another one at random
// is released; several in a row are given back at once.
#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/random.hpp"
#include "bench/measurements.hpp"
#include "ipam/address_set.hpp"
#include "ipam/state_machine.hpp"

namespace bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Arguments {
  std::uint64_t records;
  std::uint64_t probes;
};

constexpr std::uint64_t per_command = 1000;  // allocations that one scattered command makes
constexpr std::array<std::uint64_t, 4> counts_in_a_row{1, 2, 4, 16};

std::uint64_t heap_bytes() {
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

// How long each of many calls took; what reading the clock takes is in it.
class Latencies {
 public:
  explicit Latencies(std::uint64_t calls) { nanoseconds_.reserve(calls); }

  template <class Work>
  void time(Work work) {
    const auto began = Clock::now();
    work();
    const auto spent = Clock::now() - began;
    nanoseconds_.push_back(static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(spent).count()));
  }
  std::string text() {
    std::sort(nanoseconds_.begin(), nanoseconds_.end());
    return fmt::format("p50 {:6} ns  p99 {:6} ns  p99.9 {:6} ns", at(0.5), at(0.99), at(0.999));
  }

 private:
  std::uint32_t at(double part) const {
    return nanoseconds_[static_cast<std::size_t>(part *
                                                 static_cast<double>(nanoseconds_.size() - 1))];
  }
  std::vector<std::uint32_t> nanoseconds_;
};

// The free addresses alone: as many are taken as there are records, and 1% is given back at random.
// Between the probes another address at random is given back for each that is taken.
void measure_free_addresses(const ipam::Prefix& prefix, const Arguments& arguments) {
  const ipam::UsableRange usable = ipam::usable_range(prefix);
  const ipam::U128 first = usable.first.value;
  ipam::AddressSet set(first, usable.last.value);
  base::Random random(1);
  const std::uint64_t used = arguments.records;
  set.take(first, first + (used - 1));
  if (first + used <= usable.last.value) set.take(first + used, usable.last.value);
  const auto free_one = [&] {
    while (true) {
      const ipam::U128 address = first + random.below(used);
      if (set.is_free(address, address)) continue;
      set.give_back(address, address);
      return;
    }
  };
  for (std::uint64_t i = 0; i < arguments.records / 100; ++i) free_one();
  const std::size_t runs = set.run_count();
  for (const std::uint64_t count : counts_in_a_row) {
    Latencies find(arguments.probes), take(arguments.probes);
    std::uint64_t found_none = 0;
    for (std::uint64_t i = 0; i < arguments.probes; ++i) {
      std::optional<ipam::U128> found;
      find.time([&] { found = set.first_fit(count); });
      if (!found) {
        ++found_none;
        continue;
      }
      take.time([&] { set.take(*found, *found + (count - 1)); });
      if (count == 1)
        free_one();
      else
        set.give_back(*found, *found + (count - 1));  // or there would soon be none
    }
    fmt::print("  {:10} free runs {:7}  {:2} in a row: find  {}\n", to_string(prefix), runs, count,
               find.text());
    if (found_none < arguments.probes)
      fmt::print("  {:48}take  {}\n", "", take.text());
    else
      fmt::print("  {:48}there are no such\n", "");
  }
}

// The whole state machine: decision, record, audit entry with its hash, changes for state.db.
class Engine {
 public:
  Engine(const ipam::Prefix& prefix, const Arguments& arguments) : arguments_(arguments) {
    apply(ipam::CreateNetwork{.prefix = prefix, .description = {}, .tags = {}});
    const ipam::U128 usable = ipam::usable_range(prefix).count;
    ipam::Allocate rest;  // what else would be free, at the end of the network
    rest.network = ipam::NetworkId(1);
    rest.count = static_cast<std::uint64_t>(usable - arguments.records);
    const ipam::Applied applied = apply(rest);
    if (!std::holds_alternative<ipam::Allocation>(applied.outcome)) {
      fmt::print(stderr, "bench: {}\n", std::get<ipam::Error>(applied.outcome).detail);
      std::exit(1);
    }
  }

  void run(const std::string& name) {
    active_.reserve(arguments_.records);
    const std::uint64_t before = heap_bytes();
    const auto began = Clock::now();
    fill();
    const std::chrono::duration<double> spent = Clock::now() - began;
    const double per_record = static_cast<double>(heap_bytes() - before) /
                              static_cast<double>(arguments_.records);
    fmt::print("  {:10} {} allocations in {:.1f} s, {:.0f} bytes of heap each\n", name,
               arguments_.records, spent.count(), per_record);
    for (std::uint64_t i = 0; i < arguments_.records / 100; ++i) release_one();
    for (const std::uint64_t count : counts_in_a_row) probe(count);
  }

 private:
  ipam::Applied apply(ipam::CommandBody body) {
    ipam::Command command;
    command.body = std::move(body);
    return machine_.apply(ipam::Revision(++revision_), 1'700'000'000'000, command);
  }

  void fill() {
    ipam::Allocate scattered;
    scattered.network = ipam::NetworkId(1);
    scattered.count = per_command;
    scattered.hostname = "host-of-the-benchmark";
    ipam::AllocateOptions options;
    options.scattered = true;
    scattered.options.set(options);
    while (active_.size() < arguments_.records) {
      const ipam::Applied applied = apply(scattered);
      for (const auto& made : std::get<std::vector<ipam::Allocation>>(applied.outcome))
        active_.push_back(made.id);
    }
  }

  void release_one() {
    const std::size_t index = random_.below(active_.size());
    apply(ipam::Release{active_[index]});
    active_[index] = active_.back();
    active_.pop_back();
  }

  void probe(std::uint64_t count) {
    ipam::Command command;
    ipam::Allocate allocate;
    allocate.network = ipam::NetworkId(1);
    allocate.count = count;
    allocate.hostname = "host-of-the-benchmark";
    command.body = allocate;
    Latencies latencies(arguments_.probes);
    std::uint64_t found_none = 0;
    for (std::uint64_t i = 0; i < arguments_.probes; ++i) {
      ipam::Applied applied;
      latencies.time([&] {
        applied = machine_.apply(ipam::Revision(++revision_), 1'700'000'000'000, command);
      });
      const auto* made = std::get_if<ipam::Allocation>(&applied.outcome);
      if (made == nullptr) {
        ++found_none;
        continue;
      }
      if (count > 1) {
        apply(ipam::Release{made->id});
        continue;
      }
      active_.push_back(made->id);
      release_one();
    }
    fmt::print("  {:29}{:2} in a row: allocate  {}{}\n", "", count, latencies.text(),
               found_none == arguments_.probes ? ", refused: there are no such" : "");
  }

  const Arguments arguments_;
  ipam::StateMachine machine_;
  std::uint64_t revision_ = 0;
  base::Random random_{2};
  std::vector<ipam::AllocationId> active_;
};

}  // namespace

int measure_engine(std::uint64_t records, std::uint64_t probes) {
  const Arguments arguments{records / per_command * per_command, probes};
  fmt::print("{} records, 1% of them free again, one by one; {} probes each\n", arguments.records,
             arguments.probes);
  measure_entries(probes / per_command * per_command);
  measure_engine_growth(arguments.records);
  for (const char* cidr : {"10.0.0.0/8", "2001:db8::/64"}) {
    const ipam::Prefix prefix = *ipam::parse_prefix(cidr);
    fmt::print("free addresses of {}\n", cidr);
    measure_free_addresses(prefix, arguments);
    fmt::print("state machine\n");
    Engine(prefix, arguments).run(cidr);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace bench
