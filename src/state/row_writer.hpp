// Writes new rows of one table, many with one statement: SQLite then starts and ends once for them,
// and finds the table's last page once. Used by Database alone.
//
// The rows wait meanwhile: flush() before the table is read or changed otherwise, or what concerns
// one row alone flush_around() its key; and flush() before a commit.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "sqlite/sqlite.hpp"
#include "state/row.hpp"

namespace state {

class RowWriter {
 public:
  RowWriter(sqlite::Connection& connection, std::string_view table, int columns);

  // A row of all columns, the key first. REQUIRES: which is new.
  template <class... Values>
  void run(std::uint64_t key, const Values&... values) {
    const bool is_first = waiting_.size() == 0;
    least_key_ = is_first ? key : std::min(least_key_, key);
    greatest_key_ = is_first ? key : std::max(greatest_key_, key);
    waiting_.add(key, values...);
    if (waiting_.size() == rows_per_statement) flush();
  }
  void flush();
  // Where the row of this key may be among those that wait.
  void flush_around(std::uint64_t key) {
    if (waiting_.size() > 0 && least_key_ <= key && key <= greatest_key_) flush();
  }

 private:
  static constexpr std::size_t rows_per_statement = 16;  // more hardly gain anything

  RowBlock waiting_;
  std::uint64_t least_key_ = 0, greatest_key_ = 0;  // of those
  sqlite::Statement insert_one_, insert_many_;
};

}  // namespace state
