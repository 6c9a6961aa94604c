// JSON documents, which are read whole. Pure.
#pragma once

#include <boost/json/value.hpp>
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

// What `export` writes: one object a line, or an array of objects.
class JsonReader final : public DocumentReader {
 public:
  using DocumentReader::DocumentReader;

 protected:
  std::optional<ReadError> document(std::string_view text, std::vector<Row>& rows) override;

 private:
  std::optional<ReadError> read_object(const boost::json::value& value, std::uint64_t position,
                                       std::vector<Row>& rows) const;
};

inline constexpr std::size_t nesting_max = 32;

// The error says at which byte.
base::Result<boost::json::value, std::string> parse_document(std::string_view text);

// A string as it is, a number or a boolean as text; "" for null and what has members.
std::string text_of(const boost::json::value& value);

// Appends a list as one text (join_tags), an object (metadata) as one field a member.
void add_field(std::vector<Field>& fields, std::string name, const boost::json::value& value);

}  // namespace transfer
