#include <doctest/doctest.h>

#include "harness.hpp"

using namespace api_test;

namespace {

http::Request transaction(const std::string& operations, bool dry_run = false) {
  return post("transactions", R"({"operations":[)" + operations +
                                  (dry_run ? R"(],"dry_run":true})" : "]}"));
}

const std::string create = R"({"op":"network.create","cidr":"10.0.0.0/24"})";
const std::string allocate =
    R"({"op":"allocation.create","network_id":"$0.id","hostname":"web","ttl":60})";

}  // namespace

TEST_CASE("POST /transactions is answered with what each of its writes alone would give") {
  World world;
  const auto answer = world.perform(transaction(
      create + "," + allocate + R"(,{"op":"allocation.renew","id":"$1.id","ttl":90},)" +
      R"({"op":"allocation.update","id":"$1.id","hostname":"db"},)" +
      R"({"op":"allocation.create","cidr":"$0.cidr","contiguous":false,"count":2},)" +
      R"({"op":"allocation.release","id":"$1.id"},)" +
      R"({"op":"allocation.create","network_id":"$0.id","ip":"$1.ip"},)" +
      R"({"op":"network.create","cidr":"10.1.0.0/24"},{"op":"network.delete","id":"$7.id"})"));
  REQUIRE(answer.status == 200);
  const boost::json::value body = parsed(answer);
  const auto& results = body.as_array();
  REQUIRE(results.size() == 9);
  CHECK(results[0].at("id").as_string() == "net-1");
  CHECK(results[1].at("hostname").as_string() == "web");
  CHECK(results[3].at("hostname").as_string() == "db");
  CHECK(results[4].as_array().size() == 2);
  CHECK(results[5].is_null());
  CHECK(results[6].at("ip").as_string() == "10.0.0.1");
  CHECK(results[8].is_null());
  CHECK(world.perform(get("allocations")).body ==
        "[" + boost::json::serialize(results[4].as_array()[0]) + "," +
            boost::json::serialize(results[4].as_array()[1]) + "," +
            boost::json::serialize(results[6]) + "]");
  CHECK(world.state.network_count() == 1);
}

TEST_CASE("a transaction makes a VRF and what is in it, and changes them") {
  World world;
  const auto answer = world.perform(transaction(
      R"({"op":"vrf.create","name":"blue"},)"
      R"({"op":"vrf.update","id":"$0.id","description":"d"},)"
      R"({"op":"network.create","cidr":"10.0.0.0/16","vrf":"$0.id"},)"
      R"({"op":"network.update","id":"$2.id","status":"container","gateway":"10.0.0.1"},)"
      R"({"op":"network.carve","id":"$2.id","prefix_length":24,"count":2},)"
      R"({"op":"allocation.create","cidr":"10.0.1.0/24","vrf":"$0.id"},)"
      R"({"op":"vrf.create","name":"empty"},{"op":"vrf.delete","id":"$6.id"})"));
  CAPTURE(answer.body);
  REQUIRE(answer.status == 200);
  const boost::json::value body = parsed(answer);
  const auto& results = body.as_array();
  CHECK(results[1].at("description").as_string() == "d");
  CHECK(results[3].at("status").as_string() == "container");
  CHECK(results[4].as_array()[1].at("vrf").as_string() == "blue");
  CHECK(results[5].at("ip").as_string() == "10.0.1.1");
  CHECK(results[7].is_null());
  CHECK(parsed(world.perform(get("vrfs"))).as_array().size() == 2);
  // A carved list has no one id; a network is no VRF; records are counted.
  const std::string whole = R"({"op":"network.create","cidr":"10.0.0.0/8"})";
  const std::string carve =
      R"({"op":"network.carve","id":"$0.id","prefix_length":30,"count":1000})";
  std::string many = whole;
  for (int i = 0; i < 20; ++i) many += "," + carve;
  for (const std::string& operations :
       {whole + "," + carve + R"(,{"op":"network.delete","id":"$1.id"})",
        whole + R"(,{"op":"network.create","cidr":"10.1.0.0/16","vrf":"$0.id"})",
        whole + R"(,{"op":"vrf.delete","id":"$0.id"})", many})
    CHECK(text_at(world.perform(transaction(operations)), "reason") == "INVALID_ARGUMENT");
}

TEST_CASE("a transaction that fails changes nothing and says which operation it was") {
  World world;
  const auto answer = world.perform(transaction(create + "," + allocate + "," + create));
  CHECK(answer.status == 409);
  CHECK(text_at(answer, "reason") == "NETWORK_EXISTS");
  CHECK(text_at(answer, "operation") == "2");
  CHECK(text_at(answer, "detail") ==
        "operations[2]: network 10.0.0.0/24 already exists as net-1");
  CHECK(world.perform(get("networks")).body == "[]");
  CHECK(world.perform(get("audit")).body == "[]");
  CHECK(text_at(world.perform(post("networks", R"({"cidr":"10.0.0.0/24"})")), "id") == "net-1");
}

