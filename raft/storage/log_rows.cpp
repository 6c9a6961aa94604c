#include "raft/storage/log_rows.hpp"

#include "base/assert.hpp"
#include "base/crc32c.hpp"

namespace raft {

std::uint32_t LogRow::crc(std::uint64_t cluster_id) const {
  base::Bytes header;
  base::ByteWriter writer(header);
  writer.u64(cluster_id);
  writer.u64(first.value());
  writer.u64(last.value());
  writer.u64(commit.value());
  return base::crc32c(entries, base::crc32c(header));
}

void append_entry(base::Bytes& entries, const Entry& entry) {
  base::ByteWriter writer(entries);
  writer.varint(entry.term.value());
  writer.u8(static_cast<std::uint8_t>(entry.kind));
  writer.string(*entry.data);
}

std::optional<std::vector<Entry>> decode(const LogRow& row) {
  constexpr std::size_t entry_bytes_min = 3;
  const std::uint64_t count = row.last < row.first ? 0 : row.last - row.first + 1;
  if (count == 0 || count > row.entries.size() / entry_bytes_min) return std::nullopt;
  std::vector<Entry> entries;
  entries.reserve(count);
  base::ByteReader reader(row.entries);
  for (Index index = row.first; index <= row.last; ++index) {
    const Term term(reader.varint());
    const std::uint8_t kind = reader.u8();
    if (kind > static_cast<std::uint8_t>(EntryKind::configuration)) return std::nullopt;
    entries.push_back({index, term, static_cast<EntryKind>(kind),
                       base::share(base::Bytes(reader.string()))});
  }
  if (!reader.at_end()) return std::nullopt;
  return entries;
}

std::size_t bytes_before(const LogRow& row, Index end) {
  base::ByteReader reader(row.entries);
  for (Index index = row.first; index < end; ++index) {
    reader.varint();
    reader.u8();
    reader.string();
  }
  ASSERT(reader.ok());
  return row.entries.size() - reader.remaining();
}

}  // namespace raft
