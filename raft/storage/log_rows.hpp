// A row of raft.db: consecutive entries of the log that one transaction wrote, encoded one behind
// the other, with one checksum. Pure; used by LogStore alone.
//
// Of an entry, in the order of the indexes: varint term, u8 kind, the content behind its length as
// a varint. Part of format version 4 of raft.db.
#pragma once

#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "raft/core/types.hpp"

namespace raft {

struct LogRow {
  Index first;
  Index last;    // the key
  Index commit;  // as of the transaction that wrote it
  base::BytesView entries;

  std::uint32_t crc(std::uint64_t cluster_id) const;
};

// A row ends once it has as much: what is behind it in the same transaction begins another one. So
// a row that is cut or found damaged is not the whole log.
inline constexpr std::size_t row_bytes_max = 64 << 10;

void append_entry(base::Bytes& entries, const Entry& entry);

// The entries of the row; nullopt where its bytes are not those of as many entries.
std::optional<std::vector<Entry>> decode(const LogRow& row);

// Of the bytes of row.entries, those of the entries before `end`. REQUIRES: a row that decode()
// has read or append_entry() made, row.first < end <= row.last.
std::size_t bytes_before(const LogRow& row, Index end);

}  // namespace raft
