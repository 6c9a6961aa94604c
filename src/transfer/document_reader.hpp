// JSON: documents, which are read whole, and lines. Pure.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "transfer/fields.hpp"
#include "transfer/reader.hpp"

namespace transfer {

class DocumentReader : public Reader {
 public:
  using Reader::Reader;

  std::optional<ReadError> feed(std::string_view bytes, std::vector<Row>& rows) final;
  std::optional<ReadError> finish(std::vector<Row>& rows) final;

 protected:
  virtual std::optional<ReadError> document(std::string_view text, std::vector<Row>& rows) = 0;

 private:
  std::string text_;
};

// What `export` writes, one object a line, taken as they come; or an array of objects, which is a
// document.
class JsonReader final : public Reader {
 public:
  using Reader::Reader;

  std::optional<ReadError> feed(std::string_view bytes, std::vector<Row>& rows) override;
  std::optional<ReadError> finish(std::vector<Row>& rows) override;

 private:
  enum class Shape : std::uint8_t { unknown, lines, array };

  std::optional<ReadError> read_lines(std::vector<Row>& rows);
  std::optional<ReadError> read_line(std::string_view line, std::vector<Row>& rows);
  std::optional<ReadError> read_object(const boost::json::value& value, std::vector<Row>& rows);

  Shape shape_ = Shape::unknown;
  std::string text_;             // without the lines that were read
  std::uint64_t position_ = 0;  // of the line or element that was read last
};

inline constexpr std::size_t nesting_max = 32;

// The error says at which byte.
base::Result<boost::json::value, std::string> parse_document(std::string_view text);

// A string as it is, a number or a boolean as text; "" for null and what has members.
std::string text_of(const boost::json::value& value);

// Appends a list as one text (join_tags), an object (metadata) as one field a member.
void add_field(std::vector<Field>& fields, std::string name, const boost::json::value& value);

}  // namespace transfer
