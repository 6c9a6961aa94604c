// Files to import, in every format: the first byte chooses it, the second the size of the pieces.
// Whole or in pieces, the rows are the same; every range is one.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "transfer/reader.hpp"

namespace {

std::vector<transfer::Row> read(transfer::Format format, std::string_view text,
                                std::size_t piece) {
  std::vector<transfer::Row> rows;
  const auto reader = transfer::make_reader(format);
  while (!text.empty()) {
    if (reader->feed(text.substr(0, piece), rows)) return rows;
    text.remove_prefix(std::min(piece, text.size()));
  }
  (void)reader->finish(rows);
  return rows;
}

struct Check {
  void operator()(const transfer::VrfRow& row) const { ASSERT(row.name.size() <= (1u << 20)); }
  void operator()(const transfer::NetworkRow& row) const { ASSERT(ipam::is_valid(row.prefix)); }
  void operator()(const transfer::AllocationRow& row) const {
    ASSERT(row.first.family == row.last.family && row.first <= row.last);
    if (row.has_network) ASSERT(ipam::is_valid(row.network));
  }
  void operator()(const transfer::ReservationRow& row) const {
    ASSERT(row.first.family == row.last.family && row.first <= row.last);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto format = static_cast<transfer::Format>(data[0] % 5);
  const std::size_t piece = 1 + data[1];
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto rows = read(format, text, text.size() + 1);
  for (const transfer::Row& row : rows) std::visit(Check(), row.object);
  ASSERT(read(format, text, piece) == rows);
  return 0;
}
