// The log of one node in memory: everything after the compacted position. The core never reads the
// disk; compaction keeps the log short enough for memory (raft/node's driver sees to it).
// It also knows how much of itself has been handed out for writing and how much is durable.
// Pure; owned by RaftCore.
#pragma once

#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "raft/core/ready.hpp"
#include "raft/core/types.hpp"

namespace raft {

class Log {
 public:
  // `entries` are durable and contiguous from compacted.index + 1.
  Log(LogPosition compacted, std::vector<Entry> entries);

  const LogPosition& compacted() const { return compacted_; }
  Index first_index() const { return compacted_.index + 1; }
  Index last_index() const { return compacted_.index + entries_.size(); }
  LogPosition last() const;
  // Known from the compacted position up to the last entry; nullopt outside.
  std::optional<Term> term_at(Index index) const;
  bool matches(const LogPosition& position) const {
    return term_at(position.index) == position.term;
  }
  // REQUIRES: first_index() <= index <= last_index().
  const Entry& at(Index index) const;
  // The largest index up to `limit` whose term is at most `term`; the compacted index where none
  // is.
  Index last_index_with_term_at_most(Term term, Index limit) const;
  // Entries from `from` on: at most `bytes_max` of data, but at least one where there is one.
  std::vector<Entry> slice(Index from, Index last, std::size_t bytes_max) const;
  // What all entries take in memory, about.
  std::uint64_t bytes() const { return bytes_; }

  // REQUIRES: entry.index == last_index() + 1.
  void append(Entry entry);
  // Drops everything from `index` on. REQUIRES: index > compacted index.
  void truncate_from(Index index);
  // Forgets everything up to `index`. REQUIRES: compacted index <= index <= last_index().
  void compact(Index index);
  // Forgets everything; the log goes on after `position` (a snapshot was installed).
  void reset(const LogPosition& position);

  // ---- the way to the disk ----
  // What has not been handed out for writing yet; handed out by the call.
  std::vector<Entry> take_unwritten();
  bool has_unwritten() const { return handed_out_ < last_index(); }
  PersistToken token() const { return {last(), truncations_}; }
  // False where the token is from before a truncation: a later token covers what is there now.
  bool on_persisted(const PersistToken& token);
  Index persisted() const { return persisted_; }

 private:
  LogPosition compacted_;
  std::deque<Entry> entries_;
  std::uint64_t bytes_ = 0;
  Index handed_out_;
  Index persisted_;
  std::uint64_t truncations_ = 0;
};

}  // namespace raft
