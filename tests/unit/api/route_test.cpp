// What every route answers where all is well.
#include <doctest/doctest.h>

#include "api/route_table.hpp"
#include "harness.hpp"

using namespace api_test;
using http::Method;

namespace {

http::Response add_network(World& world, const std::string& cidr) {
  return world.perform(post("networks", "{\"cidr\":\"" + cidr + "\"}"));
}

}  // namespace

TEST_CASE("a network is created, read, listed and deleted") {
  World world;
  CHECK(world.perform(get("networks")).body == "[]");
  const auto created = world.perform(post(
      "networks",
      R"({"cidr":"192.168.1.0/24","description":"Office network","tags":["production","a b"]})"));
  const std::string network =
      R"({"id":"net-1","cidr":"192.168.1.0/24","description":"Office network",)"
      R"("tags":["production","a b"],"status":"active",)"
      R"("created_at":"2024-01-15T10:30:00Z","updated_at":"2024-01-15T10:30:00Z",)"
      R"("vrf":"default","parent_id":null,"children_count":0})";
  CHECK(created.status == 201);
  CHECK(created.content_type == "application/json");
  CHECK(header_of(created, "Location") == "/api/v1/networks/net-1");
  CHECK(created.body == network);
  CHECK(world.perform(get("networks/net-1")).body == network);
  REQUIRE(add_network(world, "2001:DB8:0::/64").status == 201);
  const std::string both = world.perform(get("networks")).body;
  CHECK(both.find("[" + network + ",{\"id\":\"net-2\",\"cidr\":\"2001:db8::/64\"") == 0);
  CHECK(world.perform(get("networks?cidr=192.168.1.0/24")).body == "[" + network + "]");
  CHECK(world.perform(get("networks?cidr=192.168.1.0%2F24")).body == "[" + network + "]");
  CHECK(world.perform(get("networks?cidr=192.168.0.0/16")).body == "[]");
  const auto deleted = world.perform(del("networks/net-1"));
  CHECK(deleted.status == 204);
  CHECK(deleted.body.empty());
  CHECK(deleted.content_type.empty());
  CHECK(world.perform(get("networks/net-1")).status == 404);
}

TEST_CASE("an allocation is created, read, listed and released") {
  World world;
  add_network(world, "192.168.1.0/24");
  world.now += 300000;
  const auto created = world.perform(
      post("allocations", R"({"network_id":"net-1","hostname":"web-02","ttl":60,"tags":["x"]})"));
  const std::string head =
      R"({"id":"alloc-1","network_id":"net-1","ip":"192.168.1.1","end_ip":null,)"
      R"("hostname":"web-02","description":"","tags":["x"],"status":)";
  const std::string times =
      R"("allocated_at":"2024-01-15T10:35:00Z","expires_at":"2024-01-15T10:36:00Z","released_at":)";
  const std::string active = head + "\"allocated\"," + times + "null,\"fence\":1}";
  CHECK(created.status == 201);
  CHECK(header_of(created, "Location") == "/api/v1/allocations/alloc-1");
  CHECK(created.body == active);
  CHECK(world.perform(get("allocations")).body == "[" + active + "]");
  CHECK(world.perform(get("allocations/alloc-1")).body == active);
  CHECK(world.perform(get("allocations?network_id=net-1")).body == "[" + active + "]");
  CHECK(world.perform(get("allocations?ip=192.168.1.1")).body == "[" + active + "]");
  CHECK(world.perform(get("allocations?ip=192.168.1.1&network_id=net-1")).body ==
        "[" + active + "]");
  CHECK(world.perform(get("allocations?ip=192.168.1.2")).body == "[]");

  world.now += 1000;
  CHECK(world.perform(post("allocations/alloc-1/release")).status == 204);
  const std::string released =
      head + "\"released\"," + times + "\"2024-01-15T10:35:01Z\",\"fence\":1}";
  CHECK(world.perform(get("allocations")).body == "[]");
  CHECK(world.perform(get("allocations?all=false")).body == "[]");
  CHECK(world.perform(get("allocations?all=true")).body == "[" + released + "]");
  CHECK(world.perform(get("allocations?all=true&network_id=net-1&ip=192.168.1.1")).body ==
        "[" + released + "]");
  CHECK(world.perform(get("allocations?all=true&network_id=net-7")).body == "[]");
  CHECK(world.perform(get("allocations?all=true&ip=192.168.1.2")).body == "[]");
  CHECK(world.perform(get("allocations/alloc-1")).body == released);
}

