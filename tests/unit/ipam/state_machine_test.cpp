#include <doctest/doctest.h>

#include <stdexcept>

#include "ipam/audit_chain.hpp"
#include "ipam/decision.hpp"
#include "ipam/state_machine.hpp"

namespace {

using namespace ipam;

constexpr TimeMs start = 1705314600000;  // 2024-01-15T10:30:00Z

// A state machine with a clock that the test moves, and the changes of the last command.
struct Plan {
  StateMachine machine;
  std::uint64_t revision = 0;
  TimeMs now = start;
  std::vector<Change> changes;

  Outcome apply(CommandBody body, std::string actor = "system") {
    Command command;
    command.actor = std::move(actor);
    command.body = std::move(body);
    Applied applied = machine.apply(Revision(++revision), now, command);
    changes = std::move(applied.changes);
    return applied.outcome;
  }

  NetworkId create(std::string_view cidr) {
    const Outcome outcome = apply(CreateNetwork{*parse_prefix(cidr), "", {}});
    REQUIRE_MESSAGE(std::holds_alternative<NetworkView>(outcome), cidr);
    return std::get<NetworkView>(outcome).id;
  }

  Outcome try_allocate(NetworkId network, std::uint64_t count = 1,
                       std::optional<std::uint64_t> ttl_seconds = std::nullopt) {
    Allocate command;
    command.network = network;
    command.count = count;
    command.ttl_seconds = ttl_seconds;
    return apply(command);
  }

  Allocation allocate(NetworkId network, std::uint64_t count = 1,
                      std::optional<std::uint64_t> ttl_seconds = std::nullopt) {
    const Outcome outcome = try_allocate(network, count, ttl_seconds);
    REQUIRE(std::holds_alternative<Allocation>(outcome));
    return std::get<Allocation>(outcome);
  }

  // The details of the audit entries among the changes.
  std::vector<std::string> audited() const {
    std::vector<std::string> details;
    for (const auto& change : changes)
      if (const auto* audit = std::get_if<AuditAppended>(&change))
        details.push_back(audit->entry.action + ": " + audit->entry.details);
    return details;
  }
};

Error error_of(const Outcome& outcome) {
  REQUIRE(std::holds_alternative<Error>(outcome));
  return std::get<Error>(outcome);
}

bool succeeded(const Outcome& outcome) { return !std::holds_alternative<Error>(outcome); }

std::string range_of(const Allocation& allocation) {
  return to_string(allocation.first) + "-" + to_string(allocation.last);
}

std::string stats_of(const Plan& plan, NetworkId id) {
  const NetworkStats stats = plan.machine.stats(id);
  return to_string(stats.total) + " total, " + to_string(stats.allocated) + " allocated, " +
         to_string(stats.available) + " available, " + to_string(stats.reserved) + " reserved, " +
         (stats.first_available ? to_string(*stats.first_available) : "none") + ", " +
         (stats.last_allocated ? to_string(*stats.last_allocated) : "none");
}

}  // namespace

TEST_CASE("a new network is stored, stamped and audited") {
  Plan plan;
  const CreateNetwork command{*parse_prefix("192.168.1.0/24"), "Office network", {"a", "b"}};
  const Outcome outcome = plan.apply(command, "ann");
  REQUIRE(std::holds_alternative<NetworkView>(outcome));
  const Network& network = std::get<NetworkView>(outcome);
  CHECK(to_string(network.id) == "net-1");
  CHECK(network.description == "Office network");
  CHECK(network.tags == std::vector<std::string>{"a", "b"});
  CHECK(network.created_at == start);
  CHECK(network.updated_at == start);
  CHECK(network.revision == Revision(1));
  REQUIRE(plan.changes.size() == 2);
  CHECK(std::get<NetworkPut>(plan.changes[0]).network == network);
  const AuditEntry& audit = std::get<AuditAppended>(plan.changes[1]).entry;
  CHECK(to_string(audit.id) == "audit-1");
  CHECK(audit.timestamp == start);
  CHECK(audit.action == "network_created");
  CHECK(audit.resource == "net-1");
  CHECK(audit.details == "Created network 192.168.1.0/24");
  CHECK(audit.user == "ann");
  CHECK(audit.revision == Revision(1));
  CHECK(plan.machine.network(NetworkId(1)) == plan.machine.network(network.prefix));
  CHECK(*plan.machine.network(NetworkId(1)) == network);
  CHECK(stats_of(plan, network.id) ==
        "254 total, 0 allocated, 254 available, 0 reserved, 192.168.1.1, none");
}

