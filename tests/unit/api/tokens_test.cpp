// Who may do what: the routes of tokens, and the table of answers over all routes.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "api/caller.hpp"
#include "api/failed_attempts.hpp"
#include "api/route_table.hpp"
#include "harness.hpp"

using namespace api_test;
using api::Denial;
using http::Method;

namespace {

http::Request with_token(http::Request request, const std::string& secret) {
  request.headers.push_back({"Authorization", "Bearer " + secret});
  return request;
}

// As the server does with --auth required.
http::Response perform_as(World& world, const http::Request& request) {
  const auto hash = api::presented_hash(request);
  return world.perform(api::route(
      request, hash ? api::identify(world.state, *hash, world.now)
                    : api::Identity(Denial::no_token)));
}

std::string make_token(World& world, const std::string& fields) {
  const http::Response made = world.perform(post("tokens", fields));
  REQUIRE(made.status == 201);
  return text_at(made, "secret");
}

std::string target_of(std::string_view pattern) {
  std::string target = "/api/v1" + std::string(pattern);
  const std::size_t at = target.find("{id}");
  if (at != std::string::npos) target.replace(at, 4, "7");
  return target;
}

}  // namespace

TEST_CASE("a token is made, shown without its secret, and revoked") {
  World world;
  const http::Response made = world.perform(
      post("tokens", R"({"name":"ci","role":"editor","vrfs":["default"],"ttl":60})"));
  CHECK(made.status == 201);
  CHECK(header_of(made, "Location") == "/api/v1/tokens/token-1");
  CHECK(header_of(made, "Cache-Control") == "no-store");
  CHECK(made.body == R"({"id":"token-1","name":"ci","role":"editor","vrfs":["vrf-1"],)"
                     R"("created_at":"2024-01-15T10:30:00Z","expires_at":"2024-01-15T10:31:00Z",)"
                     R"("last_used_at":null,"secret":"secret-1"})");
  const std::string shown = made.body.substr(0, made.body.find(",\"secret\"")) + "}";
  CHECK(world.perform(get("tokens")).body == "[" + shown + "]");
  for (const char* name : {"ci", "token-1"})
    CHECK(world.perform(get(std::string("tokens/") + name)).body == shown);
  CHECK(text_at(world.perform(post("tokens", R"({"name":"ci","role":"viewer"})")), "reason") ==
        "TOKEN_EXISTS");
  CHECK(world.perform(del("tokens/ci")).status == 204);
  CHECK(text_at(world.perform(del("tokens/ci")), "reason") == "TOKEN_NOT_FOUND");
  CHECK(text_at(world.perform(get("tokens/token-1")), "reason") == "TOKEN_NOT_FOUND");
  const std::string audit = world.perform(get("audit")).body;
  CHECK(audit.find("token_created") != std::string::npos);
  CHECK(audit.find("token_revoked") != std::string::npos);
}

TEST_CASE("what is no token is refused with the field's name") {
  World world;
  const std::pair<const char*, const char*> refusals[] = {
      {R"({"role":"viewer"})", "name"},
      {R"({"name":"system","role":"viewer"})", "name"},
      {R"({"name":"token-1","role":"viewer"})", "name"},
      {R"({"name":"a"})", "role"},
      {R"({"name":"a","role":"root"})", "role"},
      {R"({"name":"a","role":"admin","vrfs":["default"]})", "vrfs"},
      {R"({"name":"a","role":"viewer","expires_at":"tomorrow"})", "expires_at"},
      {R"({"name":"a","role":"viewer","ttl":5,"expires_at":"2099-01-01T00:00:00Z"})", "ttl"},
  };
  for (const auto& [body, part] : refusals) {
    CAPTURE(body);
    const http::Response response = world.perform(post("tokens", body));
    CHECK(text_at(response, "reason") == "INVALID_FIELD");
    CHECK(text_at(response, "detail").find(part) != std::string::npos);
  }
  CHECK(text_at(world.perform(post("tokens", R"({"name":"a","role":"viewer","vrfs":["no"]})")),
                "reason") == "VRF_NOT_FOUND");
  CHECK(text_at(world.perform(post("tokens", R"({"name":"a","role":"viewer",)"
                                             R"("expires_at":"2001-01-01T00:00:00Z"})")),
                "reason") == "INVALID_ARGUMENT");
  http::Request keyed = post("tokens", R"({"name":"a","role":"viewer"})");
  keyed.headers.push_back({"Idempotency-Key", "k"});
  CHECK(text_at(world.perform(keyed), "reason") == "INVALID_HEADER");
}