TEST_CASE("a lease that ends is shown as expired") {
  World world;
  add_network(world, "10.0.0.0/30");
  CHECK(text_at(world.perform(post("allocations", R"({"network_id":"net-1","ttl_hours":1})")),
                "expires_at") == "2024-01-15T11:30:00Z");
  world.now += 3600 * 1000;
  world.expire_leases();
  CHECK(text_at(world.perform(get("allocations/alloc-1")), "status") == "expired");
}

TEST_CASE("a block is one record, by id or by CIDR, and its count may be a string") {
  World world;
  add_network(world, "10.0.0.0/24");
  for (const char* count : {"10", "\"10\"", "10.0", "1e1"}) {
    const auto created = world.perform(
        post("allocations", std::string(R"({"cidr":"10.0.0.0/24","network_id":"","count":)") +
                                count + ",\"ttl\":null,\"tags\":null}"));
    CAPTURE(created.body);
    CHECK(created.status == 201);
  }
  CHECK(text_at(world.perform(get("allocations/alloc-1")), "ip") == "10.0.0.1");
  CHECK(text_at(world.perform(get("allocations/alloc-1")), "end_ip") == "10.0.0.10");
  CHECK(text_at(world.perform(get("allocations/alloc-2")), "ip") == "10.0.0.11");
  const auto holders = parsed(world.perform(get("allocations?ip=10.0.0.35"))).as_array();
  REQUIRE(holders.size() == 1);
  CHECK(holders[0].at("id").as_string() == "alloc-4");
  CHECK(holders[0].at("end_ip").as_string() == "10.0.0.40");
}

TEST_CASE("stats have the contract's shape, and big counts are strings") {
  World world;
  add_network(world, "192.168.1.0/24");
  world.perform(post("allocations", R"({"network_id":"net-1","count":45})"));
  CHECK(world.perform(get("networks/net-1/stats")).body ==
        R"({"network_id":"net-1","total_ips":254,"allocated_ips":45,"available_ips":209,)"
        R"("reserved_ips":0,"quarantined_ips":0,"utilization_percent":17.7,)"
        R"("first_available":"192.168.1.46",)"
        R"("last_allocated":"192.168.1.45"})");
  add_network(world, "2001:db8::/64");
  const std::string big =
      R"("total_ips":"18446744073709551615","allocated_ips":0,)"
      R"("available_ips":"18446744073709551615","reserved_ips":0,"quarantined_ips":0,)"
      R"("utilization_percent":0,)"
      R"("first_available":"2001:db8::1","last_allocated":null})";
  CHECK(world.perform(get("networks/net-2/stats")).body == R"({"network_id":"net-2",)" + big);
  const std::string all = world.perform(get("stats")).body;
  CHECK(all.find(R"([{"network_id":"net-1","cidr":"192.168.1.0/24","total_ips":254,)") == 0);
  CHECK(all.find(R"({"network_id":"net-2","cidr":"2001:db8::/64",)" + big) != std::string::npos);
}

