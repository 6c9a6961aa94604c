// Bugs of real Rafts, each put back at one point of the code, for the simulator to find
// (tests/simulation/README.md; the numbers are those of raft-scenarios.md). They exist only in the
// test build, which defines RAFT_MUTANTS and compiles this folder a second time; elsewhere MUTANT()
// is false and leaves no trace.
#pragma once

#define RAFT_MUTANT_LIST(X)                                                            \
  X(vote_written_after_term)          /* 1: a crash between the two loses the vote */  \
  X(own_vote_not_written)             /* 2 */                                          \
  X(term_raised_after_winning)        /* 3 */                                          \
  X(pre_vote_counts_as_vote)          /* 4 */                                          \
  X(pre_vote_clears_vote)             /* 4 */                                          \
  X(lower_term_is_ignored)            /* 5 */                                          \
  X(deposed_leader_is_shunned)        /* 6: and never forgotten, which would end it */  \
  X(pre_vote_resets_timer)            /* 6 */                                          \
  X(leads_without_quorum)             /* 7 */                                          \
  X(commits_earlier_term)             /* 8 */                                          \
  X(stale_append_truncates)           /* 9 */                                          \
  X(acknowledges_own_last)            /* 10, with guesses_too_low() */                 \
  X(rejection_is_never_stale)         /* 11 */                                         \
  X(progress_id_is_ignored)           /* 12, without the new starts that heal it */     \
  X(overwritten_write_counts)         /* 13 */                                         \
  X(commits_beyond_message)           /* 10, for the commit index */                   \
  X(oversized_append_skips)           /* 14 */                                         \
  X(overwritten_is_not_rewritten)     /* 15: what was handed out counts as written */  \
  X(leader_counts_unwritten)          /* 18 */                                         \
  X(acknowledges_before_write)        /* 19, without a disk that fails */              \
  X(entries_written_before_term)      /* 23 */                                         \
  X(compacted_is_conflict)            /* 24 */                                         \
  X(snapshot_has_latest_configuration) /* 25 */                                        \
  X(rollback_configuration_compacted) /* 25 */                                         \
  X(change_before_term_commit)        /* 26 */                                         \
  X(change_during_change)             /* 26 */                                         \
  X(learner_refuses_vote)             /* 27 */                                         \
  X(appended_configuration_forgotten) /* 27 */                                         \
  X(configuration_not_rolled_back)    /* 27 */                                         \
  X(incarnation_is_ignored)           /* 28 */                                         \
  X(removed_is_not_told)              /* 29 */                                         \
  X(read_before_term_commit)          /* 30 */                                         \
  X(any_answer_confirms_read)         /* 30 */                                         \
  X(read_without_quorum)              /* 32 */                                         \
  X(votes_for_shorter_log)            /* Raft 5.4.1 */                                 \
  X(votes_twice)                      /* Raft 5.2 */                                   \
  X(joint_needs_one_half)             /* Raft 6 */                                     \
  X(learner_counts_for_commit)        /* thesis 4.2.1 */

#ifdef RAFT_MUTANTS

#include <array>
#include <string_view>

namespace raft {

enum class Mutant {
  none,
#define X(name) name,
  RAFT_MUTANT_LIST(X)
#undef X
};

inline constexpr std::array mutant_names = {
#define X(name) std::string_view(#name),
    RAFT_MUTANT_LIST(X)
#undef X
};

// Assertions that would end a mutant before an invariant can name it are off where this is true.
inline constexpr bool mutants_built = true;

// The one that is in the code now: of the whole process, which simulates one mutant at a time.
inline Mutant active_mutant = Mutant::none;

}  // namespace raft

#define MUTANT(name) (::raft::active_mutant == ::raft::Mutant::name)
#else
namespace raft {
inline constexpr bool mutants_built = false;
}
#define MUTANT(name) false
#endif

namespace raft {

// Our leader's guess of where the logs agree, from the follower's hint, is never below that point.
// So its first append reaches what differs there and cuts it off, and a follower has nothing
// unproven left that it could acknowledge or commit. Leaders that back off by more than they must
// are common; with one, these two bugs do harm.
inline bool guesses_too_low() {
  return MUTANT(acknowledges_own_last) || MUTANT(commits_beyond_message);
}

}  // namespace raft