TEST_CASE("where no token is asked for, a page of another site changes nothing") {
  const auto is_refused = [](http::Request request, const char* origin) {
    request.headers.push_back({"Host", "127.0.0.1:8080"});
    if (origin != nullptr) request.headers.push_back({"Origin", origin});
    const auto refused = api::refuse_foreign_page(request);
    if (refused) CHECK(text_at(*refused, "reason") == "FORBIDDEN");
    return refused.has_value();
  };
  CHECK(is_refused(post("import?format=prefixes", "10.0.0.0/8"), "https://evil.example"));
  CHECK(is_refused(post("allocations/alloc-1/release"), "null"));
  CHECK(is_refused(del("networks/net-1"), "http://localhost:8080"));
  CHECK_FALSE(is_refused(post("allocations"), "http://127.0.0.1:8080"));
  CHECK_FALSE(is_refused(post("allocations"), nullptr));
  CHECK_FALSE(is_refused(get("networks"), "https://evil.example"));
  http::Request proxied = post("allocations");
  proxied.headers.push_back({"X-Forwarded-Host", "ipam.example"});
  CHECK_FALSE(is_refused(proxied, "https://ipam.example"));
}

TEST_CASE("there are so many tokens and no more") {
  World world;
  for (std::size_t i = 0; i < ipam::tokens_max; ++i)
    make_token(world, fmt::format(R"({{"name":"t{}","role":"viewer"}})", i));
  CHECK(text_at(world.perform(post("tokens", R"({"name":"more","role":"viewer"})")), "reason") ==
        "TOO_MANY_TOKENS");
}

TEST_CASE("every route, with no, a wrong, an expired and a revoked token, and one of each role") {
  World world;
  const std::string expired = make_token(world, R"({"name":"old","role":"admin","ttl":1})");
  const std::string revoked = make_token(world, R"({"name":"gone","role":"admin"})");
  std::string of_role[4];
  for (const ipam::Role role : {ipam::Role::viewer, ipam::Role::editor, ipam::Role::admin})
    of_role[static_cast<int>(role)] =
        make_token(world, fmt::format(R"({{"name":"{0}","role":"{0}"}})", to_string(role)));
  const std::string limited =
      make_token(world, R"({"name":"limited","role":"editor","vrfs":["default"]})");
  REQUIRE(world.perform(del("tokens/gone")).status == 204);
  world.now += 2000;
  for (const api::Route& route : api::route_table()) {
    const http::Request plain = request(route.method, target_of(route.pattern));
    CAPTURE(http::to_string(route.method));
    CAPTURE(plain.path);
    const auto answer = [&](const std::string& secret) {
      return perform_as(world, with_token(plain, secret));
    };
    // Refused before the request is looked at: nothing of it is told, and nothing of the tokens.
    const std::string nobody = perform_as(world, plain).body;
    const bool is_open = route.pattern.starts_with("/health");
    CHECK(is_open == !route.access.role);
    CHECK(is_open == api::is_open(plain));
    for (const std::string& secret : {std::string("wrong"), revoked, of_role[1] + "x"}) {
      const http::Response response = answer(secret);
      if (is_open) continue;
      CHECK(response.status == 401);
      CHECK(header_of(response, "WWW-Authenticate") == "Bearer");
      CHECK(response.body == nobody);
    }
    if (!is_open) {
      const http::Response response = answer(expired);
      CHECK(response.status == 401);
      CHECK(text_at(response, "detail") == "the token has expired");
    }
    const bool changes_cluster = route.pattern.starts_with("/tokens") ||
                                 (route.pattern.starts_with("/cluster") &&
                                  route.method != Method::get);
    for (int role = 1; role <= 3; ++role) {
      CAPTURE(role);
      const bool may = is_open || role >= static_cast<int>(*route.access.role);
      const http::Response response = answer(of_role[role]);
      CHECK(response.status != 401);
      CHECK((response.status == 403) == !may);
      if (!may) CHECK(text_at(response, "reason") == "FORBIDDEN");
      // What the roles mean, apart from the table.
      if (role == 1 && route.method != Method::get) CHECK_FALSE(may);
      if (role < 3 && changes_cluster) CHECK_FALSE(may);
      if (role == 3) CHECK(may);
    }
    const bool needs_network = route.pattern == "/allocations" && route.method == Method::get;
    CHECK((answer(limited).status == 403) ==
          (needs_network || !route.access.for_limited ||
           (route.access.role && *route.access.role > ipam::Role::editor)));
  }
  for (const http::Request& elsewhere :
       {get("/"), get("/api/v1/nothing"), request(Method::options, "networks"),
        request(Method::put, "networks"), request(Method::options, "*")}) {
    if (elsewhere.path == "/") continue;  // the index
    CHECK(perform_as(world, elsewhere).status == 401);
  }
}

