// VRFs, and which networks a listing gives.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "harness.hpp"

using namespace api_test;

namespace {

http::Request patch(std::string target, std::string body) {
  return request(http::Method::patch, std::move(target), std::move(body));
}

// The ids of the networks in the answer, in its order, with commas between.
std::string ids(World& world, const std::string& query) {
  const auto response = world.perform(get("networks?" + query));
  if (response.status != 200) return text_at(response, "reason");
  std::string ids;
  const auto networks = parsed(response);
  for (const auto& network : networks.as_array())
    ids += (ids.empty() ? "" : ",") + std::string(network.at("id").as_string()).substr(4);
  return ids;
}

std::string reason(World& world, const http::Request& request) {
  return text_at(world.perform(request), "reason");
}

}  // namespace

TEST_CASE("a VRF is created, changed and deleted, by its id or its name") {
  World world;
  const auto created = world.perform(post("vrfs", R"({"name":"blue","description":"d"})"));
  CHECK(created.status == 201);
  CHECK(header_of(created, "Location") == "/api/v1/vrfs/vrf-2");
  CHECK(created.body ==
        R"({"id":"vrf-2","name":"blue","description":"d","network_count":0,)"
        R"("created_at":"2024-01-15T10:30:00Z","updated_at":"2024-01-15T10:30:00Z"})");
  world.now += 1000;
  CHECK(world.perform(patch("vrfs/vrf-2", R"({"name":"red","description":null})")).body ==
        R"({"id":"vrf-2","name":"red","description":"","network_count":0,)"
        R"("created_at":"2024-01-15T10:30:00Z","updated_at":"2024-01-15T10:30:01Z"})");
  CHECK(reason(world, get("vrfs/blue")) == "VRF_NOT_FOUND");
  CHECK(text_at(world.perform(get("vrfs/red")), "id") == "vrf-2");
  CHECK(parsed(world.perform(get("vrfs"))).as_array().size() == 2);
  CHECK(reason(world, post("vrfs", R"({"name":"red"})")) == "VRF_EXISTS");
  CHECK(reason(world, post("vrfs", R"({"name":"default"})")) == "VRF_EXISTS");
  CHECK(reason(world, post("vrfs", R"({"name":"vrf-9"})")) == "INVALID_FIELD");
  CHECK(reason(world, post("vrfs", R"({"name":"prod/a"})")) == "INVALID_FIELD");
  CHECK(reason(world, post("vrfs", R"({"name":""})")) == "INVALID_FIELD");
  CHECK(reason(world, patch("vrfs/red", R"({"name":null})")) == "INVALID_FIELD");
  CHECK(reason(world, patch("vrfs/red", R"({"name":"default"})")) == "VRF_EXISTS");
  CHECK(reason(world, patch("vrfs/vrf-1", R"({"name":"red"})")) == "VRF_IS_DEFAULT");
  CHECK(world.perform(patch("vrfs/default", R"({"description":"main"})")).status == 200);
  CHECK(reason(world, del("vrfs/default")) == "VRF_IS_DEFAULT");
  CHECK(reason(world, del("vrfs/" + std::string(300, 'x'))) == "VRF_NOT_FOUND");
  world.perform(post("networks", R"({"cidr":"10.0.0.0/24","vrf":"red"})"));
  CHECK(reason(world, del("vrfs/red")) == "VRF_HAS_NETWORKS");
  world.perform(del("networks/net-1"));
  CHECK(world.perform(del("vrfs/red")).status == 204);
  // The id is never used again.
  CHECK(text_at(world.perform(post("vrfs", R"({"name":"red"})")), "id") == "vrf-3");
}

TEST_CASE("the same CIDR is a network once in each VRF, and each hands out its own addresses") {
  World world;
  world.perform(post("vrfs", R"({"name":"blue"})"));
  CHECK(world.perform(post("networks", R"({"cidr":"10.0.0.0/24"})")).status == 201);
  CHECK(reason(world, post("networks", R"({"cidr":"10.0.0.0/24","vrf":"vrf-1"})")) ==
        "NETWORK_EXISTS");
  const auto blue = world.perform(post("networks", R"({"cidr":"10.0.0.0/24","vrf":"blue"})"));
  CHECK(text_at(blue, "vrf") == "blue");
  CHECK(reason(world, post("networks", R"({"cidr":"10.0.0.0/24","vrf":"red"})")) ==
        "VRF_NOT_FOUND");
  const auto allocate = [&](const std::string& fields) {
    const auto response = world.perform(post("allocations", "{" + fields + "}"));
    return response.status == 201 ? text_at(response, "network_id") + " " + text_at(response, "ip")
                                  : text_at(response, "reason");
  };
  CHECK(allocate(R"("cidr":"10.0.0.0/24")") == "net-1 10.0.0.1");
  CHECK(allocate(R"("cidr":"10.0.0.0/24","vrf":"blue")") == "net-2 10.0.0.1");
  CHECK(allocate(R"("cidr":"10.0.0.0/24","vrf":"vrf-2")") == "net-2 10.0.0.2");
  CHECK(allocate(R"("cidr":"10.0.0.0/24","vrf":"red")") == "VRF_NOT_FOUND");
  CHECK(allocate(R"("network_id":"net-1","vrf":"blue")") == "INVALID_FIELD");
  CHECK(parsed(world.perform(get("allocations?ip=10.0.0.1"))).as_array().size() == 2);
}

