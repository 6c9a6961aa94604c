// What a token that is limited to VRFs sees: what lies in them, as if there was nothing else.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "api/caller.hpp"
#include "api/route_table.hpp"
#include "harness.hpp"

using namespace api_test;

namespace {

// net-1 to net-3 in blue, net-4 to net-6, of the same prefixes, in the default VRF.
struct TwoVrfs {
  TwoVrfs() {
    make("vrfs", R"({"name":"blue"})");
    for (const char* vrf : {"blue", "default"}) {
      for (const char* cidr : {"10.0.0.0/16", "10.0.1.0/24", "10.0.2.0/24"})
        make("networks", fmt::format(R"({{"cidr":"{0}","vrf":"{1}","description":"of-{1}"}})", cidr,
                                     vrf));
      for (const char* network : {"10.0.1.0/24", "10.0.2.0/24"})
        for (int i = 0; i < 2; ++i)
          make("allocations", fmt::format(R"({{"cidr":"{0}","vrf":"{1}","hostname":"of-{1}"}})",
                                          network, vrf));
    }
    for (const auto& [network, vrf] : {std::pair{"net-2", "blue"}, {"net-5", "default"}})
      make(fmt::format("networks/{}/reservations", network),
           fmt::format(R"({{"start":"10.0.1.99","reason":"of-{}"}})", vrf));
    for (const char* id : {"alloc-2", "alloc-6"})  // one that has ended in each
      REQUIRE(world.perform(post(std::string("allocations/") + id + "/release")).status == 204);
  }
  void make(const std::string& target, const std::string& body) {
    REQUIRE(world.perform(post(target, body)).status == 201);
  }
  http::Response perform(const http::Request& request) {
    const api::Caller blue{"b", ipam::Role::editor, {ipam::VrfId(2)}, {}};
    return world.perform(api::route(request, blue));
  }
  World world;
};

}  // namespace

TEST_CASE("no answer to a limited token tells of another VRF, and each tells of its own") {
  TwoVrfs two;
  int seen = 0;
  for (const api::Route& route : api::route_table()) {
    if (route.method != http::Method::get || !route.access.for_limited) continue;
    std::vector<std::string> targets;
    const auto pattern = std::string(route.pattern);
    const std::size_t at = pattern.find("{id}");
    const auto add = [&](const std::string& id) {
      targets.push_back(std::string(pattern).replace(at, 4, id));
    };
    if (at == std::string::npos) targets.push_back(pattern);
    if (pattern.starts_with("/vrfs/"))
      for (const char* id : {"vrf-1", "vrf-2", "default", "blue"}) add(id);
    if (pattern.starts_with("/networks/"))
      for (int i = 1; i <= 6; ++i) add(fmt::format("net-{}", i));
    if (pattern.starts_with("/allocations/"))
      for (int i = 1; i <= 8; ++i) add(fmt::format("alloc-{}", i));
    if (pattern.starts_with("/addresses/"))
      for (const int i : {1, 2, 3, 99}) add(fmt::format("10.0.1.{}", i));
    constexpr std::string_view inner = "{reservation_id}";
    if (pattern.ends_with(inner)) {
      const std::vector<std::string> prefixes = std::exchange(targets, {});
      for (const std::string& target : prefixes)
        for (const char* id : {"res-1", "res-2"})
          targets.push_back(target.substr(0, target.size() - inner.size()) + id);
    }
    for (const std::string& target : targets) {
      std::vector<std::string> queries{""};
      for (const std::string_view parameter : route.parameters) {
        if (parameter == "vrf") queries.insert(queries.end(), {"vrf=default", "vrf=blue"});
        if (parameter == "at") queries.push_back("at=15");
        if (parameter == "within") queries.push_back("within=10.0.0.0/16");
        if (parameter == "contains") queries.push_back("contains=10.0.1.1");
        if (parameter == "ip") queries.push_back("network_id=net-2&ip=10.0.1.1");
        if (parameter == "network_id")
          for (int i = 1; i <= 6; ++i)
            queries.insert(queries.end(), {fmt::format("network_id=net-{}", i),
                                           fmt::format("network_id=net-{}&all=true", i),
                                           fmt::format("network_id=net-{}&at=15", i)});
        if (parameter == "q")
          for (const char* q : {"of", "10.0.1.1", "10.0.0.0/16", "net-1", "net-4", "alloc-5",
                                "res-2", "10.0.1.99"})
            queries.push_back(fmt::format("q={}", q));
      }
      for (const std::string& query : queries) {
        const http::Request request = get("/api/v1" + target + "?" + query);
        CAPTURE(request.path);
        CAPTURE(query);
        const http::Response response = two.perform(request);
        CAPTURE(response.body);
        CHECK(response.body.find("of-default") == std::string::npos);
        CHECK(response.body.find("\"vrf-1\"") == std::string::npos);
        CHECK(response.body.find("\"id\":\"net-4\"") == std::string::npos);
        if (response.status == 200 && response.body.find("of-blue") != std::string::npos) ++seen;
      }
    }
  }
  CHECK(seen > 30);
}

