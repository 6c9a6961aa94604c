// The few file operations whose order decides what a crash leaves behind. They throw
// std::system_error with the path in its text.
//
// None of them may touch a database file that SQLite has open in this process: closing any
// descriptor of a file drops the process's POSIX locks on it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace sqlite {

// A file descriptor that closes itself.
class File {
 public:
  File() = default;
  // `flags` as open(2); O_CLOEXEC is added, new files get mode 0600.
  File(const std::filesystem::path& path, int flags);
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File();

  bool is_open() const { return descriptor_ >= 0; }
  void close();
  void write_at(std::uint64_t offset, std::string_view bytes);
  // Fewer bytes than asked for only at the end of the file.
  std::string read_at(std::uint64_t offset, std::size_t size) const;
  void sync();  // data, and what is needed to read it
  std::uint64_t size() const;

 private:
  int descriptor_ = -1;
  std::filesystem::path path_;
};

void sync_file(const std::filesystem::path& path);
void sync_directory(const std::filesystem::path& directory);
// Renames within a directory and makes it durable; `to` is replaced where it exists.
void rename_durably(const std::filesystem::path& from, const std::filesystem::path& to);
// The same; false, and nothing done, where `to` exists.
bool rename_new_durably(const std::filesystem::path& from, const std::filesystem::path& to);

// "`path`-wal" and the like.
std::filesystem::path with_suffix(const std::filesystem::path& path, std::string_view suffix);
// Removes a database file of ours that nobody has open, and what SQLite keeps beside it.
void remove_database(const std::filesystem::path& path);

}  // namespace sqlite
