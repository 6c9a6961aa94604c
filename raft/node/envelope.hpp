// What an entry of kind command holds: who proposed it, replicated time when it was appended, and
// the host's own command. Pure. Format: u64 origin, u64 sequence, i64 timestamp in ms since
// 1970, then the command.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "raft/core/message.hpp"

namespace raft {

struct Envelope {
  ProposalId id;
  std::int64_t timestamp_ms = 0;
  base::BytesView command;  // a view into the entry's data
};

inline base::SharedBytes seal(const ProposalId& id, std::int64_t timestamp_ms,
                              base::BytesView command) {
  base::Bytes bytes;
  bytes.reserve(24 + command.size());
  base::ByteWriter writer(bytes);
  writer.u64(id.origin);
  writer.u64(id.sequence);
  writer.i64(timestamp_ms);
  writer.raw(command);
  return base::share(std::move(bytes));
}

inline std::optional<Envelope> open_envelope(base::BytesView bytes) {
  base::ByteReader reader(bytes);
  Envelope envelope;
  envelope.id.origin = reader.u64();
  envelope.id.sequence = reader.u64();
  envelope.timestamp_ms = reader.i64();
  envelope.command = reader.raw(reader.remaining());
  if (!reader.at_end()) return std::nullopt;
  return envelope;
}

}  // namespace raft
