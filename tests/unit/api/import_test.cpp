#include <doctest/doctest.h>

#include "harness.hpp"

using namespace api_test;

namespace {

http::Request import(const std::string& query, std::string body) {
  return request(http::Method::post, "import?" + query, std::move(body), "text/plain");
}

std::string report(int created, int skipped) {
  return "{\"created\":" + std::to_string(created) + ",\"updated\":0,\"unchanged\":0,\"skipped\":" +
         std::to_string(skipped) + ",\"refused\":[],\"ignored\":[]}";
}

}  // namespace

TEST_CASE("a list of prefixes is imported, and what is there already skipped") {
  World world;
  const auto first = world.perform(import("format=prefixes", "10.0.0.0/8\n# x\n2001:db8::/32\n"));
  CHECK(first.status == 200);
  CHECK(first.body == report(2, 0));
  const auto again = world.perform(
      import("format=prefixes&on_conflict=skip", "10.0.0.0/8\n10.1.0.0/16\n"));
  CHECK(again.body == report(1, 1));
  CHECK(world.state.network_count() == 3);
}

TEST_CASE("without on_conflict=skip a piece is all or nothing, and the place is said") {
  World world;
  world.perform(import("format=prefixes", "10.0.0.0/8"));
  struct Case {
    const char* query;
    const char* body;
    int status;
    const char* reason;
    const char* position;
  };
  for (const Case& c :
       {Case{"format=prefixes", "11.0.0.0/8\n\n10.0.0.0/8", 409, "NETWORK_EXISTS", "3"},
        Case{"format=prefixes", "11.0.0.0/8\nten", 400, "INVALID_ARGUMENT", "2"},
        Case{"format=csv", "cidr,vrf\n11.0.0.0/8,\n11.0.0.0/8,blue\n", 404, "VRF_NOT_FOUND",
             "3"}}) {
    CAPTURE(c.body);
    const auto answer = world.perform(import(c.query, c.body));
    CHECK(answer.status == c.status);
    CHECK(text_at(answer, "reason") == c.reason);
    CHECK(text_at(answer, "position") == c.position);
    CHECK(text_at(answer, "detail").starts_with("nothing was imported: at "));
  }
  CHECK(world.state.network_count() == 1);
}

TEST_CASE("VRFs are made by the rows that name them, and hold networks and addresses") {
  World world;
  const std::string csv =
      "name,vrf,cidr,ip\nblue,,,\n,blue,10.0.0.0/24,\n,,10.0.0.0/24,\n,blue,,10.0.0.5\n";
  CHECK(world.perform(import("format=csv", csv)).body ==
        report(4, 0));
  CHECK(world.perform(get("addresses/10.0.0.5?vrf=blue")).body.find("\"allocated\"") !=
        std::string::npos);
  CHECK(world.perform(get("addresses/10.0.0.5")).body.find("\"status\":\"free\"") !=
        std::string::npos);
  CHECK(world.perform(import("format=csv&on_conflict=skip", csv)).body ==
        report(0, 4));
}

TEST_CASE("rows that cannot be made are reported one by one") {
  World world;
  const auto answer = world.perform(import(
      "format=csv&on_conflict=skip",
      "cidr,ip,hostname,vrf\n10.0.0.0/24,,,\n,10.0.0.5,web,\n,10.0.0.255,,\n10.1.0.0/24,,,blue\n"));
  CHECK(answer.status == 200);
  const boost::json::value said = parsed(answer);
  CHECK(said.at("created").as_int64() == 2);
  const auto& refused = said.at("refused").as_array();
  REQUIRE(refused.size() == 2);
  CHECK(refused[0].at("position").as_int64() == 4);
  CHECK(refused[0].at("reason").as_string() == "ADDRESS_NOT_USABLE");
  CHECK(refused[1].at("position").as_int64() == 5);
  CHECK(refused[1].at("reason").as_string() == "VRF_NOT_FOUND");
  CHECK(world.perform(get("allocations?ip=10.0.0.5")).body.find("web") != std::string::npos);
}

