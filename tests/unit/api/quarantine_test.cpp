// An address that waits after its allocation ended, before it is handed out again.
#include <doctest/doctest.h>

#include "harness.hpp"

using namespace api_test;

TEST_CASE("an address waits for its network's quarantine after a release and after an expiry") {
  World world;
  const auto network = world.perform(
      post("networks", R"({"cidr":"10.0.0.0/29","quarantine_seconds":60})"));
  CHECK(text_at(network, "quarantine_seconds") == "60");
  const auto allocate = [&](const std::string& more) {
    const auto answer =
        world.perform(post("allocations", R"({"network_id":"net-1")" + more + "}"));
    return text_at(answer, answer.status == 201 ? "ip" : "reason");
  };
  const auto stats = [&](const char* name) {
    return text_at(world.perform(get("networks/net-1/stats")), name);
  };
  CHECK(allocate(R"(,"count":3)") == "10.0.0.1");
  CHECK(allocate(R"(,"ttl":10)") == "10.0.0.4");
  world.perform(post("allocations/alloc-1/release"));
  world.now += 10'000;
  world.expire_leases();
  CHECK(stats("quarantined_ips") == "4");
  CHECK(stats("reserved_ips") == "4");
  CHECK(stats("available_ips") == "2");
  CHECK(allocate("") == "10.0.0.5");
  CHECK(allocate(R"(,"ip":"10.0.0.2")") == "ADDRESS_IN_QUARANTINE");
  CHECK(allocate(R"(,"ip":"10.0.0.5","force":true)") == "ADDRESS_IN_USE");
  CHECK(text_at(world.perform(post("networks", R"({"cidr":"10.0.0.0/31"})")), "reason") ==
        "ADDRESS_IN_QUARANTINE");
  // Out of the middle of a range: both ends of it go on waiting.
  CHECK(allocate(R"(,"ip":"10.0.0.2","force":true)") == "10.0.0.2");
  CHECK(stats("quarantined_ips") == "3");
  world.now += 50'000;
  world.expire_leases();
  CHECK(stats("quarantined_ips") == "1");
  CHECK(allocate("") == "10.0.0.1");
  CHECK(allocate("") == "10.0.0.3");
  world.now += 9'999;
  world.expire_leases();
  CHECK(allocate(R"(,"ip":"10.0.0.4")") == "ADDRESS_IN_QUARANTINE");
  world.now += 1;
  world.expire_leases();
  CHECK(stats("quarantined_ips") == "0");
  CHECK(allocate(R"(,"ip":"10.0.0.4")") == "10.0.0.4");
}

TEST_CASE("a network without allocations is deleted with what waits in it") {
  World world;
  world.perform(post("networks", R"({"cidr":"10.0.0.0/24","quarantine_seconds":60})"));
  world.perform(post("allocations", R"({"network_id":"net-1"})"));
  world.perform(post("allocations/alloc-1/release"));
  CHECK(world.perform(del("networks/net-1")).status == 204);
  CHECK_FALSE(world.state.next_expiry());
  CHECK(world.perform(post("networks", R"({"cidr":"10.0.0.0/24"})")).status == 201);
  CHECK(text_at(world.perform(post("allocations", R"({"network_id":"net-2"})")), "ip") ==
        "10.0.0.1");
}
