// Children, free blocks, carving, and changes of a network.
#include <doctest/doctest.h>

#include "harness.hpp"

using namespace api_test;

namespace {

// The CIDRs of the objects in the answer, with blanks between; the reason where it is a refusal.
std::string cidrs(const http::Response& response) {
  if (response.status >= 400) return text_at(response, "reason");
  std::string cidrs;
  const auto body = parsed(response);
  for (const auto& one : body.as_array())
    cidrs += (cidrs.empty() ? "" : " ") + std::string(one.at("cidr").as_string());
  return cidrs;
}

std::string free_blocks(World& world, const std::string& query) {
  return cidrs(world.perform(get("networks/net-1/free" + query)));
}

std::string carve(World& world, const std::string& fields) {
  return cidrs(world.perform(post("networks/net-1/subnets", "{" + fields + "}")));
}

}  // namespace

TEST_CASE("free blocks are where neither children nor allocations are") {
  World world;
  world.perform(post("networks", R"({"cidr":"10.0.0.0/24"})"));
  CHECK(free_blocks(world, "") == "10.0.0.0/24");
  CHECK(free_blocks(world, "?prefix_length=25") == "10.0.0.0/25 10.0.0.128/25");
  world.perform(post("networks", R"({"cidr":"10.0.0.64/26"})"));
  world.perform(post("allocations", R"({"network_id":"net-1","ip":"10.0.0.200"})"));
  CHECK(free_blocks(world, "") ==
        "10.0.0.0/26 10.0.0.128/26 10.0.0.192/29 10.0.0.201/32 10.0.0.202/31 10.0.0.204/30 "
        "10.0.0.208/28 10.0.0.224/27");
  CHECK(free_blocks(world, "?limit=2") == "10.0.0.0/26 10.0.0.128/26");
  CHECK(free_blocks(world, "?prefix_length=26") == "10.0.0.0/26 10.0.0.128/26");
  CHECK(free_blocks(world, "?prefix_length=27&limit=3") ==
        "10.0.0.0/27 10.0.0.32/27 10.0.0.128/27");
  CHECK(free_blocks(world, "?prefix_length=25") == "");
  CHECK(free_blocks(world, "?prefix_length=24") == "INVALID_PARAMETER");
  CHECK(free_blocks(world, "?prefix_length=33") == "INVALID_PARAMETER");
  CHECK(free_blocks(world, "?limit=0") == "INVALID_PARAMETER");
  CHECK(cidrs(world.perform(get("networks/net-1/children"))) == "10.0.0.64/26");
  CHECK(cidrs(world.perform(get("networks/net-9/children"))) == "NETWORK_NOT_FOUND");
  CHECK(cidrs(world.perform(get("networks/net-9/free"))) == "NETWORK_NOT_FOUND");
}

TEST_CASE("networks are carved from the lowest free blocks, or from the smallest that have room") {
  World world;
  world.perform(post("networks", R"({"cidr":"10.0.0.0/24"})"));
  world.perform(post("networks", R"({"cidr":"10.0.0.128/27"})"));
  CHECK(carve(world, R"("prefix_length":28,"strategy":"best","count":3)") ==
        "10.0.0.160/28 10.0.0.176/28 10.0.0.192/28");
  const auto made = world.perform(post(
      "networks/net-1/subnets", R"({"prefix_length":28,"description":"d","tags":["t"]})"));
  CHECK(cidrs(made) == "10.0.0.0/28");
  const auto body = parsed(made);
  CHECK(body.as_array()[0].at("parent_id").as_string() == "net-1");
  CHECK(body.as_array()[0].at("description").as_string() == "d");
  // All or none.
  const std::uint64_t digest = world.state.digest();
  CHECK(carve(world, R"("prefix_length":26,"count":3)") == "NETWORK_FULL");
  CHECK(carve(world, R"("prefix_length":24)") == "INVALID_ARGUMENT");
  CHECK(carve(world, R"("prefix_length":33)") == "INVALID_ARGUMENT");
  CHECK(carve(world, R"("count":1)") == "INVALID_FIELD");
  CHECK(carve(world, R"("prefix_length":26,"count":1001)") == "INVALID_FIELD");
  CHECK(carve(world, R"("prefix_length":26,"strategy":"last")") == "INVALID_FIELD");
  CHECK(world.state.digest() == digest);
  CHECK(cidrs(world.perform(post("networks/net-99/subnets", R"({"prefix_length":26})"))) ==
        "NETWORK_NOT_FOUND");
}

TEST_CASE("a network's description and tags are changed, what is left out stays") {
  World world;
  world.perform(post("networks", R"({"cidr":"10.0.0.0/24","description":"d","tags":["t"]})"));
  const auto patch = [&](const char* target, const char* body) {
    return world.perform(request(http::Method::patch, target, body));
  };
  world.now += 1000;
  const auto changed = patch("networks/net-1", R"({"description":"e"})");
  CHECK(changed.status == 200);
  CHECK(text_at(changed, "description") == "e");
  CHECK(text_at(changed, "tags") == R"(["t"])");
  CHECK(text_at(changed, "updated_at") == "2024-01-15T10:30:01Z");
  CHECK(text_at(patch("networks/net-1", R"({"description":null,"tags":null})"), "tags") == "[]");
  CHECK(text_at(world.perform(get("networks/net-1")), "description") == "");
  CHECK(text_at(patch("networks/net-1", R"({"tags":[""]})"), "reason") == "INVALID_FIELD");
  CHECK(text_at(patch("networks/net-9", R"({"tags":[]})"), "reason") == "NETWORK_NOT_FOUND");
}
