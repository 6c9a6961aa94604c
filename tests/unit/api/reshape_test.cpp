// Networks that are split, merged and resized through the API, and what the past says of them.
#include <doctest/doctest.h>

#include "harness.hpp"

using namespace api_test;

namespace {

http::Response patch(World& world, const std::string& target, const std::string& body) {
  return world.perform(request(http::Method::patch, target, body));
}

http::Response split(World& world, const std::string& id, const std::string& fields) {
  return world.perform(post("networks/" + id + "/split", "{" + fields + "}"));
}

http::Response merge(World& world, const std::string& fields) {
  return world.perform(post("networks/merge", "{" + fields + "}"));
}

// One member of each object of the array, with blanks between; the reason where it is a refusal.
std::string all_of(const http::Response& response, const char* member) {
  if (response.status >= 400) return text_at(response, "reason");
  std::string all;
  const auto body = parsed(response);
  for (const auto& one : body.as_array())
    all += (all.empty() ? "" : " ") + std::string(one.at(member).as_string());
  return all;
}

std::string list(World& world, const std::string& query, const char* member = "id") {
  return all_of(world.perform(get(query)), member);
}

// net-1, 10.0.0.0/24, with an address on each side of its middle; net-2 is a child of it.
void fill(World& world) {
  REQUIRE(world.perform(post("networks", R"({"cidr":"10.0.0.0/24","tags":["t"]})")).status == 201);
  REQUIRE(world.perform(post("networks", R"({"cidr":"10.0.0.32/27"})")).status == 201);
  for (const char* ip : {"10.0.0.5", "10.0.0.200"})
    REQUIRE(world.perform(post("allocations", R"({"network_id":"net-1","ip":")" +
                                                  std::string(ip) + "\"}"))
                .status == 201);
}

}  // namespace

TEST_CASE("a split is answered with the blocks, and shown as one event") {
  World world;
  fill(world);
  const std::uint64_t before = world.state.digest();
  const auto dry = split(world, "net-1", R"("prefix_length":25,"dry_run":true)");
  CHECK(dry.status == 200);
  CHECK(all_of(dry, "cidr") == "10.0.0.0/25 10.0.0.128/25");
  CHECK(world.state.digest() == before);
  const auto answer = split(world, "net-1", R"("prefix_length":25)");
  CHECK(answer.status == 201);
  CHECK(all_of(answer, "id") == "net-3 net-4");
  CHECK(parsed(answer).as_array()[0].at("tags").as_array().size() == 1);
  CHECK(list(world, "networks/net-3/children") == "net-2");
  CHECK(list(world, "allocations?network_id=net-4") == "alloc-2");
  CHECK(list(world, "networks/net-1") == "NETWORK_NOT_FOUND");
  const auto watched = world.hub->watch(ipam::Revision(4), ipam::Revision(5));
  std::string events;
  for (int piece = 0; piece < 2; ++piece)  // the greeting, then what has happened
    watched.stream->next([&](const http::BodySource::Piece& more) { events += more.bytes; });
  const std::size_t event = events.find("id: 5\ndata: ");
  REQUIRE(event != std::string::npos);
  const std::string data = events.substr(event, events.find("\n\n", event) - event);
  for (const char* part :
       {R"({"type":"network_deleted","id":"net-1"})",
        R"("type":"network_put","network":{"id":"net-3")",
        R"("type":"allocation_put","allocation":{"id":"alloc-1","network_id":"net-3")"})
    CHECK(data.find(part) != std::string::npos);
  CHECK(list(world, "audit?action=network_split", "details") ==
        "Split network 10.0.0.0/24 into 2 networks of /25: net-3 to net-4");
}

TEST_CASE("a merger is answered with the network, and where it is") {
  World world;
  fill(world);
  split(world, "net-1", R"("prefix_length":25)");
  CHECK(merge(world, R"("ids":["net-3","net-4"],"dry_run":true)").status == 200);
  const auto answer =
      world.perform(post("networks/merge", R"({"ids":["net-3","net-4"]})"));
  CHECK(answer.status == 201);
  CHECK(header_of(answer, "Location") == "/api/v1/networks/net-5");
  CHECK(header_of(answer, "ETag") == "\"6\"");
  CHECK(text_at(answer, "cidr") == "10.0.0.0/24");
  CHECK(text_at(answer, "children_count") == "1");
  CHECK(list(world, "allocations?network_id=net-5") == "alloc-1 alloc-2");
  CHECK(text_at(world.perform(get("networks/net-2")), "parent_id") == "net-5");
}

