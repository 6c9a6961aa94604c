#include <doctest/doctest.h>

#include "harness.hpp"

using namespace api_test;

namespace {

http::Response add_network(World& world, const std::string& cidr) {
  return world.perform(post("networks", "{\"cidr\":\"" + cidr + "\"}"));
}

// net-1 is 10.0.0.0/24. The ip, or the reason of the refusal.
std::string allocate(World& world, const std::string& fields) {
  const auto response =
      world.perform(post("allocations", R"({"network_id":"net-1",)" + fields + "}"));
  return text_at(response, response.status == 201 ? "ip" : "reason");
}

}  // namespace

TEST_CASE("an allocation goes where its fields say") {
  World world;
  add_network(world, "10.0.0.0/24");
  CHECK(allocate(world, R"("ip":"10.0.0.50")") == "10.0.0.50");
  CHECK(allocate(world, R"("ip":"10.0.0.50")") == "ADDRESS_IN_USE");
  CHECK(allocate(world, R"("ip":"10.0.0.255")") == "ADDRESS_NOT_USABLE");
  CHECK(allocate(world, R"("range_start":"10.0.0.50","range_end":"10.0.0.60")") == "10.0.0.51");
  CHECK(allocate(world, R"("exclude":["10.0.0.1-10.0.0.3","10.0.0.4","10.0.0.8/29"])") ==
        "10.0.0.5");
  CHECK(allocate(world, R"("count":16,"align":16)") == "10.0.0.16");
  CHECK(allocate(world, R"("strategy":"last")") == "10.0.0.254");
  CHECK(allocate(world, R"("hostname":"web","unique_hostname":true)") == "10.0.0.1");
  CHECK(allocate(world, R"("hostname":"web","unique_hostname":true)") == "HOSTNAME_IN_USE");
  CHECK(allocate(world, R"("ip":"10.0.0.1","strategy":"last")") == "INVALID_ARGUMENT");
}

TEST_CASE("scattered addresses are answered as an array") {
  World world;
  add_network(world, "10.0.0.0/24");
  const auto response = world.perform(
      post("allocations", R"({"network_id":"net-1","count":3,"contiguous":false})"));
  CHECK(response.status == 201);
  const auto body = parsed(response);
  REQUIRE(body.as_array().size() == 3);
  CHECK(body.as_array()[2].at("ip").as_string() == "10.0.0.3");
  CHECK(body.as_array()[2].at("end_ip").is_null());
}

TEST_CASE("owner and metadata are shown where they are") {
  World world;
  add_network(world, "10.0.0.0/24");
  const auto response = world.perform(post(
      "allocations", R"({"network_id":"net-1","owner":"o","metadata":{"b\"":"2","a":"1"}})"));
  CHECK(response.status == 201);
  CHECK(response.body.ends_with(
      R"("released_at":null,"fence":1,"owner":"o","metadata":{"a":"1","b\"":"2"}})"));
}

TEST_CASE("fields of the wrong kind are refused with their name") {
  World world;
  add_network(world, "10.0.0.0/24");
  for (const char* fields :
       {R"("ip":"10.0.0")", R"("ip":5)", R"("range_start":"x")", R"("exclude":"10.0.0.1")",
        R"("exclude":["10.0.0.1-"])", R"("exclude":["10.0.0.9-10.0.0.1"])", R"("exclude":[1])",
        R"("align":0)", R"("contiguous":"no")", R"("strategy":"best")", R"("metadata":[])",
        R"("metadata":{"a":1})", R"("metadata":{"":"v"})", R"("unique_hostname":1)"}) {
    CAPTURE(fields);
    CHECK(allocate(world, fields) == "INVALID_FIELD");
  }
}

TEST_CASE("a release with a fence is made only where it is the allocation's") {
  World world;
  add_network(world, "10.0.0.0/24");
  allocate(world, R"("hostname":"a")");
  const auto release = [&](const char* body) {
    return world.perform(post("allocations/alloc-1/release", body));
  };
  CHECK(text_at(release(R"({"fence":7})"), "reason") == "STALE_FENCE");
  CHECK(text_at(release(R"({"fence":"x"})"), "reason") == "INVALID_FIELD");
  CHECK(release(R"({"fence":1})").status == 204);
}
