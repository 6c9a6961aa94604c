#include "state/receiver.hpp"

#include <fmt/format.h>

#include "base/mutant.hpp"
#include "sqlite/files.hpp"

namespace state {

namespace fs = std::filesystem;

Receiver::Receiver(sqlite::FileSystem& files, fs::path path, std::uint64_t total_bytes)
    : files_(files), path_(std::move(path)), total_bytes_(total_bytes) {
  sqlite::remove_database(files_, path_);
  file_ = files_.open(path_, sqlite::FileMode::create_new);
}

Receiver::~Receiver() {
  file_.reset();
  if (installed_) return;
  try {
    sqlite::remove_database(files_, path_);
  } catch (const std::system_error&) {
    // The next start removes it.
  }
}

bool Receiver::write(std::uint64_t offset, base::BytesView data) {
  if (!file_ || offset > received_bytes_ || data.size() > total_bytes_ - offset)
    return false;
  if (NODE_MUTANT(chunk_offset_unchecked)) {
    file_->write_at(offset, data);
    received_bytes_ += data.size();
    return true;
  }
  if (offset + data.size() <= received_bytes_) return true;
  if (offset != received_bytes_) return false;
  file_->write_at(offset, data);
  received_bytes_ += data.size();
  return true;
}

base::Result<Loaded, std::string> Receiver::check(const Position& expected) {
  const auto refuse = [&](std::string_view reason) {
    return base::fail(fmt::format("{}: the received snapshot cannot be used: {}", path_.string(),
                                  reason));
  };
  if (received_bytes_ != total_bytes_ || total_bytes_ == 0)
    return refuse(fmt::format("{} of {} bytes are here", received_bytes_, total_bytes_));
  file_.reset();  // before SQLite opens it: see file_system.hpp
  try {
    auto database = Database::open(files_, path_, sqlite::Check::later);
    if (!database) return refuse(database.error());
    if (const std::string found = database.value()->integrity(); found != "ok")
      return refuse(found);
    const Position& position = database.value()->position();
    if (position.index != expected.index || position.term != expected.term ||
        (!expected.configuration.empty() && position.configuration != expected.configuration))
      return refuse(fmt::format("it holds index {} of term {}, not index {} of term {}",
                                position.index, position.term, expected.index, expected.term));
    auto loaded = database.value()->load();
    if (!loaded) return refuse(loaded.error());
    database.value()->seal();
    database.value().reset();
    sqlite::sync_file(files_, path_);
    return loaded;
  } catch (const std::exception& error) {
    return refuse(error.what());
  }
}

// A crash must leave the old database or the new one, and never a write-ahead log of the old one
// beside the new one: SQLite would play it into the file. So:
//  1. incoming.db is whole, checked, fsynced, and has no log of its own (check(), seal()).
//  2. The old state.db was sealed: its log is folded in, the file fsynced, the log deleted. A crash
//     from before this until 4 leaves the old database.
//  3. fsync of the directory: the deletion of the log is durable *before* the rename can be.
//     Without it a power cut may keep the rename and bring the log back.
//  4. rename: atomic. 5. fsync of the directory: the new database stays.
void Receiver::replace(const fs::path& state_file) {
  for (const char* suffix : {"-wal", "-journal", "-shm"})
    files_.remove(sqlite::with_suffix(state_file, suffix));  // nothing, if seal() did what it says
  files_.sync_directory(state_file.parent_path());
  sqlite::rename_durably(files_, path_, state_file);
  installed_ = true;
}

}  // namespace state