TEST_CASE("a PATCH of cidr resizes a network, with its other fields") {
  World world;
  fill(world);
  const auto answer = patch(world, "networks/net-1", R"({"cidr":"10.0.0.0/23","description":"d"})");
  CHECK(answer.status == 200);
  CHECK(text_at(answer, "id") == "net-1");
  CHECK(text_at(answer, "cidr") == "10.0.0.0/23");
  CHECK(text_at(answer, "description") == "d");
  const auto reason = [&](const char* body) {
    return text_at(patch(world, "networks/net-1", body), "reason");
  };
  CHECK(reason(R"({"cidr":null})") == "INVALID_CIDR");
  CHECK(reason(R"({"cidr":"10.0.0.5/16"})") == "INVALID_CIDR");
  CHECK(reason(R"({"cidr":"10.0.0.0/25"})") == "ALLOCATION_IN_THE_WAY");
  CHECK(reason(R"({"cidr":"10.0.0.32/27"})") == "NETWORK_EXISTS");
  CHECK(reason(R"({"cidr":"10.0.0.32/28"})") == "NETWORK_IN_THE_WAY");
  CHECK(reason(R"({"cidr":"10.1.0.0/16"})") == "INVALID_ARGUMENT");
  CHECK(list(world, "audit?action=network_resized", "details") ==
        "Resized network 10.0.0.0/24 to 10.0.0.0/23");
}

TEST_CASE("splits and mergers that cannot be are refused") {
  World world;
  fill(world);
  const std::uint64_t before = world.state.digest();
  const auto reason = [](const http::Response& response) { return text_at(response, "reason"); };
  CHECK(reason(split(world, "net-1", "")) == "INVALID_FIELD");
  CHECK(reason(split(world, "net-1", R"("prefix_length":129)")) == "INVALID_FIELD");
  CHECK(reason(split(world, "net-1", R"("prefix_length":24)")) == "INVALID_ARGUMENT");
  CHECK(reason(split(world, "net-1", R"("prefix_length":27)")) == "NETWORK_IN_THE_WAY");
  CHECK(reason(split(world, "net-9", R"("prefix_length":27)")) == "NETWORK_NOT_FOUND");
  CHECK(reason(split(world, "merge", R"("prefix_length":27)")) == "NETWORK_NOT_FOUND");
  CHECK(reason(merge(world, "")) == "INVALID_FIELD");
  CHECK(reason(merge(world, R"("ids":["net-1"])")) == "INVALID_ARGUMENT");
  CHECK(reason(merge(world, R"("ids":["net-1","foo"])")) == "NETWORK_NOT_FOUND");
  CHECK(reason(merge(world, R"("ids":["net-1",7])")) == "INVALID_FIELD");
  CHECK(reason(merge(world, R"("ids":["net-1","net-2"])")) == "NETWORKS_NOT_MERGEABLE");
  CHECK(world.state.digest() == before);
}

TEST_CASE("what one command would move beyond the limit is refused") {
  World world;
  REQUIRE(world.perform(post("networks", R"({"cidr":"10.0.0.0/16"})")).status == 201);
  for (std::size_t made = 0; made < ipam::moves_max; made += 1000)
    REQUIRE(world.perform(post("allocations",
                               R"({"network_id":"net-1","count":1000,"contiguous":false})"))
                .status == 201);
  const auto answer = split(world, "net-1", R"("prefix_length":17)");
  CHECK(answer.status == 409);
  CHECK(text_at(answer, "reason") == "TOO_MUCH_TO_MOVE");
  // In its place it may change its size all the same.
  CHECK(patch(world, "networks/net-1", R"({"cidr":"10.0.0.0/8"})").status == 200);
}

TEST_CASE("a split has conditions and keys, and a transaction can have it as an operation") {
  World world;
  fill(world);
  auto request = post("networks/net-1/split", R"({"prefix_length":25})");
  request.headers.push_back({"If-Match", "\"7\""});
  CHECK(text_at(world.perform(request), "reason") == "PRECONDITION_FAILED");
  request.headers = {{"If-Match", "\"1\""}, {"Idempotency-Key", "k"}};
  const auto first = world.perform(request);
  CHECK(first.status == 201);
  const auto again = world.perform(request);
  CHECK(again.body == first.body);
  CHECK(header_of(again, "Idempotent-Replayed") == "true");
  const auto operations = [&](const std::string& more) {
    return world.perform(post(
        "transactions",
        R"({"operations":[{"op":"network.merge","ids":["net-4","net-3"]},)"
        R"({"op":"network.update","id":"$0.id","cidr":"10.0.0.0/20"},)"
        R"({"op":"network.split","id":"$0.id","prefix_length":24})" + more + "]}"));
  };
  const std::uint64_t before = world.state.digest();
  const auto refused = operations(R"(,{"op":"network.split","id":"net-99","prefix_length":30})");
  CHECK(text_at(refused, "operation") == "3");
  CHECK(world.state.digest() == before);
  const auto answer = operations("");
  REQUIRE(answer.status == 200);
  CHECK(parsed(answer).as_array()[2].as_array().size() == 16);
  CHECK(text_at(world.perform(get("allocations/alloc-2")), "network_id") == "net-6");
}

