#include "state/row_writer.hpp"

#include <fmt/format.h>

namespace state {
namespace {

// OR FAIL: an error ends the transaction anyway. With the default, by which SQLite takes back the
// rows before the one that failed, it would keep a journal of each statement.
sqlite::Statement prepare_insert(sqlite::Connection& connection, std::string_view table,
                                 int columns, std::size_t rows) {
  std::string row = "(?";
  for (int i = 1; i < columns; ++i) row += ",?";
  row += ')';
  std::string sql = fmt::format("INSERT OR FAIL INTO {} VALUES{}", table, row);
  for (std::size_t i = 1; i < rows; ++i) sql += ',' + row;
  return connection.prepare(sql);
}

}  // namespace

RowWriter::RowWriter(sqlite::Connection& connection, std::string_view table, int columns)
    : insert_one_(prepare_insert(connection, table, columns, 1)),
      insert_many_(prepare_insert(connection, table, columns, rows_per_statement)) {}

void RowWriter::flush() {
  const bool is_full = waiting_.size() == rows_per_statement;
  int position = 0;
  waiting_.for_each([&](const Row& row) {
    sqlite::Statement& statement = is_full ? insert_many_ : insert_one_;
    for (int i = 0; i < row.columns(); ++i) statement.bind(++position, row.value(i));
    if (is_full) return;
    statement.run_bound();
    position = 0;
  });
  if (is_full) insert_many_.run_bound();
  waiting_.clear();
}

}  // namespace state
