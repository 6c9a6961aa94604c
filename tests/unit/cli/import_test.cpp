// Commands that read a file: what they send, again where they must, and what they say of it.
#include <doctest/doctest.h>

#include "world.hpp"

namespace {

std::string report(int created, int skipped, const std::string& refused = "") {
  return "{\"created\":" + std::to_string(created) + ",\"skipped\":" + std::to_string(skipped) +
         ",\"refused\":[" + refused + "],\"ignored\":[]}";
}

std::string key_of(const http::Request& request) {
  const std::string* key = request.header("Idempotency-Key");
  return key ? *key : "";
}

const std::vector<std::string> import_prefixes = {"import", "--format", "prefixes", "-"};

}  // namespace

TEST_CASE("transaction apply sends what the file says") {
  World world;
  world.in = R"([{"op":"network.create","cidr":"10.0.0.0/8"}])";
  world.answer(200, R"([{"id":"net-1"}])");
  CHECK(world.run({"transaction", "apply", "-"}) == 0);
  CHECK(world.out == "Transaction applied: 1 operation\n");
  CHECK(world.requests.back() ==
        R"(POST /api/v1/transactions {"operations":)" + world.in + "}");
  world.answer(200, "[null,null]");
  CHECK(world.run({"transaction", "apply", "--dry-run", "-"}) == 0);
  CHECK(world.out == "Transaction would succeed: 2 operations\n");
  world.answer(200, "[null]");
  CHECK(world.run({"transaction", "apply", "--output", "json", "-"}) == 0);
  CHECK(world.out == "[null]\n");
  world.answer_problem(409, "operations[0]: network 10.0.0.0/8 already exists as net-1");
  CHECK(world.run({"transaction", "apply", "-"}) == 1);
  CHECK(world.err == "Error: operations[0]: network 10.0.0.0/8 already exists as net-1\n");
}

TEST_CASE("a file that is no transaction is not sent") {
  World world;
  for (const char* text : {"", "{", "7"}) {
    world.in = text;
    CHECK(world.run({"transaction", "apply", "-"}) == 1);
  }
  CHECK(world.run({"transaction", "apply", "."}) == 1);
  CHECK(world.err == "Error: cannot read .\n");
  CHECK(world.run({"transaction", "apply", "no/such/file"}) == 1);
  CHECK(world.err == "Error: cannot open no/such/file\n");
  CHECK(world.requests.empty());
}

TEST_CASE("import sends a file in pieces, each with a key of its own") {
  World world;
  for (int i = 0; i < 4500; ++i)
    world.in += "10." + std::to_string(i / 256) + "." + std::to_string(i % 256) + ".0/24\n";
  for (const int rows : {2000, 1998, 500}) world.answer(200, report(rows, rows == 1998 ? 2 : 0));
  CHECK(world.run(import_prefixes) == 0);
  CHECK(world.out == "4498 created, 2 skipped, 0 refused\n");
  REQUIRE(world.raw_requests.size() == 3);
  CHECK(world.raw_requests[0].query == "format=json&on_conflict=fail");
  CHECK(world.raw_requests[0].body.starts_with(R"({"type":"network","cidr":"10.0.0.0/24"})"));
  CHECK(key_of(world.raw_requests[0]).ends_with("-1"));
  CHECK(key_of(world.raw_requests[2]).ends_with("-3"));
}

TEST_CASE("a piece whose outcome is not known is sent again as it was") {
  World world;
  world.in = "10.0.0.0/8";
  world.answer_problem(503, "no leader");
  world.answers.push_back(base::fail(
      cli::ConnectionError{cli::ConnectionError::Kind::no_answer, "the connection broke"}));
  world.answer(200, report(1, 0));
  CHECK(world.run(import_prefixes) == 0);
  CHECK(world.pauses == 2);
  REQUIRE(world.raw_requests.size() == 3);
  for (const http::Request& request : world.raw_requests) {
    CHECK(key_of(request) == key_of(world.raw_requests[0]));
    CHECK(request.body == world.raw_requests[0].body);
  }
  for (int i = 0; i < 40; ++i) world.answer_problem(503, "no leader");
  CHECK(world.run(import_prefixes) == 1);
  CHECK(world.err == "Error: no leader (0 rows before it were created, 0 skipped)\n");
}

TEST_CASE("a piece that one of many tries may have done is not called undone") {
  World world;
  world.in = "10.0.0.0/8";
  const cli::ConnectionError broken{cli::ConnectionError::Kind::no_answer, "it broke"};
  const cli::ConnectionError away{cli::ConnectionError::Kind::not_reachable, "cannot reach h"};
  const std::string doubt =
      "; what was sent may or may not have been done: look before it is sent again"
      " (0 rows before it were created, 0 skipped)\n";
  world.answers.push_back(base::fail(broken));
  for (int i = 1; i < 40; ++i) world.answers.push_back(base::fail(away));
  CHECK(world.run(import_prefixes) == 1);
  CHECK(world.err == "Error: cannot reach h" + doubt);

  world.answer_problem(504, "its result is not known yet");
  for (int i = 1; i < 40; ++i) world.answer_problem(503, "no leader");
  CHECK(world.run(import_prefixes) == 1);
  CHECK(world.err == "Error: no leader" + doubt);

  // What a proxy says that lost the server; and who may no more learn what became of it.
  world.answer(502, "<html>", "text/html");
  world.answer(200, report(1, 0));
  CHECK(world.run(import_prefixes) == 0);
  world.answer(502, "<html>", "text/html");
  world.answer_problem(401, "the token is not valid");
  CHECK(world.run(import_prefixes) == 1);
  CHECK(world.err == "Error: the token is not valid" + doubt);

  for (int i = 0; i < 40; ++i) world.answers.push_back(base::fail(away));
  CHECK(world.run(import_prefixes) == 3);
  CHECK(world.err.starts_with("Error: cannot reach h (0 rows"));
}

