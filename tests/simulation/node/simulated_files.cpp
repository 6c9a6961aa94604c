#include "simulated_files.hpp"

#include <sqlite3.h>

#include <cerrno>
#include <system_error>

#include "base/assert.hpp"

namespace simulation {
namespace {

namespace fs = std::filesystem;

void check(int error, const fs::path& path, const char* what) {
  if (error != 0)
    throw std::system_error(error, std::generic_category(), path.string() + ": cannot " + what);
}

class SimulatedFile : public sqlite::File {
 public:
  SimulatedFile(SimulatedDisk& disk, SimulatedDisk::Handle inode, fs::path path)
      : disk_(disk), inode_(std::move(inode)), path_(std::move(path)) {}

  void write_at(std::uint64_t offset, std::string_view bytes) override {
    check(disk_.write(*inode_, offset, bytes.data(), bytes.size()), path_, "write");
  }
  std::string read_at(std::uint64_t offset, std::size_t size) const override {
    std::string bytes;
    check(disk_.read(*inode_, offset, size, bytes), path_, "read");
    return bytes;
  }
  void sync() override { check(disk_.sync(*inode_), path_, "fsync"); }
  std::uint64_t size() const override {
    std::uint64_t bytes = 0;
    check(disk_.size(*inode_, bytes), path_, "stat");
    return bytes;
  }

 private:
  SimulatedDisk& disk_;
  const SimulatedDisk::Handle inode_;
  const fs::path path_;
};

}  // namespace

SimulatedFiles::SimulatedFiles(SimulatedDisk& disk, std::string vfs_name,
                               const sqlite::Tuning& tuning)
    : disk_(disk),
      vfs_name_(std::move(vfs_name)),
      tuning_(tuning),
      vfs_(std::make_unique<sqlite3_vfs>()) {
  make_vfs(*vfs_, vfs_name_.c_str(), disk_);
  ASSERT(sqlite3_vfs_register(vfs_.get(), 0) == SQLITE_OK);
}

SimulatedFiles::~SimulatedFiles() { sqlite3_vfs_unregister(vfs_.get()); }

std::unique_ptr<sqlite::File> SimulatedFiles::open(const fs::path& path, sqlite::FileMode mode) {
  SimulatedDisk::Handle inode;
  const bool exclusive = mode == sqlite::FileMode::create_new;
  const bool create = exclusive || mode == sqlite::FileMode::create;
  check(disk_.open(path.filename().string(), create, exclusive, inode), path, "open");
  return std::make_unique<SimulatedFile>(disk_, std::move(inode), path);
}

sqlite::FileKind SimulatedFiles::kind(const fs::path& path) {
  bool found = false;
  check(disk_.exists(path.filename().string(), found), path, "be looked at");
  return found ? sqlite::FileKind::regular : sqlite::FileKind::missing;
}

std::uint64_t SimulatedFiles::file_size(const fs::path& path) {
  return open(path, sqlite::FileMode::read)->size();
}

void SimulatedFiles::remove(const fs::path& path) {
  const int error = disk_.remove(path.filename().string());
  if (error != ENOENT) check(error, path, "remove");
}

void SimulatedFiles::rename(const fs::path& from, const fs::path& to) {
  check(disk_.rename(from.filename().string(), to.filename().string()), to, "rename to");
}

bool SimulatedFiles::rename_new(const fs::path& from, const fs::path& to) {
  if (kind(to) != sqlite::FileKind::missing) return false;
  rename(from, to);
  return true;
}

void SimulatedFiles::sync_directory(const fs::path& directory) {
  check(disk_.sync_directory(), directory, "fsync");
}

sqlite::Space SimulatedFiles::space(const fs::path& directory) {
  std::uint64_t free_bytes = 0;
  check(disk_.free_bytes(free_bytes), directory, "look at the space of");
  return {free_bytes, SimulatedDisk::size_bytes};
}

}  // namespace simulation
