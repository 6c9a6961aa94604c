// What reservations mean, in the words that a client reads. How they go with everything else is
// compared with a naive model in state_machine_random_test.
#include <doctest/doctest.h>

#include <stdexcept>

#include "ipam/outcome_codec.hpp"
#include "ipam/state_machine.hpp"

namespace {

using namespace ipam;

struct Plan {
  StateMachine machine;
  std::uint64_t revision = 0;
  std::vector<Change> changes;

  Outcome apply(CommandBody body) {
    Applied applied = machine.apply(Revision(++revision), 1000, {.body = std::move(body)});
    changes = std::move(applied.changes);
    return applied.outcome;
  }

  NetworkId create(std::string_view cidr) {
    return std::get<NetworkView>(apply(CreateNetwork{*parse_prefix(cidr), "", {}})).id;
  }

  Outcome reserve(NetworkId network, std::string_view first, std::string_view last) {
    return apply(CreateReservation{.network_id = network,
                                   .first = *parse_address(first),
                                   .last = *parse_address(last),
                                   .reason = "DHCP pool"});
  }

  Outcome allocate(NetworkId network, std::string_view ip, bool force = false) {
    AllocateOptions options;
    options.ip = *parse_address(ip);
    options.force = force;
    return apply(Allocate{.network = network, .hostname = "", .description = "", .tags = {},
                          .ttl_seconds = {}, .options = options});
  }

  std::vector<std::string> audited() const {
    std::vector<std::string> details;
    for (const auto& change : changes)
      if (const auto* audit = std::get_if<AuditAppended>(&change))
        details.push_back(audit->entry.action + ": " + audit->entry.details);
    return details;
  }
};

std::string refusal(const Outcome& outcome) {
  const auto* error = std::get_if<Error>(&outcome);
  return error == nullptr ? "" : error->detail;
}

using Details = std::vector<std::string>;

}  // namespace

TEST_CASE("next-free leaves out what is reserved, an explicit ip in it needs force") {
  Plan plan;
  const NetworkId id = plan.create("10.0.0.0/29");
  const Outcome made = plan.reserve(id, "10.0.0.1", "10.0.0.3");
  CHECK(plan.audited() ==
        Details{"reservation_created: Reserved 10.0.0.1-10.0.0.3 in 10.0.0.0/29: DHCP pool"});
  CHECK(decode_outcome(encode_outcome(made)) == made);
  CHECK(to_string(plan.machine.stats(id).first_available.value()) == "10.0.0.4");
  CHECK((plan.machine.stats(id).reserved == 3));
  CHECK(refusal(plan.allocate(id, "10.0.0.2")) ==
        "10.0.0.1-10.0.0.3 is reserved by res-1 (DHCP pool); with force: true it is handed out all "
        "the same");
  CHECK(refusal(plan.allocate(id, "10.0.0.2", true)) == "");
  CHECK((plan.machine.stats(id).reserved == 2));
  plan.apply(Release{AllocationId(1)});
  CHECK((plan.machine.stats(id).reserved == 3));  // who gives it back gives it to the reservation
  plan.apply(DeleteReservation{ReservationId(1), id});
  CHECK(plan.audited() ==
        Details{"reservation_deleted: Deleted the reservation of 10.0.0.1-10.0.0.3 in "
                "10.0.0.0/29: DHCP pool"});
  CHECK((plan.machine.stats(id).available == 6));
  CHECK(refusal(plan.apply(DeleteReservation{ReservationId(1), id})) ==
        "reservation not found in net-1: res-1");
}

TEST_CASE("a reservation and what holds its addresses do not mind one another") {
  Plan plan;
  const NetworkId id = plan.create("2001:db8::/64");
  plan.allocate(id, "2001:db8::5");
  plan.reserve(id, "2001:db8::", "2001:db8::7fff:ffff:ffff:ffff");
  const NetworkStats stats = plan.machine.stats(id);
  CHECK((stats.reserved == (U128{1} << 63) - 2));  // without the held one and the anycast address
  CHECK(to_string(stats.first_available.value()) == "2001:db8:0:0:8000::");
  CHECK(plan.machine.reservation_of(*parse_address("2001:db8::5"))->id == ReservationId(1));
  plan.apply(DeleteReservation{ReservationId(1)});
  CHECK(to_string(plan.machine.stats(id).first_available.value()) == "2001:db8::1");
}

