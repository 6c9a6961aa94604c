// An import does what its rows do one by one: what is refused leaves nothing behind.
#include <doctest/doctest.h>

#include "base/random.hpp"
#include "ipam/state_machine.hpp"

namespace {

using namespace ipam;

Operation network_row(const char* cidr) {
  return {CreateNetwork{*parse_prefix(cidr), "", {}}, {}};
}
Operation address_row(const char* ip) {
  Allocate allocate;
  AllocateOptions options;
  options.ip = *parse_address(ip);
  allocate.options = options;
  return {allocate, {}};
}

}  // namespace

TEST_CASE("on_conflict=skip does what each row alone does, and counts") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    base::Random random(seed);
    StateMachine at_once;
    StateMachine by_one;
    Import import{{}, OnConflict::skip};
    ImportReport expected;
    for (std::uint32_t row = 0; row < 60; ++row) {
      Prefix prefix = *parse_prefix("10.0.0.0/24");
      prefix.base.value += random.below(256);
      prefix.length = static_cast<int>(random.between(25, 31));
      Allocate allocate;
      AllocateOptions options;
      options.ip = prefix.base;
      allocate.options = options;
      prefix.base.value &= prefix.mask();
      allocate.network = prefix;
      if (random.chance(50))
        import.rows.push_back({CreateNetwork{prefix, "", {}}, {}});
      else
        import.rows.push_back({allocate, {}});
      Applied applied = by_one.apply(Revision(1), 5, {.body = import.rows.back().body});
      auto* error = std::get_if<Error>(&applied.outcome);
      if (!error) {
        ++expected.created;
      } else if (error->code == ErrorCode::network_exists ||
                 error->code == ErrorCode::address_in_use) {
        ++expected.skipped;
      } else {
        error->operation = row;
        expected.refused.push_back(*error);
      }
    }
    const Applied applied = at_once.apply(Revision(1), 5, {.body = import});
    CHECK(applied.outcome == Outcome(expected));
    CHECK(at_once.digest() == by_one.digest());
    CHECK(expected.created > 0);
  }
}

TEST_CASE("on_conflict=skip passes over a block that is there, not one that is taken in part") {
  const auto block = [](std::string_view first, std::uint64_t count) {
    Allocate allocate;
    AllocateOptions options;
    options.ip = *parse_address(first);
    allocate.options = options;
    allocate.count = count;
    return Operation{allocate, {}};
  };
  const auto reservation = [](std::string_view first, std::string_view last) {
    CreateReservation row;
    row.first = *parse_address(first);
    row.last = *parse_address(last);
    return Operation{row, {}};
  };
  StateMachine machine;
  const Import all{{{CreateNetwork{*parse_prefix("10.0.0.0/24"), "", {}}, {}},
                    block("10.0.0.20", 10), reservation("10.0.0.100", "10.0.0.120")},
                   OnConflict::fail};
  const Applied made = machine.apply(Revision(1), 5, {.body = all});
  REQUIRE(std::get<ImportReport>(made.outcome).created == 3);
  const Import again{{block("10.0.0.20", 10), block("10.0.0.22", 3), block("10.0.0.22", 1),
                      block("10.0.0.10", 41), block("10.0.0.25", 6),
                      reservation("10.0.0.100", "10.0.0.120"),
                      reservation("10.0.0.110", "10.0.0.110"),
                      reservation("10.0.0.90", "10.0.0.130"),
                      reservation("10.0.0.120", "10.0.0.121")},
                     OnConflict::skip};
  const auto report =
      std::get<ImportReport>(machine.apply(Revision(2), 6, {.body = again}).outcome);
  CHECK(report.created == 0);
  CHECK(report.skipped == 5);
  REQUIRE(report.refused.size() == 4);
  CHECK(report.refused[0].operation == 3);
  CHECK(report.refused[0].code == ErrorCode::address_in_use);
  CHECK(report.refused[1].operation == 4);
  CHECK(report.refused[2].operation == 7);
  CHECK(report.refused[2].code == ErrorCode::reservation_overlaps);
  CHECK(report.refused[3].operation == 8);
}

TEST_CASE("on_conflict=fail makes all rows or none") {
  StateMachine machine;
  const Import good{{network_row("10.0.0.0/24"), network_row("10.0.0.0/25"),
                     address_row("10.0.0.200"), address_row("10.0.0.5")},
                    OnConflict::fail};
  CHECK(machine.apply(Revision(1), 0, {.body = good}).outcome == Outcome(ImportReport{4, 0, {}}));
  // Each in the most specific network that contains it.
  CHECK(machine.allocation(AllocationId(1))->network_id == NetworkId(1));
  CHECK(machine.allocation(AllocationId(2))->network_id == NetworkId(2));
  const std::uint64_t before = machine.digest();
  const Import bad{{network_row("10.1.0.0/24"), network_row("10.0.0.0/24")}, OnConflict::fail};
  const Applied refused = machine.apply(Revision(2), 0, {.body = bad});
  CHECK(std::get<Error>(refused.outcome).code == ErrorCode::network_exists);
  CHECK(std::get<Error>(refused.outcome).operation == 1u);
  CHECK(refused.changes.empty());
  CHECK(machine.digest() == before);
  const Import nowhere{{address_row("192.168.0.1")}, OnConflict::skip};
  const auto report =
      std::get<ImportReport>(machine.apply(Revision(3), 0, {.body = nowhere}).outcome);
  REQUIRE(report.refused.size() == 1);
  CHECK(report.refused[0].detail == "network not found: none contains 192.168.0.1");
}

TEST_CASE("what a file says of the VRF default is taken where nothing is said of it yet") {
  for (const OnConflict on_conflict : {OnConflict::fail, OnConflict::skip, OnConflict::update}) {
    StateMachine machine;
    const auto import = [&](const char* description, const char* cidr) {
      const Import rows{{{CreateVrf{"default", description}, {}}, network_row(cidr)}, on_conflict};
      return machine.apply(Revision(1), 0, {.body = rows}).outcome;
    };
    const auto made = std::get<ImportReport>(import("Corp", "10.0.0.0/24"));
    CHECK(made.created == 1);
    CHECK(made.updated == 1);
    CHECK(machine.vrf(vrf_default)->description == "Corp");
    const Outcome other = import("Other", "10.0.1.0/24");
    const bool updates = on_conflict == OnConflict::update;
    CHECK(std::holds_alternative<Error>(other) == (on_conflict == OnConflict::fail));
    CHECK(machine.vrf(vrf_default)->description == (updates ? "Other" : "Corp"));
  }
}

TEST_CASE("what is no row of an import is refused") {
  StateMachine machine;
  const auto is_refused = [&machine](Operation row) {
    const Applied applied =
        machine.apply(Revision(1), 0, {.body = Import{{std::move(row)}, OnConflict::skip}});
    return std::holds_alternative<Error>(applied.outcome);
  };
  Operation referring = network_row("10.0.0.0/24");
  referring.references.push_back({OperationField::cidr, 0, ResultField::cidr});
  CHECK(is_refused(referring));
  CHECK(is_refused({Release{AllocationId(1)}, {}}));
  CHECK(is_refused({Allocate{}, {}}));
  CHECK_FALSE(is_refused(network_row("10.0.0.0/24")));
}
