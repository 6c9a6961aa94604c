// Status, gateway, strategy, quarantine, threshold and metadata of networks.
#include <doctest/doctest.h>

#include "harness.hpp"

using namespace api_test;

namespace {

http::Response patch(World& world, const std::string& target, const std::string& body) {
  return world.perform(request(http::Method::patch, target, body));
}

// The address that was handed out, or the reason why none was.
std::string allocate(World& world, const std::string& more) {
  const auto answer = world.perform(post("allocations", "{" + more + "}"));
  return text_at(answer, answer.status == 201 ? "ip" : "reason");
}

std::string stat(World& world, const char* name) {
  return text_at(world.perform(get("networks/net-1/stats")), name);
}

}  // namespace

TEST_CASE("a network keeps its attributes, and a merge patch changes them one by one") {
  World world;
  const auto made = world.perform(post("networks", R"({"cidr":"10.0.0.0/24","status":"reserved",)"
      R"("strategy":"last","gateway":"10.0.0.1","quarantine_seconds":60,)"
      R"("threshold_percent":80,"metadata":{"site":"a","rack":"7"}})"));
  CHECK(made.status == 201);
  CHECK(made.body.find(R"("tags":[],"status":"reserved","created_at")") != std::string::npos);
  CHECK(made.body.find(R"("quarantine_seconds":60,"strategy":"last","gateway":"10.0.0.1",)"
                       R"("threshold_percent":80,"metadata":{"rack":"7","site":"a"})") !=
        std::string::npos);
  CHECK(world.perform(get("networks/net-1")).body == made.body);
  const auto changed = patch(world, "networks/net-1",
                             R"({"status":null,"metadata":{"rack":null,"row":"3"}})");
  CHECK(text_at(changed, "status") == "active");
  CHECK(text_at(changed, "metadata") == R"({"row":"3","site":"a"})");
  CHECK(text_at(changed, "gateway") == "10.0.0.1");
  const auto audit = world.perform(get("audit?limit=1"));
  CHECK(audit.body.find("Updated network 10.0.0.0/24: status, metadata") != std::string::npos);
  const auto plain = patch(world, "networks/net-1",
                           R"({"strategy":null,"gateway":null,"quarantine_seconds":null,)"
                           R"("threshold_percent":null,"metadata":null})");
  for (const char* name : {"strategy", "gateway", "quarantine_seconds", "metadata", "threshold"})
    CHECK(plain.body.find(name) == std::string::npos);
}

TEST_CASE("attributes that make no sense are refused") {
  World world;
  world.perform(post("networks", R"({"cidr":"10.0.0.0/24"})"));
  const std::uint64_t digest = world.state.digest();
  for (const auto& [fields, reason] :
       {std::pair{R"("status":"free")", "INVALID_FIELD"},
        {R"("strategy":"best")", "INVALID_FIELD"},
        {R"("gateway":"10.0.0.0/24")", "INVALID_FIELD"},
        {R"("gateway":"10.1.0.1")", "INVALID_ARGUMENT"},
        {R"("gateway":"::1")", "INVALID_ARGUMENT"},
        {R"("threshold_percent":101)", "INVALID_FIELD"},
        {R"("quarantine_seconds":31536001)", "INVALID_FIELD"},
        {R"("metadata":{"a":1})", "INVALID_FIELD"}}) {
    CAPTURE(fields);
    CHECK(text_at(patch(world, "networks/net-1", "{" + std::string(fields) + "}"), "reason") ==
          reason);
    CHECK(text_at(world.perform(post("networks", R"({"cidr":"10.0.1.0/24",)" +
                                                     std::string(fields) + "}")),
                  "reason") == reason);
  }
  CHECK(world.state.digest() == digest);
  CHECK(text_at(world.perform(get("networks?status=full")), "reason") == "INVALID_PARAMETER");
}

