#include "state/snapshot.hpp"

#include <sqlite3.h>

#include "sqlite/files.hpp"

namespace state {

SnapshotCopy::SnapshotCopy(sqlite::FileSystem& files, Database& source, std::filesystem::path path)
    : files_(files), path_(std::move(path)) {
  sqlite::remove_database(files_, path_);
  target_.emplace(path_, sqlite::OpenMode::create, files_.vfs());
  // A crash leaves a file that is deleted at the next start: no journal, one fsync at the end.
  target_->execute("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=OFF; "
                   "PRAGMA synchronous=OFF; PRAGMA cache_size=-4096");
  backup_ = sqlite3_backup_init(target_->handle(), "main", source.connection().handle(), "main");
  if (backup_ == nullptr)
    sqlite::throw_error(target_->handle(), sqlite3_errcode(target_->handle()));
}

SnapshotCopy::~SnapshotCopy() {
  close_backup();
  target_.reset();
  if (finished_) return;
  try {
    sqlite::remove_database(files_, path_);
  } catch (const std::system_error&) {
    // The next start removes it.
  }
}

bool SnapshotCopy::step() {
  const int code = sqlite3_backup_step(backup_, files_.tuning().backup_pages_per_step);
  if (code == SQLITE_DONE) return true;
  if (code != SQLITE_OK) throw sqlite::Error(code, sqlite3_errstr(code));
  return false;
}

std::uint64_t SnapshotCopy::finish() {
  close_backup();
  target_.reset();
  {
    // The first page was copied too and says "write-ahead log".
    sqlite::Connection copy(path_, sqlite::OpenMode::existing, files_.vfs());
    copy.execute("PRAGMA locking_mode=EXCLUSIVE");
    const std::string mode = copy.text("PRAGMA journal_mode=DELETE");
    if (mode != "delete") throw sqlite::Error(SQLITE_ERROR, "the copy stays in mode " + mode);
  }
  sqlite::sync_file(files_, path_);
  files_.sync_directory(path_.parent_path());
  finished_ = true;
  return files_.file_size(path_);
}

void SnapshotCopy::close_backup() {
  if (backup_ != nullptr) sqlite3_backup_finish(backup_);
  backup_ = nullptr;
}

}  // namespace state
