#include "transfer/document_reader.hpp"

#include <fmt/format.h>

#include <boost/json/parser.hpp>
#include <boost/json/serialize.hpp>

#include "base/utf8.hpp"
#include "transfer/line_reader.hpp"

namespace transfer {

namespace json = boost::json;

namespace {

// nullopt: the text may grow by so many bytes.
std::optional<ReadError> check_room(const std::string& text, std::string_view bytes) {
  if (text.size() + bytes.size() <= document_bytes_max) return std::nullopt;
  return ReadError{0, fmt::format("the document is larger than {} MiB", document_bytes_max >> 20)};
}

}  // namespace

std::optional<ReadError> DocumentReader::feed(std::string_view bytes, std::vector<Row>&) {
  if (auto error = check_room(text_, bytes)) return error;
  text_ += bytes;
  return std::nullopt;
}

std::optional<ReadError> DocumentReader::finish(std::vector<Row>& rows) {
  return document(base::without_byte_order_mark(text_), rows);
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

std::optional<ReadError> JsonReader::feed(std::string_view bytes, std::vector<Row>& rows) {
  if (auto error = check_room(text_, bytes)) return error;
  text_ += bytes;
  if (shape_ == Shape::unknown) {
    if (base::byte_order_mark.starts_with(text_)) return std::nullopt;
    text_.erase(0, text_.size() - base::without_byte_order_mark(text_).size());
    const std::size_t start = text_.find_first_not_of(" \t\r\n");
    if (start == std::string::npos) return std::nullopt;
    shape_ = text_[start] == '[' ? Shape::array : Shape::lines;
  }
  return shape_ == Shape::lines ? read_lines(rows) : std::nullopt;
}

std::optional<ReadError> JsonReader::finish(std::vector<Row>& rows) {
  if (shape_ != Shape::array) return read_line(text_, rows);
  const auto array = parse_document(text_);
  if (!array) return ReadError{0, array.error()};
  for (const json::value& value : array->as_array())
    if (auto error = read_object(value, rows)) return error;
  return std::nullopt;
}

std::optional<ReadError> JsonReader::read_lines(std::vector<Row>& rows) {
  std::string_view rest = text_;
  for (std::size_t end; (end = rest.find('\n')) != std::string_view::npos;) {
    if (auto error = read_line(rest.substr(0, end), rows)) return error;
    rest.remove_prefix(end + 1);
  }
  text_.erase(0, text_.size() - rest.size());
  return std::nullopt;
}

std::optional<ReadError> JsonReader::read_line(std::string_view line, std::vector<Row>& rows) {
  if (line.find_first_not_of(" \t\r") == std::string_view::npos) {
    ++position_;
    return std::nullopt;
  }
  const auto value = parse_document(line);
  if (!value) return ReadError{position_ + 1, value.error()};
  return read_object(*value, rows);
}

std::optional<ReadError> JsonReader::read_object(const json::value& value,
                                                 std::vector<Row>& rows) {
  ++position_;
  const json::object* members = value.if_object();
  if (members == nullptr) return ReadError{position_, "not a JSON object"};
  std::vector<Field> fields;
  for (const auto& member : *members)
    if (!member.value().is_null()) add_field(fields, std::string(member.key()), member.value());
  auto object = object_of(fields);
  if (!object) return ReadError{position_, std::move(object.error())};
  return add(rows, position_, *std::move(object));
}

}  // namespace transfer
