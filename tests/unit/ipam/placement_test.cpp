// Requests for particular addresses: every choice is checked against all addresses of a small
// network, looked at one by one.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "base/random.hpp"
#include "ipam/state_machine.hpp"

namespace {

using namespace ipam;

struct Plan {
  StateMachine machine;
  std::uint64_t revision = 0;

  Outcome apply(CommandBody body) {
    Command command;
    command.body = std::move(body);
    const auto decoded = decode_command(encode(command));
    REQUIRE(decoded);
    return machine.apply(Revision(++revision), 1000, *decoded).outcome;
  }
  NetworkId create(std::string_view cidr) {
    return std::get<NetworkView>(apply(CreateNetwork{*parse_prefix(cidr), "", {}})).id;
  }
  Outcome allocate(const AllocateOptions& options, std::uint64_t count = 1,
                   std::string hostname = {}) {
    Allocate command;
    command.network = NetworkId(1);
    command.count = count;
    command.hostname = std::move(hostname);
    command.options = options;
    return apply(std::move(command));
  }
};

std::string ip_of(const Outcome& outcome) {
  if (const auto* error = std::get_if<Error>(&outcome)) return error->detail;
  return to_string(std::get<Allocation>(outcome).first);
}

std::optional<ErrorCode> error_of(const Outcome& outcome) {
  const auto* error = std::get_if<Error>(&outcome);
  return error != nullptr ? std::optional(error->code) : std::nullopt;
}

Address at(std::string_view text) { return *parse_address(text); }

// The free addresses of network 1: usable, held by nobody, in no child.
std::set<U128> free_addresses(const StateMachine& machine) {
  const Network& network = *machine.network(NetworkId(1));
  const UsableRange usable = usable_range(network.prefix);
  std::set<U128> free;
  for (U128 v = usable.first.value; v <= usable.last.value; ++v) {
    const Address address{network.prefix.base.family, v};
    if (machine.network_of(address) == &network && machine.allocations_holding(address).empty())
      free.insert(v);
  }
  return free;
}

bool is_excluded(const AllocateOptions& options, U128 address) {
  if (options.range_start && address < options.range_start->value) return true;
  if (options.range_end && address > options.range_end->value) return true;
  return std::any_of(options.exclude.begin(), options.exclude.end(), [&](const auto& range) {
    return range.first.value <= address && address <= range.last.value;
  });
}

// All starts of `count` free addresses in a row that the options allow, ascending.
std::vector<U128> possible_starts(const StateMachine& machine, const AllocateOptions& options,
                                  std::uint64_t count) {
  std::set<U128> allowed;
  for (const U128 v : free_addresses(machine))
    if (!is_excluded(options, v)) allowed.insert(v);
  std::vector<U128> starts;
  for (const U128 v : allowed) {
    bool fits = v % options.align == 0;
    for (U128 i = 0; fits && i < count; ++i) fits = allowed.count(v + i) != 0;
    if (fits) starts.push_back(v);
  }
  return starts;
}

AllocateOptions random_options(base::Random& random, const Address& base) {
  const auto somewhere = [&] {
    return Address{base.family, base.value + random.below(64)};
  };
  AllocateOptions options;
  options.owner = "somebody";
  if (random.chance(30)) options.range_start = somewhere();
  if (random.chance(30)) options.range_end = somewhere();
  if (options.range_start && options.range_end && *options.range_end < *options.range_start)
    std::swap(options.range_start, options.range_end);
  for (std::uint64_t i = random.below(4); i > 0; --i) {
    const Address first = somewhere();
    options.exclude.push_back({first, {first.family, first.value + random.below(6)}});
  }
  if (random.chance(40)) options.align = 1u << random.below(5);
  if (random.chance(80)) options.strategy = static_cast<Strategy>(random.between(1, 4));
  return options;
}

void place_at_random(std::uint64_t seed, const char* cidr, const char* child) {
  CAPTURE(seed);
  CAPTURE(cidr);
  base::Random random(seed);
  Plan plan;
  plan.create(cidr);
  plan.create(child);
  const Address base = parse_prefix(cidr)->base;
  for (int round = 0; round < 300; ++round) {
    CAPTURE(round);
    AllocateOptions options = random_options(random, base);
    const std::uint64_t count = random.chance(60) ? 1 : random.between(1, 9);
    const auto starts = possible_starts(plan.machine, options, count);
    if (random.chance(20)) {
      options = {};
      options.ip = Address{base.family, base.value + random.below(70)};
      const bool is_free = count == 1 && free_addresses(plan.machine).count(options.ip->value) != 0;
      const Outcome outcome = plan.allocate(options);
      if (count == 1) REQUIRE(std::holds_alternative<Allocation>(outcome) == is_free);
      continue;
    }
    const Outcome outcome = plan.allocate(options, count);
    if (starts.empty()) {
      REQUIRE(error_of(outcome) == ErrorCode::network_full);
      const AllocationId oldest(1 + random.below(plan.machine.counters().next_allocation));
      plan.apply(Release{oldest});
      continue;
    }
    REQUIRE(std::holds_alternative<Allocation>(outcome));
    const U128 first = std::get<Allocation>(outcome).first.value;
    REQUIRE(std::binary_search(starts.begin(), starts.end(), first));
    if (options.strategy.value_or(Strategy::first) == Strategy::first)
      REQUIRE((first == starts.front()));
    if (options.strategy == Strategy::last) REQUIRE((first == starts.back()));
  }
}

}  // namespace