TEST_CASE("only an active network hands out addresses by itself, a container blocks alone") {
  World world;
  world.perform(post("networks", R"({"cidr":"10.0.0.0/24"})"));
  const auto carve = [&] {
    const auto answer = world.perform(
        post("networks/net-1/subnets", R"({"prefix_length":28})"));
    return answer.status == 201 ? "made" : text_at(answer, "reason");
  };
  struct Case {
    const char* status;
    const char* carves;
  };
  for (const Case& c : {Case{"container", "made"}, Case{"reserved", "NETWORK_NOT_ACTIVE"},
                        Case{"deprecated", "NETWORK_NOT_ACTIVE"}}) {
    CAPTURE(c.status);
    patch(world, "networks/net-1", R"({"status":")" + std::string(c.status) + R"("})");
    CHECK(allocate(world, R"("network_id":"net-1")") == "NETWORK_NOT_ACTIVE");
    CHECK(stat(world, "first_available") == "null");
    CHECK(allocate(world, R"("network_id":"net-1","ip":"10.0.0.200")") == "NETWORK_NOT_ACTIVE");
    CHECK(allocate(world, R"("network_id":"net-1","ip":"10.0.0.200","force":true)") ==
          "10.0.0.200");
    const std::string id = "alloc-" + std::to_string(world.state.counters().next_allocation - 1);
    world.perform(post("allocations/" + id + "/release"));
    CHECK(carve() == c.carves);
    const auto listed = world.perform(get("networks?status=" + std::string(c.status)));
    CHECK(parsed(listed).as_array().size() == 1);
  }
  CHECK(parsed(world.perform(get("networks?status=active"))).as_array().size() == 1);
  patch(world, "networks/net-1", R"({"status":"active"})");
  CHECK(allocate(world, R"("network_id":"net-1")") == "10.0.0.16");
}

TEST_CASE("the gateway is handed out to who names it alone, and the network's strategy holds") {
  World world;
  world.perform(post("networks", R"({"cidr":"10.0.0.0/29","gateway":"10.0.0.1"})"));
  CHECK(allocate(world, R"("network_id":"net-1")") == "10.0.0.2");
  CHECK(allocate(world, R"("network_id":"net-1","count":3)") == "10.0.0.3");
  CHECK(stat(world, "available_ips") == "1");
  CHECK(stat(world, "reserved_ips") == "1");
  CHECK(text_at(world.perform(get("addresses/10.0.0.1")), "status") == "reserved");
  CHECK(allocate(world, R"("network_id":"net-1","ip":"10.0.0.1")") == "10.0.0.1");
  CHECK(stat(world, "reserved_ips") == "0");
  world.perform(post("allocations/alloc-3/release"));
  CHECK(stat(world, "reserved_ips") == "1");
  patch(world, "networks/net-1", R"({"gateway":"10.0.0.6","strategy":"last"})");
  CHECK(stat(world, "reserved_ips") == "1");
  CHECK(allocate(world, R"("network_id":"net-1")") == "10.0.0.1");
  CHECK(allocate(world, R"("network_id":"net-1")") == "NETWORK_FULL");
  patch(world, "networks/net-1", R"({"gateway":null})");
  CHECK(allocate(world, R"("network_id":"net-1")") == "10.0.0.6");
  world.perform(post("allocations/alloc-4/release"));
  world.perform(post("allocations/alloc-5/release"));
  CHECK(allocate(world, R"("network_id":"net-1","strategy":"first")") == "10.0.0.1");
}

TEST_CASE("a new quarantine holds for allocations that end from then on") {
  World world;
  world.perform(post("networks", R"({"cidr":"10.0.0.0/29"})"));
  CHECK(allocate(world, R"("network_id":"net-1")") == "10.0.0.1");
  CHECK(allocate(world, R"("network_id":"net-1")") == "10.0.0.2");
  world.perform(post("allocations/alloc-1/release"));
  patch(world, "networks/net-1", R"({"quarantine_seconds":60})");
  world.perform(post("allocations/alloc-2/release"));
  CHECK(stat(world, "quarantined_ips") == "1");
  CHECK(allocate(world, R"("network_id":"net-1")") == "10.0.0.1");
  CHECK(allocate(world, R"("network_id":"net-1")") == "10.0.0.3");
}

