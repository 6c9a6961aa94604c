// Reservations, as a client sees them.
#include <doctest/doctest.h>

#include "harness.hpp"

using namespace api_test;

namespace {

http::Request patch(std::string target, std::string body) {
  return request(http::Method::patch, std::move(target), std::move(body));
}

std::string reason(World& world, const http::Request& request) {
  return text_at(world.perform(request), "reason");
}

// A network with 10.0.0.10-10.0.0.20 reserved.
World reserved() {
  World world;
  world.perform(post("networks", R"({"cidr":"10.0.0.0/24"})"));
  world.perform(post("networks/net-1/reservations",
                     R"({"start":"10.0.0.10","end":"10.0.0.20","reason":"DHCP pool"})"));
  return world;
}

}  // namespace

TEST_CASE("a reservation is created, read, changed and deleted") {
  World world = reserved();
  const std::string one = "networks/net-1/reservations/res-1";
  const std::string shown =
      R"({"id":"res-1","network_id":"net-1","start":"10.0.0.10","end":"10.0.0.20",)"
      R"("reason":"DHCP pool","tags":[],"created_at":"2024-01-15T10:30:00Z"})";
  CHECK(world.perform(get("networks/net-1/reservations/res-1")).body == shown);
  const auto created = world.perform(
      post("networks/net-1/reservations",
           R"({"start":"10.0.0.5","tags":["t"],"metadata":{"k":"v"}})"));
  CHECK(created.status == 201);
  CHECK(header_of(created, "Location") == "/api/v1/networks/net-1/reservations/res-2");
  CHECK(header_of(created, "ETag") == "\"3\"");
  const std::string other =
      R"({"id":"res-2","network_id":"net-1","start":"10.0.0.5","end":"10.0.0.5",)"
      R"("reason":"","tags":["t"],"created_at":"2024-01-15T10:30:00Z","metadata":{"k":"v"}})";
  CHECK(created.body == other);
  CHECK(world.perform(get("networks/net-1/reservations")).body == "[" + other + "," + shown + "]");
  CHECK(text_at(world.perform(patch(one, R"({"reason":"VIPs","metadata":{"a":"b"}})")), "reason") ==
        "VIPs");
  CHECK(reason(world, patch("networks/net-1/reservations/res-1", R"({"start":"10.0.0.1"})")) ==
        "UNKNOWN_FIELD");
  http::Request stale = del(one);
  stale.headers.push_back({"If-Match", "\"2\""});
  CHECK(reason(world, stale) == "PRECONDITION_FAILED");
  http::Request unchanged = get(one);
  unchanged.headers.push_back({"If-None-Match", header_of(world.perform(get(one)), "ETag")});
  CHECK(world.perform(unchanged).status == 304);
  CHECK(world.perform(del("networks/net-1/reservations/res-1")).status == 204);
  CHECK(reason(world, del(one)) == "RESERVATION_NOT_FOUND");
  CHECK(reason(world, get(one)) == "RESERVATION_NOT_FOUND");
}

TEST_CASE("a reservation is found below its own network alone") {
  World world = reserved();
  world.perform(post("networks", R"({"cidr":"10.1.0.0/24"})"));
  const std::string elsewhere = "networks/net-2/reservations/res-1";
  for (const auto& wrong : {get(elsewhere), patch(elsewhere, "{}"), del(elsewhere)})
    CHECK(reason(world, wrong) == "RESERVATION_NOT_FOUND");
  const std::string nowhere = "networks/net-9/reservations";
  for (const auto& wrong : {get(nowhere), get(nowhere + "/res-1"), del(nowhere + "/res-1"),
                            post(nowhere, R"({"start":"10.0.0.1"})")})
    CHECK(reason(world, wrong) == "NETWORK_NOT_FOUND");
  CHECK(reason(world, get("networks/x/reservations/res-1")) == "NETWORK_NOT_FOUND");
  CHECK(reason(world, get("networks/net-1/reservations/net-1")) == "RESERVATION_NOT_FOUND");
  CHECK(reason(world, get("networks/net-1/reservations/")) == "NOT_FOUND");
  const auto put = request(http::Method::put, "networks/net-1/reservations/res-1");
  CHECK(header_of(world.perform(put), "Allow") == "GET, HEAD, PATCH, DELETE, OPTIONS");
}

