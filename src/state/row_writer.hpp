// Writes new rows of one table, many with one statement: SQLite then starts and ends once for them,
// and finds the table's last page once. Used by Database alone.
//
// The rows wait meanwhile: flush() before the table is read or changed otherwise, and before a
// commit.
#pragma once

#include <string_view>

#include "sqlite/sqlite.hpp"
#include "state/row.hpp"

namespace state {

class RowWriter {
 public:
  RowWriter(sqlite::Connection& connection, std::string_view table, int columns);

  // A row of all columns. REQUIRES: its key is new.
  template <class... Values>
  void run(const Values&... values) {
    waiting_.add(values...);
    if (waiting_.size() == rows_per_statement) flush();
  }
  void flush();

 private:
  static constexpr std::size_t rows_per_statement = 16;  // more hardly gain anything

  RowBlock waiting_;
  sqlite::Statement insert_one_, insert_many_;
};

}  // namespace state
