// snapshot.db: a copy of state.db as of one committed index, made page by page with SQLite's backup
// interface so that the thread serves other work in between. Commits in between go into the copy as
// well, and its index is that of the last one before the end. The copy is one standalone file
// without a write-ahead log. Used by the thread of StateStore alone.
//
// Rejected: VACUUM INTO. It gives a smaller file, but holds the thread until it is done.
#pragma once

#include <filesystem>

#include "sqlite/file_system.hpp"
#include "sqlite/sqlite.hpp"
#include "state/database.hpp"

struct sqlite3_backup;

namespace state {

class SnapshotCopy {
 public:
  // Throws sqlite::Error or std::system_error, as step() and finish() do.
  SnapshotCopy(sqlite::FileSystem& files, Database& source, std::filesystem::path path);
  ~SnapshotCopy();  // removes what is not finished

  // Copies some pages; true when all are copied. REQUIRES: no open transaction.
  bool step();
  // Makes the copy durable and standalone; gives its size.
  std::uint64_t finish();

 private:
  void close_backup();

  sqlite::FileSystem& files_;
  std::filesystem::path path_;
  std::optional<sqlite::Connection> target_;
  sqlite3_backup* backup_ = nullptr;
  bool finished_ = false;
};

}  // namespace state
