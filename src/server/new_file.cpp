#include "server/new_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "cli/draft_file.hpp"

namespace server {

namespace {

// An open descriptor that is closed whatever happens.
class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  int get() const { return descriptor_; }

 private:
  const int descriptor_;
};

// errno of what failed, or 0.
int write_and_sync(const std::string& file, std::string_view text, unsigned mode) {
  const File out(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
  if (out.get() < 0) return errno;
  while (!text.empty()) {
    const ssize_t written = ::write(out.get(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return ::fsync(out.get()) == 0 ? 0 : errno;
}

int sync_directory(const std::string& directory) {
  const File out(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (out.get() < 0) return errno;
  return ::fsync(out.get()) == 0 ? 0 : errno;
}

}  // namespace

base::Result<base::Ok, std::string> write_new_file(const std::string& file, std::string_view text,
                                                   unsigned mode) {
  // With the process id: two that run at once must not write into one file.
  const std::string temporary = fmt::format("{}.{}.tmp", file, ::getpid());
  int error = write_and_sync(temporary, text, mode);
  if (error == 0) error = cli::rename_new(temporary, file);
  if (error != 0) {
    ::unlink(temporary.c_str());
    return base::fail(fmt::format("cannot write {}: {}", file, std::strerror(error)));
  }
  const std::string parent = std::filesystem::path(file).parent_path().string();
  const std::string directory = parent.empty() ? "." : parent;
  if (const int unsynced = sync_directory(directory); unsynced != 0)
    return base::fail(fmt::format("cannot sync {}: {}", directory, std::strerror(unsynced)));
  return base::Ok{};
}

}  // namespace server