TEST_CASE("the audit log is filtered, and its pages lead to one another") {
  World world;
  world.perform(post("networks", R"({"cidr":"10.0.0.0/24"})"));
  for (int i = 0; i < 6; ++i) {
    world.now += 1000;
    world.perform(post("allocations", R"({"network_id":"net-1"})"));
  }
  const auto ids = [&](const http::Response& response) {
    std::string all;
    const auto entries = parsed(response).as_array();
    for (const auto& entry : entries)
      all += std::string(entry.at("id").as_string()).substr(6) + " ";
    return all;
  };
  CHECK(ids(world.perform(get("audit"))) == "7 6 5 4 3 2 1 ");
  CHECK(header_of(world.perform(get("audit")), "Link").empty());
  CHECK(ids(world.perform(get("audit?resource=alloc-2"))) == "3 ");
  CHECK(ids(world.perform(get("audit?action=network_created&actor=system"))) == "1 ");
  CHECK(ids(world.perform(get("audit?actor=nobody"))).empty());
  CHECK(ids(world.perform(
            get("audit?since=2024-01-15T10:30:02Z&until=2024-01-15T11:30:04%2B01:00"))) == "4 3 ");
  CHECK(ids(world.perform(get("audit?until=2024-01-15T11:30:02+01:00"))) == "2 1 ");
  std::string seen, target = "/api/v1/audit?limit=3&action=ip_allocated";
  for (int page = 0; page < 3 && !target.empty(); ++page) {
    const http::Response response = world.perform(get(target));
    seen += ids(response) + "| ";
    const std::string link = header_of(response, "Link");
    target = link.empty() ? "" : link.substr(1, link.find('>') - 1);
    if (page == 0)
      CHECK(link == "</api/v1/audit?limit=3&action=ip_allocated&cursor=audit-5>; rel=\"next\"");
  }
  CHECK(seen == "7 6 5 | 4 3 2 | ");
  for (const char* bad : {"audit?since=yesterday", "audit?until=", "audit?cursor=5",
                          "audit?cursor=net-1"})
    CHECK_MESSAGE(world.perform(get(bad)).status == 400, bad);
}

TEST_CASE("what no index finds in the audit log is looked for piece by piece") {
  World world;
  REQUIRE(world.perform(post("networks", R"({"cidr":"10.0.0.0/16"})")).status == 201);
  constexpr int count = 10'050;  // more than one question looks at
  for (int i = 0; i < count; ++i)
    REQUIRE(world.perform(post("allocations", R"({"network_id":"net-1"})")).status == 201);
  const auto created = parsed(world.perform(get("audit?action=network_created"))).as_array();
  REQUIRE(created.size() == 1);
  CHECK(created[0].at("id") == "audit-1");
  const http::Response first = world.perform(get("audit?action=ip_allocated&limit=10000"));
  CHECK(parsed(first).as_array().size() == 10'000);
  const std::string link = header_of(first, "Link");
  REQUIRE(!link.empty());
  const http::Response rest = world.perform(get(link.substr(1, link.find('>') - 1)));
  CHECK(parsed(rest).as_array().size() == count - 10'000);
  CHECK(header_of(rest, "Link").empty());
}

TEST_CASE("the check of the audit log is answered with the hash of its last entry") {
  World world;
  world.perform(post("networks", R"({"cidr":"10.0.0.0/24"})"));
  const auto newest = parsed(world.perform(get("audit"))).as_array()[0];
  CHECK(newest.at("previous_hash").as_string() == std::string(64, '0'));
  const http::Response found = world.perform(get("audit/verify"));
  CHECK(found.body == "{\"intact\":true,\"problem\":null,\"entries\":1,\"rows\":1,\"hash\":\"" +
                          std::string(newest.at("hash").as_string()) + "\"}");
}

TEST_CASE("the audit log is newest first and limited") {
  World world;
  add_network(world, "10.0.0.0/24");
  world.perform(post("allocations", R"({"network_id":"net-1"})"));
  const auto entries = parsed(world.perform(get("audit"))).as_array();
  REQUIRE(entries.size() == 2);
  CHECK(entries[0].at("id").as_string() == "audit-2");
  CHECK(entries[0].at("action").as_string() == "ip_allocated");
  CHECK(entries[1].at("action").as_string() == "network_created");
  CHECK(entries[1].at("resource").as_string() == "net-1");
  CHECK(entries[1].at("timestamp").as_string() == "2024-01-15T10:30:00Z");
  CHECK(entries[1].at("user").as_string() == "system");
  CHECK(parsed(world.perform(get("audit?limit=1"))).as_array().size() == 1);
  CHECK(world.perform(get("audit?limit=10000")).status == 200);
}

TEST_CASE("health says ready or why not") {
  World world;
  world.status.cluster_mode = true;
  world.status.uptime_seconds = 9015;
  const auto healthy = world.perform(get("health"));
  CHECK(healthy.status == 200);
  CHECK(healthy.body == R"({"status":"healthy","service":"ipam","cluster_mode":true,"version":")"
                        IPAM_VERSION R"(","uptime":"2h30m15s"})");
  world.status.not_ready_reason = "no leader";
  const auto unhealthy = world.perform(get("health"));
  CHECK(unhealthy.status == 503);
  CHECK(unhealthy.content_type == "application/problem+json");
  CHECK(header_of(unhealthy, "Retry-After") == "1");
  CHECK(text_at(unhealthy, "status") == "unhealthy");
  CHECK(text_at(unhealthy, "code") == "503");
  CHECK(text_at(unhealthy, "error") == "no leader");
  CHECK(text_at(unhealthy, "reason") == "NOT_READY");
  CHECK(text_at(unhealthy, "uptime") == "2h30m15s");
}

