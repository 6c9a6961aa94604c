// Is a file a whole backup? Read and checked as `audit/verify` checks state.db, and loaded.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.hpp"
#include "ipam/history.hpp"
#include "sqlite/file_system.hpp"
#include "state/state_store.hpp"

namespace state {

struct CheckedBackup {
  Loaded loaded;
  ipam::Verification verification;  // intact
  std::uint64_t bytes = 0;
};

// Takes the memory of a node that runs on it, and the time of its start and twice that of reading
// the file, which is left as it is. The error is a text for the user.
base::Result<CheckedBackup, std::string> check_backup(sqlite::FileSystem& files,
                                                      const std::filesystem::path& file);

}  // namespace state
