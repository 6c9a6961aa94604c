// How the cost of an allocation and of a network grows with how many there are: `bench engine`
// prints it for ever more of them, up to what is asked for, with the memory that each takes.
#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <ctime>
#include <string>
#include <variant>
#include <vector>

#include "base/assert.hpp"
#include "base/random.hpp"
#include "bench/measurements.hpp"
#include "ipam/state_machine.hpp"

namespace bench {
namespace {

constexpr ipam::TimeMs time_ms = 1'700'000'000'000;
constexpr std::uint64_t records_first = 10'000;
constexpr std::uint64_t networks_most = 1'000'000;
constexpr std::size_t probes_per_turn = 100;
constexpr std::size_t turns = 200;

std::int64_t thread_ns() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec * std::int64_t{1'000'000'000} + time.tv_nsec;
}

double heap_bytes() {
  const auto info = mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd);
}

class Plan {
 public:
  ipam::Applied apply(ipam::CommandBody body) {
    ipam::Command command;
    command.body = std::move(body);
    return machine_.apply(ipam::Revision(++revision_), time_ms, command);
  }

  ipam::AllocationId allocate(ipam::NetworkId network) {
    ipam::Allocate allocate;
    allocate.network = network;
    allocate.hostname = fmt::format("host-{:010}", revision_ % 10'000'000'000);
    const ipam::Applied applied = apply(std::move(allocate));
    const auto* made = std::get_if<ipam::Allocation>(&applied.outcome);
    ASSERT(made != nullptr);
    return made->id;
  }

  void create(std::uint64_t i, int length) {  // the i-th block of this length of 10.0.0.0/8
    ipam::CreateNetwork network;
    network.prefix = {{ipam::Family::ipv4, (ipam::U128{10} << 24) + (i << (32 - length))}, length};
    apply(std::move(network));
  }

  // Of one command of each turn, in the median turn: allocations in networks of [1, networks] at
  // random, each of which is released after its turn.
  double median_ns(std::uint64_t networks) {
    std::vector<std::int64_t> spent;
    for (std::size_t turn = 0; turn < turns; ++turn) {
      std::vector<ipam::AllocationId> made;
      const std::int64_t began = thread_ns();
      for (std::size_t i = 0; i < probes_per_turn; ++i)
        made.push_back(allocate(ipam::NetworkId(1 + random_.below(networks))));
      spent.push_back(thread_ns() - began);
      for (const ipam::AllocationId id : made) apply(ipam::Release{id});
    }
    std::sort(spent.begin(), spent.end());
    return static_cast<double>(spent[turns / 2]) / probes_per_turn;
  }

 private:
  ipam::StateMachine machine_;
  std::uint64_t revision_ = 0;
  base::Random random_{3};
};

}  // namespace

void measure_engine_growth(std::uint64_t records) {
  fmt::print("growth: allocations in one network, one by one\n");
  const double before = heap_bytes();
  {
    Plan plan;
    plan.create(0, 8);
    std::uint64_t made = 0;
    for (std::uint64_t count = records_first; count <= records; count *= 10) {
      for (; made < count; ++made) plan.allocate(ipam::NetworkId(1));
      const double each = (heap_bytes() - before) / static_cast<double>(count);
      fmt::print("  {:9} allocations  {:5.0f} bytes each  one more {:5.0f} ns\n", count, each,
                 plan.median_ns(1));
      std::fflush(stdout);
    }
  }
  fmt::print("growth: networks, and allocations in any of them\n");
  Plan plan;
  std::uint64_t made = 0;
  for (std::uint64_t count = 10; count <= std::min(records, networks_most); count *= 10) {
    const std::int64_t began = thread_ns();
    const std::uint64_t more = count - made;
    for (; made < count; ++made) plan.create(made, 28);
    const double ns = static_cast<double>(thread_ns() - began) / static_cast<double>(more);
    const double each = (heap_bytes() - before) / static_cast<double>(count);
    fmt::print("  {:9} networks {:5.0f} bytes each, made in {:5.0f} ns  an allocation {:5.0f} ns\n",
               count, each, ns, plan.median_ns(count));
    std::fflush(stdout);
  }
}

}  // namespace bench
