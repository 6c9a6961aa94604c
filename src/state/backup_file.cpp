#include "state/backup_file.hpp"

#include <fmt/format.h>

#include "state/database.hpp"

namespace state {

base::Result<CheckedBackup, std::string> check_backup(sqlite::FileSystem& files,
                                                      const std::filesystem::path& file) {
  try {
    if (!files.exists(file))
      return base::fail(fmt::format("{}: there is no such file", file.string()));
    auto database = Database::open_copy(files, file);
    if (!database) return base::fail(database.error());
    auto verification =
        std::get<ipam::Verification>(database.value()->query(ipam::VerifyQuery{}));
    if (!verification.intact)
      return base::fail(fmt::format("{}: is damaged ({}). Use another backup.", file.string(),
                                    verification.problem));
    auto loaded = database.value()->load();
    if (!loaded) return base::fail(loaded.error());
    return CheckedBackup{std::move(loaded).value(), std::move(verification),
                         files.file_size(file)};
  } catch (const std::exception& error) {  // such as a disk that cannot be read
    return base::fail(fmt::format("{}: cannot be read ({})", file.string(), error.what()));
  }
}

}  // namespace state