TEST_CASE("an equal prefix is refused with the id of the network that has it") {
  Plan plan;
  plan.create("10.0.0.0/24");
  const Error error = error_of(plan.apply(CreateNetwork{*parse_prefix("10.0.0.0/24"), "", {}}));
  CHECK(error.code == ErrorCode::network_exists);
  CHECK(error.detail == "network 10.0.0.0/24 already exists as net-1");
  CHECK(plan.changes.empty());
  CHECK(plan.machine.network_count() == 1);
}

TEST_CASE("addresses are handed out from the first usable one, blocks as one record") {
  Plan plan;
  const NetworkId id = plan.create("192.168.1.0/24");
  Allocate command;
  command.network = *parse_prefix("192.168.1.0/24");
  command.hostname = "web-1";
  command.description = "d";
  command.tags = {"t"};
  const Outcome outcome = plan.apply(command, "ann");
  const Allocation& one = std::get<Allocation>(outcome);
  CHECK(to_string(one.id) == "alloc-1");
  CHECK(one.network_id == id);
  CHECK(range_of(one) == "192.168.1.1-192.168.1.1");
  CHECK(one.hostname == "web-1");
  CHECK(one.tags == command.tags);
  CHECK(one.status == AllocationStatus::allocated);
  CHECK_FALSE(one.expires_at);
  CHECK(plan.audited() == std::vector<std::string>{
                              "ip_allocated: Allocated 192.168.1.1 in 192.168.1.0/24 for web-1"});
  CHECK(std::get<AllocationPut>(plan.changes[0]).allocation == one);

  CHECK(range_of(plan.allocate(id, 5)) == "192.168.1.2-192.168.1.6");
  CHECK(plan.audited() == std::vector<std::string>{
                              "ip_allocated: Allocated 192.168.1.2-192.168.1.6 in 192.168.1.0/24"});
  CHECK(succeeded(plan.apply(Release{AllocationId(1)})));
  CHECK(range_of(plan.allocate(id, 2)) == "192.168.1.7-192.168.1.8");
  CHECK(range_of(plan.allocate(id)) == "192.168.1.1-192.168.1.1");
  CHECK(stats_of(plan, id) ==
        "254 total, 8 allocated, 246 available, 0 reserved, 192.168.1.9, 192.168.1.8");
  std::vector<std::string> by_address;
  plan.machine.visit_allocations_in(id, parse_address("0.0.0.0").value(),
                                    [&](const Allocation& found) {
                                      by_address.push_back(to_string(found.id));
                                      return true;
                                    });
  CHECK(by_address == std::vector<std::string>{"alloc-4", "alloc-2", "alloc-3"});
}

TEST_CASE("a full network says so, and how much there is in a row") {
  Plan plan;
  const NetworkId id = plan.create("10.0.0.0/29");
  for (int i = 0; i < 6; ++i) plan.allocate(id);
  Error error = error_of(plan.try_allocate(id));
  CHECK(error.code == ErrorCode::network_full);
  CHECK(error.detail == "no available IP addresses in 10.0.0.0/29");
  CHECK(stats_of(plan, id) == "6 total, 6 allocated, 0 available, 0 reserved, none, 10.0.0.6");
  plan.apply(Release{AllocationId(2)});
  plan.apply(Release{AllocationId(4)});
  error = error_of(plan.try_allocate(id, 2));
  CHECK(error.code == ErrorCode::network_full);
  CHECK(error.detail ==
        "no available IP addresses in 10.0.0.0/29: 2 in a row wanted, the longest free run is 1");
  CHECK(error_of(plan.try_allocate(id, UINT64_MAX)).code == ErrorCode::network_full);
}

