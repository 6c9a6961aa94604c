// Every request that the API refuses, in one table: status, reason, and a part of the detail.
#include <doctest/doctest.h>

#include "harness.hpp"
#include "ipam/model.hpp"

using namespace api_test;
using http::Method;

namespace {

struct Refusal {
  http::Request request;
  int status;
  std::string reason;
  std::string detail_part;
};

// net-1 is 10.0.0.0/24 with alloc-1 (active), alloc-2 (released) and net-2 is 10.1.0.0/30, full.
void populate(World& world) {
  REQUIRE(world.perform(post("networks", R"({"cidr":"10.0.0.0/24"})")).status == 201);
  REQUIRE(world.perform(post("networks", R"({"cidr":"10.1.0.0/30"})")).status == 201);
  REQUIRE(world.perform(post("allocations", R"({"network_id":"net-1"})")).status == 201);
  REQUIRE(world.perform(post("allocations", R"({"network_id":"net-1"})")).status == 201);
  REQUIRE(world.perform(post("allocations/alloc-2/release")).status == 204);
  REQUIRE(world.perform(post("allocations", R"({"network_id":"net-2","count":2})")).status == 201);
}

void check(const std::vector<Refusal>& refusals) {
  for (const Refusal& refusal : refusals) {
    World world;
    populate(world);
    const std::uint64_t digest = world.state.digest();
    CAPTURE(http::to_string(refusal.request.method));
    CAPTURE(refusal.request.path);
    CAPTURE(refusal.request.query);
    CAPTURE(refusal.request.body.substr(0, 200));
    const http::Response response = world.perform(refusal.request);
    CAPTURE(response.body);
    CHECK(response.status == refusal.status);
    REQUIRE(response.content_type == "application/problem+json");
    CHECK(text_at(response, "reason") == refusal.reason);
    CHECK(text_at(response, "detail").find(refusal.detail_part) != std::string::npos);
    CHECK(world.state.digest() == digest);
    CHECK(world.member_changes.empty());
  }
}

http::Request typed(std::string content_type) {
  return request(Method::post, "networks", R"({"cidr":"10.9.0.0/16"})", std::move(content_type));
}

http::Request with_header(http::Request request, std::string name, std::string value) {
  request.headers.push_back({std::move(name), std::move(value)});
  return request;
}

std::string field(const std::string& name, const std::string& json) {
  return "{\"network_id\":\"net-1\",\"" + name + "\":" + json + "}";
}

std::string tags(std::size_t count) {
  std::string list = "[";
  for (std::size_t i = 0; i < count; ++i) list += i == 0 ? "\"t\"" : ",\"t\"";
  return list + "]";
}

}  // namespace

TEST_CASE("routes that do not exist are refused with a hint") {
  check({
      {get("/foo"), 404, "NOT_FOUND", "GET /api/v1 lists the routes"},
      {get("/networks"), 404, "NOT_FOUND", "did you mean \"/api/v1/networks\"?"},
      {get("networks/"), 404, "NOT_FOUND", "leave out the slash"},
      {get("networks/net-1/"), 404, "NOT_FOUND", "leave out the slash"},
      {get("networks/net-1/foo"), 404, "NOT_FOUND", "no such route"},
      {get("networks//stats"), 404, "NOT_FOUND", "no such route"},
      {get("networksx"), 404, "NOT_FOUND", "no such route"},
      {get("/api/v1x"), 404, "NOT_FOUND", "no such route"},
      {get("/api/v2/networks"), 404, "NOT_FOUND", "no such route"},
      {request(Method::options, "nope"), 404, "NOT_FOUND", "no such route"},
      {request(Method::other, "nope"), 404, "NOT_FOUND", "no such route"},
      {get("/" + std::string(4000, 'a')), 404, "NOT_FOUND", "…"},
      {get("/\xff\x01"), 404, "NOT_FOUND", "no such route"},
  });
}