TEST_CASE("a threshold that is crossed upward or downward is audited, watched and in the stats") {
  World world;
  world.perform(post("networks", R"({"cidr":"10.0.0.0/29","threshold_percent":50})"));
  const auto last_action = [&] {
    return std::string(parsed(world.perform(get("audit?limit=1"))).as_array()[0].at("action")
                           .as_string());
  };
  CHECK(allocate(world, R"("network_id":"net-1","count":2)") == "10.0.0.1");
  CHECK(stat(world, "threshold_reached") == "false");
  CHECK(last_action() == "ip_allocated");
  const auto watching = world.hub->watch(ipam::Revision(2), ipam::Revision(2));
  CHECK(allocate(world, R"("network_id":"net-1","ttl":10)") == "10.0.0.3");  // 3 of 6
  CHECK(stat(world, "threshold_reached") == "true");
  CHECK(stat(world, "threshold_percent") == "50");
  CHECK(last_action() == "threshold_reached");
  CHECK(allocate(world, R"("network_id":"net-1","count":2)") == "10.0.0.4");
  CHECK(last_action() == "ip_allocated");
  world.perform(post("allocations/alloc-3/release"));
  CHECK(last_action() == "ip_released");
  world.now += 10'000;
  world.expire_leases();
  CHECK(last_action() == "threshold_cleared");
  patch(world, "networks/net-1", R"({"threshold_percent":20})");
  CHECK(last_action() == "threshold_reached");
  patch(world, "networks/net-1", R"({"threshold_percent":null})");
  CHECK(last_action() == "network_updated");
  CHECK(world.perform(get("networks/net-1/stats")).body.find("threshold") == std::string::npos);
  REQUIRE(watching.stream);
  std::string seen;
  for (bool is_there = true; is_there;) {
    is_there = false;
    watching.stream->next([&](http::BodySource::Piece piece) {
      seen += piece.bytes;
      is_there = true;
    });
  }
  const std::string event =
      R"({"type":"threshold","network_id":"net-1","threshold_percent":50,"reached":)";
  CHECK(seen.find(event + "true}") != std::string::npos);
  CHECK(seen.find(event + "false}") != std::string::npos);
}

TEST_CASE("a file says what is so, and updates attributes of what is there") {
  World world;
  const auto import = [&](const std::string& query, const std::string& csv) {
    return world.perform(request(http::Method::post, "import?format=csv" + query, csv, "text/csv"));
  };
  CHECK(text_at(import("", "cidr,ip,start,end,status,gateway,metadata.site\n"
                           "10.0.0.0/24,,,,container,10.0.0.1,a\n,10.0.0.7,,,,,\n"
                           ",,10.0.0.20,10.0.0.29,,,\n"),
                "created") == "3");
  CHECK(allocate(world, R"("network_id":"net-1","ip":"10.0.0.25")") == "NETWORK_NOT_ACTIVE");
  CHECK(text_at(world.perform(get("networks/net-1/reservations/res-1")), "end") == "10.0.0.29");
  CHECK(text_at(import("&on_conflict=update", "cidr,status,threshold_percent,metadata.rack\n"
                                              "10.0.0.0/24,reserved,80,7\n"),
                "updated") == "1");
  const auto network = world.perform(get("networks/net-1"));
  CHECK(text_at(network, "status") == "reserved");
  CHECK(text_at(network, "gateway") == "10.0.0.1");
  CHECK(text_at(network, "metadata") == R"({"rack":"7","site":"a"})");
  for (const char* row : {"status\n10.1.0.0/24,full\n", "gateway\n10.1.0.0/24,10.0.0.1\n",
                          "strategy\n10.1.0.0/24,best\n", "threshold_percent\n10.1.0.0/24,101\n"})
    CHECK(text_at(import("", "cidr," + std::string(row)), "reason") == "INVALID_ARGUMENT");
}

TEST_CASE("percentages of any number of addresses are exact") {
  using ipam::U128;
  const U128 all = ~U128{0};
  CHECK(ipam::reaches(all, all, 100));
  CHECK_FALSE(ipam::reaches(all - 1, all, 100));
  CHECK_FALSE(ipam::reaches(0, 6, 1));
  CHECK_FALSE(ipam::reaches(5, 5, 0));
  for (std::uint64_t total = 1; total < 230; ++total)
    for (std::uint64_t allocated = 0; allocated <= total; ++allocated)
      for (const std::uint32_t percent : {1u, 33u, 50u, 99u, 100u})
        REQUIRE(ipam::reaches(allocated, total, percent) == (allocated * 100 >= total * percent));
}