TEST_CASE("health/live needs no leader, health/ready is health") {
  World world;
  world.status.not_ready_reason = "no leader";
  const auto alive = world.perform(get("health/live"));
  CHECK(alive.status == 200);
  CHECK(alive.body == R"({"status":"alive"})");
  CHECK(world.perform(get("health/ready")).status == 503);
  world.status.not_ready_reason = "";
  CHECK(world.perform(get("health/ready")).body == world.perform(get("health")).body);
}

TEST_CASE("GET /metrics is served below /api/v1 and at the root, and names its route") {
  http::Request at_root = get("metrics");
  at_root.path = "/metrics";
  for (const http::Request& request : {get("metrics"), at_root}) {
    const api::Action action = api::route(request);
    CHECK(std::holds_alternative<api::ReadMetrics>(action.body));
    REQUIRE(action.route != nullptr);
    CHECK(action.route->pattern == "/metrics");
  }
  CHECK(api::route(get("nonsense")).route == nullptr);
}

TEST_CASE("cluster status shows what the node knows, and 404 in standalone mode") {
  World world;
  const auto standalone = world.perform(get("cluster/status"));
  CHECK(standalone.status == 404);
  CHECK(text_at(standalone, "detail") == "not a cluster: this server runs in standalone mode");
  world.status = {.cluster_mode = true,
                  .node_id = 1,
                  .cluster_id = 100,
                  .role = "leader",
                  .raft_state = "StateLeader",
                  .leader_id = 1,
                  .term = 3,
                  .commit_index = 42,
                  .applied_index = 41,
                  .digest = 0xabc,
                  .last_log_index = 43,
                  .snapshot_index = 7,
                  .members = {{1, "node1.example.com:5001", "leader", true, 43, 0, 0},
                              {2, "node2.example.com:5002", "learner", false, 40, 3, -1}},
                  .not_ready_reason = {},
                  .uptime_seconds = 0};
  CHECK(world.perform(get("cluster/status")).body ==
        R"({"node_id":1,"cluster_id":100,"role":"leader","raft_state":"StateLeader",)"
        R"("has_leader":true,"leader_id":1,"term":3,"commit_index":42,"applied_index":41,)"
        R"("digest":"0000000000000abc",)"
        R"("last_log_index":43,"snapshot_index":7,"members":[)"
        R"({"node_id":1,"addr":"node1.example.com:5001","role":"leader","voter":true,)"
        R"("match_index":43,"lag":0,"last_heard_ms":0},)"
        R"({"node_id":2,"addr":"node2.example.com:5002","role":"learner","voter":false,)"
        R"("match_index":40,"lag":3,"last_heard_ms":null}]})");
  world.status.role = "follower";
  CHECK(world.perform(get("cluster/status")).body.find(R"("match_index":null,"lag":null)") !=
        std::string::npos);
}

TEST_CASE("nodes are added, moved and removed") {
  World world;
  CHECK(world.perform(post("cluster/nodes", R"({"node_id": 4, "addr": "node4.example.com:5004"})"))
            .status == 204);
  CHECK(world.perform(del("cluster/nodes/4")).status == 204);
  const std::string address = R"({"addr": "[2001:db8::2]:5002"})";
  CHECK(world.perform(request(http::Method::patch, "cluster/nodes/2", address)).status == 204);
  REQUIRE(world.member_changes.size() == 3);
  CHECK(world.member_changes[2].action == api::MemberAction::move);
  CHECK(world.member_changes[2].node_id == 2);
  CHECK(world.member_changes[2].address == "[2001:db8::2]:5002");
  CHECK(world.member_changes[0].action == api::MemberAction::add);
  CHECK(world.member_changes[0].node_id == 4);
  CHECK(world.member_changes[0].address == "node4.example.com:5004");
  CHECK(world.member_changes[1].action == api::MemberAction::remove);
  CHECK(world.member_changes[1].node_id == 4);
}

