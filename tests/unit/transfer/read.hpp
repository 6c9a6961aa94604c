// Reads a whole text by a reader. For tests.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "transfer/reader.hpp"

struct Read {
  std::vector<transfer::Row> rows;
  std::optional<transfer::ReadError> error;
  std::vector<transfer::Ignored> ignored;

  friend bool operator==(const Read&, const Read&) = default;
};

// In pieces of so many bytes.
inline Read read(transfer::Format format, std::string_view text, std::size_t piece = 1u << 20) {
  Read read;
  const auto reader = transfer::make_reader(format);
  while (!text.empty() && !read.error) {
    read.error = reader->feed(text.substr(0, piece), read.rows);
    text.remove_prefix(std::min(piece, text.size()));
  }
  if (!read.error) read.error = reader->finish(read.rows);
  if (!read.error) read.ignored = reader->ignored();
  return read;
}
