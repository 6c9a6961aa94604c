#include "raft/node/recovery.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace raft {

std::optional<Recovery> plan_recovery(const DurableState& durable, NodeId self) {
  Recovery recovery;
  recovery.before = durable.applied.configuration;
  for (const Entry& entry : durable.entries) {
    if (entry.kind != EntryKind::configuration || entry.index <= durable.applied.last.index)
      continue;
    const auto decoded = decode_configuration(*entry.data);
    ASSERT(decoded);  // its checksum was right, so we wrote it
    recovery.before = *decoded;
  }
  const auto own = recovery.before.members.find(self);
  if (own == recovery.before.members.end()) return std::nullopt;

  Member alone = own->second;
  alone.voter = true;
  alone.outgoing = alone.promote = false;
  recovery.after.members.emplace(self, std::move(alone));
  recovery.after.epoch = recovery.before.epoch + 1;
  for (const auto& [id, member] : recovery.before.members)
    if (id != self) recovery.dropped.push_back(id);

  const Log log(durable.compacted, durable.entries);
  recovery.log_end = log.last();
  recovery.known_committed = std::max(durable.hard_state.commit, durable.applied.last.index);
  // Of a term of its own: later than what the others may hold of this one.
  const Term term = std::max(durable.hard_state.term, durable.lost.term) + 1;
  recovery.batch.hard_state = HardState{term, self, durable.hard_state.commit};
  recovery.batch.entries.push_back({log.last_index() + 1, term, EntryKind::configuration,
                                    base::share(encode(recovery.after))});
  return recovery;
}

Founding plan_founding(const SnapshotMeta& state, NodeId self, std::string address,
                       std::uint64_t epochs) {
  ASSERT(epochs > 0);
  Founding founding;
  founding.before = state.configuration;
  Member alone;
  alone.address = std::move(address);
  alone.voter = true;
  founding.after.members.emplace(self, std::move(alone));
  founding.after.epoch = state.configuration.epoch + epochs;
  // As if its own entry had come behind those of the copy: the audit log then says who left.
  const Term term = state.last.term + 1;
  founding.batch.snapshot = state;
  founding.batch.hard_state = HardState{term, self, state.last.index};
  founding.batch.entries.push_back({state.last.index + 1, term, EntryKind::configuration,
                                    base::share(encode(founding.after))});
  return founding;
}

}  // namespace raft
