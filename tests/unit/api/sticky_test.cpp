// An owner gets the address again that it gave back last.
#include <doctest/doctest.h>

#include "harness.hpp"

using namespace api_test;

namespace {

std::string sticky(World& world, const std::string& owner, const std::string& more = "") {
  const auto answer = world.perform(
      post("allocations", R"({"network_id":"net-1","strategy":"sticky","owner":")" + owner + "\"" +
                              more + "}"));
  return text_at(answer, answer.status == 201 ? "ip" : "reason");
}

void release(World& world, int id) {
  REQUIRE(world.perform(post("allocations/alloc-" + std::to_string(id) + "/release")).status ==
          204);
}

}  // namespace

TEST_CASE("an owner gets its last address again, past its own quarantine and no other's") {
  for (const bool waits : {false, true}) {
    CAPTURE(waits);
    World world;
    world.perform(post("networks", waits ? R"({"cidr":"10.0.0.0/24","quarantine_seconds":60})"
                                         : R"({"cidr":"10.0.0.0/24"})"));
    CHECK(sticky(world, "a") == "10.0.0.1");
    CHECK(sticky(world, "b") == "10.0.0.2");
    CHECK(sticky(world, "a") == "10.0.0.3");
    release(world, 2);
    release(world, 3);
    CHECK(sticky(world, "a") == "10.0.0.3");
    CHECK(sticky(world, "c") == (waits ? "10.0.0.4" : "10.0.0.2"));
    // Another has it, or it waits after another: the lowest free one.
    CHECK(sticky(world, "b") == (waits ? "10.0.0.2" : "10.0.0.4"));
  }
}

TEST_CASE("an address that became the gateway while it waited is nobody's again") {
  World world;
  world.perform(post("networks", R"({"cidr":"10.0.0.0/24","quarantine_seconds":60})"));
  CHECK(sticky(world, "a") == "10.0.0.1");
  release(world, 1);
  REQUIRE(world.perform(request(http::Method::patch, "networks/net-1",
                                R"({"gateway":"10.0.0.1"})")).status == 200);
  CHECK(sticky(world, "a") == "10.0.0.2");
}

TEST_CASE("what a sticky address must be beside goes before") {
  World world;
  world.perform(post("networks", R"({"cidr":"10.0.0.0/24"})"));
  CHECK(sticky(world, "a") == "10.0.0.1");
  release(world, 1);
  CHECK(sticky(world, "a", R"(,"exclude":["10.0.0.1"])") == "10.0.0.2");
  CHECK(sticky(world, "a", R"(,"range_start":"10.0.0.9")") == "10.0.0.9");
  CHECK(sticky(world, "a", R"(,"align":4)") == "10.0.0.4");
  CHECK(sticky(world, "a") == "10.0.0.1");
  CHECK(sticky(world, "") == "INVALID_ARGUMENT");
  CHECK(sticky(world, "a", R"(,"count":2)") == "INVALID_ARGUMENT");
}
