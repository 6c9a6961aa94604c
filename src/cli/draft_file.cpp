#include "cli/draft_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

namespace cli {

// For its owner alone: it may say where everything in a company is.
DraftFile::DraftFile(std::string file)
    : file_(std::move(file)),
      draft_(file_ + ".part"),
      descriptor_(::open(draft_.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600)) {
  if (descriptor_ < 0 || !lock() || ::ftruncate(descriptor_, 0) != 0 ||
      ::fchmod(descriptor_, 0600) != 0)
    fail(draft_, "written");
}

// One process at a time: another one would write into what this one has checked. Who got the lock
// late may have opened what is FILE by now.
bool DraftFile::lock() {
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    error_ = fmt::format("{} is being written by another process", draft_);
    return false;
  }
  struct stat opened{}, named{};
  const bool is_named = ::fstat(descriptor_, &opened) == 0 &&
                        ::lstat(draft_.c_str(), &named) == 0 && opened.st_ino == named.st_ino &&
                        opened.st_dev == named.st_dev;
  if (!is_named) error_ = fmt::format("{} was just finished by another process", draft_);
  is_mine_ = is_named;
  return is_named;
}

DraftFile::~DraftFile() {
  if (descriptor_ < 0) return;
  if (is_mine_ && !is_finished_) ::unlink(draft_.c_str());
  ::close(descriptor_);
}

bool DraftFile::fail(const std::string& file, std::string_view what) {
  if (error_.empty())
    error_ = fmt::format("{} cannot be {}: {}", file, what, std::strerror(errno));
  return false;
}

bool DraftFile::write(std::string_view bytes) {
  if (!error_.empty()) return false;
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail(draft_, "written");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

bool DraftFile::sync() {
  if (!error_.empty()) return false;
  return ::fsync(descriptor_) == 0 || fail(draft_, "synced");
}

// link() refuses to replace where rename() would; a file system without hard links is looked at.
int rename_new(const std::string& from, const std::string& to) {
  if (::link(from.c_str(), to.c_str()) == 0) {
    ::unlink(from.c_str());
    return 0;
  }
  if (errno == EEXIST) return EEXIST;
  struct stat named{};
  if (::lstat(to.c_str(), &named) == 0) return EEXIST;
  if (errno != ENOENT) return errno;
  return std::rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
}

bool DraftFile::finish(bool replace) {
  if (!error_.empty()) return false;
  const auto rename = [this] {
    return std::rename(draft_.c_str(), file_.c_str()) == 0 ? 0 : errno;
  };
  if (const int error = replace ? rename() : rename_new(draft_, file_); error != 0) {
    errno = error;
    return fail(file_, "made");
  }
  is_finished_ = true;
  const std::string parent = std::filesystem::path(file_).parent_path().string();
  const int directory =
      ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = directory >= 0 && ::fsync(directory) == 0;
  if (!synced) fail(file_, "synced");
  if (directory >= 0) ::close(directory);
  return synced;
}

}  // namespace cli
