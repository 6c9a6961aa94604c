// Two states or changes that differ in one field have different digests.
#include <doctest/doctest.h>

#include <set>

#include "ipam/digest.hpp"
#include "ipam/state_machine.hpp"

using namespace ipam;

TEST_CASE("the digest sees every field of an allocation and of a network") {
  Network network;
  network.id = NetworkId(1);
  network.prefix = *parse_prefix("10.0.0.0/24");
  Allocation allocation;
  allocation.id = AllocationId(1);
  allocation.network_id = NetworkId(1);
  allocation.first = allocation.last = *parse_address("10.0.0.7");
  std::set<std::uint64_t> digests;
  const auto add = [&](auto change) {
    Network n = network;
    Allocation a = allocation;
    change(n, a);
    StateMachine machine;
    Vrf blue;
    blue.id = VrfId(2);
    blue.name = "blue";
    machine.load_vrf(blue);
    machine.load_network(n);
    machine.load_allocation(a);
    CHECK(digests.insert(machine.digest()).second);
  };
  add([](Network&, Allocation&) {});
  add([](Network& n, Allocation&) { n.description = "d"; });
  add([](Network& n, Allocation&) { n.tags = {"t"}; });
  add([](Network& n, Allocation&) { n.tags = {"", "t"}; });
  add([](Network& n, Allocation&) { n.created_at = 1; });
  add([](Network& n, Allocation&) { n.updated_at = 1; });
  add([](Network& n, Allocation&) { n.revision = Revision(1); });
  add([](Network& n, Allocation&) { n.prefix.length = 25; });
  add([](Network& n, Allocation&) { n.quarantine_seconds = 1; });
  add([](Network& n, Allocation&) { n.vrf = VrfId(2); });
  const auto add_extras = [&](auto change) {
    add([&](Network& n, Allocation&) {
      NetworkExtras extras;
      change(extras);
      n.extras = extras;
    });
  };
  add_extras([](NetworkExtras& e) { e.status = NetworkStatus::container; });
  add_extras([](NetworkExtras& e) { e.strategy = Strategy::last; });
  add_extras([](NetworkExtras& e) { e.gateway = parse_address("10.0.0.1"); });
  add_extras([](NetworkExtras& e) { e.threshold_percent = 1; });
  add_extras([](NetworkExtras& e) { e.metadata = {{"k", "v"}}; });
  add([](Network&, Allocation& a) { a.id = AllocationId(2); });
  add([](Network&, Allocation& a) { a.last.value += 1; });
  add([](Network&, Allocation& a) { a.hostname = "h"; });
  add([](Network&, Allocation& a) { a.description = "h"; });
  add([](Network&, Allocation& a) { a.tags = {"h"}; });
  add([](Network&, Allocation& a) { a.allocated_at = 1; });
  add([](Network&, Allocation& a) { a.expires_at = 0; });
  add([](Network&, Allocation& a) { a.expires_at = 1; });
  add([](Network&, Allocation& a) { a.revision = Revision(1); });
  add([](Network&, Allocation& a) { a.extras.set({"o", {}}); });
  add([](Network&, Allocation& a) { a.extras.set({"", {{"o", ""}}}); });
}

TEST_CASE("the digest sees every field of a reservation") {
  std::set<std::uint64_t> digests;
  const auto add = [&](auto change) {
    Reservation reservation;
    reservation.id = ReservationId(1);
    reservation.network_id = NetworkId(1);
    reservation.first = reservation.last = *parse_address("10.0.0.7");
    change(reservation);
    StateMachine machine;
    for (const std::uint64_t id : {1, 2}) {
      Network network;
      network.id = NetworkId(id);
      network.prefix = *parse_prefix(id == 1 ? "10.0.0.0/24" : "10.0.0.0/16");
      machine.load_network(network);
    }
    machine.load_reservation(reservation);
    CHECK(digests.insert(machine.digest()).second);
    Digest of_change;
    of_change.add(Change(ReservationPut{reservation}));
    CHECK(digests.insert(of_change.value()).second);
  };
  add([](Reservation&) {});
  add([](Reservation& r) { r.id = ReservationId(2); });
  add([](Reservation& r) {
    r.network_id = NetworkId(2);
    r.first = r.last = *parse_address("10.0.1.7");
  });
  add([](Reservation& r) { r.last.value += 1; });
  add([](Reservation& r) { r.first.value -= 1; });
  add([](Reservation& r) { r.reason = "r"; });
  add([](Reservation& r) { r.tags = {"r"}; });
  add([](Reservation& r) { r.metadata = {{"r", ""}}; });
  add([](Reservation& r) { r.created_at = 1; });
  add([](Reservation& r) { r.revision = Revision(1); });
}
