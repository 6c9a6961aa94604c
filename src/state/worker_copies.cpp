// The part of Worker that copies state.db: the snapshot that Raft sends, and backups.
#include <fmt/format.h>

#include "sqlite/files.hpp"
#include "state/worker.hpp"

namespace state {

namespace {

using Failure = StateStore::BackupFailure;
using Reason = Failure::Reason;

}  // namespace

std::filesystem::path backup_path(const std::filesystem::path& directory, std::size_t slot) {
  return directory / fmt::format("backup-{}.db", slot + 1);
}

bool Worker::has_room(std::uint64_t bytes) const {
  return sqlite::has_room(files_.space(directory_), bytes);
}

// ---- making copies, one after the other ----

void Worker::start_copy(CopyRequest request) {
  commit();
  copies_.push_back(std::move(request));
  if (copies_.size() == 1) begin_copy();
}

// REQUIRES: no open transaction.
void Worker::begin_copy() {
  try {
    if (!has_room(files_.file_size(directory_ / "state.db")))
      return fail_copy(0, {Reason::no_room, "too little free disk space for a copy of state.db"});
    copy_.emplace(files_, *database_, copies_.front().path);
  } catch (const std::exception& error) {
    fail_copy(0, {Reason::failed, error.what()});
  }
}

void Worker::continue_copy() {
  if (!poison_.empty()) return fail_copies(poison_);
  if (!copy_) return begin_copy();
  try {
    if (copy_->step()) finish_copy();
  } catch (const std::exception& error) {
    // The copy's trouble, such as a full disk: the database itself is untouched.
    fail_copy(0, {Reason::failed, error.what()});
  }
}

void Worker::finish_copy() {
  const std::uint64_t bytes = copy_->finish();
  const std::filesystem::path path = copies_.front().path;
  auto file = files_.open(path, sqlite::FileMode::read);
  copy_.reset();
  const CopyRequest request = std::move(copies_.front());
  copies_.pop_front();
  if (request.number == 0) {
    snapshot_ = std::move(file);
    return deliver(request.snapshot_done,
                   base::Result<StateStore::SnapshotFile, std::string>(
                       StateStore::SnapshotFile{path, database_->position(), bytes}));
  }
  slot_of(request.number)->file = std::move(file);
  deliver(request.backup_done,
          base::Result<StateStore::Backup, Failure>(
              StateStore::Backup{request.number, database_->position(),
                                 database_->counters().digest, bytes}));
}

void Worker::fail_copy(std::size_t at, Failure failure) {
  if (at == 0) copy_.reset();  // removes its file
  const auto position = copies_.begin() + static_cast<std::ptrdiff_t>(at);
  const CopyRequest request = std::move(*position);
  copies_.erase(position);
  failure.text = fmt::format("the {} failed: {}", request.number == 0 ? "snapshot" : "backup",
                             failure.text);
  if (request.number == 0)
    return deliver(request.snapshot_done, base::Result<StateStore::SnapshotFile, std::string>(
                                              base::fail(std::move(failure.text))));
  free_slot(*slot_of(request.number));
  deliver(request.backup_done,
          base::Result<StateStore::Backup, Failure>(base::fail(std::move(failure))));
}

void Worker::fail_copies(const std::string& reason) {
  while (!copies_.empty()) fail_copy(0, {Reason::failed, reason});
}

// ---- the snapshot ----

void Worker::start_snapshot(SnapshotDone done) {
  for (const CopyRequest& request : copies_)
    if (request.number == 0)
      return deliver(std::move(done),
                     base::Result<StateStore::SnapshotFile, std::string>(
                         base::fail(std::string("a snapshot is already being made"))));
  snapshot_.reset();
  start_copy({0, directory_ / "snapshot.db", std::move(done), nullptr});
}

base::Result<base::Bytes, std::string> Worker::read_snapshot(std::uint64_t offset,
                                                             std::size_t size) {
  if (!snapshot_) return base::fail(std::string("there is no snapshot"));
  try {
    return snapshot_->read_at(offset, size);
  } catch (const std::system_error& error) {
    return base::fail(std::string(error.what()));
  }
}

void Worker::delete_snapshot() {
  for (std::size_t at = 0; at < copies_.size(); ++at)
    if (copies_[at].number == 0) {
      fail_copy(at, {Reason::failed, "it was given up"});
      break;
    }
  snapshot_.reset();
  sqlite::remove_database(files_, directory_ / "snapshot.db");
}

// ---- backups ----

void Worker::start_backup(BackupDone done) {
  BackupSlot* const slot = slot_of(0);
  if (slot == nullptr)
    return deliver(std::move(done),
                   base::Result<StateStore::Backup, Failure>(base::fail(Failure{
                       Reason::too_many, fmt::format("{} backups are under way", backups_max)})));
  commit();  // what fails here poisons: the slot stays free
  slot->number = next_backup_++;
  const auto index = static_cast<std::size_t>(slot - backups_.data());
  start_copy({slot->number, backup_path(directory_, index), nullptr, std::move(done)});
}

base::Result<base::Bytes, std::string> Worker::read_backup(std::uint64_t number,
                                                           std::uint64_t offset,
                                                           std::size_t size) {
  const BackupSlot* const slot = slot_of(number);
  if (slot == nullptr || !slot->file) return base::fail(std::string("there is no such backup"));
  try {
    return slot->file->read_at(offset, size);
  } catch (const std::system_error& error) {
    return base::fail(std::string(error.what()));
  }
}

void Worker::delete_backup(std::uint64_t number) {
  if (BackupSlot* const slot = slot_of(number); slot != nullptr && slot->file) free_slot(*slot);
}

Worker::BackupSlot* Worker::slot_of(std::uint64_t number) {
  for (BackupSlot& slot : backups_)
    if (slot.number == number) return &slot;
  return nullptr;
}

void Worker::free_slot(BackupSlot& slot) {
  const bool is_used = std::exchange(slot.number, 0) != 0;
  slot.file.reset();
  if (!is_used) return;
  try {
    sqlite::remove_database(files_,
                            backup_path(directory_,
                                        static_cast<std::size_t>(&slot - backups_.data())));
  } catch (const std::system_error&) {
    // The next start removes it.
  }
}

}  // namespace state