TEST_CASE("every placement is one that the request allows, and none is overlooked") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    place_at_random(seed, "10.0.0.0/26", "10.0.0.32/29");
    place_at_random(seed, "2001:db8::/122", "2001:db8::10/125");
  }
}

TEST_CASE("an explicit address is given, or the refusal says who has it") {
  Plan plan;
  plan.create("10.0.0.0/24");
  plan.create("10.0.0.128/25");
  AllocateOptions options;
  options.ip = at("10.0.0.50");
  CHECK(ip_of(plan.allocate(options)) == "10.0.0.50");
  const Outcome again = plan.allocate(options);
  CHECK(error_of(again) == ErrorCode::address_in_use);
  CHECK(ip_of(again) == "10.0.0.50 of 10.0.0.0/24 is in use: alloc-1 holds it");
  options.ip = at("10.0.0.48");
  CHECK(error_of(plan.allocate(options, 3)) == ErrorCode::address_in_use);
  CHECK(ip_of(plan.allocate(options, 2)) == "10.0.0.48");
  options.ip = at("10.0.0.0");
  CHECK(error_of(plan.allocate(options)) == ErrorCode::address_not_usable);
  options.ip = at("10.0.0.200");
  const Outcome delegated = plan.allocate(options);
  CHECK(error_of(delegated) == ErrorCode::address_not_usable);
  CHECK(ip_of(delegated) ==
        "10.0.0.200 belongs to the child network net-2 (10.0.0.128/25): allocate it there");
  options.ip = at("10.0.0.120");
  CHECK(error_of(plan.allocate(options, 200)) == ErrorCode::address_not_usable);
  CHECK(error_of(plan.allocate(options, ~0ull)) == ErrorCode::address_not_usable);
  options.ip = at("2001:db8::1");
  CHECK(error_of(plan.allocate(options)) == ErrorCode::invalid_argument);
}

TEST_CASE("scattered addresses are records of their own, all or none") {
  Plan plan;
  plan.create("10.0.0.0/29");
  AllocateOptions hole;
  hole.ip = at("10.0.0.2");
  plan.allocate(hole);
  AllocateOptions options;
  options.scattered = true;
  const std::uint64_t digest = plan.machine.digest();
  CHECK(error_of(plan.allocate(options, 6)) == ErrorCode::network_full);
  CHECK(plan.machine.allocation_count() == 1);
  CHECK(plan.machine.digest() == digest);
  const Outcome outcome = plan.allocate(options, 5);
  std::string ips;
  for (const Allocation& allocation : std::get<std::vector<Allocation>>(outcome))
    ips += to_string(allocation.first) + " ";
  CHECK(ips == "10.0.0.1 10.0.0.3 10.0.0.4 10.0.0.5 10.0.0.6 ");
}

