#include "state/row_checksum.hpp"

#include <fmt/format.h>

namespace state {

void check_row(std::string_view table, const Row& row, int column) {
  using Type = Row::Type;
  RowChecksum checksum(table);
  for (int i = 0; i < column; ++i) {
    switch (row.type(i)) {
      case Type::integer: checksum.add(row.integer(i)); break;
      case Type::text: checksum.add(row.text(i)); break;
      case Type::blob: checksum.add(sqlite::Blob{row.blob(i)}); break;
      case Type::null: checksum.add(nullptr); break;
      case Type::real: break;  // nobody writes one: the checksum differs
    }
  }
  if (row.type(column) == Type::integer && row.number(column) == checksum.value()) return;
  const std::string name = row.type(0) == Type::integer ? fmt::format("{}", row.number(0))
                                                        : fmt::format("{:?}", row.text(0));
  throw Damage(fmt::format("row {} of table {}: its checksum is wrong", name, table));
}

}  // namespace state
