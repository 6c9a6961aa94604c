// A row of state.db whose columns were read once; and many of them as a block of bytes, which is
// read on another thread, or written by one statement.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
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

class RowBlock {
 public:
  void add(const sqlite::Statement& statement);  // its current row
  template <class... Values>
  void add(const Values&... values) {
    (push(values), ...);
    ends_.push_back(cells_.size());
  }
  void clear();
  std::size_t size() const { return ends_.size(); }

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
  void push(Row::Type type, std::int64_t integer, std::string_view bytes) {
    cells_.push_back({type, static_cast<std::uint32_t>(bytes.size()), integer});
    bytes_ += bytes;
  }
  void push(std::int64_t value) { push(Row::Type::integer, value, {}); }
  void push(std::uint64_t value) { push(static_cast<std::int64_t>(value)); }
  void push(std::string_view text) { push(Row::Type::text, 0, text); }
  void push(const std::string& text) { push(std::string_view(text)); }
  void push(sqlite::Blob blob) { push(Row::Type::blob, 0, blob.bytes); }
  void push(std::nullptr_t) { push(Row::Type::null, 0, {}); }
  template <class T>
  void push(const std::optional<T>& value) {
    if (value) push(*value);
    else push(nullptr);
  }

  std::vector<Cell> cells_;
  std::vector<std::size_t> ends_;  // of each row in cells_
  std::string bytes_;
};

}  // namespace state