TEST_CASE("sparse halves the longest run, random comes everywhere") {
  Plan plan;
  plan.create("10.0.0.0/24");
  AllocateOptions options;
  options.strategy = Strategy::sparse;
  CHECK(ip_of(plan.allocate(options)) == "10.0.0.127");
  CHECK(ip_of(plan.allocate(options)) == "10.0.0.191");
  CHECK(ip_of(plan.allocate(options)) == "10.0.0.63");
  options.strategy = Strategy::random;
  std::set<std::string> drawn;
  for (int i = 0; i < 251; ++i) drawn.insert(ip_of(plan.allocate(options)));
  CHECK(drawn.size() == 251);
  CHECK(error_of(plan.allocate(options)) == ErrorCode::network_full);
}

TEST_CASE("a unique hostname is refused while another has it, in whatever case") {
  Plan plan;
  plan.create("10.0.0.0/24");
  AllocateOptions unique;
  unique.unique_hostname = true;
  plan.allocate({}, 1, "Web-1");
  const Outcome refused = plan.allocate(unique, 1, "web-1");
  CHECK(error_of(refused) == ErrorCode::hostname_in_use);
  CHECK(ip_of(refused) ==
        "the hostname web-1 is in use in 10.0.0.0/24: alloc-1 has it with 10.0.0.1");
  CHECK(ip_of(plan.allocate(unique, 1, "web-2")) == "10.0.0.2");
  CHECK(error_of(plan.allocate(unique, 1, "WEB-2")) == ErrorCode::hostname_in_use);
  plan.apply(Release{AllocationId(2)});
  CHECK(ip_of(plan.allocate(unique, 1, "web-2")) == "10.0.0.2");
  CHECK(error_of(plan.allocate(unique)) == ErrorCode::invalid_argument);
}

TEST_CASE("a release with another fence than the allocation's is refused") {
  Plan plan;
  plan.create("10.0.0.0/24");
  plan.allocate({});
  const auto first = plan.machine.allocation(AllocationId(1));
  const std::uint64_t old_fence = first->fence();
  plan.apply(Release{AllocationId(1), old_fence});
  CHECK(plan.machine.allocation_count() == 0);
  plan.allocate({});
  const auto second = plan.machine.allocation(AllocationId(2));
  CHECK(second->fence() > old_fence);
  CHECK(error_of(plan.apply(Release{AllocationId(2), old_fence})) == ErrorCode::stale_fence);
  CHECK(error_of(plan.apply(Release{AllocationId(2), second->fence()})) == std::nullopt);
}

TEST_CASE("options that do not go together are refused") {
  Plan plan;
  plan.create("10.0.0.0/24");
  const auto refused = [&](auto change) {
    AllocateOptions options;
    change(options);
    return error_of(plan.allocate(options)) == ErrorCode::invalid_argument;
  };
  CHECK(refused([](auto& o) { o.align = 0; }));
  CHECK(refused([](auto& o) { o.align = 3; }));
  CHECK(refused([](auto& o) { o.ip = at("10.0.0.1"), o.scattered = true; }));
  CHECK(refused([](auto& o) { o.ip = at("10.0.0.1"), o.range_end = at("10.0.0.9"); }));
  CHECK(refused([](auto& o) { o.ip = at("10.0.0.1"), o.align = 2; }));
  CHECK(refused([](auto& o) { o.align = 2, o.scattered = true; }));
  CHECK(refused([](auto& o) { o.force = true; }));
  CHECK(refused([](auto& o) { o.exclude = {{at("10.0.0.9"), at("10.0.0.1")}}; }));
  const AddressRange range{at("10.0.0.1"), at("10.0.0.1")};
  CHECK(refused([&](auto& o) { o.exclude.resize(exclude_max + 1, range); }));
  CHECK(refused([](auto& o) { o.range_start = at("10.0.0.9"), o.range_end = at("10.0.0.1"); }));
  CHECK(refused([](auto& o) { o.owner = std::string(owner_bytes_max + 1, 'o'); }));
  CHECK(refused([](auto& o) { o.metadata["k"] = std::string(metadata_value_bytes_max + 1, 'v'); }));
  CHECK(plan.machine.allocation_count() == 0);
}