TEST_CASE("methods that a path does not have are refused") {
  check({
      {request(Method::put, "networks"), 405, "METHOD_NOT_ALLOWED",
       "PUT is not allowed here; allowed: GET, HEAD, POST, OPTIONS"},
      {request(Method::put, "networks/net-1"), 405, "METHOD_NOT_ALLOWED",
       "GET, HEAD, PATCH, DELETE"},
      {del("networks"), 405, "METHOD_NOT_ALLOWED", "DELETE is not allowed"},
      {post("stats"), 405, "METHOD_NOT_ALLOWED", "GET, HEAD, OPTIONS"},
      {get("allocations/alloc-1/release"), 405, "METHOD_NOT_ALLOWED", "POST, OPTIONS"},
      {request(Method::head, "cluster/nodes"), 405, "METHOD_NOT_ALLOWED", "HEAD is not allowed"},
      {request(Method::other, "networks"), 501, "NOT_IMPLEMENTED", "does not know the method"},
  });
}

TEST_CASE("bodies that are no JSON object are refused") {
  check({
      {post("networks"), 400, "INVALID_JSON", "the body is empty"},
      {post("networks", " \n"), 400, "INVALID_JSON", "fields: cidr, description, tags"},
      {post("networks", "{"), 400, "INVALID_JSON", "not valid JSON"},
      {post("networks", "[]"), 400, "INVALID_JSON", "must be a JSON object, not an array"},
      {post("networks", "null"), 400, "INVALID_JSON", "not null"},
      {post("networks", "\"10.0.0.0/8\""), 400, "INVALID_JSON", "not a string"},
      {post("networks", R"({"cidr":"10.9.0.0/16","cidr":"10.8.0.0/16"})"), 400, "INVALID_JSON",
       "\"cidr\" is given twice"},
      {post("networks", "{\"cidr\":\"\xff\"}"), 400, "INVALID_JSON", "not valid JSON"},
      {post("networks", R"({"foo":1})"), 400, "UNKNOWN_FIELD",
       "unknown field \"foo\"; known fields: cidr, description, tags"},
      {post("networks", R"({"cidr":"10.9.0.0/16","CIDR":1})"), 400, "UNKNOWN_FIELD", "\"CIDR\""},
      {post("networks", std::string(70000, ' ') + "{}"), 413, "BODY_TOO_LARGE", "65536"},
      {typed("text/plain"), 415, "UNSUPPORTED_MEDIA_TYPE", "not \"text/plain\""},
      {typed("application/x-www-form-urlencoded"), 415, "UNSUPPORTED_MEDIA_TYPE", "with curl"},
      {typed("application/jsonx"), 415, "UNSUPPORTED_MEDIA_TYPE", "application/json"},
      {post("allocations/alloc-1/release", R"({"force":true})"), 400, "UNKNOWN_FIELD",
       "known fields: fence"},
      {post("allocations/alloc-1/release", "x"), 400, "INVALID_JSON", "not valid JSON"},
  });
}

