#include "transfer/line_reader.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.hpp"

namespace transfer {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::optional<ReadError> LineReader::feed(std::string_view bytes, std::vector<Row>& rows) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, end);
    if (unfinished_.size() + piece.size() > record_bytes_max)
      return ReadError{number_ + 1, fmt::format("the line is longer than {} bytes",
                                                record_bytes_max)};
    if (end == std::string_view::npos) {
      unfinished_ += piece;
      return std::nullopt;
    }
    bytes.remove_prefix(end + 1);
    if (unfinished_.empty()) {
      if (auto error = take(piece, rows)) return error;
      continue;
    }
    unfinished_ += piece;
    auto error = take(unfinished_, rows);
    unfinished_.clear();
    if (error) return error;
  }
  return std::nullopt;
}

std::optional<ReadError> LineReader::finish(std::vector<Row>& rows) {
  if (unfinished_.empty()) return std::nullopt;
  return take(std::exchange(unfinished_, {}), rows);
}

std::optional<ReadError> LineReader::take(std::string_view text, std::vector<Row>& rows) {
  if (text.ends_with('\r')) text.remove_suffix(1);
  if (number_ == 0) text = base::without_byte_order_mark(text);
  return line(text, ++number_, rows);
}

std::optional<ReadError> PrefixReader::line(std::string_view text, std::uint64_t number,
                                            std::vector<Row>& rows) {
  const std::string_view cidr = trimmed(text.substr(0, text.find('#')));
  if (cidr.empty()) return std::nullopt;
  constexpr std::size_t cidr_bytes_max = 64;
  if (cidr.size() > cidr_bytes_max)
    return ReadError{number, fmt::format("invalid CIDR: {} bytes long", cidr.size())};
  const auto prefix = ipam::parse_prefix(cidr);
  if (!prefix) return ReadError{number, prefix.error()};
  NetworkRow row;
  row.prefix = *prefix;
  return add(rows, number, std::move(row));
}

}  // namespace transfer