TEST_CASE("texts of a file have the rules of a request's") {
  World world;
  const std::string head = "cidr,ip,hostname,description,tags\n10.0.0.0/24,,,,\n";
  for (const std::string& row : {std::string("10.0.0.0/24,10.0.0.1,my host,,\n"),
                                 std::string("10.0.0.0/24,10.0.0.1,,d\xff,\n"),
                                 std::string("10.0.0.0/24,10.0.0.1,,,t\xff\n"),
                                 std::string("10.0.0.0/24,10.0.0.1,,a\0b,\n", 27)}) {
    const auto refused = world.perform(import("format=csv", head + row));
    CHECK(refused.status == 400);
    CHECK(text_at(refused, "reason") == "INVALID_ARGUMENT");
    CHECK(world.state.network_count() == 0);
  }
}

TEST_CASE("parameters of an import are checked, and a dry run changes nothing") {
  World world;
  for (const char* query : {"format=xml", "on_conflict=ask", "dry_run=perhaps", "form=csv"})
    CHECK(world.perform(import(query, "")).status == 400);
  CHECK(world.perform(import("format=prefixes", std::string((8u << 20) + 1, '\n'))).status == 413);
  std::string many;
  for (int i = 0; i < 10'001; ++i)
    many += "10." + std::to_string(i / 256) + "." + std::to_string(i % 256) + ".0/24\n";
  CHECK(world.perform(import("format=prefixes", many)).status == 413);
  CHECK(world.perform(post("import")).body ==
        report(0, 0));
  const auto tried = world.perform(import("format=prefixes&dry_run=true", "10.0.0.0/8"));
  CHECK(tried.body == report(1, 0));
  CHECK(world.state.network_count() == 0);
}

TEST_CASE("on_conflict=update changes what is there to what the rows say, once") {
  World world;
  REQUIRE(world.perform(post("vrfs", R"({"name":"blue","description":"old"})")).status == 201);
  REQUIRE(world.perform(post("networks", R"({"cidr":"10.0.0.0/24","tags":["a"]})")).status == 201);
  REQUIRE(world.perform(post("allocations", R"({"network_id":"net-1","ip":"10.0.0.5","owner":"o",
      "hostname":"web","metadata":{"a":"1","b":"2"}})")).status == 201);
  REQUIRE(world.perform(post("allocations", R"({"network_id":"net-1","ip":"10.0.0.8","count":4})"))
              .status == 201);
  const std::string csv =
      "name,cidr,ip,end_ip,hostname,description,metadata.b\n"
      "blue,,,,,new,\n"             // changed
      ",10.0.0.0/24,,,,office,\n"   // changed; its tags stay
      ",,10.0.0.5,,www,,3\n"        // changed; its owner and metadata a stay
      ",,10.0.0.8,10.0.0.11,,,\n"   // just so
      ",,10.0.0.9,,,,\n"            // part of a block
      ",,10.0.0.6,,new,,\n"         // not there yet
      "default,,,,,the first,\n";
  const auto tried = world.perform(import("format=csv&on_conflict=update&dry_run=true", csv));
  const auto updated = world.perform(import("format=csv&on_conflict=update", csv));
  CHECK(tried.body == updated.body);
  const boost::json::value said = parsed(updated);
  CHECK(said.at("created").as_int64() == 1);
  CHECK(said.at("updated").as_int64() == 4);
  CHECK(said.at("unchanged").as_int64() == 1);
  CHECK(said.at("skipped").as_int64() == 0);
  REQUIRE(said.at("refused").as_array().size() == 1);
  CHECK(said.at("refused").as_array()[0].at("position").as_int64() == 6);
  CHECK(said.at("refused").as_array()[0].at("reason").as_string() == "ADDRESS_IN_USE");
  CHECK(text_at(world.perform(get("vrfs/blue")), "description") == "new");
  CHECK(text_at(world.perform(get("networks/net-1")), "description") == "office");
  CHECK(text_at(world.perform(get("networks/net-1")), "tags") == R"(["a"])");
  const auto web = world.perform(get("allocations/alloc-1"));
  CHECK(text_at(web, "hostname") == "www");
  CHECK(text_at(web, "owner") == "o");
  CHECK(text_at(web, "metadata") == R"({"a":"1","b":"3"})");
  const auto again = world.perform(import("format=csv&on_conflict=update", csv));
  CHECK(again.body.starts_with(R"({"created":0,"updated":0,"unchanged":6,"skipped":0,)"));
  CHECK(header_of(world.perform(get("networks/net-1")), "ETag") ==
        header_of(world.perform(get("vrfs/blue")), "ETag"));  // of the first import
}
