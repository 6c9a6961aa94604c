// The files of the operating system.
#pragma once

#include "sqlite/file_system.hpp"

namespace sqlite {

class PosixFileSystem : public FileSystem {
 public:
  // New files get mode 0600.
  std::unique_ptr<File> open(const std::filesystem::path& path, FileMode mode) override;
  FileKind kind(const std::filesystem::path& path) override;
  std::uint64_t file_size(const std::filesystem::path& path) override;
  void remove(const std::filesystem::path& path) override;
  void rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  bool rename_new(const std::filesystem::path& from, const std::filesystem::path& to) override;
  void sync_directory(const std::filesystem::path& directory) override;
  Space space(const std::filesystem::path& directory) override;
  const char* vfs() const override { return nullptr; }
};

}  // namespace sqlite
