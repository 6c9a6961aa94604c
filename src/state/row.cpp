#include "state/row.hpp"

namespace state {

void RowBlock::add(const sqlite::Statement& statement) {
  const int columns = statement.columns();
  ASSERT(columns <= Row::columns_max);
  for (int i = 0; i < columns; ++i) {
    const Row::Value value = statement.value(i);
    cells_.push_back({value.type, static_cast<std::uint32_t>(value.bytes.size()), value.integer});
    bytes_ += value.bytes;
  }
  ends_.push_back(cells_.size());
}

}  // namespace state