TEST_CASE("tiny networks hand out all they have") {
  Plan plan;
  const NetworkId pair = plan.create("10.0.0.0/31");
  const NetworkId one = plan.create("10.0.1.7/32");
  const NetworkId six = plan.create("2001:db8::/127");
  CHECK(range_of(plan.allocate(pair, 2)) == "10.0.0.0-10.0.0.1");
  CHECK(range_of(plan.allocate(one)) == "10.0.1.7-10.0.1.7");
  CHECK(range_of(plan.allocate(six)) == "2001:db8::-2001:db8::");
  CHECK(error_of(plan.try_allocate(one)).code == ErrorCode::network_full);
}

TEST_CASE("unknown networks and allocations are not found") {
  Plan plan;
  CHECK(error_of(plan.try_allocate(NetworkId(9))) ==
        Error{ErrorCode::network_not_found, "network not found: net-9"});
  Allocate command;
  command.network = *parse_prefix("10.0.0.0/24");
  CHECK(error_of(plan.apply(command)) ==
        Error{ErrorCode::network_not_found, "network not found: 10.0.0.0/24"});
  CHECK(error_of(plan.apply(DeleteNetwork{NetworkId(9)})) ==
        Error{ErrorCode::network_not_found, "network not found: net-9"});
  CHECK(error_of(plan.apply(Release{AllocationId(9)})) ==
        Error{ErrorCode::allocation_not_found, "allocation not found: alloc-9"});
  CHECK(error_of(plan.apply(Release{AllocationId(0)})).code == ErrorCode::allocation_not_found);
  CHECK(plan.machine.network(NetworkId(9)) == nullptr);
  CHECK(plan.machine.network_of(*parse_address("10.0.0.1")) == nullptr);
}

TEST_CASE("a released allocation leaves memory, and a second release is told so") {
  Plan plan;
  const NetworkId id = plan.create("10.0.0.0/24");
  const Allocation allocation = plan.allocate(id);
  plan.now += 5000;
  CHECK(succeeded(plan.apply(Release{allocation.id}, "bob")));
  REQUIRE(plan.changes.size() == 2);
  const Allocation& released = std::get<AllocationPut>(plan.changes[0]).allocation;
  CHECK(released.status == AllocationStatus::released);
  CHECK(released.released_at == start + 5000);
  CHECK(released.allocated_at == start);
  CHECK(released.revision == Revision(3));
  CHECK(plan.audited() ==
        std::vector<std::string>{"ip_released: Released 10.0.0.1 in 10.0.0.0/24"});
  CHECK(!plan.machine.allocation(allocation.id));
  CHECK(plan.machine.allocation_existed(allocation.id));
  CHECK_FALSE(plan.machine.allocation_existed(AllocationId(2)));
  CHECK(error_of(plan.apply(Release{allocation.id})) ==
        Error{ErrorCode::already_released, "alloc-1 is already released"});
}

