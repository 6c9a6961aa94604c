// incoming.db: a snapshot that is being received, checked, and put in the place of state.db. Used
// by the thread of StateStore alone.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "sqlite/file_system.hpp"
#include "state/database.hpp"

namespace state {

class Receiver {
 public:
  // Makes an empty file at `path`. Throws std::system_error, as write() does.
  Receiver(sqlite::FileSystem& files, std::filesystem::path path, std::uint64_t total_bytes);
  ~Receiver();  // removes the file unless it was installed

  // False where the chunk leaves a gap or does not fit; one that is there already is fine.
  bool write(std::uint64_t offset, base::BytesView data);

  // Reads and checks the whole file. The text says why it cannot be used; nothing has changed then.
  base::Result<Loaded, std::string> check(const Position& expected);
  // Puts it in the place of `state_file`, which must be sealed and closed. Throws
  // std::system_error; see receiver.cpp for what a crash leaves. REQUIRES: check() was ok.
  void replace(const std::filesystem::path& state_file);

 private:
  sqlite::FileSystem& files_;
  std::filesystem::path path_;
  std::unique_ptr<sqlite::File> file_;  // until check()
  std::uint64_t total_bytes_;
  std::uint64_t received_bytes_ = 0;
  bool installed_ = false;
};

}  // namespace state