TEST_CASE("networks that cannot be made are refused") {
  const std::string long_text(1025, 'x');
  check({
      {post("networks", "{}"), 400, "INVALID_FIELD", "cidr is required"},
      {post("networks", R"({"cidr":""})"), 400, "INVALID_FIELD", "cidr is required"},
      {post("networks", R"({"cidr":null})"), 400, "INVALID_FIELD", "cidr is required"},
      {post("networks", R"({"cidr":7})"), 400, "INVALID_FIELD",
       "\"cidr\" must be a string, not a number"},
      {post("networks", R"({"cidr":"foo"})"), 400, "INVALID_CIDR", "invalid CIDR"},
      {post("networks", R"({"cidr":"10.0.0.0"})"), 400, "INVALID_CIDR", "invalid CIDR"},
      {post("networks", R"({"cidr":"10.0.0.0/33"})"), 400, "INVALID_CIDR", "invalid CIDR"},
      {post("networks", R"({"cidr":"10.0.0.5/16"})"), 400, "INVALID_CIDR", "10.0.0.0/16"},
      {post("networks", R"({"cidr":")" + std::string(5000, '1') + "\"}"), 400, "INVALID_CIDR",
       "too long"},
      {post("networks", R"({"cidr":"10.9.0.0/16","description":")" + long_text + "\"}"), 400,
       "INVALID_FIELD", "description must be at most 1024 bytes long, not 1025"},
      {post("networks", R"({"cidr":"10.9.0.0/16","description":"a\u0000b"})"), 400,
       "INVALID_FIELD", "description must not hold control characters"},
      {post("networks", R"({"cidr":"10.9.0.0/16","description":{}})"), 400, "INVALID_FIELD",
       "\"description\" must be a string, not an object"},
      {post("networks", R"({"cidr":"10.9.0.0/16","tags":"a,b"})"), 400, "INVALID_FIELD",
       "\"tags\" must be an array of strings, not a string"},
      {post("networks", R"({"cidr":"10.9.0.0/16","tags":["a",true]})"), 400, "INVALID_FIELD",
       "\"tags[1]\" must be a string, not a boolean"},
      {post("networks", R"({"cidr":"10.9.0.0/16","tags":[""]})"), 400, "INVALID_FIELD",
       "tags[0] must not be empty"},
      {post("networks", R"({"cidr":"10.9.0.0/16","tags":["a\nb"]})"), 400, "INVALID_FIELD",
       "tags[0] must not hold control characters"},
      {post("networks", R"({"cidr":"10.9.0.0/16","tags":[")" + std::string(129, 't') + "\"]}"),
       400, "INVALID_FIELD", "tags[0] must be at most 128 bytes long, not 129"},
      {post("networks", R"({"cidr":"10.9.0.0/16","tags":)" + tags(65) + "}"), 400,
       "INVALID_FIELD", "tags must have at most 64 elements, not 65"},
      {post("networks", R"({"cidr":"10.0.0.0/24"})"), 409, "NETWORK_EXISTS", "10.0.0.0/24"},
      {post("networks", R"({"cidr":"10.0.0.0/25"})"), 409, "CHILD_HOLDS_ALLOCATIONS", ""},
      {get("networks?cidr=foo"), 400, "INVALID_CIDR", "invalid CIDR"},
      {get("networks?cidr=10.0.0.1/24"), 400, "INVALID_CIDR", "10.0.0.0/24"},
  });
}

TEST_CASE("networks that do not exist or are in use are refused") {
  check({
      {get("networks/net-9"), 404, "NETWORK_NOT_FOUND", "network not found: net-9"},
      {get("networks/foo"), 404, "NETWORK_NOT_FOUND", "network not found: foo"},
      {get("networks/net-01"), 404, "NETWORK_NOT_FOUND", "network not found: net-01"},
      {get("networks/net-99999999999999999999"), 404, "NETWORK_NOT_FOUND", "network not found"},
      {get("networks/net-9/stats"), 404, "NETWORK_NOT_FOUND", "network not found: net-9"},
      {get("networks/x/stats"), 404, "NETWORK_NOT_FOUND", "network not found: x"},
      {del("networks/net-9"), 404, "NETWORK_NOT_FOUND", "network not found"},
      {del("networks/9"), 404, "NETWORK_NOT_FOUND", "network not found: 9"},
      {del("networks/net-1"), 409, "NETWORK_HAS_ALLOCATIONS",
       "cannot delete network with active allocations"},
  });
}

TEST_CASE("allocations that cannot be made are refused") {
  check({
      {post("allocations", "{}"), 400, "INVALID_FIELD", "either network_id or cidr is required"},
      {post("allocations", R"({"network_id":"net-1","cidr":"10.0.0.0/24"})"), 400,
       "INVALID_FIELD", "either network_id or cidr, not both"},
      {post("allocations", R"({"network_id":1})"), 400, "INVALID_FIELD",
       "\"network_id\" must be a string, not a number"},
      {post("allocations", R"({"network_id":"foo"})"), 404, "NETWORK_NOT_FOUND",
       "network not found: foo"},
      {post("allocations", R"({"network_id":"net-9"})"), 404, "NETWORK_NOT_FOUND",
       "network not found"},
      {post("allocations", R"({"cidr":"10.7.0.0/24"})"), 404, "NETWORK_NOT_FOUND",
       "network not found"},
      {post("allocations", R"({"cidr":"10.0.0.1/24"})"), 400, "INVALID_CIDR", "10.0.0.0/24"},
      {post("allocations", R"({"network_id":"net-2"})"), 409, "NETWORK_FULL",
       "no available IP addresses in 10.1.0.0/30"},
      {post("allocations", field("count", "1000000000000")), 409, "NETWORK_FULL",
       "no available IP addresses in 10.0.0.0/24"},
      {post("allocations", field("hostname", "\"a b\"")), 400, "INVALID_FIELD",
       "hostname may hold letters, digits, '-', '.' and '_' only: \"a b\""},
      {post("allocations", field("hostname", "\"" + std::string(254, 'h') + "\"")), 400,
       "INVALID_FIELD", "hostname must be at most 253 bytes long, not 254"},
      {post("allocations", field("hostname", "\"a\\tb\"")), 400, "INVALID_FIELD", "hostname"},
      {post("allocations", field("owned", "\"me\"")), 400, "UNKNOWN_FIELD", "\"owned\""},
  });
}