TEST_CASE("a secret is sent as Bearer, once") {
  const auto hash_of = [](std::vector<std::string> values) {
    http::Request request = get("networks");
    for (std::string& value : values)
      request.headers.push_back({"authorization", std::move(value)});
    return api::presented_hash(request);
  };
  CHECK(hash_of({"Bearer abc"}) == base::sha256("abc"));
  CHECK(hash_of({"bearer  abc"}) == base::sha256("abc"));
  for (const std::vector<std::string>& none :
       {std::vector<std::string>{}, {""}, {"Bearer"}, {"Bearer "}, {"abc"}, {"Basic abc"},
        {"Bearer a", "Bearer a"}, {"Bearer " + std::string(600, 'x')}})
    CHECK_FALSE(hash_of(none));
}

TEST_CASE("the audit log names the token that changed something") {
  World world;
  const std::string secret = make_token(world, R"({"name":"ci","role":"editor"})");
  CHECK(perform_as(world, with_token(post("networks", R"({"cidr":"10.0.0.0/24"})"), secret))
            .status == 201);
  CHECK(parsed(world.perform(get("audit?actor=ci"))).as_array().size() == 1);
}

TEST_CASE("a token that is revoked while a write is under way refuses it where it is applied") {
  World world;
  const std::string secret = make_token(world, R"({"name":"ci","role":"editor"})");
  const http::Request create = with_token(post("networks", R"({"cidr":"10.0.0.0/24"})"), secret);
  const api::Action action =
      api::route(create, api::identify(world.state, *api::presented_hash(create), world.now));
  REQUIRE(world.perform(del("tokens/ci")).status == 204);
  const http::Response response = world.perform(action);
  CHECK(response.status == 401);
  CHECK(text_at(response, "reason") == "UNAUTHENTICATED");
  CHECK(world.perform(get("networks")).body == "[]");
}

TEST_CASE("a watch ends once its token is not valid any more") {
  World world;
  const std::string secret = make_token(world, R"({"name":"ci","role":"viewer"})");
  const http::Response watching = perform_as(world, with_token(get("watch"), secret));
  REQUIRE(watching.status == 200);
  std::string text;
  http::BodySource::After after = http::BodySource::After::more;
  const auto take = [&](const http::BodySource::Piece& piece) {
    text = piece.bytes;
    after = piece.after;
  };
  watching.stream->next(take);  // the greeting
  const auto is_valid = [&](ipam::TokenId id) { return world.state.token(id) != nullptr; };
  watching.stream->next(take);
  world.hub->keep_alive(is_valid);
  CHECK(text.starts_with(":"));
  watching.stream->next(take);
  REQUIRE(world.perform(del("tokens/ci")).status == 204);
  CHECK(after == http::BodySource::After::more);
  watching.stream->next(take);
  world.hub->keep_alive(is_valid);
  CHECK(after == http::BodySource::After::end);
  CHECK(text.find("UNAUTHENTICATED") != std::string::npos);
}

