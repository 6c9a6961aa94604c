// What openapi.json says about the routes beyond what the route table knows. A test fails where a
// route, a parameter or a field of a body is missing here, or is here and not served.
#pragma once

#include <span>
#include <string_view>

#include "http/message.hpp"

namespace api {

struct OperationText {
  http::Method method;
  std::string_view pattern;
  std::string_view summary;
  // Of the body, by name, apart by spaces. "!" after one: required; "+": not, but in the example.
  // "@" and media types: the body is a text.
  std::string_view fields;
  int status;                 // where it succeeds
  std::string_view answer;    // a schema, "[]" before it for an array of it; empty: no body
  std::string_view problems;  // reasons of the likely problems, apart by spaces
};

// A field of a body or a query parameter: one meaning wherever the name is used.
struct FieldText {
  std::string_view name;
  std::string_view schema;  // JSON Schema
  std::string_view description;
  std::string_view example;  // JSON
};

struct SchemaText {
  std::string_view name;
  std::string_view schema;
};

std::span<const OperationText> operation_texts();
std::span<const FieldText> field_texts();
std::span<const FieldText> parameter_texts();
std::span<const SchemaText> schema_texts();

}  // namespace api