TEST_CASE("numbers that are no count are refused, each with its reason") {
  const std::string too_small = "count must be at least 1";
  const std::string too_large = "count must be at most 18446744073709551615";
  const std::string kind = "\"count\" must be a whole number of at least 1, not ";
  std::vector<Refusal> refusals;
  const auto refuse = [&](const std::string& json, const std::string& detail) {
    refusals.push_back({post("allocations", field("count", json)), 400, "INVALID_FIELD", detail});
  };
  for (const char* json : {"0", "-0", "-1", "-9223372036854775808", "0.5", "-1.5", "0e0", "\"0\"",
                           "-1e300"})
    refuse(json, too_small);
  for (const char* json : {"1e30", "18446744073709551616", "\"18446744073709551616\"",
                           "99999999999999999999999999"})
    refuse(json, too_large);
  refuse("1.5", kind + "1.5");
  refuse("\"abc\"", kind + "the string \"abc\"");
  refuse("\"\"", kind + "the string \"\"");
  refuse("\"-1\"", kind + "the string \"-1\"");
  refuse("true", kind + "a boolean");
  refuse("[1]", kind + "an array");
  refuse("{}", kind + "an object");
  check(refusals);
}

TEST_CASE("times to live out of range are refused") {
  check({
      {post("allocations", field("ttl", "0")), 400, "INVALID_FIELD", "ttl must be at least 1"},
      {post("allocations", field("ttl", "315360001")), 400, "INVALID_FIELD",
       "ttl must be at most 315360000"},
      {post("allocations", field("ttl", "1.5")), 400, "INVALID_FIELD", "\"ttl\" must be a whole"},
      {post("allocations", field("ttl_hours", "87601")), 400, "INVALID_FIELD",
       "ttl_hours must be at most 87600"},
      {post("allocations", R"({"network_id":"net-1","ttl":60,"ttl_hours":1})"), 400,
       "INVALID_FIELD", "either ttl (seconds) or ttl_hours, not both"},
  });
}

TEST_CASE("allocations that do not exist or have ended are refused") {
  check({
      {get("allocations/alloc-9"), 404, "ALLOCATION_NOT_FOUND", "allocation not found: alloc-9"},
      {get("allocations/foo"), 404, "ALLOCATION_NOT_FOUND", "allocation not found: foo"},
      {post("allocations/alloc-9/release"), 404, "ALLOCATION_NOT_FOUND", "allocation not found"},
      {post("allocations/net-1/release"), 404, "ALLOCATION_NOT_FOUND", "not found: net-1"},
      {post("allocations/alloc-2/release"), 409, "ALREADY_RELEASED", "already released"},
      {get("allocations?network_id=net-9"), 404, "NETWORK_NOT_FOUND", "network not found: net-9"},
      {get("allocations?network_id=x"), 404, "NETWORK_NOT_FOUND", "network not found: x"},
      {get("allocations?network_id=x&all=true"), 404, "NETWORK_NOT_FOUND", "not found: x"},
  });
}