TEST_CASE("a piece that was one request too many is sent again, not so with a wrong token") {
  World world;
  world.in = "10.0.0.0/8";
  for (const char* const seconds : {"1", "60"}) {
    http::Response held_up;
    held_up.status = 429;
    held_up.headers = {{"Retry-After", seconds}};
    world.answers.push_back(held_up);
  }
  CHECK(world.run(import_prefixes) == 1);
  CHECK(world.pauses == 1);
  CHECK(world.raw_requests.size() == 2);
}

TEST_CASE("import says which line of the file was refused") {
  World world;
  world.in = "# first\n10.0.0.0/8\n\n11.0.0.0/8\n";
  const std::string refused =
      R"({"position":2,"reason":"CHILD_HOLDS_ALLOCATIONS","detail":"alloc-1 is in the way"})";
  world.answer(200, report(1, 0, refused));
  CHECK(world.run(import_prefixes) == 1);
  CHECK(world.out == "1 created, 0 skipped, 1 refused\nat 4: alloc-1 is in the way\n");
  CHECK(world.err == "Error: 1 rows were refused\n");
  world.answer(409, R"({"error":"nothing was imported: at 2: it exists","position":2})");
  CHECK(world.run(import_prefixes) == 1);
  CHECK(world.err ==
        "Error: at 4 of the file: it exists (0 rows before it were created, 0 skipped)\n");
  world.in = "10.0.0.0/8\nten\n";
  world.answer(200, report(1, 0));
  CHECK(world.run(import_prefixes) == 1);
  CHECK(world.err.starts_with("Error: at 2: "));
  CHECK(world.err.ends_with("(1 rows before it were created, 0 skipped)\n"));
}

TEST_CASE("a dry run says that it looks at one piece alone, and what was refused of it") {
  World world;
  world.in = "type,cidr\n";
  for (int i = 0; i < 10'001; ++i)
    world.in += "network,10." + std::to_string(i / 256) + "." + std::to_string(i % 256) + ".0/24\n";
  const std::string refused = R"({"position":1,"reason":"NETWORK_IN_THE_WAY","detail":"no"})";
  world.answer(200, report(9'999, 0, refused));
  CHECK(world.run({"import", "-f", "csv", "--dry-run", "--on-conflict", "skip", "-"}) == 1);
  CHECK(world.requests.size() == 1);
  CHECK(world.out == "9999 would be created, 0 skipped, 1 refused\nat 2: no\n");
  CHECK(world.err.starts_with("Error: a dry run checks the first 10000 rows alone"));
  CHECK(world.err.ends_with("(9999 rows before it would be created, 0 skipped, 1 refused)\n"));
}

TEST_CASE("import refuses options that it does not know") {
  World world;
  CHECK(world.run({"import", "-"}) == 2);
  CHECK(world.run({"import", "-f", "xml", "-"}) == 2);
  CHECK(world.run({"import", "-f", "csv", "--on-conflict", "ask", "-"}) == 2);
  CHECK(world.requests.empty());
}

TEST_CASE("export prints what the server writes, of what was asked for") {
  World world;
  world.answer(200, "type,name\nnetwork,\n", "text/csv; charset=utf-8");
  CHECK(world.run({"export", "--format", "csv", "--vrf", "blue"}) == 0);
  CHECK(world.out == "type,name\nnetwork,\n");
  CHECK(world.requests.back() == "GET /api/v1/export?format=csv&vrf=blue");
  world.answer(200, "; by ipam\n", "text/dns");
  CHECK(world.run({"export", "-f", "zone", "--zone", "a.org", "--within", "10.0.0.0/8"}) == 0);
  CHECK(world.requests.back() ==
        "GET /api/v1/export?format=zone&within=10.0.0.0%2F8&zone=a.org");
  world.answer_problem(404, "network not found: net-9");
  CHECK(world.run({"export", "--network", "net-9"}) == 1);
  CHECK(world.out.empty());
  CHECK(world.run({"export", "--format", "xml"}) == 2);
  CHECK(world.run({"export", "--format", "zone"}) == 2);
  CHECK(world.run({"export", "--zone", "a.org"}) == 2);
  CHECK(world.run({"export", "--name-server", "a.org"}) == 2);
}

TEST_CASE("import --on-conflict update says what it changed") {
  World world;
  world.in = "10.0.0.0/8\n";
  world.answer(200, R"({"created":1,"updated":2,"unchanged":3,"skipped":0,"refused":[]})");
  CHECK(world.run({"import", "-f", "prefixes", "--on-conflict", "update", "-"}) == 0);
  CHECK(world.out == "1 created, 2 updated, 3 unchanged, 0 refused\n");
  CHECK(world.raw_requests.back().query == "format=json&on_conflict=update");
  CHECK(world.run({"import", "-f", "prefixes", "--on-conflict", "ask", "-"}) == 2);
}
