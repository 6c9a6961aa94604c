// Known bugs of nodes around their core, put back for the simulator: of the log and the state on
// disk, the driver, snapshots and the replica. NODE_MUTANT(name) stands where the bug is; it is
// `false` but in the build that tools/simulate and tools/mutants link (RAFT_MUTANTS). The numbers
// are those of scenarios. Those of the core are in raft/core/mutant.hpp.
#pragma once

#define NODE_MUTANT_LIST(X)                                                          \
  X(answers_before_write)            /* 18: the loop does not wait for the disk */   \
  X(messages_before_write)           /* 16 */                                        \
  X(commit_without_sync)             /* 18 */                                        \
  X(failed_write_is_retried)         /* 19 */                                        \
  X(open_believes_page_cache)        /* 19, across a restart */                      \
  X(cut_without_state)               /* 21 */                                        \
  X(durable_before_commit)           /* 21 */                                        \
  X(entry_checksum_unchecked)        /* 22 */                                        \
  X(side_file_not_written)           /* 22 */                                        \
  X(side_file_before_commit)         /* 22 */                                        \
  X(lost_vote_not_restored)          /* 2 */                                         \
  X(truncation_in_own_transaction)   /* 17 */                                        \
  X(position_in_own_transaction)     /* state.db ahead of its position */            \
  X(hard_state_not_written)          /* 1 */                                         \
  X(gathered_not_truncated)          /* 15 */                                        \
  X(audit_not_written)               /* history differs from memory */               \
  X(snapshot_meta_is_latest)         /* 25, for the position */                      \
  X(chunk_offset_unchecked)          /* a repeated chunk counts twice */             \
  X(failed_snapshot_blocks_sender)   /* no snapshot is ever sent again */            \
  X(reconcile_forgets_vote)          /* 2 */                                         \
  X(forwards_twice)                  /* 31 */                                        \
  X(unknown_is_called_refused)       /* 31 */                                        \
  X(key_is_dropped)                  /* 31: a retry is another request */            \
  X(keys_not_loaded)                 /* 31, after a restart */                       \
  X(reads_ahead_of_apply)            /* 32 */                                        \
  X(read_without_asking)             /* 30 */                                        \
  X(founders_are_forgotten)          /* a node that joins applies otherwise */       \
  X(codec_drops_commit)              /* an AppendEntries without its commit index */ \
  X(wall_clock_leads)                /* leases of a leader whose clock is minutes off */

#ifdef RAFT_MUTANTS

#include <array>
#include <string_view>

namespace base {

enum class NodeMutant {
  none,
#define X(name) name,
  NODE_MUTANT_LIST(X)
#undef X
};

inline constexpr std::array node_mutant_names = {
#define X(name) std::string_view(#name),
    NODE_MUTANT_LIST(X)
#undef X
};

// The one that is in the code now: of the whole process, which simulates one mutant at a time.
inline NodeMutant active_node_mutant = NodeMutant::none;

}  // namespace base

#define NODE_MUTANT(name) (::base::active_node_mutant == ::base::NodeMutant::name)
#else
#define NODE_MUTANT(name) false
#endif