TEST_CASE("what was there before a split, a merger and a resizing stays known") {
  World world;
  fill(world);
  REQUIRE(world.perform(post("allocations/alloc-1/release")).status == 204);  // revision 5
  REQUIRE(split(world, "net-1", R"("prefix_length":25)").status == 201);     // 6
  REQUIRE(merge(world, R"("ids":["net-3","net-4"])").status == 201);         // 7: net-5
  REQUIRE(patch(world, "networks/net-5", R"({"cidr":"10.0.0.0/16"})").status == 200);  // 8
  CHECK(list(world, "networks?at=5") == "net-1 net-2");
  CHECK(list(world, "networks?at=6") == "net-2 net-3 net-4");
  CHECK(list(world, "networks?at=7", "cidr") == "10.0.0.32/27 10.0.0.0/24");
  CHECK(list(world, "networks?at=8", "cidr") == "10.0.0.32/27 10.0.0.0/16");
  CHECK(text_at(world.perform(get("networks/net-2?at=6")), "parent_id") == "net-3");
  CHECK(list(world, "allocations?at=4&network_id=net-1") == "alloc-1 alloc-2");
  CHECK(list(world, "allocations?at=6&network_id=net-1") == "");
  CHECK(list(world, "allocations?at=6&network_id=net-4") == "alloc-2");
  CHECK(text_at(world.perform(get("allocations/alloc-2?at=5")), "network_id") == "net-1");
  CHECK(text_at(world.perform(get("allocations/alloc-2")), "network_id") == "net-5");
  // Who held an address in a network that is gone is still who held it.
  const auto now = parsed(world.perform(get("addresses/10.0.0.5")));
  CHECK(now.at("network").at("id").as_string() == "net-5");
  CHECK(now.at("history").as_array()[0].at("id").as_string() == "alloc-1");
  const auto then = parsed(world.perform(get("addresses/10.0.0.200?at=6")));
  CHECK(then.at("network").at("id").as_string() == "net-4");
  CHECK(then.at("allocation").at("network_id").as_string() == "net-4");
  CHECK(then.at("status").as_string() == "allocated");
}

TEST_CASE("pages of one listing are of one revision while its network is split and merged") {
  for (const char* query : {"allocations?limit=1", "allocations?limit=1&network_id=net-1",
                            "allocations?limit=1&network_id=net-1&sort=-id",
                            "allocations?limit=1&all=true&network_id=net-1"}) {
    CAPTURE(query);
    World world;
    fill(world);
    std::string next = query, ids;
    int page = 0;
    while (!next.empty()) {
      const auto answer = world.perform(get(next));
      REQUIRE(answer.status == 200);
      ids += all_of(answer, "id") + " " + all_of(answer, "network_id") + " ";
      const std::string link = header_of(answer, "Link");
      next = link.empty() ? "" : link.substr(1 + 8, link.find('>') - 1 - 8);
      if (page++ == 0) REQUIRE(split(world, "net-1", R"("prefix_length":25)").status == 201);
    }
    const bool descends = std::string(query).find("-id") != std::string::npos;
    CHECK(ids == (descends ? "alloc-2 net-1 alloc-1 net-1 " : "alloc-1 net-1 alloc-2 net-1 "));
  }
  // One answer in pieces, whose network goes between them.
  World world;
  fill(world);
  world.between_steps = [&] {
    world.between_steps = nullptr;
    REQUIRE(split(world, "net-1", R"("prefix_length":25)").status == 201);
  };
  CHECK(list(world, "allocations?all=true&network_id=net-1", "network_id") == "net-1 net-1");
}

TEST_CASE("an address that waits goes on waiting where its network is split, in the past too") {
  World world;
  REQUIRE(world.perform(post("networks", R"({"cidr":"10.0.0.0/24","quarantine_seconds":60})"))
              .status == 201);
  REQUIRE(world.perform(post("allocations", R"({"network_id":"net-1","ip":"10.0.0.200"})"))
              .status == 201);
  REQUIRE(world.perform(post("allocations/alloc-1/release")).status == 204);
  world.now += 1000;
  REQUIRE(split(world, "net-1", R"("prefix_length":25)").status == 201);
  const auto status = [&](const std::string& query) {
    return text_at(world.perform(get("addresses/10.0.0.200" + query)), "status");
  };
  CHECK(status("") == "quarantined");
  world.now += 1000;
  REQUIRE(world.perform(post("networks", R"({"cidr":"10.9.0.0/24"})")).status == 201);
  CHECK(status("?at=4") == "quarantined");
  CHECK(text_at(world.perform(post("allocations", R"({"network_id":"net-3","ip":"10.0.0.200"})")),
                "reason") == "ADDRESS_IN_QUARANTINE");
}
