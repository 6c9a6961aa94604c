// If-Match, If-None-Match and ETag: nobody's change is lost, and nothing is sent twice in vain.
#include "api/conditions.hpp"

#include <doctest/doctest.h>

#include "api/openapi_text.hpp"
#include "api/route_table.hpp"
#include "harness.hpp"

using namespace api_test;
using http::Method;

namespace {

http::Request with(http::Request request, std::string name, std::string value) {
  request.headers.push_back({std::move(name), std::move(value)});
  return request;
}

http::Request patch(std::string target, std::string body) {
  return request(Method::patch, std::move(target), std::move(body));
}

// One object of each kind, at revisions 1 to 3.
void fill(World& world) {
  REQUIRE(world.perform(post("vrfs", R"({"name":"blue"})")).status == 201);
  REQUIRE(world.perform(post("networks", R"({"cidr":"10.0.0.0/24"})")).status == 201);
  REQUIRE(world.perform(post("allocations", R"({"network_id":"net-1","ttl":60})")).status == 201);
}

struct Kind {
  std::string target;
  std::string tag;  // as fill() leaves it
};
const Kind kinds[] = {{"vrfs/vrf-2", "\"1\""}, {"networks/net-1", "\"2\""},
                      {"allocations/alloc-1", "\"3\""}};
const char* const change = R"({"description":"changed"})";

}  // namespace

TEST_CASE("an object has the ETag of its last change in each answer that shows it alone") {
  for (const Kind& kind : kinds) {
    CAPTURE(kind.target);
    World world;
    fill(world);
    CHECK(header_of(world.perform(get(kind.target)), "ETag") == kind.tag);
    const auto changed = world.perform(patch(kind.target, change));
    CHECK(header_of(changed, "ETag") == "\"4\"");
    CHECK(header_of(world.perform(get(kind.target)), "ETag") == "\"4\"");
    // A patch that changes nothing is no change.
    CHECK(header_of(world.perform(patch(kind.target, change)), "ETag") == "\"4\"");
  }
  World world;
  CHECK(header_of(world.perform(post("vrfs", R"({"name":"red"})")), "ETag") == "\"1\"");
  CHECK(header_of(world.perform(post("networks", R"({"cidr":"10.0.0.0/24"})")), "ETag") ==
        "\"2\"");
  const auto made = world.perform(post("allocations", R"({"network_id":"net-1","ttl":9})"));
  CHECK(header_of(made, "ETag") == "\"3\"");
  CHECK(header_of(world.perform(post("allocations/alloc-1/renew", R"({"ttl":70})")), "ETag") ==
        "\"4\"");
  const auto tried = world.perform(post("networks", R"({"cidr":"10.1.0.0/24","dry_run":true})"));
  CHECK(tried.status == 200);
  CHECK(header_of(tried, "ETag").empty());
}

TEST_CASE("a change is made only where If-Match names the ETag of now") {
  for (const Kind& kind : kinds) {
    CAPTURE(kind.target);
    for (const std::string& refused :
         {std::string("\"9\""), "W/" + kind.tag, std::string("\"a\", \"0") + kind.tag.substr(1),
          std::string("\"\"")}) {
      CAPTURE(refused);
      World world;
      fill(world);
      const std::uint64_t digest = world.state.digest();
      for (const auto& request :
           {patch(kind.target, change), del(kind.target), post(kind.target + "/release"),
            post(kind.target + "/renew", R"({"ttl":5})")}) {
        const auto answer = world.perform(with(request, "If-Match", refused));
        const bool has_route =
            kind.target.starts_with("alloc") ? request.method != Method::delete_
                                             : request.method != Method::post;
        if (!has_route) continue;
        CHECK(answer.status == 412);
        CHECK(text_at(answer, "reason") == "PRECONDITION_FAILED");
        CHECK(text_at(answer, "current_etag") == kind.tag);
        CHECK(header_of(answer, "ETag") == kind.tag);
      }
      CHECK(world.state.digest() == digest);
    }
    for (const std::string& good : {kind.tag, "\"9\" ,, W/\"x\"," + kind.tag, std::string("*")}) {
      CAPTURE(good);
      World world;
      fill(world);
      CHECK(world.perform(with(patch(kind.target, change), "if-match", good)).status == 200);
      CHECK(world.perform(with(patch(kind.target, "{}"), "If-Match", kind.tag)).status == 412);
    }
  }
  World world;
  fill(world);
  const auto twice = with(with(post("allocations/alloc-1/release"), "If-Match", "\"1\""),
                          "If-Match", "\"3\"");  // one list in two fields
  CHECK(world.perform(twice).status == 204);
  // What has ended or is not there is refused for that.
  const auto ended = world.perform(with(post("allocations/alloc-1/release"), "If-Match", "\"3\""));
  CHECK(text_at(ended, "reason") == "ALREADY_RELEASED");
  CHECK(world.perform(with(del("networks/net-9"), "If-Match", "*")).status == 404);
  CHECK(world.perform(with(del("networks/net-1"), "If-Match", "\"2\"")).status == 204);
}

TEST_CASE("a retry with its key is answered as the first was, whatever the ETag is by then") {
  World world;
  fill(world);
  const auto request = with(with(patch("networks/net-1", change), "If-Match", "\"2\""),
                            "Idempotency-Key", "k");
  const auto first = world.perform(request);
  CHECK(first.status == 200);
  const auto again = world.perform(request);
  CHECK(again.status == 200);
  CHECK(again.body == first.body);
  CHECK(header_of(again, "ETag") == header_of(first, "ETag"));
  CHECK(header_of(again, "Idempotent-Replayed") == "true");
  const auto other = with(with(patch("networks/net-1", change), "If-Match", "\"4\""),
                          "Idempotency-Key", "k");
  CHECK(world.perform(other).status == 422);
  // The refusal too.
  const auto late = with(with(del("networks/net-1"), "If-Match", "\"2\""), "Idempotency-Key", "l");
  const auto refused = world.perform(late);
  CHECK(refused.status == 412);
  CHECK(world.perform(late).body == refused.body);
  CHECK(header_of(world.perform(late), "ETag") == "\"4\"");
}

