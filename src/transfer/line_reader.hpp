// Texts that are made of lines. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "transfer/reader.hpp"

namespace transfer {

// Cuts a text that comes in pieces into lines without their "\n" or "\r\n".
class LineReader : public Reader {
 public:
  using Reader::Reader;

  std::optional<ReadError> feed(std::string_view bytes, std::vector<Row>& rows) final;
  std::optional<ReadError> finish(std::vector<Row>& rows) final;

 protected:
  virtual std::optional<ReadError> line(std::string_view text, std::uint64_t number,
                                        std::vector<Row>& rows) = 0;

 private:
  std::optional<ReadError> take(std::string_view text, std::vector<Row>& rows);

  std::string unfinished_;
  std::uint64_t number_ = 0;
};

// One CIDR a line. What follows a # is a comment; empty lines count for nothing.
class PrefixReader final : public LineReader {
 public:
  using LineReader::LineReader;

 protected:
  std::optional<ReadError> line(std::string_view text, std::uint64_t number,
                                std::vector<Row>& rows) override;
};

std::string_view trimmed(std::string_view text);  // without spaces and tabs at its ends

}  // namespace transfer
