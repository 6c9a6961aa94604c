#include "ipam/idempotency.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "ipam/outcome_codec.hpp"
#include "ipam/state_machine.hpp"

namespace {

using namespace ipam;

constexpr TimeMs start = 1'705'314'600'000;

Command allocation(std::string key, std::uint64_t hash) {
  Allocate allocate;
  allocate.network = NetworkId(1);
  allocate.hostname = "web";
  allocate.ttl_seconds = 3600;
  return {"tester", allocate, {std::move(key), hash, 60}};
}

StateMachine with_network() {
  StateMachine machine;
  (void)machine.apply(Revision(1), start,
                      {"tester", CreateNetwork{*parse_prefix("10.0.0.0/29"), "", {}}});
  return machine;
}

}  // namespace

TEST_CASE("a command with a known key gives the stored outcome and changes nothing") {
  StateMachine machine = with_network();
  const Applied first = machine.apply(Revision(2), start, allocation("a", 1));
  const auto made = std::get<Allocation>(first.outcome);
  CHECK_FALSE(first.replayed);
  (void)machine.apply(Revision(3), start, {"tester", Release{made.id}});
  const Applied again = machine.apply(Revision(4), start + 1000, allocation("a", 1));
  CHECK(again.replayed);
  CHECK(again.outcome == first.outcome);  // as it was then, though released since
  CHECK(again.changes.empty());
  CHECK(machine.allocation_count() == 0);
}

TEST_CASE("refusals are kept too: a retry does not succeed where the first try did not") {
  StateMachine machine = with_network();
  for (std::uint64_t i = 0; i < 6; ++i)
    (void)machine.apply(Revision(2 + i), start, allocation(fmt::format("k{}", i), i));
  const Applied full = machine.apply(Revision(10), start, allocation("late", 1));
  REQUIRE(std::holds_alternative<Error>(full.outcome));
  (void)machine.apply(Revision(11), start, {"tester", Release{AllocationId(1)}});
  CHECK(machine.apply(Revision(12), start, allocation("late", 1)).outcome == full.outcome);
  CHECK(machine.allocation_count() == 5);
}

TEST_CASE("a precondition is looked at behind the key, and only where there is an object") {
  StateMachine machine = with_network();
  Command update{"tester", UpdateNetwork{.id = NetworkId(1), .description = "new"}, {"k", 1, 60}};
  update.precondition = Precondition{{Revision(1)}};
  const Applied first = machine.apply(Revision(2), start, update);
  REQUIRE(std::holds_alternative<NetworkView>(first.outcome));
  CHECK(machine.apply(Revision(3), start, update).outcome == first.outcome);
  update.idempotency = {};
  const auto refused = std::get<Error>(machine.apply(Revision(4), start, update).outcome);
  CHECK(refused.code == ErrorCode::precondition_failed);
  CHECK(refused.current == Revision(2));
  CHECK(machine.preview(Revision(5), start, update) == Outcome(refused));
  Command missing{"tester", DeleteNetwork{NetworkId(9)}};
  missing.precondition = Precondition{};
  CHECK(std::get<Error>(machine.apply(Revision(6), start, missing).outcome).code ==
        ErrorCode::network_not_found);
  // Limits: more than any client needs, and commands that are about no one object.
  update.precondition->revisions.resize(precondition_revisions_max + 1);
  Command create{"tester", CreateNetwork{*parse_prefix("10.1.0.0/24"), "", {}}};
  create.precondition = Precondition{};
  for (const Command& command : {update, create})
    CHECK(std::get<Error>(machine.apply(Revision(7), start, command).outcome).code ==
          ErrorCode::invalid_argument);
}

TEST_CASE("a key with another request is refused") {
  StateMachine machine = with_network();
  (void)machine.apply(Revision(2), start, allocation("a", 1));
  const Applied other = machine.apply(Revision(3), start, allocation("a", 2));
  CHECK(std::get<Error>(other.outcome).code == ErrorCode::idempotency_key_reused);
  CHECK_FALSE(other.replayed);
  CHECK(machine.allocation_count() == 1);
}

