// What the core wants done. The host takes one, performs it and reports back; raft/README.md has
// the loop. The comments say what must be durable before what.
#pragma once

#include <optional>
#include <vector>

#include "raft/core/message.hpp"
#include "raft/core/types.hpp"

namespace raft {

// Names a state of the log for on_persisted(): a completion for entries that were overwritten in
// the meantime does not count.
struct PersistToken {
  LogPosition last;               // of the log when the Ready was taken
  std::uint64_t truncations = 0;  // how often the log had been cut at its end by then

  friend bool operator==(const PersistToken&, const PersistToken&) = default;
};

struct ReadState {
  std::uint64_t context = 0;
  bool ok = false;
  Index index;  // where ok: serve the read once this is applied
};

struct Ready {
  // ---- to be made durable, all of it in one transaction ----
  std::optional<HardState> hard_state;
  // Replaces the whole log and the state machine. Its bytes are already on this node.
  std::optional<SnapshotMeta> snapshot;
  // Replaces everything from entries.front().index on.
  std::vector<Entry> entries;
  // Forget the log up to here; comes from compact().
  std::optional<LogPosition> compacted;
  // Report it to on_persisted() once the above is durable. Set where any of it is.
  std::optional<PersistToken> token;

  // ---- to be sent ----
  std::vector<Message> messages;  // may leave at once, before the above is durable
  // Votes and acknowledgements: may leave only after all of the above, and all that earlier Readies
  // carried, is durable. Those addressed to this node itself go to step().
  std::vector<Message> messages_after_persist;

  // ---- to be applied ----
  std::vector<Entry> committed;  // in order, without gap or repetition; durable here already
  std::vector<ReadState> reads;

  // ---- for the driver ----
  std::vector<NodeId> snapshots_wanted;  // followers whose next entry is no longer in the log
  bool removed = false;  // this node is no member any more: stop

  bool empty() const {
    return !token && messages.empty() && messages_after_persist.empty() && committed.empty() &&
           reads.empty() && snapshots_wanted.empty() && !removed;
  }
};

}  // namespace raft
