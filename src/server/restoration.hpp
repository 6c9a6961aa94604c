// Makes the data directory of a node out of a backup: state.db is the backup itself, byte for byte,
// and raft.db a log that begins behind it, whose first entry makes the node the only member, in an
// epoch of its own. Works on a file system that is handed in, without a random number of its own.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "raft/node/recovery.hpp"
#include "server/node_files.hpp"
#include "state/backup_file.hpp"

namespace server {

struct Restoration {
  state::CheckedBackup backup;
  raft::Founding founding;
};

// `checked` is of the file `backup`. `incarnation` and `epochs` (1 to 2^31) are random numbers.
// REQUIRES: spec.data_dir exists, holds no data, and is locked. The error is a text for the user;
// what is left of an attempt that failed or was cut off is no data directory that a node would
// start on.
base::Result<Restoration, std::string> restore_directory(sqlite::FileSystem& files,
                                                         const std::filesystem::path& backup,
                                                         state::CheckedBackup checked,
                                                         const NodeSpec& spec,
                                                         std::uint64_t incarnation,
                                                         std::uint64_t epochs);

// A restoration that was cut off after it had put state.db into place and before raft.db: no node
// starts on that. True: it was one, and its state.db is gone, so that it can be begun anew.
// REQUIRES: the directory's lock is held.
bool undo_cut_off_restoration(sqlite::FileSystem& files, const std::filesystem::path& directory);

}  // namespace server
