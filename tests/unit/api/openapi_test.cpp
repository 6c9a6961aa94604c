// openapi.json says what the server does: every route, parameter and field of a body, and answers
// that have the properties of their schemas. Every example is sent.
#include "api/openapi_text.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <set>
#include <sstream>

#include "api/problems.hpp"
#include "api/route_table.hpp"
#include "harness.hpp"

namespace {

using api::OperationText;
using api_test::text_at;
using api_test::World;
namespace json = boost::json;

const OperationText* text_of(const api::Route& route) {
  for (const OperationText& text : api::operation_texts())
    if (text.method == route.method && text.pattern == route.pattern) return &text;
  return nullptr;
}

std::vector<std::string> words(std::string_view text) {
  std::istringstream stream{std::string(text)};
  return {std::istream_iterator<std::string>(stream), std::istream_iterator<std::string>()};
}

bool knows(std::span<const api::FieldText> texts, std::string_view name) {
  return std::any_of(texts.begin(), texts.end(),
                     [&](const api::FieldText& text) { return text.name == name; });
}

bool knows_schema(std::string_view name) {
  const auto texts = api::schema_texts();
  return std::any_of(texts.begin(), texts.end(),
                     [&](const api::SchemaText& text) { return text.name == name; });
}

std::string target_of(std::string_view pattern) {
  std::string target(pattern);
  constexpr std::string_view inner = "{reservation_id}";
  if (target.ends_with(inner)) target.replace(target.size() - inner.size(), inner.size(), "res-1");
  const std::size_t at = target.find("{id}");
  if (at == std::string::npos) return "/api/v1" + target;
  return "/api/v1" + target.replace(at, 4,
                                    pattern == "/networks/{id}/split"     ? "net-2"
                                    : pattern.starts_with("/networks")    ? "net-1"
                                    : pattern.starts_with("/vrfs")        ? "vrf-2"
                                    : pattern.starts_with("/tokens")      ? "token-1"
                                    : pattern.starts_with("/allocations") ? "alloc-1"
                                    : pattern.starts_with("/addresses")   ? "192.168.1.1"
                                                                          : "2");
}

// Something of each kind, for the examples to find. net-2 is empty, and one block with net-3.
void fill(World& world) {
  world.status.cluster_mode = true;
  const char* const bodies[][2] = {
      {"vrfs", R"({"name":"empty"})"},
      {"networks", R"({"cidr":"192.168.1.0/24"})"},
      {"networks", R"({"cidr":"192.168.2.0/24"})"},
      {"networks", R"({"cidr":"192.168.3.0/24"})"},
      {"networks", R"({"cidr":"192.168.1.128/25"})"},
      {"allocations", R"({"network_id":"net-1","hostname":"web-01","ttl":60})"},
      {"networks/net-1/reservations", R"({"start":"192.168.1.90","metadata":{"k":"v"}})"},
      {"tokens", R"({"name":"ci","role":"viewer"})"},
  };
  for (const auto& [target, body] : bodies)
    REQUIRE(world.perform(api_test::post(target, body)).status == 201);
}

const json::object& example_of(const json::value& document, const api::Route& route) {
  static const json::object none;
  std::string method(http::to_string(route.method));
  for (char& c : method) c = static_cast<char>(c - 'A' + 'a');
  const auto& operation = document.at("paths")
                              .at(route.pattern.empty() ? "/" : json::string_view(route.pattern))
                              .at(method)
                              .as_object();
  if (!operation.contains("requestBody")) return none;
  const json::value& example =
      operation.at("requestBody").at("content").at("application/json").at("example");
  return example.is_object() ? example.as_object() : none;  // else a body that is no JSON
}

void check_shape(const json::value& document, std::string_view schema, const json::value& value) {
  const json::object& shape =
      document.at("components").at("schemas").at({schema.data(), schema.size()}).as_object();
  if (shape.contains("oneOf")) {  // the first is the usual one
    const std::string reference(shape.at("oneOf").as_array()[0].at("$ref").as_string());
    return check_shape(document, reference.substr(reference.rfind('/') + 1), value);
  }
  if (shape.contains("allOf")) {  // more than what it refers to: that is checked
    const std::string reference(shape.at("allOf").as_array()[0].at("$ref").as_string());
    json::object rest = value.as_object();
    for (const json::value& name :
         shape.at("allOf").as_array()[1].at("required").as_array()) {
      CHECK_MESSAGE(rest.contains(name.as_string()), name);
      rest.erase(name.as_string());
    }
    return check_shape(document, reference.substr(reference.rfind('/') + 1), rest);
  }
  std::set<std::string> known;
  if (shape.contains("properties"))
    for (const auto& [name, unused] : shape.at("properties").as_object()) known.insert(name);
  CAPTURE(schema);
  for (const json::value& name : shape.at("required").as_array())
    CHECK_MESSAGE(value.as_object().contains(name.as_string()), name);
  if (known.empty()) return;
  for (const auto& [name, unused] : value.as_object())
    CHECK_MESSAGE(known.contains(name), "not in the schema: ", std::string(name));
}

json::value document() {
  World world;
  return api_test::parsed(world.perform(api_test::get("openapi.json")));
}

}  // namespace

