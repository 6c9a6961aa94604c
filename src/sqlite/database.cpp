#include "sqlite/database.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <system_error>

#include "base/mutant.hpp"

#include "sqlite/files.hpp"

namespace sqlite {
namespace {

namespace fs = std::filesystem;

// A user may have made any file; the checks before the first SQL give better texts than SQLite.
std::string look_at_file(FileSystem& files, const fs::path& path, const Format& format) {
  try {
    const FileKind kind = files.kind(path);
    if (kind == FileKind::missing && files.exists(with_suffix(path, "-wal")))
      return describe_damage(path, format, "is missing, but its write-ahead log is there");
    if (kind == FileKind::missing)
      return fmt::format("{}: does not exist. Check the data directory.", path.string());
    if (kind != FileKind::regular)
      return fmt::format("{}: is not a regular file. Move it away.", path.string());
    if (files.file_size(path) == 0)
      return describe_damage(path, format, "is empty: it has been truncated");
  } catch (const std::system_error& error) {
    return fmt::format("{}: cannot be looked at ({}). Check owner and permissions of the data "
                       "directory.", path.string(), error.code().message());
  }
  return {};
}

// What can be read need not be durable: the process before may have been killed between a write and
// its sync, or have died of a sync that failed, after which the page cache shows what no later sync
// will write. So the log, on which SQLite has no locks, is written anew as it is, once the database
// is locked. (The database file needs no such care: what a
// checkpoint could not make durable there, the log still holds.)
//
// Rejected: a checkpoint. Frames that are missing in the middle of the log on the disk would make
// the older ones before them play over the newer pages of the file after a power cut.
void make_durable(FileSystem& files, const fs::path& path) {
  const fs::path log = with_suffix(path, "-wal");
  if (files.exists(log)) {
    const std::unique_ptr<File> file = files.open(log, FileMode::write);
    file->write_at(0, file->read_at(0, file->size()));
    file->sync();
  }
  files.sync_directory(path.parent_path());
}

std::string look_at_kind(Connection& connection, const fs::path& path, const Format& format,
                         std::string_view advice) {
  if (connection.integer("PRAGMA application_id") != format.application_id)
    return fmt::format("{}: is a SQLite database, but no {} of ipam. {}", path.string(),
                       format.kind, advice);
  const std::int64_t version = connection.integer("PRAGMA user_version");
  if (version != format.version)
    return fmt::format("{}: has format version {}, this program knows version {}. Use the program "
                       "that wrote it, or a newer one.", path.string(), version, format.version);
  return {};
}

std::string set_up(Connection& connection, const fs::path& path, const Format& format,
                   Check check) {
  if (connection.read_only())
    return fmt::format("{}: may not be written by this user. Check owner and permissions of the "
                       "file and its directory.", path.string());
  // Before any access: the index of the log then lives in memory, and no second process gets in.
  connection.execute("PRAGMA locking_mode=EXCLUSIVE; PRAGMA cell_size_check=ON; "
                     "PRAGMA trusted_schema=OFF; PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY; "
                     // Debian's default writes pages that fall free once more, with zeros.
                     "PRAGMA secure_delete=FAST");
  std::string text = look_at_kind(connection, path, format,
                                  "Move it away, and check the data directory.");
  if (!text.empty()) return text;
  if (connection.text("PRAGMA journal_mode=WAL") != "wal")
    return fmt::format("{}: the file system does not support a write-ahead log. Use a local disk.",
                       path.string());
  connection.execute(NODE_MUTANT(commit_without_sync) ? "PRAGMA synchronous=NORMAL"
                                                      : "PRAGMA synchronous=FULL");
  // No PRAGMA wal_autocheckpoint: it would take the place of the hook that counts the log's pages,
  // as the hook takes the place of what checkpoints by itself.
  connection.execute("PRAGMA cache_size=-16384; PRAGMA journal_size_limit=67108864");
  if (check == Check::later) return {};
  const std::string found = check_structure(connection);
  if (found != "ok") return describe_damage(path, format, fmt::format("is damaged ({})", found));
  return {};
}

}  // namespace

std::string check_structure(Connection& connection) {
  return connection.text("PRAGMA quick_check(1)");
}

base::Result<Connection, std::string> open_database(FileSystem& files, const fs::path& path,
                                                    const Format& format, Check check) {
  if (std::string text = look_at_file(files, path, format); !text.empty()) return base::fail(text);
  try {
    Connection connection(path, OpenMode::existing, files.vfs());
    if (std::string text = set_up(connection, path, format, check); !text.empty())
      return base::fail(text);
    if (!NODE_MUTANT(open_believes_page_cache)) make_durable(files, path);
    return connection;
  } catch (const Error& error) {
    return base::fail(describe(path, format, error));
  } catch (const std::system_error& error) {
    return base::fail(std::string(error.what()));
  }
}

base::Result<Connection, std::string> open_copy(FileSystem& files, const fs::path& path,
                                                const Format& format) {
  if (std::string text = look_at_file(files, path, format); !text.empty()) return base::fail(text);
  try {
    // SQLite's file format §1.3: the version that is needed to write it; 2 is a write-ahead log.
    constexpr std::uint64_t write_version_offset = 18;
    const std::string version =
        files.open(path, FileMode::read)->read_at(write_version_offset, 1);
    if (version == "\x02" || files.exists(with_suffix(path, "-wal")))
      return base::fail(fmt::format("{}: is the database of a node, not a copy: what is in its "
                                    "write-ahead log would be missing. Make one with `ipam "
                                    "backup`.", path.string()));
    Connection connection(path, OpenMode::read_only, files.vfs());
    connection.execute("PRAGMA cell_size_check=ON; PRAGMA trusted_schema=OFF; PRAGMA mmap_size=0; "
                       "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-16384");
    if (std::string text = look_at_kind(connection, path, format, "Name another file.");
        !text.empty())
      return base::fail(text);
    return connection;
  } catch (const Error& error) {
    return base::fail(describe(path, format, error));
  } catch (const std::system_error& error) {
    return base::fail(std::string(error.what()));
  }
}

bool create_database(FileSystem& files, const fs::path& path, const Format& format,
                     const std::string& schema) {
  // A log without its file would be played into the new one.
  for (const char* suffix : {"", "-wal", "-journal"})
    if (files.exists(with_suffix(path, suffix))) return false;
  const fs::path draft = with_suffix(path, ".new");
  remove_database(files, draft);  // of a crash
  {
    Connection connection(draft, OpenMode::create, files.vfs());
    connection.execute("PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF; BEGIN");
    connection.execute(fmt::format("PRAGMA application_id={}; PRAGMA user_version={}",
                                   format.application_id, format.version));
    connection.execute(schema);
    connection.execute("COMMIT");
  }
  sync_file(files, draft);
  const bool made = rename_new_durably(files, draft, path);
  if (!made) remove_database(files, draft);
  return made;
}

std::string describe(const fs::path& path, const Format& format, const Error& error) {
  switch (error.primary_code()) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return fmt::format("{}: is in use by another process. Stop that one first, or name another "
                         "data directory.", path.string());
    case SQLITE_NOTADB:
      return describe_damage(path, format, "is no SQLite database: it has been overwritten");
    case SQLITE_CORRUPT:
      return describe_damage(path, format, fmt::format("is damaged ({})", error.what()));
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
      return fmt::format("{}: cannot be opened ({}). Check owner and permissions of the file and "
                         "its directory.", path.string(), error.what());
    case SQLITE_FULL:
      return fmt::format("{}: cannot be written ({}). Make room on the disk and start again.",
                         path.string(), error.what());
    case SQLITE_IOERR:
      return fmt::format("{}: cannot be read or written ({}). Check the disk.", path.string(),
                         error.what());
    default:
      return describe_damage(path, format, fmt::format("cannot be used ({})", error.what()));
  }
}

std::string describe_damage(const fs::path& path, const Format& format, std::string_view what) {
  return fmt::format("{}: {}. {}", path.string(), what, format.remedy);
}

}  // namespace sqlite
