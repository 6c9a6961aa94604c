// Random requests: whatever comes, the answer is one of the documented ones and valid JSON.
#include <doctest/doctest.h>

#include "base/random.hpp"
#include "harness.hpp"

using namespace api_test;
using http::Method;

namespace {

const char* const two_operations =
    "[{\"op\":\"network.create\",\"cidr\":\"10.0.0.0/24\"},"
    "{\"op\":\"allocation.create\",\"network_id\":\"$0.id\"}]";
const char* const names[] = {"cidr", "network_id", "count", "hostname", "description", "tags",
                             "ttl", "ttl_hours", "node_id", "addr", "foo", "ip", "force",
                             "range_start", "range_end", "exclude", "align", "contiguous",
                             "strategy", "unique_hostname", "owner", "metadata", "fence", "dry_run",
                             "operations", "op", "id", "vrf", "name", "prefix_length"};
const char* const values[] = {"\"10.0.0.0/24\"", "\"10.0.0.0/25\"", "\"2001:db8::/32\"",
                              "\"net-1\"", "\"net-2\"", "1", "0", "-1", "1.5", "1e30", "300",
                              "18446744073709551615", "null", "true", "[]", "[\"a\",\"b\"]",
                              "[1]", "{}", "\"web-01\"", "\"\\u0000\"", "\"node:1\"", "\"\"",
                              "\"10.0.0.7\"", "[\"10.0.0.1-10.0.0.9\"]", "false", "\"last\"",
                              "\"random\"", "{\"a\":\"b\"}", "16", "\"vrf-1\"", "\"blue\"",
                              "26", "\"best\"",
                              "\"$0.id\"", "\"allocation.create\"",
                              two_operations};
const char* const targets[] = {"networks", "networks/net-1", "networks/net-1/stats", "stats",
                               "allocations", "allocations?all=true", "allocations/alloc-1",
                               "allocations/alloc-2/release", "allocations/alloc-1/release",
                               "transactions", "import", "import?format=prefixes&on_conflict=skip",
                               "audit", "health", "cluster/status", "cluster/nodes",
                               "cluster/nodes/3", "networks?cidr=10.0.0.0/24",
                               "allocations?ip=10.0.0.1", "networks/net-1/children",
                               "networks/net-1/free?prefix_length=26", "networks/net-1/free",
                               "networks/net-1/subnets", "vrfs", "vrfs/blue", "vrfs/vrf-1",
                               "networks?vrf=blue&q=1", "networks?within=10.0.0.0/8",
                               "networks?contains=10.0.0.1&family=4", "nope", "/"};

template <class T, std::size_t size>
T pick(base::Random& random, T const (&from)[size]) {
  return from[random.below(size)];
}

std::string random_body(base::Random& random) {
  std::string body = "{";
  for (std::uint64_t i = random.below(5); i > 0; --i) {
    if (body.size() > 1) body += ',';
    body += std::string("\"") + pick(random, names) + "\":" + pick(random, values);
  }
  body += "}";
  // Now and then break it.
  for (std::uint64_t i = random.chance(30) ? random.between(1, 4) : 0; i > 0; --i) {
    const std::size_t at = random.below(body.size());
    if (random.chance(50))
      body[at] = static_cast<char>(random.below(256));
    else
      body.erase(at, 1);
    if (body.empty()) break;
  }
  return body;
}

}  // namespace

TEST_CASE("random requests get documented answers and never an exception") {
  const std::uint64_t seed = 7;
  CAPTURE(seed);
  base::Random random(seed);
  World world;
  world.status.cluster_mode = true;
  int successes = 0;
  for (int round = 0; round < 30000; ++round) {
    constexpr Method methods[] = {Method::get,    Method::get,   Method::post,
                                  Method::post,   Method::post,  Method::delete_,
                                  Method::options, Method::patch, Method::head};
    http::Request sent = request(pick(random, methods), pick(random, targets));
    const bool has_body = sent.method == Method::post || sent.method == Method::patch;
    if (has_body && random.chance(95)) sent.body = random_body(random);
    CAPTURE(round);
    CAPTURE(sent.path);
    CAPTURE(sent.body);
    const http::Response response = world.perform(sent);
    CAPTURE(response.body);
    REQUIRE(response.status >= 200);
    REQUIRE(response.status < 500);
    if (response.status < 300) ++successes;
    REQUIRE(response.body.empty() == (response.status == 204));
    REQUIRE(response.content_type.empty() == response.body.empty());
    if (!response.body.empty()) REQUIRE(parsed(response).kind() != boost::json::kind::null);
    if (response.status >= 400) REQUIRE(text_at(response, "detail") != "");
  }
  CHECK(successes > 3000);
}
