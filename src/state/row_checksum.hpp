// The checksum that each row carries in its last column, so that a changed byte is found,
// whichever: SQLite itself notices only what breaks its structure. Over the table's name and all
// values before it, each with its kind and length.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/crc32c.hpp"
#include "base/sha256.hpp"
#include "sqlite/sqlite.hpp"

namespace state {

// A row that this program cannot have written.
class Damage : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

inline sqlite::Blob as_blob(const base::Sha256& hash) {
  return {{reinterpret_cast<const char*>(hash.data()), hash.size()}};
}

class RowChecksum {
 public:
  explicit RowChecksum(std::string_view table) : writer_(bytes_) { writer_.string(table); }

  void add(std::int64_t value) {
    writer_.u8(1);
    writer_.i64(value);
  }
  void add(std::uint64_t value) { add(static_cast<std::int64_t>(value)); }
  void add(std::string_view text) {
    writer_.u8(2);
    writer_.string(text);
  }
  void add(const std::string& text) { add(std::string_view(text)); }
  void add(sqlite::Blob blob) {
    writer_.u8(3);
    writer_.string(blob.bytes);
  }
  void add(std::nullptr_t) { writer_.u8(4); }
  template <class T>
  void add(const std::optional<T>& value) {
    if (value) add(*value);
    else add(nullptr);
  }

  std::uint64_t value() const { return base::crc32c(bytes_); }

 private:
  base::Bytes bytes_;
  base::ByteWriter writer_;
};

// Runs the statement with the values, and their checksum behind them.
template <class... Values>
void put_row(sqlite::Statement& statement, std::string_view table, const Values&... values) {
  RowChecksum checksum(table);
  (checksum.add(values), ...);
  statement.run(values..., checksum.value());
}

// Throws Damage where the row's values do not have the checksum in `column`. Before anything else
// is read from the row: reading a blob as text makes SQLite forget that it was one.
void check_row(std::string_view table, const sqlite::Statement& row, int column);

}  // namespace state