TEST_CASE("a GET is 412 where the client wants another, and an allocation 304 where it has it") {
  for (const Kind& kind : kinds) {
    CAPTURE(kind.target);
    World world;
    fill(world);
    for (const std::string& known : {kind.tag, "W/" + kind.tag, "\"9\", " + kind.tag,
                                     std::string("*")}) {
      const auto answer = world.perform(with(get(kind.target), "If-None-Match", known));
      CHECK(header_of(answer, "ETag") == kind.tag);
      auto head = with(get(kind.target), "If-None-Match", known);
      head.method = Method::head;
      // What a VRF and a network show changes without their tags.
      const bool is_all_in_its_tag = kind.target.starts_with("allocations/");
      CHECK(answer.status == (is_all_in_its_tag ? 304 : 200));
      CHECK(world.perform(head).status == answer.status);
      CHECK(answer.body.empty() == is_all_in_its_tag);
      CHECK(answer.content_type.empty() == is_all_in_its_tag);
    }
    CHECK(world.perform(with(get(kind.target), "If-None-Match", "\"9\"")).status == 200);
    CHECK(world.perform(with(get(kind.target), "If-Match", kind.tag)).status == 200);
    CHECK(world.perform(with(get(kind.target), "If-Match", "\"9\"")).status == 412);
    CHECK(world.perform(with(get(kind.target + "9"), "If-None-Match", "*")).status == 404);
  }
}

TEST_CASE("conditions that cannot be met are refused, not ignored") {
  World world;
  fill(world);
  const auto refused = [&](const http::Request& request) {
    const auto answer = world.perform(request);
    return answer.status == 400 && text_at(answer, "reason") == "INVALID_HEADER";
  };
  std::string many = "\"1\"";
  for (std::size_t i = 0; i < ipam::precondition_revisions_max; ++i) many += ",\"1\"";
  for (const std::string& bad : {std::string("4"), std::string(), std::string(","),
                                 std::string("\"4"), std::string("\"4\" \"5\""),
                                 std::string("w/\"4\""), std::string("\"a b\""),
                                 std::string("*, \"4\""), many}) {
    CAPTURE(bad);
    CHECK(refused(with(patch("networks/net-1", change), "If-Match", bad)));
    CHECK(refused(with(get("networks/net-1"), "If-None-Match", bad)));
  }
  CHECK(refused(with(patch("networks/net-1", change), "If-None-Match", "\"4\"")));
  for (const char* const target : {"networks", "transactions", "networks/net-1/subnets"}) {
    CAPTURE(target);
    const char* const body = std::string_view(target) == "networks" ? R"({"cidr":"10.9.0.0/24"})"
                             : std::string_view(target) == "transactions"
                                 ? R"({"operations":[{"op":"network.delete","id":"net-1"}]})"
                                 : R"({"prefix_length":26})";
    CHECK(refused(with(post(target, body), "If-Match", "*")));
  }
}

TEST_CASE("entity tags are read as RFC 9110 writes them") {
  using Tags = std::vector<api::EntityTag>;
  CHECK(api::parse_entity_tags("\"xyzzy\"") == Tags{{false, "xyzzy"}});
  CHECK(api::parse_entity_tags("W/\"xyzzy\", \"r2d2,xxxx\"") ==
        Tags{{true, "xyzzy"}, {false, "r2d2,xxxx"}});
  CHECK(api::parse_entity_tags(" ,\t\"\" ,, \"\xc3\xa4\" ,") == Tags{{false, ""},
                                                                {false, "\xc3\xa4"}});
  for (const char* const bad : {"", " ", ",,", "*", "W/", "W/x", "\"", "\"a\"b", "W /\"a\"",
                                "\"a\x7f\"", "\"a\tb\"", "a\"b\""})
    CHECK_FALSE(api::parse_entity_tags(bad));
}

TEST_CASE("the routes that are said to answer 412 are those that do") {
  for (const api::OperationText& text : api::operation_texts()) {
    CAPTURE(std::string(http::to_string(text.method)));
    CAPTURE(std::string(text.pattern));
    World world;
    fill(world);
    world.perform(post("networks/net-1/reservations", R"({"start":"10.0.0.9"})"));
    std::string target = "/api/v1" + std::string(text.pattern);
    if (const std::size_t at = target.find("{id}"); at != std::string::npos)
      target.replace(at, 4, target.starts_with("/api/v1/vrfs")          ? "vrf-2"
                            : target.starts_with("/api/v1/networks")    ? "net-1"
                            : target.starts_with("/api/v1/allocations") ? "alloc-1"
                                                                        : "10.0.0.1");
    constexpr std::string_view inner = "{reservation_id}";
    if (target.ends_with(inner))
      target.replace(target.size() - inner.size(), inner.size(), "res-1");
    const char* const body = target.ends_with("/renew")   ? R"({"ttl":5})"
                             : target.ends_with("/split") ? R"({"prefix_length":26})"
                                                          : "";
    const auto answer =
        world.perform(with(request(text.method, target, body), "If-Match", "\"9\""));
    if (text.method == Method::patch && answer.status == 400) {  // it wants a body
      CHECK(world.perform(with(request(text.method, target, "{}"), "If-Match", "\"9\"")).status ==
            412);
      continue;
    }
    CHECK((answer.status == 412) ==
          (text.problems.find("PRECONDITION_FAILED") != std::string_view::npos));
  }
}
