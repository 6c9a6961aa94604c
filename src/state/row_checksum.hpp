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
#include "state/row.hpp"

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
  explicit RowChecksum(std::string_view table) { add_sized(table); }

  void add(std::int64_t value) {
    byte(1);
    make_room(8);
    char* const out = buffer_ + size_;
    for (int i = 0; i < 8; ++i)
      out[i] = static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i));
    size_ += 8;
  }
  void add(std::uint64_t value) { add(static_cast<std::int64_t>(value)); }
  void add(std::string_view text) {
    byte(2);
    add_sized(text);
  }
  void add(const std::string& text) { add(std::string_view(text)); }
  void add(sqlite::Blob blob) {
    byte(3);
    add_sized(blob.bytes);
  }
  void add(std::nullptr_t) { byte(4); }
  template <class T>
  void add(const std::optional<T>& value) {
    if (value) add(*value);
    else add(nullptr);
  }

  std::uint64_t value() const { return base::crc32c({buffer_, size_}, crc_); }

 private:
  void make_room(std::size_t bytes) {
    if (sizeof buffer_ - size_ >= bytes) return;
    crc_ = base::crc32c({buffer_, size_}, crc_);
    size_ = 0;
  }
  void byte(std::uint8_t value) {
    make_room(1);
    buffer_[size_++] = static_cast<char>(value);
  }
  // The length as a varint, then the bytes.
  void add_sized(std::string_view bytes) {
    std::size_t left = bytes.size();
    for (; left >= 0x80; left >>= 7) byte(static_cast<std::uint8_t>(left | 0x80));
    byte(static_cast<std::uint8_t>(left));
    make_room(bytes.size());
    if (bytes.size() > sizeof buffer_) {
      crc_ = base::crc32c(bytes, crc_);
    } else {
      bytes.copy(buffer_ + size_, bytes.size());
      size_ += bytes.size();
    }
  }

  // Gathered here, as a checksum over a few bytes at a time is slow, and no row has to allocate.
  char buffer_[256];
  std::size_t size_ = 0;
  std::uint32_t crc_ = 0;
};

// Runs the statement, or gives a RowWriter, the values, and their checksum behind them.
template <class Target, class... Values>
void put_row(Target& target, std::string_view table, const Values&... values) {
  RowChecksum checksum(table);
  (checksum.add(values), ...);
  target.run(values..., checksum.value());
}

// Throws Damage where the row's values do not have the checksum in `column`.
void check_row(std::string_view table, const Row& row, int column);

}  // namespace state
