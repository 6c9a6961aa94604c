// What one entry of the log takes of the processor where it is applied: decoding and deciding, for
// each kind of entry that comes in numbers. Processor time of the thread, so that it can be
// measured on a machine that others use too.
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/assert.hpp"
#include "bench/measurements.hpp"
#include "ipam/outcome_codec.hpp"
#include "ipam/state_machine.hpp"

namespace bench {
namespace {

constexpr std::size_t per_turn = 100;  // reading the clock takes as long as a part of one
constexpr ipam::TimeMs time_ms = 1'700'000'000'000;

std::int64_t thread_ns() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec * std::int64_t{1'000'000'000} + time.tv_nsec;
}

// Commands of one kind on their way through one state machine.
class Entries {
 public:
  explicit Entries(ipam::StateMachine& machine, std::uint64_t& revision)
      : machine_(machine), revision_(revision) {}

  // `each`: of what one command has in it.
  void run(const char* name, const std::vector<ipam::Command>& commands, std::size_t each) {
    std::vector<base::Bytes> logged;
    const std::int64_t began = thread_ns();
    for (const ipam::Command& command : commands) logged.push_back(encode(command));
    const std::int64_t encoded = thread_ns();
    std::int64_t decode_ns = 0, apply_ns = 0, outcome_ns = 0, forget_ns = 0;
    for (std::size_t begin = 0; begin < logged.size(); begin += per_turn) {
      const std::size_t end = std::min(begin + per_turn, logged.size());
      std::vector<std::optional<ipam::Command>> decoded(per_turn);
      std::vector<ipam::Applied> applied(per_turn);
      const auto time = [&](std::int64_t& sum, auto work) {
        const std::int64_t start = thread_ns();
        for (std::size_t i = begin; i < end; ++i) work(i, i - begin);
        sum += thread_ns() - start;
      };
      time(decode_ns, [&](std::size_t i, std::size_t k) {
        decoded[k] = ipam::decode_command(logged[i]);
      });
      time(apply_ns, [&](std::size_t, std::size_t k) {
        applied[k] = machine_.apply(ipam::Revision(++revision_), time_ms, *decoded[k]);
      });
      time(outcome_ns, [&](std::size_t, std::size_t k) {
        ASSERT(ipam::decode_outcome(ipam::encode_outcome(applied[k].outcome)));
      });
      time(forget_ns, [&](std::size_t, std::size_t k) { applied[k].changes.clear(); });
      for (const ipam::Applied& one : applied)
        if (const auto* error = std::get_if<ipam::Error>(&one.outcome))
          if (!error->detail.empty()) fmt::print("{}: {}\n", name, error->detail);
    }
    const double count = static_cast<double>(commands.size() * each);
    const auto per = [&](std::int64_t ns) { return static_cast<double>(ns) / count; };
    fmt::print("  {:32} encode {:5.0f}  decode {:5.0f}  apply {:5.0f}  outcome there and back "
               "{:5.0f}  changes freed {:5.0f} ns\n",
               name, per(encoded - began), per(decode_ns), per(apply_ns), per(outcome_ns),
               per(forget_ns));
  }

 private:
  ipam::StateMachine& machine_;
  std::uint64_t& revision_;
};

ipam::Command as_command(ipam::CommandBody body) {
  ipam::Command command;
  command.body = std::move(body);
  return command;
}

ipam::Allocate plain(std::uint64_t i) {
  ipam::Allocate allocate;
  allocate.network = ipam::NetworkId(1);
  allocate.hostname = fmt::format("host-{:010}", i);
  return allocate;
}

ipam::CreateNetwork row(std::uint64_t i) {  // a /28 below 172.0.0.0
  ipam::CreateNetwork network;
  network.prefix = {{ipam::Family::ipv4, (ipam::U128{172} << 24) + i * 16}, 28};
  return network;
}

}  // namespace

void measure_entries(std::uint64_t count) {
  constexpr std::size_t batch = 1000;
  ipam::StateMachine machine;
  std::uint64_t revision = 0;
  Entries entries(machine, revision);
  machine.apply(ipam::Revision(++revision), time_ms,
                as_command(ipam::CreateNetwork{.prefix = *ipam::parse_prefix("10.0.0.0/8"),
                                               .description = {},
                                               .tags = {}}));
  std::vector<ipam::Command> allocates, releases, transactions, imports, addresses;
  for (std::uint64_t i = 0; i < count; ++i) {
    allocates.push_back(as_command(plain(i)));
    releases.push_back(as_command(ipam::Release{ipam::AllocationId(i + 1)}));
    if (i % batch == 0) {
      transactions.push_back(as_command(ipam::Transaction()));
      imports.push_back(as_command(ipam::Import()));
      addresses.push_back(as_command(ipam::Import()));
    }
    std::get<ipam::Transaction>(transactions.back().body).operations.push_back({plain(i), {}});
    std::get<ipam::Import>(imports.back().body).rows.push_back({row(i), {}});
    ipam::Allocate held = plain(i);
    held.network = ipam::NetworkId();
    ipam::AllocateOptions options;
    options.ip = {ipam::Family::ipv4, (ipam::U128{10} << 24) + 1 + 2 * i};
    held.options.set(std::move(options));
    std::get<ipam::Import>(addresses.back().body).rows.push_back({std::move(held), {}});
  }
  fmt::print("entries: processor time of each of {}\n", count);
  entries.run("allocation", allocates, 1);
  entries.run("release", releases, 1);
  entries.run("allocation in a transaction", transactions, batch);
  for (ipam::Command& release : releases) {
    auto& id = std::get<ipam::Release>(release.body).id;
    id = id + count;
  }
  entries.run("release", releases, 1);
  entries.run("network in an import", imports, batch);
  entries.run("allocation in an import", addresses, batch);
}

}  // namespace bench