TEST_CASE("what cannot be reserved is refused with a reason of its own") {
  World world = reserved();
  const auto refused = [&](const std::string& body) {
    return reason(world, post("networks/net-1/reservations", body));
  };
  CHECK(refused(R"({})") == "INVALID_FIELD");
  CHECK(refused(R"({"start":"10.0.0"})") == "INVALID_FIELD");
  CHECK(refused(R"({"start":"10.0.0.9","end":"10.0.0.8"})") == "INVALID_ARGUMENT");
  CHECK(refused(R"({"start":"10.0.0.9","end":"::1"})") == "INVALID_ARGUMENT");
  CHECK(refused(R"({"start":"10.0.0.9","end":"10.0.0.10"})") == "RESERVATION_OVERLAPS");
  CHECK(refused(R"({"start":"10.0.1.1"})") == "ADDRESS_NOT_USABLE");
  CHECK(reason(world, post("networks", R"({"cidr":"10.0.0.16/28"})")) == "ADDRESS_RESERVED");
  CHECK(reason(world, post("allocations", R"({"network_id":"net-1","ip":"10.0.0.12"})")) ==
        "ADDRESS_RESERVED");
  CHECK(world.perform(post("allocations",
                           R"({"network_id":"net-1","ip":"10.0.0.12","force":true})"))
            .status == 201);
  CHECK(text_at(world.perform(get("networks/net-1/stats")), "reserved_ips") == "10");
}

TEST_CASE("a reservation is made once by its key, tried by dry_run, and part of a transaction") {
  World world = reserved();
  const auto tried = world.perform(
      post("networks/net-1/reservations", R"({"start":"10.0.0.30","dry_run":true})"));
  CHECK(tried.status == 200);
  CHECK(text_at(tried, "id") == "res-2");
  CHECK(reason(world, get("networks/net-1/reservations/res-2")) == "RESERVATION_NOT_FOUND");
  http::Request keyed = post("networks/net-1/reservations", R"({"start":"10.0.0.30"})");
  keyed.headers.push_back({"Idempotency-Key", "k"});
  const auto first = world.perform(keyed);
  const auto second = world.perform(keyed);
  CHECK(first.body == second.body);
  CHECK(header_of(second, "Idempotent-Replayed") == "true");
  const auto done = world.perform(post("transactions", R"({"operations":[
    {"op":"network.create","cidr":"10.9.0.0/24"},
    {"op":"reservation.create","network_id":"$0.id","start":"10.9.0.1","end":"10.9.0.9"},
    {"op":"reservation.update","id":"$1.id","reason":"routers"},
    {"op":"allocation.create","network_id":"$1.network_id"},
    {"op":"reservation.delete","id":"res-1"}]})"));
  REQUIRE_MESSAGE(done.status == 200, done.body);
  const auto results = parsed(done);
  CHECK(results.at(2).at("reason").as_string() == "routers");
  CHECK(results.at(3).at("ip").as_string() == "10.9.0.10");
  CHECK(results.at(4).is_null());
  CHECK(reason(world, get("networks/net-1/reservations/res-1")) == "RESERVATION_NOT_FOUND");
  CHECK(reason(world, post("transactions",
                           R"({"operations":[{"op":"reservation.create","start":"10.9.0.1"}]})")) ==
        "INVALID_FIELD");
}