TEST_CASE("leases end in the order of their end, at their time and not before") {
  Plan plan;
  const NetworkId id = plan.create("10.0.0.0/24");
  const Allocation late = plan.allocate(id, 1, 100);
  const Allocation soon = plan.allocate(id, 1, 10);
  const Allocation equally_soon = plan.allocate(id, 1, 10);
  plan.allocate(id);
  CHECK(late.expires_at == start + 100'000);
  CHECK(plan.machine.next_expiry() == start + 10'000);

  plan.now = start + 9'999;
  CHECK(succeeded(plan.apply(ExpireLeases{})));
  CHECK(plan.changes.empty());
  plan.now = start + 10'000;
  CHECK(succeeded(plan.apply(ExpireLeases{})));
  REQUIRE(plan.changes.size() == 4);
  const Allocation& first = std::get<AllocationPut>(plan.changes[0]).allocation;
  CHECK(first.id == soon.id);
  CHECK(first.status == AllocationStatus::expired);
  CHECK(first.released_at == start + 10'000);
  CHECK(std::get<AllocationPut>(plan.changes[2]).allocation.id == equally_soon.id);
  CHECK(plan.audited() == std::vector<std::string>{"ip_expired: Expired 10.0.0.2 in 10.0.0.0/24",
                                                   "ip_expired: Expired 10.0.0.3 in 10.0.0.0/24"});
  CHECK(plan.machine.next_expiry() == start + 100'000);
  CHECK(to_string(plan.allocate(id).first) == "10.0.0.2");  // free at once

  CHECK(succeeded(plan.apply(Release{late.id})));
  CHECK_FALSE(plan.machine.next_expiry());
}

TEST_CASE("a renewed lease ends so long after its renewal, earlier or later than before") {
  Plan plan;
  const NetworkId id = plan.create("10.0.0.0/24");
  const Allocation lease = plan.allocate(id, 1, 10);
  const Allocation endless = plan.allocate(id);
  plan.now = start + 9'000;
  const Outcome renewed = plan.apply(RenewLease{lease.id, 100, lease.fence()});
  CHECK(std::get<Allocation>(renewed).expires_at == start + 109'000);
  CHECK(plan.audited() ==
        std::vector<std::string>{"ip_renewed: Renewed 10.0.0.1 in 10.0.0.0/24 until " +
                                 to_rfc3339(start + 109'000)});
  plan.now = start + 10'000;
  plan.apply(ExpireLeases{});
  CHECK(plan.machine.allocation(lease.id));
  plan.apply(RenewLease{lease.id, 1, {}});
  plan.apply(RenewLease{endless.id, 2, {}});
  CHECK(plan.machine.next_expiry() == start + 11'000);
  plan.now = start + 12'000;
  plan.apply(ExpireLeases{});
  CHECK(plan.machine.allocation_count() == 0);
  CHECK(error_of(plan.apply(RenewLease{lease.id, 100, {}})).code == ErrorCode::already_released);
  CHECK(error_of(plan.apply(RenewLease{AllocationId(9), 1, {}})).code ==
        ErrorCode::allocation_not_found);
}

TEST_CASE("an update changes what it names, once, and says what in the audit log") {
  Plan plan;
  const NetworkId id = plan.create("10.0.0.0/24");
  const Allocation one = plan.allocate(id);
  const Allocation two = plan.allocate(id);
  UpdateAllocation update{.id = one.id, .fence = one.fence(), .hostname = "Web"};
  update.unique_hostname = true;
  update.metadata = MetadataPatch{false, {{"a", "1"}, {"b", "2"}}};
  const Outcome changed = plan.apply(update);
  CHECK(std::get<Allocation>(changed).hostname == "Web");
  CHECK(std::get<Allocation>(changed).revision == Revision(4));
  CHECK(plan.audited() ==
        std::vector<std::string>{"allocation_updated: Updated 10.0.0.1 in 10.0.0.0/24 for Web: "
                                 "hostname, metadata"});
  CHECK(plan.apply(update) == changed);
  CHECK(plan.changes.empty());

  update = {.id = two.id, .fence = {}, .hostname = "web"};
  update.unique_hostname = true;
  CHECK(error_of(plan.apply(update)).code == ErrorCode::hostname_in_use);
  update.unique_hostname = false;
  CHECK(succeeded(plan.apply(update)));
  update = {.id = one.id, .fence = two.fence()};
  CHECK(error_of(plan.apply(update)).code == ErrorCode::stale_fence);
  update = {.id = one.id};
  update.metadata = MetadataPatch{};
  for (int i = 0; i < 31; ++i) update.metadata->entries["k" + std::to_string(i)] = "";
  CHECK(error_of(plan.apply(update)).code == ErrorCode::invalid_argument);
  update.metadata->entries["a"] = std::nullopt;
  const Outcome most = plan.apply(update);
  CHECK(std::get<Allocation>(most).extras->metadata.size() == metadata_entries_max);
  update.metadata = MetadataPatch{true, {}};
  CHECK_FALSE(std::get<Allocation>(plan.apply(update)).extras);
}

TEST_CASE("one ExpireLeases ends a bounded number, and the rest stays due") {
  Plan plan;
  const NetworkId id = plan.create("10.0.0.0/16");
  for (std::size_t i = 0; i < leases_per_expiry_max + 5; ++i) plan.allocate(id, 1, 1);
  plan.now += 10'000;
  plan.apply(ExpireLeases{});
  CHECK(plan.changes.size() == 2 * leases_per_expiry_max);
  CHECK(plan.machine.allocation_count() == 5);
  CHECK(plan.machine.next_expiry() <= plan.now);
  plan.apply(ExpireLeases{});
  CHECK(plan.machine.allocation_count() == 0);
}

TEST_CASE("the replicated clock never goes back and never leaves RFC 3339") {
  Plan plan;
  const NetworkId id = plan.create("10.0.0.0/24");
  plan.now = start - 1000;
  CHECK(plan.allocate(id).allocated_at == start);
  plan.now = INT64_MIN;
  CHECK(plan.allocate(id).allocated_at == start);
  plan.now = start + 7;
  CHECK_FALSE(succeeded(plan.try_allocate(NetworkId(9))));
  CHECK(plan.machine.counters().now == start + 7);  // an error still moves the clock
  plan.now = INT64_MAX;
  CHECK(plan.allocate(id, 1, ttl_seconds_max).allocated_at == time_ms_max);
}

TEST_CASE("a network with allocations is not deleted, an empty one is") {
  Plan plan;
  const NetworkId id = plan.create("10.0.0.0/24");
  const Allocation allocation = plan.allocate(id, 3);
  CHECK(error_of(plan.apply(DeleteNetwork{id})) ==
        Error{ErrorCode::network_has_allocations,
              "cannot delete network with active allocations: net-1 has 1"});
  plan.apply(Release{allocation.id});
  CHECK(succeeded(plan.apply(DeleteNetwork{id})));
  REQUIRE(plan.changes.size() == 2);
  CHECK(std::get<NetworkDeleted>(plan.changes[0]).id == id);
  CHECK(plan.audited() == std::vector<std::string>{"network_deleted: Deleted network 10.0.0.0/24"});
  CHECK(to_string(plan.create("10.0.0.0/24")) == "net-2");  // ids are never used again
}

TEST_CASE("a child network alone hands out its addresses") {
  Plan plan;
  const NetworkId parent = plan.create("10.0.0.0/24");
  const NetworkId child = plan.create("10.0.0.0/25");
  // All of the child but .0, which is not usable in the parent either.
  CHECK(stats_of(plan, parent) ==
        "254 total, 0 allocated, 127 available, 127 reserved, 10.0.0.128, none");
  CHECK(stats_of(plan, child) ==
        "126 total, 0 allocated, 126 available, 0 reserved, 10.0.0.1, none");
  CHECK(to_string(plan.allocate(parent).first) == "10.0.0.128");
  CHECK(to_string(plan.allocate(child).first) == "10.0.0.1");
  CHECK(plan.machine.network_of(*parse_address("10.0.0.1"))->id == child);
  CHECK(plan.machine.network_of(*parse_address("10.0.0.128"))->id == parent);
  REQUIRE(plan.machine.allocations_holding(*parse_address("10.0.0.1")).size() == 1);
  CHECK(plan.machine.allocations_holding(*parse_address("10.0.0.1"))[0].network_id == child);
  CHECK(plan.machine.allocations_holding(*parse_address("10.0.0.2")).empty());
  CHECK(plan.machine.allocation_of(*parse_address("10.0.0.1"), vrf_default));
  CHECK_FALSE(plan.machine.allocation_of(*parse_address("10.0.0.2"), vrf_default));
  CHECK_FALSE(plan.machine.allocation_of(*parse_address("10.0.0.1"), VrfId(2)));
  CHECK_FALSE(plan.machine.allocation_of(*parse_address("11.0.0.1"), vrf_default));
  // A child on the network address of its parent takes nothing from it.
  const NetworkId other = plan.create("10.1.0.0/24");
  plan.create("10.1.0.0/32");
  CHECK(plan.machine.stats(other).reserved == 0);
}

TEST_CASE("a child over addresses that its parent handed out is refused") {
  Plan plan;
  const NetworkId parent = plan.create("10.0.0.0/24");
  plan.allocate(parent, 10);
  const Allocation second = plan.allocate(parent, 10);
  const Error error = error_of(plan.apply(CreateNetwork{*parse_prefix("10.0.0.16/28"), "", {}}));
  CHECK(error.code == ErrorCode::child_holds_allocations);
  CHECK(error.detail == "alloc-2 of network 10.0.0.0/24 holds 10.0.0.11-10.0.0.20, "
                        "which 10.0.0.16/28 would cover");
  plan.apply(Release{second.id});
  plan.create("10.0.0.16/28");
  CHECK(error_of(plan.apply(CreateNetwork{*parse_prefix("10.0.0.0/28"), "", {}})).code ==
        ErrorCode::child_holds_allocations);
}

TEST_CASE("a network between parent and children takes over the children, and gives them back") {
  Plan plan;
  const NetworkId top = plan.create("10.0.0.0/16");
  const NetworkId low = plan.create("10.0.1.0/26");
  plan.create("10.0.1.128/26");
  const Allocation held = plan.allocate(low);
  CHECK(plan.machine.stats(top).reserved == 128);
  const NetworkId middle = plan.create("10.0.1.0/24");
  CHECK(plan.machine.stats(top).reserved == 256);
  // .0 to .63 without the network address, .128 to .191.
  CHECK(stats_of(plan, middle) ==
        "254 total, 0 allocated, 127 available, 127 reserved, 10.0.1.64, none");
  CHECK(plan.machine.allocation(held.id));
  CHECK(succeeded(plan.apply(DeleteNetwork{middle})));
  CHECK(plan.machine.stats(top).reserved == 128);
  CHECK(to_string(plan.allocate(low).first) == "10.0.1.2");
  // Without a parent of its own, too.
  plan.create("10.0.0.0/8");
  CHECK(succeeded(plan.apply(DeleteNetwork{top})));
  CHECK(plan.machine.stats(NetworkId(5)).reserved == 128);
}

TEST_CASE("limits are checked again when a command is applied") {
  Plan plan;
  const NetworkId id = plan.create("10.0.0.0/24");
  const auto refused = [&](CommandBody body, std::string_view detail) {
    const std::uint64_t before = plan.machine.digest();
    const Error error = error_of(plan.apply(std::move(body)));
    CHECK(error.code == ErrorCode::invalid_argument);
    CHECK(error.detail == detail);
    CHECK(plan.changes.empty());
    CHECK(plan.machine.digest() == before);
  };
  const Prefix prefix = *parse_prefix("10.1.0.0/24");
  refused(CreateNetwork{prefix, std::string(1025, 'd'), {}},
          "description is longer than 1024 bytes");
  refused(CreateNetwork{prefix, "", std::vector<std::string>(65)}, "more than 64 tags");
  refused(CreateNetwork{prefix, "", {std::string(129, 't')}}, "a tag is longer than 128 bytes");
  refused(CreateNetwork{{{Family::ipv4, 1}, 8}, "", {}},
          "invalid CIDR: host bits are set or the prefix length is out of range");
  Allocate allocate;
  allocate.network = id;
  allocate.count = 0;
  refused(allocate, "count must be at least 1");
  allocate.count = 1;
  allocate.ttl_seconds = 0;
  refused(allocate, "ttl must be from 1 to 315360000 seconds");
  allocate.ttl_seconds = ttl_seconds_max + 1;
  refused(allocate, "ttl must be from 1 to 315360000 seconds");
  allocate.ttl_seconds.reset();
  allocate.hostname = std::string(254, 'h');
  refused(allocate, "hostname is longer than 253 bytes");
  refused(RecordEvent{"a", "r", std::string(1025, 'd')}, "details is longer than 1024 bytes");
  CHECK(error_of(plan.apply(ExpireLeases{}, std::string(254, 'u'))).detail ==
        "actor is longer than 253 bytes");
}

TEST_CASE("an event of the cluster goes to the audit log and nowhere else") {
  Plan plan;
  CHECK(succeeded(plan.apply(RecordEvent{"leader_elected", "node-1", "node 1 leads term 2"})));
  REQUIRE(plan.changes.size() == 1);
  const AuditEntry& entry = std::get<AuditAppended>(plan.changes[0]).entry;
  CHECK(entry.action == "leader_elected");
  CHECK(entry.resource == "node-1");
  CHECK(entry.details == "node 1 leads term 2");
  CHECK(plan.machine.counters().next_audit == 2);
}

TEST_CASE("rows that contradict one another are not loaded") {
  StateMachine machine;
  Network network;
  network.id = NetworkId(1);
  network.prefix = *parse_prefix("10.0.0.0/24");
  machine.load_network(network);
  CHECK_THROWS_AS(machine.load_network(network), std::runtime_error);
  Network other = network;
  other.id = NetworkId(2);
  CHECK_THROWS_AS(machine.load_network(other), std::runtime_error);
  other.prefix.length = 8;
  other.prefix.base.value |= 1;
  CHECK_THROWS_AS(machine.load_network(other), std::runtime_error);

  Allocation allocation;
  allocation.id = AllocationId(1);
  allocation.network_id = NetworkId(1);
  allocation.first = *parse_address("10.0.0.7");
  allocation.last = *parse_address("10.0.0.9");
  const auto refused = [&](auto change) {
    Allocation changed = allocation;
    change(changed);
    CHECK_THROWS_AS(machine.load_allocation(changed), std::runtime_error);
  };
  refused([](Allocation& a) { a.id = AllocationId(); });
  refused([](Allocation& a) { a.network_id = NetworkId(7); });
  refused([](Allocation& a) { a.status = AllocationStatus::released; });
  refused([](Allocation& a) { std::swap(a.first, a.last); });
  refused([](Allocation& a) { a.first = a.last = *parse_address("10.0.1.1"); });
  refused([](Allocation& a) { a.first = *parse_address("10.0.0.0"); });
  refused([](Allocation& a) { a.last = *parse_address("::1"); });
  machine.load_allocation(allocation);
  refused([](Allocation&) {});
  refused([](Allocation& a) { a.id = AllocationId(2); });
  CHECK(machine.allocation_count() == 1);
}

TEST_CASE("each audit entry has the hash of the one before it, which covers all of it") {
  Plan plan;
  base::Sha256 previous{};
  const auto follow = [&] {
    for (const auto& change : plan.changes) {
      const auto* appended = std::get_if<AuditAppended>(&change);
      if (appended == nullptr) continue;
      AuditEntry entry = appended->entry;
      CHECK(entry.previous_hash == previous);
      CHECK(entry.hash == chain_hash(entry));
      previous = entry.hash;
      const auto differs = [&](auto change_entry) {
        AuditEntry other = entry;
        change_entry(other);
        CHECK(chain_hash(other) != entry.hash);
      };
      differs([](AuditEntry& e) { e.id = AuditId(e.id.value() + 1); });
      differs([](AuditEntry& e) { ++e.timestamp; });
      differs([](AuditEntry& e) { e.revision = Revision(e.revision.value() + 1); });
      differs([](AuditEntry& e) { e.action += ' '; });
      differs([](AuditEntry& e) { e.resource += ' '; });
      differs([](AuditEntry& e) { e.details += ' '; });
      differs([](AuditEntry& e) { e.user += ' '; });
      differs([](AuditEntry& e) { e.previous_hash[31] ^= 1; });
    }
    CHECK(plan.machine.counters().audit_hash == previous);
  };
  const NetworkId network = plan.create("10.0.0.0/24");
  follow();
  const Allocation allocation = plan.allocate(network);
  follow();
  (void)plan.apply(DeleteNetwork{network});  // refused: the chain stays
  follow();
  (void)plan.apply(Release{allocation.id});
  follow();
}
