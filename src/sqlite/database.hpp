// Opening a database file of ours: alone (exclusive lock), with a write-ahead log and full syncs,
// and only if it is whole and of the right kind. One place for the settings and for the texts that
// a user reads when a file is damaged, foreign or in use.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.hpp"
#include "sqlite/file_system.hpp"
#include "sqlite/sqlite.hpp"

namespace sqlite {

// What kind of file it must be.
struct Format {
  std::string_view kind;             // for texts: "Raft log"
  std::int32_t application_id = 0;   // PRAGMA application_id
  std::int32_t version = 0;          // PRAGMA user_version
  std::string_view remedy;           // what the user can do where the file is lost; a sentence
};

// Who checks the structure of a file that is opened.
enum class Check : std::uint8_t {
  now,    // opening does
  later,  // whoever opens it, by check_structure() or a StructureCheck
};

// Opens, locks and checks; what it then holds is durable. Syncs at every commit; the owner
// checkpoints.
// The error is "FILE: what is wrong. What to do."
base::Result<Connection, std::string> open_database(FileSystem& files,
                                                    const std::filesystem::path& path,
                                                    const Format& format,
                                                    Check check = Check::now);

// Whether every page is where it belongs, and every key in its order (PRAGMA quick_check): "ok" or
// what is wrong. Throws Error.
std::string check_structure(Connection& connection);

// Opens a standalone copy to be read; nothing is written, in the file or beside it. Its structure
// is not checked. The same errors; one that has or wants a write-ahead log is refused.
base::Result<Connection, std::string> open_copy(FileSystem& files,
                                                const std::filesystem::path& path,
                                                const Format& format);

// Makes `path` by the SQL of `schema` as one step: a crash leaves all of it or nothing
// that open_database() would see. False where one, or its write-ahead log, exists. Throws Error or
// std::system_error.
bool create_database(FileSystem& files, const std::filesystem::path& path, const Format& format,
                     const std::string& schema);

// The sentence of open_database() for an error that came up later.
std::string describe(const std::filesystem::path& path, const Format& format, const Error& error);
// The same for damage that the owner found in the content.
std::string describe_damage(const std::filesystem::path& path, const Format& format,
                            std::string_view what);

}  // namespace sqlite
