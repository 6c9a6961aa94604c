// The replicated state of the simulation: a running hash of everything that was applied, with the
// configuration as of there. Copying one is taking a snapshot.
#pragma once

#include "raft/core/message.hpp"
#include "trace.hpp"

namespace simulation {

inline std::uint64_t hash_bytes(base::BytesView bytes) {
  std::uint64_t hash = bytes.size();
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

struct State {
  raft::LogPosition last;
  raft::Configuration configuration;
  std::uint64_t hash = 0;

  raft::SnapshotMeta meta() const { return {last, configuration}; }

  void apply(const raft::Entry& entry) {
    last = {entry.index, entry.term};
    hash = mix(mix(hash, entry.index.value()), entry.term.value());
    hash = mix(mix(hash, std::uint64_t(entry.kind)), hash_bytes(*entry.data));
    if (entry.kind == raft::EntryKind::configuration)
      if (auto decoded = raft::decode_configuration(*entry.data)) configuration = *decoded;
  }
};

}  // namespace simulation
