// raft.last: what the database held after its last commit, in a small file beside it. SQLite drops
// write-ahead frames behind a bad checksum without an error, so acknowledged entries or a vote
// could vanish silently; this file remembers that they were there. Owned by LogStore.
//
// It is written after each commit without fsync. Invariant: whatever of it survives a crash is
// never ahead of what is durable in raft.db. Only a cut at the end of the log could break that, so
// LogStore sets the position to none, with fsync, before it commits such a cut.
//
// Format version 1, 56 bytes: u32 "RLS1", u64 cluster id, u64 incarnation, u64 index, u64 term of
// the last entry, u64 term and u64 vote of the hard state, u32 CRC32C of all before it.
#pragma once

#include <filesystem>
#include <optional>

#include "raft/core/types.hpp"
#include "raft/storage/log_store.hpp"
#include "sqlite/file_system.hpp"

namespace raft {

class SideFile {
 public:
  struct Content {
    LogPosition last;
    Term term;    // of the hard state
    NodeId vote;

    friend bool operator==(const Content&, const Content&) = default;
  };

  static std::filesystem::path path_in(const std::filesystem::path& directory);

  // Opens or makes it. Throws std::system_error, as write() does.
  SideFile(sqlite::FileSystem& files, const std::filesystem::path& directory,
           const Identity& identity);

  // nullopt where it is missing, damaged, or of another data directory: then it says nothing.
  std::optional<Content> read() const;
  void write(const Content& content);
  void sync() { file_->sync(); }

 private:
  Identity identity_;
  std::unique_ptr<sqlite::File> file_;
};

}  // namespace raft
