// The few sequences of file operations whose order decides what a crash leaves behind. They throw
// std::system_error with the path in its text.
#pragma once

#include <filesystem>
#include <string_view>

#include "sqlite/file_system.hpp"

namespace sqlite {

void sync_file(FileSystem& files, const std::filesystem::path& path);
// Renames within a directory and makes it durable; `to` is replaced where it exists.
void rename_durably(FileSystem& files, const std::filesystem::path& from,
                    const std::filesystem::path& to);
// The same; false, and nothing done, where `to` exists.
bool rename_new_durably(FileSystem& files, const std::filesystem::path& from,
                        const std::filesystem::path& to);

// "`path`-wal" and the like.
std::filesystem::path with_suffix(const std::filesystem::path& path, std::string_view suffix);
// Removes a database file of ours that nobody has open, and what SQLite keeps beside it.
void remove_database(FileSystem& files, const std::filesystem::path& path);

}  // namespace sqlite
