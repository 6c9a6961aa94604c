#include "sqlite/posix_file_system.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

namespace sqlite {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& path, const char* what) {
  throw std::system_error(errno, std::generic_category(), path.string() + ": cannot " + what);
}

class PosixFile : public File {
 public:
  // `flags` as open(2); O_CLOEXEC is added.
  PosixFile(const fs::path& path, int flags)
      : descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0600)), path_(path) {
    if (descriptor_ < 0) fail(path_, "open");
  }
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;
  ~PosixFile() override { ::close(descriptor_); }

  void write_at(std::uint64_t offset, std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t written =
          ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail(path_, "write");
      bytes.remove_prefix(static_cast<std::size_t>(written));
      offset += static_cast<std::uint64_t>(written);
    }
  }

  std::string read_at(std::uint64_t offset, std::size_t size) const override {
    std::string bytes(size, '\0');
    std::size_t done = 0;
    while (done < size) {
      const ssize_t got = ::pread(descriptor_, bytes.data() + done, size - done,
                                  static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail(path_, "read");
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    bytes.resize(done);
    return bytes;
  }

  void sync() override {
    if (::fsync(descriptor_) != 0) fail(path_, "fsync");
  }

  std::uint64_t size() const override {
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0) fail(path_, "stat");
    return static_cast<std::uint64_t>(status.st_size);
  }

 private:
  int descriptor_;
  fs::path path_;
};

int flags_of(FileMode mode) {
  switch (mode) {
    case FileMode::read: return O_RDONLY;
    case FileMode::write: return O_RDWR;
    case FileMode::create: return O_RDWR | O_CREAT;
    case FileMode::create_new: return O_RDWR | O_CREAT | O_EXCL;
  }
  return O_RDONLY;
}

}  // namespace

std::unique_ptr<File> PosixFileSystem::open(const fs::path& path, FileMode mode) {
  return std::make_unique<PosixFile>(path, flags_of(mode));
}

FileKind PosixFileSystem::kind(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) return FileKind::missing;
  if (error) throw std::system_error(error, path.string() + ": cannot be looked at");
  return status.type() == fs::file_type::regular ? FileKind::regular : FileKind::other;
}

std::uint64_t PosixFileSystem::file_size(const fs::path& path) { return fs::file_size(path); }

void PosixFileSystem::remove(const fs::path& path) { fs::remove(path); }

void PosixFileSystem::rename(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) fail(to, "rename to");
}

bool PosixFileSystem::rename_new(const fs::path& from, const fs::path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return true;
  if (errno == EEXIST) return false;
  if (errno != EINVAL && errno != ENOSYS) fail(to, "rename to");
  // The file system cannot do it in one step; nobody else writes our directory.
  if (fs::exists(to)) return false;
  rename(from, to);
  return true;
}

void PosixFileSystem::sync_directory(const fs::path& directory) {
  PosixFile(directory.empty() ? fs::path(".") : directory, O_RDONLY | O_DIRECTORY).sync();
}

Space PosixFileSystem::space(const fs::path& directory) {
  const fs::space_info info = fs::space(directory);
  return {info.available, info.capacity};
}

}  // namespace sqlite