TEST_CASE("what is wrong in an operation is said as the route of its own says it") {
  World world;
  struct Case {
    std::string operations;
    const char* reason;
    const char* detail;
  };
  for (const Case& c : {
           Case{R"({"op":"network.create","cidr":"10.0.0.1/24"})", "INVALID_CIDR", ""},
           Case{create + R"(,{"op":"network.create","cider":"10.0.0.0/8"})", "UNKNOWN_FIELD", ""},
           Case{create + R"(,{"op":"network.drop"})", "INVALID_FIELD",
                "operations[1]: \"op\" must be one of: vrf.create, vrf.update, vrf.delete, "
                "network.create, network.update, network.carve, network.split, network.merge, "
                "network.delete"},
           Case{create + ",7", "INVALID_FIELD", "operations[1]: an operation must be an object"},
           Case{R"({"op":"network.delete"})", "INVALID_FIELD",
                "operations[0]: \"id\" is required, as a string"},
           Case{R"({"op":"network.delete","id":"net-1","force":true})", "UNKNOWN_FIELD",
                "operations[0]: unknown field \"force\""},
           Case{R"({"op":"network.delete","id":"nat-1"})", "NETWORK_NOT_FOUND", ""},
           Case{R"({"op":"network.delete","id":"$0.id"})", "INVALID_FIELD",
                "operations[0]: \"$0.id\" must refer to an earlier operation"},
           Case{create + R"(,{"op":"network.delete","id":"$0.name"})", "INVALID_FIELD",
                "operations[1]: \"$0.name\" is no reference"},
           Case{create + R"(,{"op":"allocation.release","id":"$0.id"})", "INVALID_ARGUMENT",
                "operations[1]: a reference to operation 0 does not fit"},
           Case{R"({"op":"network.create","cidr":"10.0.0.0/24","dry_run":true})", "INVALID_FIELD",
                "operations[0]: dry_run belongs to the transaction"},
           Case{"", "INVALID_FIELD", "operations is required, with one at least"},
       }) {
    CAPTURE(c.operations);
    const auto answer = world.perform(transaction(c.operations));
    CHECK(text_at(answer, "reason") == c.reason);
    CHECK(text_at(answer, "detail").starts_with(c.detail));
  }
  CHECK(world.state.network_count() == 0);
}

TEST_CASE("an operation may be as large as the body of a request of its own") {
  World world;
  std::string tags = R"("tag")";
  while (tags.size() + 6 < 66'000) tags += R"(,"tag")";
  const auto of = [](const std::string& fields) {
    return transaction(R"({"op":"network.create","cidr":"10.0.0.0/24",)" + fields + "}");
  };
  const auto refused = world.perform(of(R"("tags":[)" + tags + "]"));
  CHECK(text_at(refused, "reason") == "BODY_TOO_LARGE");
  const std::string alone = R"({"cidr":"10.0.0.0/24","tags":[)" + tags + "]}";
  CHECK(text_at(refused, "detail") == "operations[0]: the body must be at most 65536 bytes long, "
                                      "not " + std::to_string(alone.size()));
  CHECK(refused.status == 413);
  // What could be too long, if it had to be escaped.
  const auto read = world.perform(of(R"("description":")" + std::string(60'000, 'd') + '"'));
  CHECK(text_at(read, "detail") ==
        "operations[0]: description must be at most 1024 bytes long, not 60000");
}

TEST_CASE("ten thousand operations fit, one more does not") {
  World world;
  std::string operations;
  for (int i = 0; i < 10'000; ++i) {
    if (i > 0) operations += ',';
    operations += R"({"op":"network.create","cidr":"10.)" + std::to_string(i / 256) + "." +
                  std::to_string(i % 256) + R"(.0/24","description":")" +
                  std::string(400, 'd') + R"("})";
  }
  CHECK(world.perform(transaction(operations)).status == 200);
  CHECK(world.state.network_count() == 10'000);
  const auto refused = world.perform(transaction(operations + "," + create));
  CHECK(text_at(refused, "detail") == "operations must have at most 10000 elements, not 10001");
  CHECK(world.perform(post("networks", std::string(70'000, ' '))).status == 413);
}

TEST_CASE("a dry run gives the answer and changes nothing") {
  World world;
  const auto tried = world.perform(transaction(create + "," + allocate, true));
  CHECK(tried.status == 200);
  CHECK(world.perform(transaction(create + "," + create, true)).status == 409);
  CHECK(world.state.network_count() == 0);
  CHECK(world.perform(transaction(create + "," + allocate)).body.size() == tried.body.size());
  for (const auto& [target, body] :
       {std::pair{"networks", R"({"cidr":"10.1.0.0/24","dry_run":true})"},
        std::pair{"allocations", R"({"network_id":"net-1","dry_run":true})"}}) {
    const auto answer = world.perform(post(target, body));
    CHECK(answer.status == 200);
    CHECK(header_of(answer, "Location").empty());
    CHECK(parsed(answer).as_object().contains("id"));
  }
  CHECK(world.state.network_count() == 1);
  CHECK(world.state.allocation_count() == 1);
}
