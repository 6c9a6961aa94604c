// What a backup holds, once it was read and checked whole: for `ipam backup` and `ipam restore`.
#pragma once

#include <string>

#include "cli/run.hpp"
#include "state/backup_file.hpp"

namespace server {

cli::BackupFacts facts_of(const state::CheckedBackup& backup);
// The error names the file.
base::Result<cli::BackupFacts, std::string> check_backup(const std::string& file);

}  // namespace server
