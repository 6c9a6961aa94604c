// sqlite::FileSystem on a SimulatedDisk, with the SQLite VFS that reaches the same files. Only the
// last part of a path counts: a node has one directory, and a disk of its own.
#pragma once

#include <memory>

#include "simulated_disk.hpp"
#include "sqlite/file_system.hpp"

struct sqlite3_vfs;

namespace simulation {

class SimulatedFiles : public sqlite::FileSystem {
 public:
  // Registers a VFS of that name, which no other object may have. `disk` outlives this.
  SimulatedFiles(SimulatedDisk& disk, std::string vfs_name, const sqlite::Tuning& tuning = {});
  ~SimulatedFiles() override;
  SimulatedFiles(const SimulatedFiles&) = delete;
  SimulatedFiles& operator=(const SimulatedFiles&) = delete;

  std::unique_ptr<sqlite::File> open(const std::filesystem::path& path,
                                     sqlite::FileMode mode) override;
  sqlite::FileKind kind(const std::filesystem::path& path) override;
  std::uint64_t file_size(const std::filesystem::path& path) override;
  void remove(const std::filesystem::path& path) override;
  void rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  bool rename_new(const std::filesystem::path& from, const std::filesystem::path& to) override;
  void sync_directory(const std::filesystem::path& directory) override;
  sqlite::Space space(const std::filesystem::path& directory) override;
  const char* vfs() const override { return vfs_name_.c_str(); }

  sqlite::Tuning tuning() const override { return tuning_; }

 private:
  SimulatedDisk& disk_;
  const std::string vfs_name_;
  const sqlite::Tuning tuning_;
  std::unique_ptr<sqlite3_vfs> vfs_;
};

// Fills `vfs` with functions that work on `disk` (simulated_vfs.cpp). `name` and `disk` outlive it.
void make_vfs(sqlite3_vfs& vfs, const char* name, SimulatedDisk& disk);

}  // namespace simulation