TEST_CASE("a network has 10,000 reservations at most") {
  World world;
  std::string operations = R"({"op":"network.create","cidr":"10.0.0.0/16"})";
  for (int i = 1; i < 10'000; ++i)
    operations += R"(,{"op":"reservation.create","network_id":"$0.id","start":"10.0.)" +
                  std::to_string(i / 250) + "." + std::to_string(i % 250) + R"("})";
  const auto made = world.perform(post("transactions", R"({"operations":[)" + operations + "]}"));
  REQUIRE(made.status == 200);
  const auto more = post("networks/net-1/reservations", R"({"start":"10.0.255.0"})");
  CHECK(world.perform(more).status == 201);
  CHECK(reason(world, post("networks/net-1/reservations", R"({"start":"10.0.255.1"})")) ==
        "TOO_MANY_RESERVATIONS");
}

TEST_CASE("a long list of reservations is whole and in order, whatever is deleted meanwhile") {
  World world;
  world.perform(post("networks", R"({"cidr":"10.0.0.0/16"})"));
  for (int i = 1000; i > 0; --i)
    world.perform(post("networks/net-1/reservations",
                       R"({"start":"10.0.)" + std::to_string(i / 200) + "." +
                           std::to_string(i % 200) + R"("})"));
  world.between_steps = [&world] {
    world.perform(del("networks/net-1/reservations/res-1"));  // the last one of the list
  };
  const auto list = parsed(world.perform(get("networks/net-1/reservations")));
  REQUIRE(list.as_array().size() == 999);
  for (std::size_t i = 0; i < 999; ++i)
    CHECK(list.at(i).at("id").as_string() == "res-" + std::to_string(1000 - i));
}

TEST_CASE("who watches is told of reservations, also of those that go with their network") {
  World world = reserved();
  const auto watching = world.perform(get("watch"));
  REQUIRE(watching.stream);
  world.perform(patch("networks/net-1/reservations/res-1", R"({"reason":"VIPs"})"));
  world.perform(del("networks/net-1"));
  std::string seen;
  for (bool is_there = true; is_there;) {
    is_there = false;
    watching.stream->next([&](http::BodySource::Piece piece) {
      seen += piece.bytes;
      is_there = true;
    });
  }
  const std::size_t put = seen.find(R"({"type":"reservation_put","reservation":{"id":"res-1",)");
  const std::size_t gone =
      seen.find(R"({"type":"reservation_deleted","id":"res-1","network_id":"net-1"})");
  const std::size_t network = seen.find(R"({"type":"network_deleted","id":"net-1"})");
  CHECK(put < gone);
  CHECK(gone < network);
  CHECK(network != std::string::npos);
}

TEST_CASE("an address and a search tell of the reservation") {
  World world = reserved();
  world.perform(post("allocations", R"({"network_id":"net-1","ip":"10.0.0.12","force":true})"));
  const auto held = parsed(world.perform(get("addresses/10.0.0.12")));
  CHECK(held.at("status").as_string() == "allocated");
  CHECK(held.at("reservation").at("reason").as_string() == "DHCP pool");
  const auto kept = parsed(world.perform(get("addresses/10.0.0.13")));
  CHECK(kept.at("status").as_string() == "reserved");
  CHECK(kept.at("reservation").at("id").as_string() == "res-1");
  CHECK(parsed(world.perform(get("addresses/10.0.0.1"))).at("reservation").is_null());
  const auto found = [&](const std::string& text) {
    std::string kinds;
    const auto answer = parsed(world.perform(get("search?q=" + text)));
    for (const auto& result : answer.at("results").as_array())
      kinds += std::string(result.at("type").as_string()) + " ";
    return kinds;
  };
  CHECK(found("dhcp") == "reservation ");
  CHECK(found("res-1") == "reservation ");
  CHECK(found("10.0.0.13") == "network reservation ");
  CHECK(found("10.0.0.8/29") == "reservation allocation ");
  const auto page = parsed(world.perform(get("search?q=10.0.0&limit=1")));
  CHECK(page.at("next_cursor").as_string() == "res-1");
  const auto rest = parsed(world.perform(get("search?q=10.0.0&limit=1&cursor=res-1")));
  CHECK(rest.at("results").at(0).at("type").as_string() == "reservation");
  CHECK(rest.at("next_cursor").as_string() == "alloc-1");
}
