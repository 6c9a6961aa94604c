// PATCH, renewal and release of an allocation.
#include <doctest/doctest.h>

#include "harness.hpp"

using namespace api_test;

namespace {

http::Response patch(World& world, const std::string& target, const std::string& body) {
  return world.perform(request(http::Method::patch, target, body, "application/merge-patch+json"));
}

// net-1 is 10.0.0.0/24, alloc-1 is 10.0.0.1 with something in every field.
World world_with_one() {
  World world;
  world.perform(post("networks", R"({"cidr":"10.0.0.0/24"})"));
  world.perform(post("allocations", R"({"network_id":"net-1","hostname":"web","description":"d",
      "tags":["t"],"owner":"o","metadata":{"a":"1","b":"2"},"ttl":60})"));
  return world;
}

}  // namespace

TEST_CASE("a merge patch keeps what it leaves out and clears what is null") {
  World world = world_with_one();
  const auto kept = patch(world, "allocations/alloc-1", "{}");
  CHECK(kept.status == 200);
  CHECK(kept.body == world.perform(get("allocations/alloc-1")).body);

  const auto changed = patch(world, "allocations/alloc-1",
                             R"({"hostname":"db","metadata":{"a":null,"c":"3"},"fence":1})");
  CHECK(text_at(changed, "hostname") == "db");
  CHECK(text_at(changed, "metadata") == R"({"b":"2","c":"3"})");
  CHECK(text_at(changed, "owner") == "o");
  CHECK(text_at(changed, "tags") == R"(["t"])");
  CHECK(world.perform(get("allocations/alloc-1")).body == changed.body);

  const auto cleared = patch(
      world, "allocations/alloc-1",
      R"({"hostname":null,"description":null,"tags":null,"owner":null,"metadata":null})");
  CHECK(text_at(cleared, "hostname").empty());
  CHECK(text_at(cleared, "description").empty());
  CHECK(text_at(cleared, "tags") == "[]");
  CHECK(cleared.body.ends_with(R"("fence":1})"));
}

TEST_CASE("what cannot be changed is refused with its reason") {
  World world = world_with_one();
  world.perform(post("allocations", R"({"network_id":"net-1","hostname":"db"})"));
  const auto reason = [&](const std::string& target, const std::string& body) {
    return text_at(patch(world, target, body), "reason");
  };
  CHECK(reason("allocations/alloc-1", R"({"hostname":"DB","unique_hostname":true})") ==
        "HOSTNAME_IN_USE");
  CHECK(reason("allocations/alloc-1", R"({"unique_hostname":true})") == "INVALID_ARGUMENT");
  CHECK(reason("allocations/alloc-1", R"({"fence":2})") == "STALE_FENCE");
  CHECK(reason("allocations/alloc-9", "{}") == "ALLOCATION_NOT_FOUND");
  CHECK(reason("allocations/9", "{}") == "ALLOCATION_NOT_FOUND");
  CHECK(reason("allocations/alloc-1", R"({"ip":"10.0.0.7"})") == "UNKNOWN_FIELD");
  CHECK(reason("allocations/alloc-1", R"({"hostname":"a b"})") == "INVALID_FIELD");
  CHECK(reason("allocations/alloc-1", R"({"metadata":{"a":1}})") == "INVALID_FIELD");
  CHECK(reason("allocations/alloc-1", R"({"metadata":[]})") == "INVALID_FIELD");
  CHECK(reason("allocations/alloc-1", "") == "INVALID_JSON");
  world.perform(post("allocations/alloc-1/release"));
  CHECK(reason("allocations/alloc-1", "{}") == "ALREADY_RELEASED");
}

TEST_CASE("a renewal moves the end of a lease") {
  World world = world_with_one();
  world.now += 59'000;
  const auto renewed = world.perform(post("allocations/alloc-1/renew", R"({"ttl_hours":1})"));
  CHECK(renewed.status == 200);
  CHECK(text_at(renewed, "expires_at") == "2024-01-15T11:30:59Z");
  world.now += 3'599'000;
  world.expire_leases();
  CHECK(text_at(world.perform(get("allocations/alloc-1")), "status") == "allocated");
  const auto reason = [&](const std::string& body) {
    return text_at(world.perform(post("allocations/alloc-1/renew", body)), "reason");
  };
  CHECK(reason("{}") == "INVALID_FIELD");
  CHECK(reason(R"({"ttl":1,"ttl_hours":1})") == "INVALID_FIELD");
  CHECK(reason(R"({"ttl":1,"fence":7})") == "STALE_FENCE");
  world.now += 1'000;
  world.expire_leases();
  CHECK(reason(R"({"ttl":1})") == "ALREADY_RELEASED");
  CHECK(world.perform(post("allocations/alloc-9/renew", R"({"ttl":1})")).status == 404);
}
