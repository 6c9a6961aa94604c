// Comma separated values as RFC 4180 says, also with semicolons or tabs between them, which the
// header line tells. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "transfer/fields.hpp"
#include "transfer/reader.hpp"

namespace transfer {

// Cuts a text that comes in pieces into records. A quoted value may hold line ends.
class CsvReader : public Reader {
 public:
  using Reader::Reader;

  std::optional<ReadError> feed(std::string_view bytes, std::vector<Row>& rows) final;
  std::optional<ReadError> finish(std::vector<Row>& rows) final;

 protected:
  // The names of object_of() for the columns of this file's header, in order; "" passes one over.
  virtual base::Result<std::vector<std::string>, std::string> names_of(
      const std::vector<std::string>& header);
  // Changes the fields of a record to those of object_of(). False: it holds no object.
  virtual bool adapt(std::vector<Field>&) { return true; }

 private:
  enum class State : std::uint8_t { value_start, plain, quoted, quote_in_quoted };

  std::optional<ReadError> take(char c, std::vector<Row>& rows);
  void end_value();
  std::optional<ReadError> end_record(std::vector<Row>& rows);
  ReadError error(std::string text) const { return {record_line_, std::move(text)}; }

  State state_ = State::value_start;
  char separator_ = 0;  // 0: not known before the header line
  std::string value_;
  std::vector<std::string> record_;
  std::size_t record_bytes_ = 0;
  std::uint64_t line_ = 1;
  std::uint64_t record_line_ = 1;  // where the record began
  std::vector<std::string> names_;  // empty before the header line
};

// What phpIPAM exports: subnets (Subnet, Mask, …) or addresses (ip address, …), in its own words.
class PhpipamReader final : public CsvReader {
 public:
  using CsvReader::CsvReader;

 protected:
  base::Result<std::vector<std::string>, std::string> names_of(
      const std::vector<std::string>& header) override;
  bool adapt(std::vector<Field>& fields) override;
};

}  // namespace transfer
