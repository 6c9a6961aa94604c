// What finds allocations: addresses, search, and the filters of the list.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "harness.hpp"

using namespace api_test;

namespace {

// net-1 10.0.0.0/8 with net-2 10.1.0.0/24 in it, net-3 for IPv6. In net-2: alloc-1 10.1.0.1 ended
// and alloc-2 has it now, alloc-3 is 10.1.0.2 to .5.
World filled() {
  World world;
  world.perform(post("networks", R"({"cidr":"10.0.0.0/8","description":"All of it"})"));
  world.perform(post("networks", R"({"cidr":"10.1.0.0/24","tags":["Web"]})"));
  world.perform(post("networks", R"({"cidr":"2001:db8::/64","quarantine_seconds":60})"));
  world.perform(post("allocations", R"({"network_id":"net-2","hostname":"old"})"));
  world.perform(post("allocations/alloc-1/release"));
  world.now += 1000;
  world.perform(post("allocations", R"({"network_id":"net-2","hostname":"web-01","tags":["t"]})"));
  world.perform(post("allocations",
                     R"({"network_id":"net-2","count":4,"owner":"o","metadata":{"k":"WEBX"}})"));
  return world;
}

// "net-1 alloc-2 next=null"
std::string found(World& world, const std::string& query) {
  const auto body = parsed(world.perform(get("search?" + query)));
  std::string text;
  for (const auto& result : body.at("results").as_array()) {
    const auto& type = result.at("type").as_string();
    text += std::string(result.at(type).at("id").as_string()) + " ";
  }
  return text + "next=" + boost::json::serialize(body.at("next_cursor"));
}

std::string listed(World& world, const std::string& query) {
  std::string text;
  const auto response = world.perform(get("allocations?" + query));
  if (response.status != 200) return text_at(response, "reason");
  const auto body = parsed(response);
  for (const auto& allocation : body.as_array())
    text += std::string(allocation.at("id").as_string()) + " ";
  return text;
}

}  // namespace

TEST_CASE("an address says who holds it and who held it") {
  World world = filled();
  const auto response = world.perform(get("addresses/10.1.0.1"));
  CHECK(response.status == 200);
  CHECK(text_at(response, "status") == "allocated");
  const auto body = parsed(response);
  CHECK(body.at("network").at("id") == "net-2");
  CHECK(body.at("allocation").at("id") == "alloc-2");
  REQUIRE(body.at("history").as_array().size() == 1);
  CHECK(body.at("history").as_array()[0].at("id") == "alloc-1");

  const auto status = [&](const std::string& ip) {
    return text_at(world.perform(get("addresses/" + ip)), "status");
  };
  CHECK(status("10.1.0.4") == "allocated");
  CHECK(status("10.1.0.6") == "free");
  CHECK(status("10.1.0.255") == "unusable");
  CHECK(status("11.0.0.0") == "unmanaged");
  world.perform(post("allocations", R"({"network_id":"net-3"})"));
  world.perform(post("allocations/alloc-4/release"));
  const auto waits = world.perform(get("addresses/2001:DB8::1"));
  CHECK(text_at(waits, "ip") == "2001:db8::1");
  CHECK(text_at(waits, "status") == "quarantined");
  CHECK(text_at(waits, "quarantine_ends_at") == "2024-01-15T10:31:01Z");
  CHECK(text_at(world.perform(get("addresses/10.0.0")), "reason") == "INVALID_PARAMETER");
  CHECK(text_at(world.perform(get("addresses/10.1.0.1?limit=0")), "reason") ==
        "INVALID_PARAMETER");
}

TEST_CASE("search finds by address, CIDR, id and text") {
  World world = filled();
  CHECK(found(world, "q=10.1.0.3") == "net-2 net-1 alloc-3 next=null");
  CHECK(found(world, "q=10.1.0.0/16") == "net-2 alloc-2 alloc-3 next=null");
  CHECK(found(world, "q=net-3") == "net-3 next=null");
  CHECK(found(world, "q=alloc-1") == "next=null");
  CHECK(found(world, "q=alloc-2") == "alloc-2 next=null");
  CHECK(found(world, "q=web") == "net-2 alloc-2 alloc-3 next=null");
  CHECK(found(world, "q=ALL+OF") == "net-1 next=null");
  CHECK(found(world, "q=2001:db8") == "net-3 next=null");
  for (const char* bad : {"", "q=", "q=a&cursor=x", "q=a&limit=1001"})
    CHECK(text_at(world.perform(get(fmt::format("search?{}", bad))), "reason") ==
          "INVALID_PARAMETER");
}

TEST_CASE("a search in pages finds everything once") {
  World world = filled();
  std::string all, cursor;
  for (int page = 0; page < 10; ++page) {
    std::string text = found(world, "q=1&limit=1" + cursor);
    const std::size_t next = text.find("next=");
    all += text.substr(0, next);
    if (text.ends_with("null")) break;
    cursor = "&cursor=" + text.substr(next + 6, text.size() - next - 7);
  }
  CHECK(all == "net-1 net-2 net-3 alloc-2 alloc-3 ");
}

TEST_CASE("a search for an address goes on with the next VRF where a page is full") {
  World world;
  REQUIRE(world.perform(post("networks", R"({"cidr":"10.0.0.0/8"})")).status == 201);
  for (const char* vrf : {"a", "b"}) {
    REQUIRE(world.perform(post("vrfs", fmt::format(R"({{"name":"{}"}})", vrf))).status == 201);
    REQUIRE(world.perform(post("networks", fmt::format(R"({{"cidr":"10.0.0.0/8","vrf":"{}"}})",
                                                       vrf))).status == 201);
  }
  CHECK(found(world, "q=10.0.0.1") == "net-1 net-2 net-3 next=null");
  CHECK(found(world, "q=10.0.0.1&limit=1") == "net-1 next=\"vrf-2\"");
  CHECK(found(world, "q=10.0.0.1&limit=1&cursor=vrf-2") == "net-2 next=\"vrf-3\"");
  CHECK(found(world, "q=10.0.0.1&cursor=vrf-3") == "net-3 next=null");
}

TEST_CASE("filters of the list of allocations go together") {
  World world = filled();
  CHECK(listed(world, "hostname=WEB-01") == "alloc-2 ");
  CHECK(listed(world, "owner=o") == "alloc-3 ");
  CHECK(listed(world, "tag=t") == "alloc-2 ");
  CHECK(listed(world, "tag=T").empty());
  CHECK(listed(world, "q=web") == "alloc-2 alloc-3 ");
  CHECK(listed(world, "q=web&owner=o&network_id=net-2") == "alloc-3 ");
  CHECK(listed(world, "within=10.1.0.0/30") == "alloc-2 ");
  CHECK(listed(world, "within=10.1.0.0/24&ip=10.1.0.4") == "alloc-3 ");
  CHECK(listed(world, "status=released") == "alloc-1 ");
  CHECK(listed(world, "status=allocated") == "alloc-2 alloc-3 ");
  CHECK(listed(world, "all=true&status=allocated") == "alloc-2 alloc-3 ");
  CHECK(listed(world, "all=true&hostname=old") == "alloc-1 ");
  CHECK(listed(world, "status=gone") == "INVALID_PARAMETER");
  CHECK(listed(world, "within=10.1.0.1/24") == "INVALID_CIDR");
}
