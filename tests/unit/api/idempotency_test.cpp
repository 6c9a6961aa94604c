#include <doctest/doctest.h>

#include "harness.hpp"

using namespace api_test;

namespace {

http::Request keyed(http::Request request, std::string key) {
  request.headers.push_back({"Idempotency-Key", std::move(key)});
  return request;
}

const char* const network = R"({"cidr":"10.0.0.0/24"})";

}  // namespace

TEST_CASE("a request with the same key gets the same answer, marked, and is done once") {
  World world;
  const auto first = world.perform(keyed(post("networks", network), "k"));
  CHECK(first.status == 201);
  CHECK(header_of(first, "Idempotent-Replayed").empty());
  const auto again = world.perform(keyed(post("networks", network), "k"));
  CHECK(again.status == 201);
  CHECK(again.body == first.body);
  CHECK(header_of(again, "Location") == header_of(first, "Location"));
  CHECK(header_of(again, "Idempotent-Replayed") == "true");
  CHECK(world.state.network_count() == 1);
  CHECK(world.perform(post("networks", network)).status == 409);
}

TEST_CASE("also an answer without a body, and a refusal") {
  World world;
  world.perform(post("networks", network));
  const auto refused = world.perform(keyed(post("networks", network), "twice"));
  CHECK(refused.status == 409);
  CHECK(world.perform(keyed(del("networks/net-1"), "gone")).status == 204);
  const auto gone = world.perform(keyed(del("networks/net-1"), "gone"));
  CHECK(gone.status == 204);
  CHECK(header_of(gone, "Idempotent-Replayed") == "true");
  const auto again = world.perform(keyed(post("networks", network), "twice"));
  CHECK(again.status == 409);
  CHECK(again.body == refused.body);
}

TEST_CASE("a key with another method, path or body is refused with 422") {
  World world;
  world.perform(keyed(post("networks", network), "k"));
  for (const auto& request :
       {post("networks", R"({"cidr":"10.0.1.0/24"})"), del("networks/net-1"),
        post("allocations", R"({"cidr":"10.0.0.0/24"})")}) {
    const auto answer = world.perform(keyed(request, "k"));
    CHECK(answer.status == 422);
    CHECK(text_at(answer, "reason") == "IDEMPOTENCY_KEY_REUSED");
  }
}

TEST_CASE("a key must be 1 to 255 printable characters") {
  World world;
  for (const std::string& key : {std::string(), std::string(256, 'k'), std::string("a\x7f")}) {
    const auto answer = world.perform(keyed(post("networks", network), key));
    CHECK(answer.status == 400);
    CHECK(text_at(answer, "reason") == "INVALID_HEADER");
  }
  CHECK(world.state.network_count() == 0);
  CHECK(world.perform(keyed(post("networks", network), std::string(255, 'k'))).status == 201);
}
