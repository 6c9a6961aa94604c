#include "sqlite/files.hpp"

namespace sqlite {

void sync_file(FileSystem& files, const std::filesystem::path& path) {
  files.open(path, FileMode::write)->sync();
}

void rename_durably(FileSystem& files, const std::filesystem::path& from,
                    const std::filesystem::path& to) {
  files.rename(from, to);
  files.sync_directory(to.parent_path());
}

bool rename_new_durably(FileSystem& files, const std::filesystem::path& from,
                        const std::filesystem::path& to) {
  if (!files.rename_new(from, to)) return false;
  files.sync_directory(to.parent_path());
  return true;
}

std::filesystem::path with_suffix(const std::filesystem::path& path, std::string_view suffix) {
  std::filesystem::path result = path;
  result += suffix;
  return result;
}

void remove_database(FileSystem& files, const std::filesystem::path& path) {
  // The file itself last: a journal without its file would be taken for that of the next one.
  for (const char* suffix : {"-wal", "-shm", "-journal", ""})
    files.remove(with_suffix(path, suffix));
}

}  // namespace sqlite