TEST_CASE("an answer that is kept under a key is not given to who may not see it") {
  World world;
  REQUIRE(world.perform(post("vrfs", R"({"name":"blue"})")).status == 201);
  const std::string all = make_token(world, R"({"name":"all","role":"editor"})");
  const std::string blue = make_token(world, R"({"name":"b","role":"editor","vrfs":["blue"]})");
  http::Request create = post("networks", R"({"cidr":"10.0.0.0/24"})");
  create.headers.push_back({"Idempotency-Key", "k"});
  CHECK(perform_as(world, with_token(create, all)).status == 201);
  CHECK(perform_as(world, with_token(create, blue)).status == 422);
  CHECK(header_of(perform_as(world, with_token(create, all)), "Idempotent-Replayed") == "true");
}

TEST_CASE("no answer, no watch and no export has a secret or its hash, but the one that made it") {
  World world;
  const http::Response watching = world.perform(get("watch?since=0"));
  std::string events;
  const auto take = [&](const http::BodySource::Piece& piece) { events += piece.bytes; };
  watching.stream->next(take);
  std::vector<std::string> never;
  for (int i = 0; i < 5; ++i) {
    const std::string secret =
        make_token(world, fmt::format(R"({{"name":"t{}","role":"viewer"}})", i));
    never.push_back("\"" + secret);
    never.push_back(base::to_hex(base::sha256(secret)));
    watching.stream->next(take);
  }
  std::string all = events;
  for (const api::Route& route : api::route_table()) {
    std::string target = target_of(route.pattern);
    if (route.pattern == "/tokens/{id}") target = "/api/v1/tokens/t1";
    if (route.pattern == "/search") target += "?q=t";
    if (route.method != Method::get || route.pattern == "/watch") continue;
    const http::Response response = world.perform(get(target));
    all += response.body;
    for (const http::Header& header : response.headers) all += header.value;
  }
  CHECK(all.find("\"t1\"") != std::string::npos);
  CHECK(events.find("token_created") != std::string::npos);
  for (const std::string& text : never) CHECK(all.find(text) == std::string::npos);
}

TEST_CASE("wrong tokens are counted by address and minute, in bounded memory") {
  api::FailedAttempts attempts;
  std::int64_t now = 600'000;
  for (std::uint64_t i = 0; i < api::attempts_max; ++i) {
    CHECK_FALSE(attempts.are_too_many("10.0.0.1", now));
    attempts.note("10.0.0.1", now);
  }
  CHECK(attempts.are_too_many("10.0.0.1", now));
  CHECK_FALSE(attempts.are_too_many("10.0.0.2", now));
  now += 60'000;
  CHECK_FALSE(attempts.are_too_many("10.0.0.1", now));
  // One network of IPv6 is one.
  for (std::uint64_t i = 0; i < api::attempts_max; ++i)
    attempts.note(fmt::format("2001:db8::{:x}", i + 1), now);
  CHECK(attempts.are_too_many("2001:db8::ffff", now));
  CHECK_FALSE(attempts.are_too_many("2001:db8:0:1::1", now));
  // Beyond so many addresses they share one count; who is counted already keeps its own.
  for (std::size_t i = 0; i < api::attempt_addresses_max; ++i)
    attempts.note(fmt::format("10.{}.{}.{}", i >> 16, (i >> 8) & 255, i & 255), now);
  for (std::uint64_t i = 0; i < api::attempts_max; ++i) attempts.note("172.16.0.1", now);
  CHECK(attempts.are_too_many("172.16.0.2", now));
  CHECK_FALSE(attempts.are_too_many("10.0.1.1", now));
}