TEST_CASE("a reservation is refused where it would mean two things") {
  Plan plan;
  const NetworkId id = plan.create("10.0.0.0/24");
  plan.create("10.0.0.128/26");
  plan.reserve(id, "10.0.0.10", "10.0.0.20");
  CHECK(refusal(plan.reserve(id, "10.0.0.20", "10.0.0.30")) ==
        "10.0.0.20-10.0.0.30 has addresses of res-1, which reserves 10.0.0.10-10.0.0.20");
  CHECK(refusal(plan.reserve(id, "10.0.0.250", "10.0.1.1")) ==
        "10.0.0.250-10.0.1.1 is not within 10.0.0.0/24");
  CHECK(refusal(plan.reserve(id, "2001:db8::1", "2001:db8::2")) ==
        "2001:db8::1-2001:db8::2 is not within 10.0.0.0/24");
  CHECK(refusal(plan.reserve(id, "10.0.0.100", "10.0.0.128")) ==
        "10.0.0.100-10.0.0.128 has addresses of the child network net-2 (10.0.0.128/26): reserve "
        "them there");
  CHECK(refusal(plan.reserve(id, "10.0.0.20", "10.0.0.10")) == "end is before start");
  CHECK(refusal(plan.reserve(NetworkId(9), "10.0.0.1", "10.0.0.1")) == "network not found: net-9");
}

TEST_CASE("no child network comes to lie over a reservation, not even over an address beside") {
  Plan plan;
  const NetworkId id = plan.create("10.0.0.0/30");
  plan.reserve(id, "10.0.0.0", "10.0.0.0");
  CHECK(refusal(plan.apply(CreateNetwork{*parse_prefix("10.0.0.0/32"), "", {}})) ==
        "10.0.0.0 is reserved by res-1 (DHCP pool); 10.0.0.0/32 would cover it");
  const auto carved =
      plan.apply(CarveNetworks{.parent = id, .prefix_length = 32, .count = 3, .description = "",
                               .tags = {}});
  REQUIRE(std::holds_alternative<std::vector<NetworkView>>(carved));
  CHECK(to_string(std::get<std::vector<NetworkView>>(carved)[0].prefix) == "10.0.0.1/32");
}

TEST_CASE("a network that is deleted takes its reservations with it, each is told") {
  Plan plan;
  const NetworkId id = plan.create("10.0.0.0/24");
  plan.reserve(id, "10.0.0.10", "10.0.0.20");
  plan.reserve(id, "10.0.0.30", "10.0.0.30");
  CHECK(refusal(plan.apply(DeleteNetwork{id})) == "");
  CHECK(plan.audited() ==
        Details{"reservation_deleted: Deleted the reservation of 10.0.0.10-10.0.0.20 in "
                "10.0.0.0/24: DHCP pool",
                "reservation_deleted: Deleted the reservation of 10.0.0.30 in 10.0.0.0/24: DHCP "
                "pool",
                "network_deleted: Deleted network 10.0.0.0/24"});
  CHECK(plan.machine.reservation_count() == 0);
}

TEST_CASE("a network has a limited number of reservations") {
  Plan plan;
  const NetworkId id = plan.create("10.0.0.0/16");
  Address address = *parse_address("10.0.0.0");
  for (std::size_t i = 0; i < reservations_max; ++i, ++address.value) {
    const std::string text = to_string(address);
    REQUIRE(refusal(plan.reserve(id, text, text)) == "");
  }
  CHECK(refusal(plan.reserve(id, "10.0.255.0", "10.0.255.0")) ==
        "10.0.0.0/16 has 10000 reservations, the most there may be");
}

