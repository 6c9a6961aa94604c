// Prints how fast state.db is written, read and copied here; asserts nothing about it.
#include "helpers.hpp"

using namespace state_test;

TEST_CASE("allocations with audit per second (printed)") {
  constexpr std::uint64_t count = 60'000;
  TemporaryDirectory directory;
  Loop loop;
  auto store = open(directory.path(), loop);
  std::vector<std::pair<ipam::Counters, std::vector<ipam::Change>>> stream;
  ipam::StateMachine machine;
  auto created = machine.apply(
      ipam::Revision(1), 0, {"t", ipam::CreateNetwork{*ipam::parse_prefix("10.0.0.0/8"), "", {}}});
  stream.emplace_back(machine.counters(), std::move(created.changes));
  ipam::Allocate allocate;
  allocate.network = ipam::NetworkId(1);
  allocate.hostname = "web-server-17.example.com";
  allocate.description = "a web server";
  allocate.tags = {"production", "web"};
  for (std::uint64_t i = 0; i < count; ++i) {
    auto applied = machine.apply(ipam::Revision(2 + i), 1'700'000'000'000, {"system", allocate});
    stream.emplace_back(machine.counters(), std::move(applied.changes));
  }
  auto seconds = [start = std::chrono::steady_clock::now()]() mutable {
    const auto now = std::chrono::steady_clock::now();
    return std::chrono::duration<double>(now - std::exchange(start, now)).count();
  };
  std::uint64_t index = 0;
  for (auto& [counters, changes] : stream)
    store->append(counters, state::Position{++index, 1, {}}, ipam::share(std::move(changes)));
  CHECK(flush(loop, *store) == count + 1);
  MESSAGE("written: " << static_cast<double>(count) / seconds() << " allocations with audit/s");
  const auto made = loop.get<base::Result<state::StateStore::SnapshotFile, std::string>>(
      [&](auto done) { store->make_snapshot(done); });
  REQUIRE(made.ok());
  const double copying = seconds();
  MESSAGE("snapshot: " << static_cast<double>(made.value().bytes) / 1e6 / copying << " MB/s of "
                       << static_cast<double>(made.value().bytes) / 1e6 << " MB");
  store.reset();
  (void)seconds();
  store = open(directory.path(), loop);
  MESSAGE("opened: " << static_cast<double>(count) / seconds() << " active allocations/s");
  CHECK(store->take_loaded().state_machine.digest() == machine.digest());
}