TEST_CASE("networks say where they are, and are listed by that") {
  World world;
  world.perform(post("vrfs", R"({"name":"blue"})"));
  for (const char* body : {R"({"cidr":"10.0.0.0/8","description":"All of it"})",
                           R"({"cidr":"10.1.0.0/16","tags":["prod","eu"]})",
                           R"({"cidr":"10.1.2.0/24"})", R"({"cidr":"2001:db8::/32"})",
                           R"({"cidr":"10.0.0.0/8","vrf":"blue"})",
                           R"({"cidr":"10.2.0.0/16","vrf":"blue","tags":["prod"]})"})
    REQUIRE(world.perform(post("networks", body)).status == 201);
  const auto middle = world.perform(get("networks/net-2"));
  CHECK(text_at(middle, "parent_id") == "net-1");
  CHECK(text_at(middle, "children_count") == "1");
  CHECK(text_at(world.perform(get("networks/net-1")), "parent_id") == "null");
  CHECK(ids(world, "vrf=default") == "1,2,3,4");
  CHECK(ids(world, "vrf=vrf-2") == "5,6");
  CHECK(ids(world, "vrf=red") == "VRF_NOT_FOUND");
  CHECK(ids(world, "cidr=10.0.0.0/8") == "1,5");
  CHECK(ids(world, "within=10.1.0.0/16") == "2,3");
  CHECK(ids(world, "within=10.0.0.0/7&vrf=blue") == "5,6");
  CHECK(ids(world, "contains=10.1.2.3") == "1,2,3,5");
  CHECK(ids(world, "contains=10.1.0.0/17&vrf=default") == "1,2");
  CHECK(ids(world, "contains=10.1.2.3&within=10.1.0.0/16") == "2,3");
  CHECK(ids(world, "family=6") == "4");
  CHECK(ids(world, "tag=prod") == "2,6");
  CHECK(ids(world, "q=ALL%20OF") == "1");
  CHECK(ids(world, "q=10.1.&vrf=default") == "2,3");
  CHECK(ids(world, "q=eu") == "2");
  CHECK(ids(world, "family=5") == "INVALID_PARAMETER");
  CHECK(ids(world, "within=10.0.0.1/8") == "INVALID_CIDR");
}

TEST_CASE("there are so many VRFs and no more") {
  World world;
  for (std::size_t i = 1; i < ipam::vrfs_max; ++i)  // the default one is there
    REQUIRE(world.perform(post("vrfs", fmt::format(R"({{"name":"v{}"}})", i))).status == 201);
  CHECK(reason(world, post("vrfs", R"({"name":"more"})")) == "TOO_MANY_VRFS");
  REQUIRE(world.perform(del("vrfs/v7")).status == 204);
  CHECK(world.perform(post("vrfs", R"({"name":"more"})")).status == 201);
}

TEST_CASE("what another VRF had does not hide who holds an address, as of then") {
  World world;
  for (const char* body : {R"({"cidr":"10.0.0.0/24"})", R"({"cidr":"10.0.0.0/24","vrf":"blue"})"}) {
    if (std::string_view(body).find("blue") != std::string_view::npos)
      REQUIRE(world.perform(post("vrfs", R"({"name":"blue"})")).status == 201);
    REQUIRE(world.perform(post("networks", body)).status == 201);
  }
  for (const char* network : {"net-1", "net-2"})
    REQUIRE(world.perform(post("allocations", fmt::format(
                R"({{"network_id":"{}","ip":"10.0.0.7"}})", network))).status == 201);
  REQUIRE(world.perform(post("allocations/alloc-2/release")).status == 204);
  REQUIRE(world.perform(del("networks/net-2")).status == 204);
  const auto now = world.perform(get("addresses/10.0.0.7"));
  CHECK(text_at(now, "status") == "allocated");
  const std::string revision = header_of(world.perform(get("networks?limit=1")), "X-Ipam-Revision");
  CHECK(text_at(world.perform(get("addresses/10.0.0.7?at=" + revision)), "status") == "allocated");
}

TEST_CASE("more holders in other VRFs than one question gives hide neither holder nor history") {
  World world;
  REQUIRE(world.perform(post("networks", R"({"cidr":"10.0.0.0/24"})")).status == 201);
  REQUIRE(world.perform(post("vrfs", R"({"name":"blue"})")).status == 201);
  REQUIRE(world.perform(post("networks", R"({"cidr":"10.0.0.0/24","vrf":"blue"})")).status == 201);
  std::uint64_t count = 0;
  const auto take = [&](std::string_view network, bool is_given_back) {
    REQUIRE(world.perform(post("allocations", fmt::format(
                R"({{"network_id":"{}","ip":"10.0.0.7"}})", network))).status == 201);
    ++count;
    if (!is_given_back) return;
    const std::string target = fmt::format("allocations/alloc-{}/release", count);
    REQUIRE(world.perform(post(target)).status == 204);
  };
  take("net-2", true);   // alloc-1
  take("net-2", false);  // alloc-2
  for (int i = 0; i < 1001; ++i) take("net-1", true);
  const std::string then = header_of(world.perform(get("networks?limit=1")), "X-Ipam-Revision");
  for (const std::string& target : {std::string("addresses/10.0.0.7?vrf=blue"),
                                    "addresses/10.0.0.7?vrf=blue&at=" + then}) {
    CAPTURE(target);
    const auto answer = parsed(world.perform(get(target)));
    CHECK(answer.at("status") == "allocated");
    REQUIRE(answer.at("allocation").is_object());
    CHECK(answer.at("allocation").at("id") == "alloc-2");
    REQUIRE(answer.at("history").as_array().size() == 1);
    CHECK(answer.at("history").at(0).at("id") == "alloc-1");
  }
}
