// A row of state.db whose columns were read once; and many of them as a block of bytes, so that
// another thread than SQLite's can make objects of them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.hpp"
#include "sqlite/sqlite.hpp"

namespace state {

// Its texts are views: valid as long as the statement's row, or the block, is.
class Row {
 public:
  using Type = sqlite::Statement::Type;
  using Value = sqlite::Statement::Value;
  static constexpr int columns_max = 20;

  // Of the statement's current row. Implicit: a reader of rows takes either.
  Row(const sqlite::Statement& statement) : columns_(statement.columns()) {
    ASSERT(columns_ <= columns_max);
    for (int i = 0; i < columns_; ++i) values_[static_cast<std::size_t>(i)] = statement.value(i);
  }

  int columns() const { return columns_; }
  const Value& value(int column) const { return values_[static_cast<std::size_t>(column)]; }
  Type type(int column) const { return value(column).type; }
  bool is_null(int column) const { return type(column) == Type::null; }
  // 0 or nothing where the column is of another kind.
  std::int64_t integer(int column) const { return value(column).integer; }
  std::uint64_t number(int column) const { return static_cast<std::uint64_t>(integer(column)); }
  std::string_view text(int column) const { return value(column).bytes; }
  std::string_view blob(int column) const { return value(column).bytes; }

 private:
  friend class RowBlock;
  Row() = default;

  std::array<Value, columns_max> values_;
  int columns_ = 0;
};

// Rows of one statement.
class RowBlock {
 public:
  void add(const sqlite::Statement& statement);
  std::size_t size() const { return ends_.size(); }
  bool empty() const { return ends_.empty(); }

  // Calls visit(Row) for each, in their order.
  template <class Visit>
  void for_each(const Visit& visit) const {
    Row row;
    std::size_t begin = 0;
    const char* bytes = bytes_.data();
    for (const std::size_t end : ends_) {
      row.columns_ = static_cast<int>(end - begin);
      for (int i = 0; begin < end; ++begin, ++i) {
        const Cell& cell = cells_[begin];
        row.values_[static_cast<std::size_t>(i)] = {cell.type, cell.integer, {bytes, cell.size}};
        bytes += cell.size;
      }
      visit(row);
    }
  }

 private:
  struct Cell {
    Row::Type type;
    std::uint32_t size;  // of the text or blob, which lie one after the other in bytes_
    std::int64_t integer;
  };
  std::vector<Cell> cells_;
  std::vector<std::size_t> ends_;  // of each row in cells_
  std::string bytes_;
};

}  // namespace state