TEST_CASE("a key is forgotten at its time by the replicated clock, and not before") {
  StateMachine machine = with_network();
  (void)machine.apply(Revision(2), start, allocation("a", 1));
  CHECK(machine.apply(Revision(3), start + 59'999, allocation("a", 1)).replayed);
  const Applied later = machine.apply(Revision(4), start + 60'000, allocation("a", 1));
  CHECK_FALSE(later.replayed);
  CHECK(std::holds_alternative<OutcomeForgotten>(later.changes.front()));
  CHECK(machine.allocation_count() == 2);
}

TEST_CASE("of many keys that come to their end together each is forgotten when it is asked for") {
  StateMachine machine = with_network();
  for (int i = 0; i < 100; ++i)
    (void)machine.apply(Revision(2), start, allocation(fmt::format("k{:02}", i), 1));
  const Applied later = machine.apply(Revision(3), start + 60'000, allocation("k99", 1));
  CHECK_FALSE(later.replayed);
  CHECK(machine.apply(Revision(4), start + 60'001, allocation("k99", 1)).replayed);
}

TEST_CASE("there are never more keys than the limit; those that would end first go first") {
  IdempotencyKeys keys;
  std::vector<Change> changes;
  for (std::size_t i = 0; i <= idempotency_keys_max; ++i)
    keys.store({fmt::format("{}", i), 1, 60}, Revision(1 + i), start + TimeMs(i),
               std::monostate(), changes);
  CHECK(keys.size() == idempotency_keys_max);
  CHECK(keys.find("0") == nullptr);
  CHECK(keys.find("1") != nullptr);
}

TEST_CASE("nor more bytes: large outcomes make room for themselves") {
  IdempotencyKeys keys;
  std::vector<Change> changes;
  const Error large{ErrorCode::network_full, std::string(idempotency_bytes_max / 10, 'x')};
  for (std::size_t i = 0; i < 25; ++i)
    keys.store({fmt::format("{}", i), 1, 60}, Revision(1 + i), start + TimeMs(i), large, changes);
  CHECK(keys.bytes() <= idempotency_bytes_max);
  CHECK(keys.size() == 9);
  CHECK(keys.find("24") != nullptr);
  std::size_t bytes = 0;
  keys.for_each([&](const StoredOutcome& s) { bytes += s.key.size() + s.outcome.size(); });
  CHECK(keys.bytes() == bytes);
}

TEST_CASE("the shortest records decode too, in lists of any length") {
  Allocation allocation;
  allocation.id = AllocationId(1);
  allocation.network_id = NetworkId(1);
  for (std::size_t count = 0; count < 4; ++count) {
    const Outcome list = std::vector<Allocation>(count, allocation);
    CHECK(decode_outcome(encode_outcome(list)) == list);
  }
}

TEST_CASE("outcomes decode to what was encoded, and nothing shorter does") {
  Allocation allocation;
  allocation.id = AllocationId(7);
  allocation.network_id = NetworkId(300);
  allocation.first = *parse_address("2001:db8::1");
  allocation.last = *parse_address("2001:db8::ff");
  allocation.hostname = "h";
  allocation.description = "d";
  allocation.tags = {"a", ""};
  allocation.status = AllocationStatus::expired;
  allocation.allocated_at = start;
  allocation.expires_at = start + 1;
  allocation.released_at = -1;
  allocation.revision = Revision(9);
  allocation.extras.set({"owner", {{"k", "v"}}});
  NetworkView network;
  network.id = NetworkId(3);
  network.prefix = *parse_prefix("10.0.0.0/8");
  network.description = "d";
  network.tags = {"t"};
  network.created_at = start;
  network.updated_at = start + 5;
  network.revision = Revision(4);
  network.vrf = VrfId(2);
  network.context = {"blue", NetworkId(1), 5};
  VrfView vrf;
  vrf.id = VrfId(2);
  vrf.name = "blue";
  vrf.description = "d";
  vrf.created_at = start;
  vrf.updated_at = start + 5;
  vrf.revision = Revision(4);
  vrf.network_count = 300;
  const Outcome outcomes[] = {Error{ErrorCode::network_full, "no"}, network, allocation,
                              std::monostate(),
                              std::vector<Allocation>{allocation, allocation}, vrf,
                              std::vector<NetworkView>{network, network},
                              Outcomes{{network, std::monostate(), allocation}},
                              Error{ErrorCode::network_full, "no", 9'999},
                              Error{ErrorCode::precondition_failed, "no", {}, Revision(300)},
                              ImportReport{7, 300, {{ErrorCode::network_full, "no", 12}}},
                              ImportReport{7, 0, {{ErrorCode::network_full, "no", 12}}, 300, 9}};
  for (const Outcome& outcome : outcomes) {
    const base::Bytes bytes = encode_outcome(outcome);
    CHECK(decode_outcome(bytes) == outcome);
    for (std::size_t cut = 0; cut < bytes.size(); ++cut)
      CHECK_FALSE(decode_outcome(base::BytesView(bytes).substr(0, cut)));
    CHECK_FALSE(decode_outcome(bytes + '\0'));
  }
}
