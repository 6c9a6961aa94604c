// The one door of a data directory to the operating system. raft/storage, state and the opening of
// a node's files reach the disk through this interface or through the SQLite VFS that it names, and
// nowhere else: so the simulator can take the disk's place, power cuts included.
//
// What fails throws std::system_error with the path in its text. May be used by several threads at
// once where they use different files.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace sqlite {

// An open file; closes itself.
class File {
 public:
  virtual ~File() = default;
  virtual void write_at(std::uint64_t offset, std::string_view bytes) = 0;
  // Fewer bytes than asked for only at the end of the file.
  virtual std::string read_at(std::uint64_t offset, std::size_t size) const = 0;
  virtual void sync() = 0;  // data, and what is needed to read it
  virtual std::uint64_t size() const = 0;
};

enum class FileMode : std::uint8_t {
  read,
  write,       // and read; it must exist
  create,      // write; made where it is missing
  create_new,  // write; it must not exist
};

enum class FileKind : std::uint8_t { missing, regular, other };

// Sizes that bound how long one piece of work takes. They change nothing but how often things
// happen; the simulator draws small ones, so that what is rare is common there.
struct Tuning {
  // What a commit may leave in the write-ahead log before its owner checkpoints. Large enough that
  // a busy page is copied back once for many commits, small enough that copying is no long pause.
  int wal_pages_max = 4096;  // 16 MiB
  // Of a copy of a database in one go, between which its thread serves others.
  int backup_pages_per_step = 256;  // 1 MiB: about a millisecond
};

// Of a disk.
struct Space {
  std::uint64_t free_bytes = 0;
  std::uint64_t total_bytes = 0;
};

// What should stay free on a disk: a twentieth, within these bounds. Copies (backups, snapshots)
// are not begun where less would be left, and a node with less does not lead where another can.
// The least has room for what both databases write before they reuse it (Tuning::wal_pages_max),
// the most is minutes of the heaviest writing.
inline constexpr std::uint64_t reserve_bytes_min = 16 << 20;
inline constexpr std::uint64_t reserve_bytes_max = 256 << 20;
inline std::uint64_t reserve_bytes(const Space& space) {
  return std::clamp(space.total_bytes / 20, reserve_bytes_min, reserve_bytes_max);
}
inline bool has_room(const Space& space, std::uint64_t bytes) {
  const std::uint64_t reserve = reserve_bytes(space);
  return space.free_bytes >= reserve && space.free_bytes - reserve >= bytes;
}

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // Never one that SQLite has open in this process: closing any descriptor of a file drops the
  // process's POSIX locks on it.
  virtual std::unique_ptr<File> open(const std::filesystem::path& path, FileMode mode) = 0;
  virtual FileKind kind(const std::filesystem::path& path) = 0;
  virtual std::uint64_t file_size(const std::filesystem::path& path) = 0;

  // ---- changes of the directory: not durable before sync_directory() ----
  virtual void remove(const std::filesystem::path& path) = 0;  // nothing where it is missing
  virtual void rename(const std::filesystem::path& from, const std::filesystem::path& to) = 0;
  // False, and nothing done, where `to` exists.
  virtual bool rename_new(const std::filesystem::path& from, const std::filesystem::path& to) = 0;
  virtual void sync_directory(const std::filesystem::path& directory) = 0;

  virtual Space space(const std::filesystem::path& directory) = 0;
  // Of the VFS through which SQLite reaches the same files; nullptr: SQLite's own.
  virtual const char* vfs() const = 0;
  virtual Tuning tuning() const { return {}; }

  bool exists(const std::filesystem::path& path) { return kind(path) != FileKind::missing; }
};

}  // namespace sqlite
