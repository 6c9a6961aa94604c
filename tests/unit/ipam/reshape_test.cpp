// Networks that are split, merged and resized: what becomes of what they hold, what is told of it,
// and why it is refused. That nothing is lost is compared with a naive model in
// state_machine_random_test.cpp.
#include <doctest/doctest.h>

#include <algorithm>

#include "ipam/state_machine.hpp"

namespace {

using namespace ipam;

struct Plan {
  StateMachine machine;
  std::uint64_t revision = 0;
  TimeMs now = 1705314600000;
  std::vector<Change> changes;

  Outcome apply(CommandBody body) {
    Applied applied = machine.apply(Revision(++revision), now, Command{.body = std::move(body)});
    changes = std::move(applied.changes);
    return applied.outcome;
  }

  NetworkId create(std::string_view cidr, NetworkExtras extras = {}, std::uint32_t wait = 0,
                   std::vector<std::string> tags = {}) {
    CreateNetwork command{*parse_prefix(cidr), "d", std::move(tags), wait, vrf_default, {}};
    command.extras.set(std::move(extras));
    const Outcome outcome = apply(command);
    REQUIRE_MESSAGE(std::holds_alternative<NetworkView>(outcome), cidr);
    return std::get<NetworkView>(outcome).id;
  }

  Allocation allocate(NetworkId network, std::string_view ip, std::uint64_t count = 1,
                      std::string owner = "") {
    Allocate command;
    command.network = network;
    command.count = count;
    AllocateOptions options;
    options.ip = *parse_address(ip);
    options.owner = std::move(owner);
    command.options = options;
    const Outcome outcome = apply(command);
    REQUIRE_MESSAGE(std::holds_alternative<Allocation>(outcome), ip);
    return std::get<Allocation>(outcome);
  }

  std::string split(NetworkId id, int length) {
    return told(apply(SplitNetwork{id, static_cast<std::uint8_t>(length)}));
  }
  std::string merge(std::vector<NetworkId> ids) { return told(apply(MergeNetworks{ids})); }
  std::string resize(NetworkId id, std::string_view cidr) {
    UpdateNetwork update{.id = id};
    update.prefix = *parse_prefix(cidr);
    return told(apply(update));
  }

  // The networks, or the sentence of the refusal.
  static std::string told(const Outcome& outcome) {
    if (const auto* error = std::get_if<Error>(&outcome)) return error->detail;
    const auto name = [](const Network& network) {
      return to_string(network.id) + " " + to_string(network.prefix);
    };
    if (const auto* one = std::get_if<NetworkView>(&outcome)) return name(*one);
    std::string text;
    for (const NetworkView& network : std::get<std::vector<NetworkView>>(outcome))
      text += (text.empty() ? "" : ", ") + name(network);
    return text;
  }