TEST_CASE("what lies in another VRF is not there for a limited token") {
  TwoVrfs two;
  for (const char* target :
       {"networks/net-4", "networks/net-4/children", "networks/net-4/free", "networks/net-4/stats",
        "networks/net-4?at=15", "allocations/alloc-5", "allocations/alloc-5?at=15",
        "allocations?network_id=net-5", "addresses/10.0.1.1", "networks?vrf=default",
        "vrfs/default"}) {
    CAPTURE(target);
    CHECK(two.perform(get(target)).status == 404);
  }
  for (const char* target :
       {"networks/net-1", "networks/net-1/children", "networks/net-1/free", "networks/net-1/stats",
        "networks/net-1?at=15", "allocations/alloc-1", "allocations/alloc-1?at=15",
        "allocations?network_id=net-2", "addresses/10.0.1.1?vrf=blue", "networks?vrf=blue",
        "vrfs/blue"}) {
    CAPTURE(target);
    CHECK(two.perform(get(target)).status == 200);
  }
  CHECK(text_at(two.perform(get("allocations")), "reason") == "FORBIDDEN");
  CHECK(parsed(two.perform(get("networks"))).as_array().size() == 3);
  CHECK(parsed(two.perform(get("networks?limit=2"))).as_array().size() == 2);
  CHECK(parsed(two.perform(get("stats"))).as_array().size() == 3);
  CHECK(parsed(two.perform(get("vrfs"))).as_array().size() == 1);
}

TEST_CASE("what a limited token writes is decided where it is applied") {
  TwoVrfs two;
  const http::Response made = two.world.perform(
      post("tokens", R"({"name":"b","role":"editor","vrfs":["blue"]})"));
  const std::string secret = text_at(made, "secret");
  const auto perform = [&](const http::Request& request) {
    return two.world.perform(api::route(
        request, api::identify(two.world.state, base::sha256(secret), two.world.now)));
  };
  CHECK(perform(post("networks", R"({"cidr":"10.9.0.0/24","vrf":"blue"})")).status == 201);
  CHECK(perform(post("allocations", R"({"network_id":"net-2"})")).status == 201);
  for (const http::Request& request :
       {post("networks", R"({"cidr":"10.9.0.0/24"})"),
        post("allocations", R"({"network_id":"net-5"})"),
        post("networks", R"({"cidr":"10.9.0.0/24","dry_run":true})"), del("networks/net-6"),
        post("allocations/alloc-5/release"),
        post("networks/net-5/subnets", R"({"prefix_length":26})"),
        post("transactions", R"({"operations":[{"op":"network.create","cidr":"10.8.0.0/24",)"
                             R"("vrf":"blue"},{"op":"allocation.create",)"
                             R"("network_id":"net-5"}]})")}) {
    CAPTURE(request.path);
    const std::uint64_t networks = two.world.state.network_count();
    CHECK(perform(request).status == 404);
    CHECK(two.world.state.network_count() == networks);
  }
  CHECK(perform(post("vrfs", R"({"name":"red"})")).status == 403);
  // Nor does a refusal tell whether something is there in another VRF, or was.
  const auto refusal = [&](const http::Request& request, std::string id, std::string_view as) {
    std::string detail = text_at(perform(request), "detail");
    const std::size_t at = detail.find(id);
    return at == std::string::npos ? detail : detail.replace(at, id.size(), as);
  };
  const std::uint64_t ended = two.world.state.counters().next_allocation;
  REQUIRE(two.world.perform(post("allocations", R"({"network_id":"net-5"})")).status == 201);
  const std::string release = fmt::format("allocations/alloc-{}/release", ended);
  REQUIRE(two.world.perform(post(release)).status == 204);
  CHECK(perform(post(release)).status == 404);
  CHECK(refusal(del("networks/net-5/reservations/res-999"), "net-5", "N") ==
        refusal(del("networks/net-999/reservations/res-999"), "net-999", "N"));
  CHECK(refusal(post("networks/merge", R"({"ids":["net-999","net-5"]})"), "", "") ==
        refusal(post("networks/merge", R"({"ids":["net-999","net-998"]})"), "", ""));
}

TEST_CASE("a limited token sees who held an address, and what waits, before and after a split") {
  TwoVrfs two;
  const auto revision = [&two] {
    return header_of(two.world.perform(get("networks?limit=1")), "X-Ipam-Revision");
  };
  const auto at = [&two](const std::string& ip, const std::string& when) {
    return parsed(two.perform(get("addresses/" + ip + "?vrf=blue&at=" + when)));
  };
  const auto longer = R"({"quarantine_seconds":3600})";
  REQUIRE(two.world.perform(request(http::Method::patch, "networks/net-3", longer)).status == 200);
  REQUIRE(two.world.perform(post("allocations/alloc-3/release")).status == 204);
  const std::string before = revision();
  two.make("networks/net-3/split", R"({"prefix_length":25})");
  const std::string after = revision();
  for (const std::string& when : {before, after}) {
    CAPTURE(when);
    CHECK(at("10.0.2.1", when).at("status") == "quarantined");
    const auto held = at("10.0.2.2", when);
    CHECK(held.at("status") == "allocated");
    REQUIRE(held.at("allocation").is_object());
    CHECK(held.at("allocation").at("id") == "alloc-4");
  }
}
