#include "state/row.hpp"

#include <doctest/doctest.h>

namespace {

using Type = state::Row::Type;

void check_values(const state::Row& row, std::int64_t number) {
  REQUIRE(row.columns() == 7);
  CHECK(row.type(0) == Type::integer);
  CHECK(row.integer(0) == number);
  CHECK(row.text(0).empty());
  CHECK(row.type(1) == Type::text);
  CHECK(row.text(1) == "a text");
  CHECK(row.integer(1) == 0);
  CHECK(row.type(2) == Type::blob);
  CHECK(row.blob(2) == std::string_view("\0\xff", 2));
  CHECK(row.is_null(3));
  CHECK(row.type(4) == Type::real);
  CHECK(row.type(5) == Type::text);
  CHECK(row.text(5).empty());
  CHECK(row.type(6) == Type::blob);
  CHECK(row.blob(6).empty());
}

}  // namespace

TEST_CASE("a row has its columns' kinds and values, and so it has in a block") {
  sqlite::Connection connection(":memory:", sqlite::OpenMode::create);
  sqlite::Statement rows = connection.prepare(
      "SELECT column1, 'a text', x'00ff', NULL, 1.5, '', x'' FROM (VALUES(-1),(0),(1 << 62))");
  state::RowBlock block;
  CHECK(block.size() == 0);
  std::vector<std::int64_t> numbers;
  while (rows.step()) {
    const state::Row row(rows);
    check_values(row, row.integer(0));
    numbers.push_back(row.integer(0));
    block.add(rows);
  }
  CHECK(numbers == std::vector<std::int64_t>{-1, 0, std::int64_t{1} << 62});
  CHECK(block.size() == 3);
  std::size_t at = 0;
  block.for_each([&](const state::Row& row) { check_values(row, numbers.at(at++)); });
  CHECK(at == 3);
}