  // What the last command changed, in order; audit entries as "action resource: details".
  std::vector<std::string> told_changes() const {
    std::vector<std::string> all;
    for (const Change& change : changes) {
      if (const auto* put = std::get_if<NetworkPut>(&change))
        all.push_back("put " + to_string(put->network.id));
      else if (const auto* gone = std::get_if<NetworkDeleted>(&change))
        all.push_back("deleted " + to_string(gone->id));
      else if (const auto* moved = std::get_if<AllocationPut>(&change))
        all.push_back(to_string(moved->allocation.id) + " in " +
                      to_string(moved->allocation.network_id));
      else if (const auto* waits = std::get_if<QuarantinePut>(&change))
        all.push_back("waits " + to_string(waits->quarantine.first) + "-" +
                      to_string(waits->quarantine.last) + " in " +
                      to_string(waits->quarantine.network_id));
      else if (const auto* held = std::get_if<LastHeldPut>(&change))
        all.push_back(held->held.owner + " held " + to_string(held->held.address) + " in " +
                      to_string(held->held.network_id));
      else if (const auto* crossed = std::get_if<ThresholdCrossed>(&change))
        all.push_back((crossed->is_reached ? "reached " : "cleared ") +
                      to_string(crossed->network_id));
      else if (const auto* audit = std::get_if<AuditAppended>(&change))
        all.push_back(audit->entry.action + " " + audit->entry.resource + ": " +
                      audit->entry.details);
    }
    return all;
  }
};

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("a split puts blocks in the place of a network, which hold what it held there") {
  Plan plan;
  NetworkExtras extras;
  extras.gateway = *parse_address("10.0.0.65");
  extras.threshold_percent = 1;
  extras.metadata = {{"site", "ber1"}};
  const NetworkId whole = plan.create("10.0.0.0/24", extras, 60, {"t"});
  const NetworkId child = plan.create("10.0.0.192/27");
  plan.allocate(whole, "10.0.0.65", 2);
  const Allocation ended = plan.allocate(whole, "10.0.0.130", 1, "anna");
  plan.apply(Release{ended.id});
  CHECK(plan.split(whole, 25) == "net-3 10.0.0.0/25, net-4 10.0.0.128/25");
  CHECK(plan.told_changes() ==
        Lines{"deleted net-1", "network_deleted net-1: Deleted network 10.0.0.0/24", "put net-3",
              "network_created net-3: Created network 10.0.0.0/25", "put net-4",
              "network_created net-4: Created network 10.0.0.128/25", "alloc-1 in net-3",
              "waits 10.0.0.130-10.0.0.130 in net-4", "anna held 10.0.0.130 in net-4",
              "network_split net-1: Split network 10.0.0.0/24 into 2 networks of /25: net-3 to "
              "net-4",
              "reached net-3",
              "threshold_reached net-3: 10.0.0.0/25 has reached its threshold of 1%: 2 of 126 "
              "addresses are allocated"});
  const Network& low = *plan.machine.network(NetworkId(3));
  const Network& high = *plan.machine.network(NetworkId(4));
  CHECK(low.gateway() == extras.gateway);
  CHECK_FALSE(high.gateway());
  for (const Network* piece : {&low, &high}) {
    CHECK(piece->description == "d");
    CHECK(piece->tags == std::vector<std::string>{"t"});
    CHECK(piece->quarantine_seconds == 60);
    CHECK(piece->extras->metadata == extras.metadata);
    CHECK(piece->revision == Revision(plan.revision));
  }
  CHECK(plan.machine.context(*plan.machine.network(child)).parent_id == high.id);
  CHECK(plan.machine.context(high).children_count == 1);
  const Allocation held = *plan.machine.allocation(AllocationId(1));
  CHECK(held.network_id == low.id);
  CHECK(held.fence() == 1);
  CHECK(held.revision == Revision(plan.revision));
}

TEST_CASE("a split that would lose something is refused, and names it") {
  Plan plan;
  const NetworkId whole = plan.create("10.0.0.0/24", {}, 60);
  CHECK(plan.split(NetworkId(9), 25) == "network not found: net-9");
  CHECK(plan.split(whole, 24) == "prefix_length must be from 25 to 32 in 10.0.0.0/24");
  CHECK(plan.split(whole, 33) == "prefix_length must be from 25 to 32 in 10.0.0.0/24");
  const NetworkId wide = plan.create("2001:db8::/32");
  CHECK(plan.split(wide, 42) == "2001:db8::/32 has more than 1000 blocks of /42");
  CHECK(plan.split(wide, 128) == "2001:db8::/32 has more than 1000 blocks of /128");
  const NetworkId child = plan.create("10.0.0.64/26");
  CHECK(plan.split(whole, 26) ==
        "the child network net-3 (10.0.0.64/26) is as large as a /26, or larger");
  plan.apply(DeleteNetwork{child});
  const Allocation block = plan.allocate(whole, "10.0.0.120", 10);
  CHECK(plan.split(whole, 25) ==
        "alloc-1 of network 10.0.0.0/24 holds 10.0.0.120-10.0.0.129, which 10.0.0.0/25 would have "
        "in part alone");
  plan.apply(Release{block.id});
  CHECK(plan.split(whole, 25) ==
        "10.0.0.120-10.0.0.129 waits until 2024-01-15T10:31:00Z before it is handed out again, "
        "after alloc-1; 10.0.0.0/25 would not hand all of it out then");
  plan.now += 60'000;
  plan.apply(ExpireLeases{});
  plan.allocate(whole, "10.0.0.128");
  CHECK(plan.split(whole, 25) ==
        "alloc-2 of network 10.0.0.0/24 holds 10.0.0.128, which 10.0.0.128/25 would not hand out");
}

TEST_CASE("a quarantine over several blocks waits on in each of them") {
  Plan plan;
  const NetworkId whole = plan.create("2001:db8::/126", {}, 60);
  const Allocation block = plan.allocate(whole, "2001:db8::1", 3);
  plan.apply(Release{block.id});
  CHECK(plan.split(whole, 127) == "net-2 2001:db8::/127, net-3 2001:db8::2/127");
  const Lines told = plan.told_changes();
  CHECK(std::count(told.begin(), told.end(), "waits 2001:db8::1-2001:db8::1 in net-2") == 1);
  CHECK(std::count(told.begin(), told.end(), "waits 2001:db8::2-2001:db8::3 in net-3") == 1);
}

TEST_CASE("what was last held outside of a network, which was larger then, is no sibling's") {
  Plan plan;
  const NetworkId id = plan.create("10.0.0.0/24");
  plan.apply(Release{plan.allocate(id, "10.0.0.200", 1, "anna").id});
  CHECK(plan.resize(id, "10.0.0.0/25") == "net-1 10.0.0.0/25");
  plan.create("10.0.0.192/26");
  CHECK(plan.split(id, 26) == "net-3 10.0.0.0/26, net-4 10.0.0.64/26");
  for (const std::string& told : plan.told_changes()) CHECK_FALSE(told.starts_with("anna"));
}

TEST_CASE("networks that are one block together become one, as the first of them was") {
  Plan plan;
  NetworkExtras extras;
  extras.threshold_percent = 1;
  const NetworkId parent = plan.create("10.0.0.0/16");
  const NetworkId high = plan.create("10.0.0.128/25", extras, 60, {"a", "b"});
  extras = {};
  extras.gateway = *parse_address("10.0.0.1");
  const NetworkId low = plan.create("10.0.0.0/26", extras, 5, {"b", "c"});
  const NetworkId middle = plan.create("10.0.0.64/26");
  const NetworkId child = plan.create("10.0.0.64/27");
  for (const auto& [id, ip] : {std::pair{low, "10.0.0.5"}, {high, "10.0.0.200"}})
    plan.apply(Release{plan.allocate(id, ip, 1, "anna").id});
  plan.allocate(middle, "10.0.0.100", 3);
  CHECK(plan.merge({high, low, middle}) == "net-6 10.0.0.0/24");
  CHECK(plan.told_changes() ==
        Lines{"deleted net-2", "network_deleted net-2: Deleted network 10.0.0.128/25",
              "deleted net-3", "network_deleted net-3: Deleted network 10.0.0.0/26",
              "deleted net-4", "network_deleted net-4: Deleted network 10.0.0.64/26", "put net-6",
              "network_created net-6: Created network 10.0.0.0/24", "alloc-3 in net-6",
              "waits 10.0.0.200-10.0.0.200 in net-6", "waits 10.0.0.5-10.0.0.5 in net-6",
              "anna held 10.0.0.200 in net-6",  // later than 10.0.0.5
              "network_merged net-6: Merged 3 networks into 10.0.0.0/24: net-2 (10.0.0.128/25), "
              "net-3 (10.0.0.0/26), net-4 (10.0.0.64/26)",
              "reached net-6",
              "threshold_reached net-6: 10.0.0.0/24 has reached its threshold of 1%: 3 of 254 "
              "addresses are allocated"});
  const Network& merged = *plan.machine.network(NetworkId(6));
  CHECK(merged.tags == std::vector<std::string>{"a", "b", "c"});
  CHECK(merged.gateway() == *parse_address("10.0.0.1"));
  CHECK(merged.quarantine_seconds == 60);
  CHECK(plan.machine.context(merged).parent_id == parent);
  CHECK(plan.machine.context(merged).children_count == 1);
  CHECK(plan.machine.context(*plan.machine.network(child)).parent_id == merged.id);
}

TEST_CASE("networks that cannot be merged say why not") {
  Plan plan;
  const NetworkId a = plan.create("10.0.0.0/26");
  const NetworkId b = plan.create("10.0.0.64/26");
  const NetworkId d = plan.create("10.0.0.192/26");
  const NetworkId e = plan.create("10.0.1.0/26");
  const NetworkId inner = plan.create("10.0.1.0/27");
  const NetworkId six = plan.create("2001:db8::/64");
  plan.apply(CreateVrf{"blue", ""});
  const Outcome made =
      plan.apply(CreateNetwork{*parse_prefix("10.0.0.128/26"), "", {}, 0, VrfReference("blue")});
  const NetworkId blue = std::get<NetworkView>(made).id;
  CHECK(plan.merge({a}) == "ids must be from 2 to 1000 networks");
  CHECK(plan.merge({a, a}) == "ids must be different networks");
  CHECK(plan.merge({a, NetworkId(99)}) == "network not found: net-99");
  CHECK(plan.merge({a, blue}) == "net-1 (10.0.0.0/26) and net-7 (10.0.0.128/26) are in different "
                                 "VRFs");
  CHECK(plan.merge({a, six}) == "net-1 (10.0.0.0/26) and net-6 (2001:db8::/64) are of different "
                                "address families");
  CHECK(plan.merge({e, inner}) == "net-4 (10.0.1.0/26) and net-5 (10.0.1.0/27) are not children of "
                                  "the same network");
  CHECK(plan.merge({d, a, b}) ==
        "there is a gap between net-2 (10.0.0.64/26) and net-3 (10.0.0.192/26)");
  CHECK(plan.merge({d, e}) == "10.0.0.192 to 10.0.1.63 is not one CIDR block: the smallest that "
                              "contains it is 10.0.0.0/23");
  const NetworkId one = plan.create("10.9.0.0/32");
  const NetworkId other = plan.create("10.9.0.1/32");
  const NetworkId more = plan.create("10.9.0.2/31");
  plan.allocate(one, "10.9.0.0");
  CHECK(plan.merge({other, one, more}) ==
        "alloc-1 of network 10.9.0.0/32 holds 10.9.0.0, which 10.9.0.0/30 would not hand out");
  CHECK(plan.merge({other, one}) == "net-11 10.9.0.0/31");
  const NetworkId filled = plan.create("10.9.0.0/30");
  CHECK(plan.merge({NetworkId(11), more}) ==
        "network 10.9.0.0/30 already exists as " + to_string(filled));
}

TEST_CASE("a network grows and shrinks in its place") {
  Plan plan;
  NetworkExtras extras;
  extras.threshold_percent = 10;
  const NetworkId parent = plan.create("10.0.0.0/16");
  const NetworkId id = plan.create("10.0.0.0/27", extras);
  const NetworkId sibling = plan.create("10.0.0.64/27");
  const auto parent_of = [&](NetworkId one) {
    return plan.machine.context(*plan.machine.network(one)).parent_id;
  };
  plan.allocate(id, "10.0.0.9", 3);
  const auto free_in_parent = [&] { return plan.machine.stats(parent).available; };
  const U128 free_before = free_in_parent();
  CHECK(plan.resize(id, "10.0.0.0/24") == "net-2 10.0.0.0/24");
  CHECK(plan.told_changes() ==
        Lines{"put net-2", "network_resized net-2: Resized network 10.0.0.0/27 to 10.0.0.0/24",
              "cleared net-2",
              "threshold_cleared net-2: 10.0.0.0/24 is below its threshold of 10%: 3 of 254 "
              "addresses are allocated"});
  CHECK(parent_of(sibling) == id);
  CHECK((free_in_parent() == free_before - 256 + 64));
  CHECK(plan.resize(id, "10.0.0.8/29") == "net-2 10.0.0.8/29");
  CHECK(parent_of(sibling) == parent);
  CHECK((plan.machine.stats(id).available == 3));
  CHECK(plan.machine.stats(id).threshold_reached);
  CHECK((free_in_parent() == free_before - 8 + 32 - 1));  // 10.0.0.0 is not usable
  const Lines told = plan.told_changes();
  CHECK(std::count(told.begin(), told.end(), "reached net-2") == 1);
  // With other fields at once: a gateway that only the new one has.
  UpdateNetwork update{.id = id, .description = "new"};
  update.prefix = *parse_prefix("10.0.0.0/28");
  update.gateway = parse_address("10.0.0.1");
  plan.apply(update);
  CHECK(plan.told_changes()[2] ==
        "network_updated net-2: Updated network 10.0.0.0/28: description, gateway");
  CHECK(plan.machine.network(id)->gateway() == *parse_address("10.0.0.1"));
  CHECK(plan.machine.stats(id).first_available == parse_address("10.0.0.2"));
}

TEST_CASE("a network that would lose something or another place is not resized") {
  Plan plan;
  plan.create("10.0.0.0/16");
  const NetworkId id = plan.create("10.0.4.0/24", {}, 60);
  const NetworkId child = plan.create("10.0.4.0/26");
  const std::uint64_t before = plan.machine.digest();
  CHECK(plan.resize(NetworkId(9), "10.0.0.0/24") == "network not found: net-9");
  CHECK(plan.resize(id, "10.0.5.0/24") ==
        "10.0.4.0/24 cannot become 10.0.5.0/24: one must contain the other");
  CHECK(plan.resize(id, "2001:db8::/64") ==
        "10.0.4.0/24 cannot become 2001:db8::/64: one must contain the other");
  CHECK(plan.resize(id, "10.0.0.0/16") == "network 10.0.0.0/16 already exists as net-1");
  CHECK(plan.resize(id, "10.0.0.0/15") ==
        "10.0.0.0/15 would contain the parent net-1 (10.0.0.0/16)");
  CHECK(plan.resize(id, "10.0.4.0/26") == "network 10.0.4.0/26 already exists as net-3");
  CHECK(plan.resize(id, "10.0.4.0/27") == "10.0.4.0/27 would lie in the child net-3 (10.0.4.0/26)");
  CHECK(plan.machine.digest() == before);
  plan.apply(DeleteNetwork{child});
  plan.allocate(NetworkId(1), "10.0.5.7");
  CHECK(plan.resize(id, "10.0.4.0/23") ==
        "alloc-1 of network 10.0.0.0/16 holds 10.0.5.7, which 10.0.4.0/23 would cover");
  const Allocation held = plan.allocate(id, "10.0.4.63");
  CHECK(plan.resize(id, "10.0.4.128/25") ==
        "alloc-2 of network 10.0.4.0/24 holds 10.0.4.63, which 10.0.4.128/25 would not hand out");
  CHECK(plan.resize(id, "10.0.4.0/26") ==
        "alloc-2 of network 10.0.4.0/24 holds 10.0.4.63, which 10.0.4.0/26 would not hand out");
  plan.apply(Release{held.id});
  CHECK(plan.resize(id, "10.0.4.0/26") ==
        "10.0.4.63 waits until 2024-01-15T10:31:00Z before it is handed out again, after alloc-2; "
        "10.0.4.0/26 would not hand it out then");
  UpdateNetwork update{.id = id};
  update.gateway = parse_address("10.0.4.1");
  plan.apply(update);
  CHECK(plan.resize(id, "10.0.4.128/25") == "the gateway 10.0.4.1 is not in 10.0.4.128/25");
}

TEST_CASE("one command moves no more than the limit, all operations of a transaction together") {
  Plan plan;
  const NetworkId a = plan.create("10.0.0.0/17");
  const NetworkId b = plan.create("10.0.128.0/17");
  for (std::size_t i = 0; i < moves_max - 2; ++i) {
    Allocate command;
    command.network = i % 2 == 0 ? a : b;
    REQUIRE(std::holds_alternative<Allocation>(plan.apply(command)));
  }
  CHECK(plan.merge({a, b}) == "net-3 10.0.0.0/16");
  const std::uint64_t before = plan.machine.digest();
  // In the split one network more is made than in the merger one goes.
  const Transaction both{
      {{SplitNetwork{NetworkId(3), 17}, {}}, {SplitNetwork{NetworkId(4), 18}, {}}}};
  CHECK(Plan::told(plan.apply(both)) ==
        "more than 20000 allocations, reservations, quarantines and networks would move at once; "
        "10.0.0.0/17 has 9999 allocations");
  CHECK(plan.machine.digest() == before);
  plan.allocate(NetworkId(3), "10.0.200.200");
  CHECK(plan.split(NetworkId(3), 17) ==
        "more than 20000 allocations, reservations, quarantines and networks would move at once; "
        "10.0.0.0/16 has 19999 allocations");
}

TEST_CASE("reservations go with their addresses, and one that would be cut is in the way") {
  Plan plan;
  const auto reserve = [&](NetworkId network, std::string_view first, std::string_view last) {
    CreateReservation command{.network_id = network, .first = {}, .last = {}, .reason = "pool"};
    command.first = *parse_address(first);
    command.last = *parse_address(last);
    return std::get<Reservation>(plan.apply(command)).id;
  };
  const NetworkId id = plan.create("10.0.0.0/24");
  const ReservationId low = reserve(id, "10.0.0.120", "10.0.0.127");
  const ReservationId high = reserve(id, "10.0.0.200", "10.0.0.210");
  CHECK(plan.split(id, 26) == "net-2 10.0.0.0/26, net-3 10.0.0.64/26, net-4 10.0.0.128/26, "
                              "net-5 10.0.0.192/26");
  CHECK(plan.machine.reservation(low)->network_id == NetworkId(3));
  CHECK(plan.machine.reservation(high)->network_id == NetworkId(5));
  CHECK((plan.machine.stats(NetworkId(3)).reserved == 7));  // and the broadcast address
  CHECK(plan.split(NetworkId(5), 28) == "10.0.0.200-10.0.0.210 is reserved by res-2 (pool); "
                                        "10.0.0.192/28 would have a part of it alone");
  CHECK(plan.merge({NetworkId(2), NetworkId(3)}) == "net-6 10.0.0.0/25");
  CHECK((plan.machine.stats(NetworkId(6)).reserved == 7));
  // The address that becomes usable is reserved all the same; what is outside is in the way.
  CHECK(plan.merge({NetworkId(4), NetworkId(5)}) == "net-7 10.0.0.128/25");
  CHECK(plan.merge({NetworkId(6), NetworkId(7)}) == "net-8 10.0.0.0/24");
  CHECK((plan.machine.stats(NetworkId(8)).reserved == 8 + 11));
  CHECK(plan.resize(NetworkId(8), "10.0.0.0/25") ==
        "10.0.0.200-10.0.0.210 is reserved by res-2 (pool); 10.0.0.0/25 would not have all of it");
  plan.apply(DeleteReservation{high, {}});
  CHECK(plan.resize(NetworkId(8), "10.0.0.0/25") == "net-8 10.0.0.0/25");
  CHECK((plan.machine.stats(NetworkId(8)).reserved == 7));
  plan.apply(DeleteReservation{low, {}});
  CHECK((plan.machine.stats(NetworkId(8)).available == 126));
  const NetworkId parent = plan.create("10.0.0.0/16");
  reserve(parent, "10.0.0.129", "10.0.0.129");
  CHECK(plan.resize(NetworkId(8), "10.0.0.0/24") ==
        "10.0.0.129 is reserved by res-3 (pool); 10.0.0.0/24 would cover it");
}