TEST_CASE("every route is described, and nothing else") {
  for (const api::Route& route : api::route_table()) {
    const OperationText* text = text_of(route);
    REQUIRE_MESSAGE(text != nullptr, "add to src/api/openapi_text.cpp: ",
                    std::string(http::to_string(route.method)), " ", std::string(route.pattern));
    for (const std::string_view name : route.parameters)
      CHECK_MESSAGE((name.empty() || knows(api::parameter_texts(), name)), std::string(name));
    for (const std::string& reason : words(text->problems)) {
      const auto table = api::problem_table();
      CHECK_MESSAGE(std::any_of(table.begin(), table.end(),
                                [&](const api::ProblemRow& row) { return row.reason == reason; }),
                    reason);
    }
    std::string_view schema = text->answer;
    if (schema.starts_with("[]")) schema.remove_prefix(2);
    CHECK_MESSAGE((schema.empty() || schema.starts_with('@') || knows_schema(schema)),
                  std::string(schema));
  }
  CHECK(api::operation_texts().size() == api::route_table().size());
}

TEST_CASE("the fields of each body are those that the handler takes") {
  for (const api::Route& route : api::route_table()) {
    if (route.method == http::Method::get) continue;
    if (text_of(route)->fields.starts_with('@')) continue;  // the body is a text
    CAPTURE(std::string(route.pattern));
    std::string described;
    for (std::string name : words(text_of(route)->fields)) {
      if (name.ends_with('!') || name.ends_with('+')) name.pop_back();
      CHECK_MESSAGE(knows(api::field_texts(), name), name);
      described += (described.empty() ? "" : ", ") + name;
    }
    World world;
    const auto answer = world.perform(
        api_test::request(route.method, target_of(route.pattern), R"({"no_such_field":1})"));
    if (answer.status != 400) {  // takes no body at all
      CHECK(described.empty());
      continue;
    }
    const std::string detail = api_test::text_at(answer, "detail");
    const std::string known = detail.substr(detail.find("known fields: ") + 14);
    CHECK(known == (described.empty() ? "none" : described));
  }
}

TEST_CASE("every example is answered as described") {
  const json::value described = document();
  for (const api::Route& route : api::route_table()) {
    const OperationText& text = *text_of(route);
    std::string target = target_of(route.pattern);
    if (route.pattern == "/search") target += "?q=web";  // required
    const json::object& body = example_of(described, route);
    if (route.method == http::Method::delete_ && route.pattern == "/networks/{id}")
      target = "/api/v1/networks/net-2";  // the first holds an allocation
    CAPTURE(target);
    World world;
    fill(world);
    const auto answer = world.perform(api_test::request(
        route.method, target, body.empty() ? std::string() : json::serialize(body)));
    CHECK(answer.status == text.status);
    if (text.answer.empty()) {
      CHECK(answer.body.empty());
      continue;
    }
    if (text.answer == "EventStream") {  // watch_hub_test.cpp reads it
      CHECK(answer.content_type == "text/event-stream");
      continue;
    }
    if (text.answer.starts_with('@')) {
      const auto media_type = answer.content_type.substr(0, answer.content_type.find(';'));
      CHECK(text.answer.find(media_type) != std::string_view::npos);
      continue;
    }
    const json::value value = api_test::parsed(answer);
    if (!text.answer.starts_with("[]")) {
      check_shape(described, text.answer, value);
      continue;
    }
    CHECK(!value.as_array().empty());
    for (const json::value& element : value.as_array())
      check_shape(described, text.answer.substr(2), element);
  }
}

TEST_CASE("a dry run is answered with a status that is described") {
  const json::value described = document();
  for (const api::Route& route : api::route_table()) {
    const std::vector<std::string> fields = words(text_of(route)->fields);
    if (std::find(fields.begin(), fields.end(), "dry_run") == fields.end()) continue;
    CAPTURE(std::string(route.pattern));
    World world;
    fill(world);
    json::object body = example_of(described, route);
    body["dry_run"] = true;
    const auto answer = world.perform(
        api_test::request(route.method, target_of(route.pattern), json::serialize(body)));
    CHECK(answer.status == 200);
    std::string method(http::to_string(route.method));
    for (char& c : method) c = static_cast<char>(c - 'A' + 'a');
    CHECK(described.at("paths").at(json::string_view(route.pattern)).at(method).at("responses")
              .as_object().contains("200"));
  }
}

TEST_CASE("the routes that are said to take an Idempotency-Key are those that do") {
  const json::value described = document();
  for (const api::Route& route : api::route_table()) {
    CAPTURE(std::string(route.pattern));
    CAPTURE(std::string(http::to_string(route.method)));
    auto request = api_test::request(route.method, target_of(route.pattern));
    request.headers.push_back({"Idempotency-Key", "\x7f"});  // no key that is taken
    const json::object& body = example_of(described, route);
    if (!body.empty()) request.body = json::serialize(body);
    World world;
    fill(world);
    const auto answer = world.perform(request);
    const bool refused = answer.status == 400 && text_at(answer, "reason") == "INVALID_HEADER";
    const std::string_view problems = text_of(route)->problems;
    if (route.method == http::Method::post && route.pattern == "/tokens") {
      CHECK(refused);  // whatever the key is: tokens_test.cpp
      continue;
    }
    CHECK(refused == (problems.find("IDEMPOTENCY_KEY_REUSED") != std::string_view::npos));
  }
}

TEST_CASE("the examples of fields, parameters and schemas are JSON") {
  for (const auto texts : {api::field_texts(), api::parameter_texts()})
    for (const api::FieldText& text : texts) {
      CAPTURE(std::string(text.name));
      CHECK_NOTHROW(json::parse({text.schema.data(), text.schema.size()}));
      if (!text.example.empty())
        CHECK_NOTHROW(json::parse({text.example.data(), text.example.size()}));
      CHECK(!text.description.empty());
    }
}
