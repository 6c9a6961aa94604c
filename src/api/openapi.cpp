// GET /openapi.json: the API as OpenAPI 3.1, from the route table that serves the requests, the
// table of problems, and the texts of openapi_text.cpp.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "api/conditions.hpp"
#include "api/openapi_text.hpp"
#include "api/problems.hpp"
#include "api/render.hpp"
#include "api/route_table.hpp"
#include "base/ascii.hpp"

namespace api {

namespace {

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> found;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (end > 0) found.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return found;
}

const FieldText* find(std::span<const FieldText> texts, std::string_view name) {
  const auto it = std::find_if(texts.begin(), texts.end(),
                               [&](const FieldText& text) { return text.name == name; });
  return it == texts.end() ? nullptr : &*it;
}

// A word of OperationText::fields.
struct BodyField {
  std::string_view name;
  bool required = false;
  bool in_example = false;
};

std::vector<BodyField> body_fields(std::string_view fields) {
  std::vector<BodyField> found;
  for (std::string_view name : words(fields)) {
    const bool required = name.ends_with('!');
    const bool in_example = required || name.ends_with('+');
    if (in_example) name.remove_suffix(1);
    found.push_back({name, required, in_example});
  }
  return found;
}

const OperationText* text_of(const Route& route) {
  for (const OperationText& text : operation_texts())
    if (text.method == route.method && text.pattern == route.pattern) return &text;
  return nullptr;
}

// "get_networks_id_stats"
std::string operation_id(const Route& route) {
  std::string id = base::lower_case(http::to_string(route.method));
  for (const char c : route.pattern)
    if (c == '/' || c == '.' || c == '-')
      id += '_';
    else if (c != '{' && c != '}')
      id += c;
  return id;
}

void write_parameter(JsonWriter& json, std::string_view in, std::string_view name, bool required) {
  json.begin_object();
  json.text("name", name);
  json.text("in", in);
  json.boolean("required", required);
  const FieldText* text = find(parameter_texts(), name);
  if (text) json.text("description", text->description);
  json.key("schema");
  json.raw(text ? text->schema : std::string_view(R"({"type":"string"})"));
  if (text && !text->example.empty()) json.key("example"), json.raw(text->example);
  json.end_object();
}

// Those whose outcome the cluster keeps are those that can refuse the key; those that take a
// precondition are those that can find it failed.
bool can_answer(const OperationText& text, Problem problem) {
  return text.problems.find(row_of(problem).reason) != std::string_view::npos;
}

void write_parameters(JsonWriter& json, const Route& route) {
  json.key("parameters");
  json.begin_array();
  for (std::size_t begin = route.pattern.find('{'); begin != std::string_view::npos;
       begin = route.pattern.find('{', begin + 1)) {
    const std::size_t end = route.pattern.find('}', begin);
    write_parameter(json, "path", route.pattern.substr(begin + 1, end - begin - 1), true);
  }
  for (const std::string_view name : route.parameters)
    if (!name.empty()) write_parameter(json, "query", name, false);
  if (route.reads_data) write_parameter(json, "query", "consistency", false);
  if (route.reads_data) write_parameter(json, "header", "X-Ipam-Min-Revision", false);
  const OperationText* const text = text_of(route);
  if (text && can_answer(*text, Problem::idempotency_key_reused))
    write_parameter(json, "header", "Idempotency-Key", false);
  if (text && can_answer(*text, Problem::precondition_failed))
    write_parameter(json, "header", "If-Match", false);
  if (can_be_not_modified(route))
    write_parameter(json, "header", "If-None-Match", false);
  json.end_array();
}

void write_example(JsonWriter& json, const std::vector<BodyField>& fields) {
  json.begin_object();
  for (const BodyField& field : fields) {
    const FieldText* text = find(field_texts(), field.name);
    if (!field.in_example || !text) continue;
    json.key(field.name);
    json.raw(text->example);
  }
  json.end_object();
}

// "@text/csv application/json": a body that is read or written as a text.
void write_texts(JsonWriter& json, std::string_view media_types) {
  json.begin_object();
  for (const std::string_view media_type : words(media_types)) {
    json.key(media_type);
    json.raw(R"({"schema":{"type":"string"},"example":""})");
  }
  json.end_object();
}

void write_text_body(JsonWriter& json, std::string_view media_types) {
  json.key("requestBody");
  json.begin_object();
  json.boolean("required", false);
  json.key("content");
  write_texts(json, media_types);
  json.end_object();
}

void write_request_body(JsonWriter& json, const std::vector<BodyField>& fields) {
  json.key("requestBody");
  json.begin_object();
  json.boolean("required", std::any_of(fields.begin(), fields.end(),
                                       [](const BodyField& field) { return field.in_example; }));
  json.key("content");
  json.begin_object();
  json.key("application/json");
  json.begin_object();
  json.key("schema");
  json.begin_object();
  json.text("type", "object");
  json.boolean("additionalProperties", false);
  json.key("properties");
  json.begin_object();
  for (const BodyField& field : fields) {
    json.key(field.name);
    const FieldText* text = find(field_texts(), field.name);
    json.raw(text ? text->schema : std::string_view("true"));
  }
  json.end_object();
  json.key("required");
  json.begin_array();
  for (const BodyField& field : fields)
    if (field.required) json.text(field.name);
  json.end_array();
  json.end_object();
  json.key("example");
  write_example(json, fields);
  json.end_object();
  json.end_object();
  json.end_object();
}

bool takes_dry_run(const OperationText& text) {
  const auto fields = words(text.fields);
  return std::find(fields.begin(), fields.end(), "dry_run") != fields.end();
}

void write_success(JsonWriter& json, const OperationText& text, int status,
                   std::string_view description) {
  json.key(fmt::format("{}", status));
  json.begin_object();
  json.text("description", description);
  std::string_view schema = text.answer;
  if (schema.starts_with('@')) {
    json.key("content");
    write_texts(json, schema.substr(1));
  } else if (!schema.empty()) {
    const bool array = schema.starts_with("[]");
    if (array) schema.remove_prefix(2);
    const std::string reference = fmt::format(R"({{"$ref":"#/components/schemas/{}"}})", schema);
    json.key("content");
    json.begin_object();
    json.key(schema == "EventStream" ? "text/event-stream" : "application/json");
    json.begin_object();
    json.key("schema");
    json.raw(array ? fmt::format(R"({{"type":"array","items":{}}})", reference) : reference);
    json.end_object();
    json.end_object();
  }
  json.end_object();
}

// One response a status; its description names the reasons.
void write_problems(JsonWriter& json, std::string_view reasons) {
  std::map<int, std::string> by_status;
  for (const std::string_view reason : words(reasons))
    for (const ProblemRow& row : problem_table())
      if (row.reason == reason) {
        std::string& text = by_status[row.status];
        text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", row.title, row.reason);
      }
  by_status.try_emplace(0, "Any other problem: `reason` says which");
  for (const auto& [status, description] : by_status) {
    json.key(status == 0 ? "default" : fmt::format("{}", status));
    json.begin_object();
    json.text("description", description);
    json.key("content");
    json.raw(R"({"application/problem+json":{"schema":{"$ref":"#/components/schemas/Problem"}}})");
    json.end_object();
  }
}

// OpenAPI 3.1 §4.8.30: the names in the array are the role that is needed.
void write_security(JsonWriter& json, const Route& route) {
  json.key("security");
  if (route.access.role)
    json.raw(fmt::format(R"([{{"bearer":["{}"]}}])", ipam::to_string(*route.access.role)));
  else
    json.raw("[]");
}

void write_operation(JsonWriter& json, const Route& route) {
  const OperationText* text = text_of(route);
  json.key(base::lower_case(http::to_string(route.method)));
  json.begin_object();
  json.text("operationId", operation_id(route));
  if (text) json.text("summary", text->summary);
  write_security(json, route);
  write_parameters(json, route);
  if (text && text->fields.starts_with('@'))
    write_text_body(json, text->fields.substr(1));
  else if (text && !text->fields.empty())
    write_request_body(json, body_fields(text->fields));
  json.key("responses");
  json.begin_object();
  if (text) {
    write_success(json, *text, text->status,
                  text->status == 204 ? "Done; no body" : text->summary);
    if (takes_dry_run(*text) && text->status != 200)
      write_success(json, *text, 200, "What it would be: a dry run changes nothing");
    if (can_be_not_modified(route)) {
      json.key("304");
      json.raw(R"({"description":"The client has it as it is: the ETag is one of If-None-Match"})");
    }
  }
  std::string reasons(text ? text->problems : std::string_view());
  if (route.access.role)
    reasons += " UNAUTHENTICATED FORBIDDEN TOO_MANY_ATTEMPTS TOO_MANY_REQUESTS";
  write_problems(json, reasons);
  json.end_object();
  json.end_object();
}

void write_paths(JsonWriter& json) {
  std::map<std::string_view, std::vector<const Route*>> by_path;
  for (const Route& route : route_table()) by_path[route.pattern].push_back(&route);
  json.key("paths");
  json.begin_object();
  for (const auto& [path, routes] : by_path) {
    json.key(path.empty() ? "/" : path);
    json.begin_object();
    for (const Route* route : routes) write_operation(json, *route);
    json.end_object();
  }
  json.end_object();
}

std::string openapi_document() {
  std::string body;
  JsonWriter json(body);
  json.begin_object();
  json.text("openapi", "3.1.0");
  json.key("info");
  json.begin_object();
  json.text("title", "ipam");
  json.text("version", IPAM_VERSION);
  json.text("description",
            "IP address management that never hands out an address twice. Any node answers "
            "everything. Errors are problem details (RFC 9457) whose `reason` never changes.");
  json.end_object();
  json.key("servers");
  json.raw(R"([{"url":"/api/v1"}])");
  write_paths(json);
  json.key("components");
  json.begin_object();
  json.key("securitySchemes");
  json.raw(R"({"bearer":{"type":"http","scheme":"bearer","description":)"
           R"("The secret of a token: needed where the server runs with --auth required"}})");
  json.key("schemas");
  json.begin_object();
  for (const SchemaText& text : schema_texts()) json.key(text.name), json.raw(text.schema);
  json.end_object();
  json.end_object();
  json.end_object();
  return body;
}

}  // namespace

Body get_openapi(const Call&) { return Answer{json_response(200, openapi_document())}; }

}  // namespace api
