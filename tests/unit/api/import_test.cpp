#include <doctest/doctest.h>

#include "harness.hpp"

using namespace api_test;

namespace {

http::Request import(const std::string& query, std::string body) {
  return request(http::Method::post, "import?" + query, std::move(body), "text/plain");
}

}  // namespace

TEST_CASE("a list of prefixes is imported, and what is there already skipped") {
  World world;
  const auto first = world.perform(import("format=prefixes", "10.0.0.0/8\n# x\n2001:db8::/32\n"));
  CHECK(first.status == 200);
  CHECK(first.body == R"({"created":2,"skipped":0,"refused":[],"ignored":[]})");
  const auto again = world.perform(
      import("format=prefixes&on_conflict=skip", "10.0.0.0/8\n10.1.0.0/16\n"));
  CHECK(again.body == R"({"created":1,"skipped":1,"refused":[],"ignored":[]})");
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
        R"({"created":4,"skipped":0,"refused":[],"ignored":[]})");
  CHECK(world.perform(get("addresses/10.0.0.5?vrf=blue")).body.find("\"allocated\"") !=
        std::string::npos);
  CHECK(world.perform(get("addresses/10.0.0.5")).body.find("\"status\":\"free\"") !=
        std::string::npos);
  CHECK(world.perform(import("format=csv&on_conflict=skip", csv)).body ==
        R"({"created":0,"skipped":4,"refused":[],"ignored":[]})");
}

TEST_CASE("rows that cannot be made are reported one by one") {
  World world;
  const auto answer = world.perform(import(
      "format=csv&on_conflict=skip",
      "cidr,ip,hostname,vrf\n10.0.0.0/24,,,\n,10.0.0.5,web,\n,10.0.0.255,,\n10.1.0.0/24,,,blue\n"));
  CHECK(answer.status == 200);
  const boost::json::value report = parsed(answer);
  CHECK(report.at("created").as_int64() == 2);
  const auto& refused = report.at("refused").as_array();
  REQUIRE(refused.size() == 2);
  CHECK(refused[0].at("position").as_int64() == 4);
  CHECK(refused[0].at("reason").as_string() == "ADDRESS_NOT_USABLE");
  CHECK(refused[1].at("position").as_int64() == 5);
  CHECK(refused[1].at("reason").as_string() == "VRF_NOT_FOUND");
  CHECK(world.perform(get("allocations?ip=10.0.0.5")).body.find("web") != std::string::npos);
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
        R"({"created":0,"skipped":0,"refused":[],"ignored":[]})");
  const auto tried = world.perform(import("format=prefixes&dry_run=true", "10.0.0.0/8"));
  CHECK(tried.body == R"({"created":1,"skipped":0,"refused":[],"ignored":[]})");
  CHECK(world.state.network_count() == 0);
}
