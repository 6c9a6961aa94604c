#include "state/row.hpp"

namespace state {

void RowBlock::add(const sqlite::Statement& statement) {
  const int columns = statement.columns();
  ASSERT(columns <= Row::columns_max);
  for (int i = 0; i < columns; ++i) {
    const Row::Value value = statement.value(i);
    push(value.type, value.integer, value.bytes);
  }
  ends_.push_back(cells_.size());
}

void RowBlock::clear() {
  cells_.clear();
  ends_.clear();
  bytes_.clear();
}

}  // namespace state
