#include "transfer/document_reader.hpp"

#include <fmt/format.h>

#include <boost/json/parser.hpp>
#include <boost/json/serialize.hpp>

#include "transfer/line_reader.hpp"

namespace transfer {

namespace json = boost::json;

std::optional<ReadError> DocumentReader::feed(std::string_view bytes, std::vector<Row>&) {
  if (text_.size() + bytes.size() > document_bytes_max)
    return ReadError{0, fmt::format("the document is larger than {} MiB",
                                    document_bytes_max >> 20)};
  text_ += bytes;
  return std::nullopt;
}

std::optional<ReadError> DocumentReader::finish(std::vector<Row>& rows) {
  return document(text_, rows);
}

base::Result<json::value, std::string> parse_document(std::string_view text) {
  json::parse_options options;
  options.max_depth = nesting_max;
  json::parser parser({}, options);
  boost::system::error_code ec;
  const std::size_t parsed = parser.write_some(text.data(), text.size(), ec);
  if (!ec && text.find_first_not_of(" \t\r\n", parsed) != std::string_view::npos)
    ec = json::error::extra_data;
  if (ec) return base::fail(fmt::format("no valid JSON at byte {}: {}", parsed, ec.message()));
  return parser.release();
}

std::string text_of(const json::value& value) {
  if (const json::string* text = value.if_string()) return {text->data(), text->size()};
  if (value.is_null() || value.is_object() || value.is_array()) return {};
  return json::serialize(value);
}

void add_field(std::vector<Field>& fields, std::string name, const json::value& value) {
  if (const json::array* elements = value.if_array()) {
    std::vector<std::string> texts;
    for (const json::value& element : *elements) texts.push_back(text_of(element));
    fields.push_back({std::move(name), join_tags(texts)});
  } else if (const json::object* members = value.if_object()) {
    for (const auto& member : *members)
      fields.push_back({fmt::format("{}.{}", name, std::string_view(member.key())),
                        text_of(member.value())});
  } else {
    fields.push_back({std::move(name), text_of(value)});
  }
}

std::optional<ReadError> JsonReader::read_object(const json::value& value,
                                                 std::uint64_t position,
                                                 std::vector<Row>& rows) const {
  const json::object* members = value.if_object();
  if (members == nullptr) return ReadError{position, "not a JSON object"};
  std::vector<Field> fields;
  for (const auto& member : *members)
    if (!member.value().is_null()) add_field(fields, std::string(member.key()), member.value());
  auto object = object_of(fields);
  if (!object) return ReadError{position, std::move(object.error())};
  return add(rows, position, *std::move(object));
}

std::optional<ReadError> JsonReader::document(std::string_view text, std::vector<Row>& rows) {
  const std::size_t start = text.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos) return std::nullopt;
  std::uint64_t position = 0;
  if (text[start] == '[') {
    const auto array = parse_document(text);
    if (!array) return ReadError{0, array.error()};
    for (const json::value& value : array->as_array())
      if (auto error = read_object(value, ++position, rows)) return error;
    return std::nullopt;
  }
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    ++position;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const auto value = parse_document(line);
    if (!value) return ReadError{position, value.error()};
    if (auto error = read_object(*value, position, rows)) return error;
  }
  return std::nullopt;
}

}  // namespace transfer