TEST_CASE("an import finds the network of a reservation, and changes one that is there") {
  Plan plan;
  plan.create("10.0.0.0/16");
  plan.create("10.0.1.0/24");
  const auto row = [](std::string_view first, std::string_view last, std::string reason) {
    return Operation{CreateReservation{.network_id = {},
                                       .first = *parse_address(first),
                                       .last = *parse_address(last),
                                       .reason = std::move(reason)},
                     {}};
  };
  const auto import_rows = [&](OnConflict on_conflict, std::vector<Operation> rows) {
    return std::get<ImportReport>(plan.apply(Import{std::move(rows), on_conflict}));
  };
  CHECK(import_rows(OnConflict::fail, {row("10.0.1.10", "10.0.1.20", "a")}) ==
        ImportReport{.created = 1, .refused = {}});
  CHECK(plan.machine.reservation(ReservationId(1))->network_id == NetworkId(2));
  CHECK(import_rows(OnConflict::skip, {row("10.0.1.10", "10.0.1.20", "b")}) ==
        ImportReport{.skipped = 1, .refused = {}});
  CHECK(import_rows(OnConflict::update, {row("10.0.1.10", "10.0.1.20", "b"),
                                         row("10.0.1.10", "10.0.1.20", "b"),
                                         row("10.0.1.10", "10.0.1.20", "")}) ==
        ImportReport{.refused = {}, .updated = 1, .unchanged = 2});
  CHECK(plan.machine.reservation(ReservationId(1))->reason == "b");
  CHECK(plan.audited() ==
        Details{"reservation_updated: Updated the reservation of 10.0.1.10-10.0.1.20: reason"});
  // Another range over the same addresses is no update of it; nor is there a network across.
  const ImportReport report = import_rows(
      OnConflict::update, {row("10.0.1.15", "10.0.1.30", "c"), row("10.0.0.5", "10.0.1.5", "d")});
  REQUIRE(report.refused.size() == 2);
  CHECK(report.refused[0].code == ErrorCode::reservation_overlaps);
  CHECK(report.refused[1].code == ErrorCode::address_not_usable);
  // The addresses within are imported all the same: the file says what is so.
  AllocateOptions options;
  options.ip = *parse_address("10.0.1.12");
  Allocate address;
  address.options = options;
  CHECK(import_rows(OnConflict::fail, {{address, {}}}).created == 1);
}

TEST_CASE("reservations that contradict what is loaded are a broken file") {
  const auto problem = [](auto change) -> std::string {
    StateMachine machine;
    for (const std::uint64_t id : {1, 2}) {
      Network network;
      network.id = NetworkId(id);
      network.prefix = *parse_prefix(id == 1 ? "10.0.0.0/16" : "10.0.0.128/25");
      machine.load_network(network);
    }
    Reservation first;
    first.id = ReservationId(1);
    first.network_id = NetworkId(1);
    first.first = *parse_address("10.0.0.10");
    first.last = *parse_address("10.0.0.20");
    machine.load_reservation(first);
    Reservation second = first;
    second.id = ReservationId(2);
    second.first = second.last = *parse_address("10.0.0.21");
    change(second);
    try {
      machine.load_reservation(second);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "";
  };
  CHECK(problem([](Reservation&) {}) == "");
  CHECK(problem([](Reservation& r) { r.id = ReservationId(); }) ==
        "res-0: a reservation without an id");
  CHECK(problem([](Reservation& r) { r.id = ReservationId(1); }) ==
        "res-1: the id is there twice");
  CHECK(problem([](Reservation& r) { r.network_id = NetworkId(3); }) ==
        "res-2: its network does not exist");
  CHECK(problem([](Reservation& r) { r.last = *parse_address("10.1.0.0"); }) ==
        "res-2: its addresses are no range of its network");
  CHECK(problem([](Reservation& r) { r.last = *parse_address("10.0.0.19"); }) ==
        "res-2: its addresses are no range of its network");
  CHECK(problem([](Reservation& r) { r.last = *parse_address("10.0.0.128"); }) ==
        "res-2: a child network has some of it");
  CHECK(problem([](Reservation& r) { r.first = *parse_address("10.0.0.20"); }) ==
        "res-2: another one has some of its addresses");
}