TEST_CASE("query parameters and headers that are wrong are refused") {
  check({
      {get("allocations?foo=1"), 400, "UNKNOWN_PARAMETER",
       "unknown query parameter \"foo\"; known parameters: network_id, all, ip, "
       "hostname, owner, tag, status, within, q, limit, cursor, sort, at, "
       "consistency"},
      {get("networks?vrf=x"), 404, "VRF_NOT_FOUND", "VRF not found: x"},
      {get("networks?colour=x"), 400, "UNKNOWN_PARAMETER", "known parameters: vrf, cidr, within"},
      {get("health?x=1"), 400, "UNKNOWN_PARAMETER", "known parameters: none"},
      {del("networks/net-2?force=true"), 400, "UNKNOWN_PARAMETER", "\"force\""},
      {get("allocations?all=yes"), 400, "INVALID_PARAMETER",
       "all must be true or false, not \"yes\""},
      {get("allocations?all=true&all=false"), 400, "INVALID_PARAMETER", "all is given twice"},
      {get("allocations?ip=10.0.0"), 400, "INVALID_PARAMETER", "ip must be an IPv4 or IPv6"},
      {get("allocations?all=%zz"), 400, "BAD_REQUEST", "percent-encoding"},
      {get("audit?limit=0"), 400, "INVALID_PARAMETER", "limit must be a whole number from 1"},
      {get("audit?limit=10001"), 400, "INVALID_PARAMETER", "to 10000, not \"10001\""},
      {get("audit?limit=-1"), 400, "INVALID_PARAMETER", "limit"},
      {get("audit?limit=ten"), 400, "INVALID_PARAMETER", "limit"},
      {get("audit?limit="), 400, "INVALID_PARAMETER", "limit"},
      {get("networks?consistency=eventual"), 400, "INVALID_PARAMETER",
       "consistency must be linearizable or stale, not \"eventual\""},
      {with_header(get("networks"), "X-Ipam-Min-Revision", "abc"), 400, "INVALID_HEADER",
       "X-Ipam-Min-Revision must be a whole number"},
      {with_header(get("networks"), "x-ipam-min-revision", "-1"), 400, "INVALID_HEADER", "-1"},
  });
}

TEST_CASE("nodes that cannot be added or removed, or lead, are refused") {
  check({
      {post("cluster/transfer-leader", R"({"node_id":0})"), 400, "INVALID_FIELD",
       "node_id must be at least 1"},
      {post("cluster/transfer-leader", R"({"node":2})"), 400, "UNKNOWN_FIELD", "node_id"},
      {post("cluster/nodes", "{}"), 400, "INVALID_FIELD", "node_id is required"},
      {post("cluster/nodes", R"({"node_id":4})"), 400, "INVALID_FIELD", "addr is required"},
      {post("cluster/nodes", R"({"node_id":0,"addr":"a:1"})"), 400, "INVALID_FIELD",
       "node_id must be at least 1"},
      {post("cluster/nodes", R"({"node_id":"x","addr":"a:1"})"), 400, "INVALID_FIELD",
       "\"node_id\" must be a whole number"},
      {post("cluster/nodes", R"({"node_id":4,"addr":"node4"})"), 400, "INVALID_FIELD",
       "addr must be host:port"},
      {post("cluster/nodes", R"({"node_id":4,"addr":"node4:99999"})"), 400, "INVALID_FIELD",
       "addr must end in a port from 1 to 65535"},
      {post("cluster/nodes", R"({"node_id":4,"addr":5})"), 400, "INVALID_FIELD",
       "\"addr\" must be a string, not a number"},
      {post("cluster/nodes", R"({"id":4})"), 400, "UNKNOWN_FIELD", "node_id, addr"},
      {request(http::Method::patch, "cluster/nodes/4", "{}"), 400, "INVALID_FIELD",
       "addr is required"},
      {request(http::Method::patch, "cluster/nodes/4", R"({"addr":"node4"})"), 400, "INVALID_FIELD",
       "addr must be host:port"},
      {request(http::Method::patch, "cluster/nodes/0", R"({"addr":"a:1"})"), 404, "NOT_A_MEMBER",
       "node not found: 0"},
      {del("cluster/nodes/foo"), 404, "NOT_A_MEMBER", "node not found: foo"},
      {del("cluster/nodes/0"), 404, "NOT_A_MEMBER", "node not found: 0"},
      {del("cluster/nodes/-1"), 404, "NOT_A_MEMBER", "node not found: -1"},
  });
}