TEST_CASE("the index lists the routes at three paths") {
  World world;
  const auto index = world.perform(get("/"));
  CHECK(index.status == 200);
  CHECK(index.body.find("\"GET /api/v1/networks/{id}/stats\"") != std::string::npos);
  CHECK(world.perform(get("/api/v1")).body == index.body);
  CHECK(world.perform(get("/api/v1/")).body == index.body);
}

TEST_CASE("HEAD is answered like GET, OPTIONS and 405 carry Allow") {
  World world;
  add_network(world, "10.0.0.0/24");
  CHECK(world.perform(request(Method::head, "networks")).body ==
        world.perform(get("networks")).body);
  const auto options = world.perform(request(Method::options, "networks/net-1"));
  CHECK(options.status == 204);
  CHECK(header_of(options, "Allow") == "GET, HEAD, PATCH, DELETE, OPTIONS");
  http::Request whole_server = request(Method::options, "/");
  whole_server.path = "*";
  CHECK(world.perform(whole_server).status == 204);
  CHECK(header_of(world.perform(whole_server), "Allow") ==
        "GET, HEAD, POST, PATCH, DELETE, OPTIONS");
  const auto refused = world.perform(request(Method::put, "allocations"));
  CHECK(refused.status == 405);
  CHECK(header_of(refused, "Allow") == "GET, HEAD, POST, OPTIONS");
}

TEST_CASE("a JSON body may have any JSON type or none") {
  for (const char* type : {"application/json", "Application/JSON; charset=utf-8", "",
                           "application/json ;x=y", "application/merge-patch+json"}) {
    World world;
    CAPTURE(type);
    CHECK(world.perform(request(Method::post, "networks", R"({"cidr":"10.0.0.0/8"})", type))
              .status == 201);
  }
  World world;  // curl -d '' sends a form's type with an empty body
  add_network(world, "10.0.0.0/24");
  world.perform(post("allocations", R"({"network_id":"net-1"})"));
  auto release = post("allocations/alloc-1/release");
  release.headers.push_back({"Content-Type", "application/x-www-form-urlencoded"});
  CHECK(world.perform(release).status == 204);
  world.perform(post("allocations", R"({"network_id":"net-1"})"));
  CHECK(world.perform(post("allocations/alloc-2/release", "{}")).status == 204);
}

TEST_CASE("consistency and the least revision are handed to the shell") {
  const auto consistency_of = [](const api::Action& action) {
    const auto* read = std::get_if<api::Read>(&action.body);
    const auto* history = std::get_if<api::ReadHistory>(&action.body);
    const auto* list = std::get_if<api::ReadList>(&action.body);
    return read ? read->consistency : list ? list->consistency : history->consistency;
  };
  for (const char* target : {"networks", "networks/net-1", "networks/net-1/stats", "stats",
                             "allocations", "allocations?all=true", "allocations/alloc-1",
                             "audit", "vrfs", "networks/net-1?at=1", "addresses/10.0.0.1?at=1"}) {
    CAPTURE(target);
    CHECK(consistency_of(api::route(get(target))) == api::Consistency::linearizable);
    auto stale = get(target);
    stale.query += std::string(stale.query.empty() ? "" : "&") + "consistency=stale";
    CHECK(consistency_of(api::route(stale)) == api::Consistency::stale);
  }
  auto later = get("networks");
  CHECK(api::route(later).min_revision == 0);
  later.headers.push_back({"X-Ipam-Min-Revision", "42"});
  CHECK(api::route(later).min_revision == 42);
}

TEST_CASE("a list of 20,000 objects is whole") {
  World world;
  add_network(world, "10.0.0.0/8");
  for (int i = 0; i < 20000; ++i) {
    const auto status = world.perform(post("allocations", R"({"network_id":"net-1"})")).status;
    REQUIRE(status == 201);
  }
  CHECK(parsed(world.perform(get("allocations"))).as_array().size() == 20000);
  CHECK(parsed(world.perform(get("allocations?all=true"))).as_array().size() == 20000);
}
