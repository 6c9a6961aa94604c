// The SQLite VFS of SimulatedFiles. As SQLite's own for unix does, the first sync of a journal or
// write-ahead log that was opened for creation syncs the directory, too. There is no shared memory:
// our databases are used in exclusive mode, where the index of the log lives on the heap.
#include <sqlite3.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "simulated_files.hpp"

namespace simulation {
namespace {

struct VfsFile {
  sqlite3_file base;
  SimulatedDisk* disk;
  SimulatedDisk::Handle inode;
  bool sync_directory;
  int lock;
};

VfsFile& file_of(sqlite3_file* file) { return *reinterpret_cast<VfsFile*>(file); }

SimulatedDisk& disk_of(sqlite3_vfs* vfs) { return *static_cast<SimulatedDisk*>(vfs->pAppData); }

std::string name_of(const char* path) {
  const char* const slash = std::strrchr(path, '/');
  return slash != nullptr ? slash + 1 : path;
}

// ---- files ----

int close_file(sqlite3_file* file) {
  VfsFile& self = file_of(file);
  self.inode->locks.erase(&self);
  self.inode.~shared_ptr();
  return SQLITE_OK;
}

int read_file(sqlite3_file* file, void* out, int size, sqlite3_int64 offset) {
  VfsFile& self = file_of(file);
  std::string bytes;
  if (self.disk->read(*self.inode, static_cast<std::uint64_t>(offset),
                      static_cast<std::size_t>(size), bytes) != 0)
    return SQLITE_IOERR_READ;
  std::memcpy(out, bytes.data(), bytes.size());
  if (bytes.size() == static_cast<std::size_t>(size)) return SQLITE_OK;
  std::memset(static_cast<char*>(out) + bytes.size(), 0,
              static_cast<std::size_t>(size) - bytes.size());
  return SQLITE_IOERR_SHORT_READ;
}

int write_file(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
  VfsFile& self = file_of(file);
  const int error =
      self.disk->write(*self.inode, static_cast<std::uint64_t>(offset),
                       static_cast<const char*>(bytes), static_cast<std::size_t>(size));
  if (error == 0) return SQLITE_OK;
  return error == ENOSPC ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  VfsFile& self = file_of(file);
  return self.disk->truncate(*self.inode, static_cast<std::uint64_t>(size)) == 0
             ? SQLITE_OK
             : SQLITE_IOERR_TRUNCATE;
}

int sync_file(sqlite3_file* file, int) {
  VfsFile& self = file_of(file);
  if (self.disk->sync(*self.inode) != 0) return SQLITE_IOERR_FSYNC;
  if (std::exchange(self.sync_directory, false)) (void)self.disk->sync_directory();
  return SQLITE_OK;
}

int file_size(sqlite3_file* file, sqlite3_int64* size) {
  VfsFile& self = file_of(file);
  std::uint64_t bytes = 0;
  if (self.disk->size(*self.inode, bytes) != 0) return SQLITE_IOERR_FSTAT;
  *size = static_cast<sqlite3_int64>(bytes);
  return SQLITE_OK;
}

// The highest lock that others hold.
int others_lock(const VfsFile& self) {
  int highest = SQLITE_LOCK_NONE;
  for (const auto& [holder, level] : self.inode->locks)
    if (holder != &self) highest = std::max(highest, level);
  return highest;
}

int lock_file(sqlite3_file* file, int level) {
  VfsFile& self = file_of(file);
  if (level <= self.lock) return SQLITE_OK;
  const int others = others_lock(self);
  if (others >= SQLITE_LOCK_PENDING) return SQLITE_BUSY;
  if (level >= SQLITE_LOCK_RESERVED && others >= SQLITE_LOCK_RESERVED) return SQLITE_BUSY;
  if (level == SQLITE_LOCK_EXCLUSIVE && others >= SQLITE_LOCK_SHARED) return SQLITE_BUSY;
  self.lock = level;
  self.inode->locks[&self] = level;
  return SQLITE_OK;
}

int unlock_file(sqlite3_file* file, int level) {
  VfsFile& self = file_of(file);
  self.lock = std::min(self.lock, level);
  self.inode->locks[&self] = self.lock;
  return SQLITE_OK;
}

int check_reserved_lock(sqlite3_file* file, int* reserved) {
  *reserved = others_lock(file_of(file)) >= SQLITE_LOCK_RESERVED;
  return SQLITE_OK;
}

int file_control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int sector_size(sqlite3_file*) { return 4096; }
int device_characteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

constexpr sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = close_file,
    .xRead = read_file,
    .xWrite = write_file,
    .xTruncate = truncate_file,
    .xSync = sync_file,
    .xFileSize = file_size,
    .xLock = lock_file,
    .xUnlock = unlock_file,
    .xCheckReservedLock = check_reserved_lock,
    .xFileControl = file_control,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = device_characteristics,
    .xShmMap = nullptr,
    .xShmLock = nullptr,
    .xShmBarrier = nullptr,
    .xShmUnmap = nullptr,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

// ---- the file system ----

int open_file(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out_flags) {
  file->pMethods = nullptr;
  SimulatedDisk& disk = disk_of(vfs);
  SimulatedDisk::Handle inode;
  if (path == nullptr)
    inode = std::make_shared<SimulatedDisk::Inode>();  // a temporary file
  else if (disk.open(name_of(path), (flags & SQLITE_OPEN_CREATE) != 0,
                     (flags & SQLITE_OPEN_EXCLUSIVE) != 0, inode) != 0)
    return SQLITE_CANTOPEN;
  constexpr int journals = SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL;
  const bool is_journal = (flags & SQLITE_OPEN_CREATE) != 0 && (flags & journals) != 0;
  new (file) VfsFile{{&methods}, &disk, std::move(inode), is_journal, SQLITE_LOCK_NONE};
  if (out_flags != nullptr) *out_flags = flags;
  return SQLITE_OK;
}

int delete_file(sqlite3_vfs* vfs, const char* path, int sync_directory) {
  SimulatedDisk& disk = disk_of(vfs);
  const int error = disk.remove(name_of(path));
  if (error == ENOENT) return SQLITE_IOERR_DELETE_NOENT;
  if (error != 0) return SQLITE_IOERR_DELETE;
  if ((sync_directory & 1) != 0 && disk.sync_directory() != 0) return SQLITE_IOERR_DIR_FSYNC;
  return SQLITE_OK;
}

int access_file(sqlite3_vfs* vfs, const char* path, int, int* result) {
  bool found = false;
  if (disk_of(vfs).exists(name_of(path), found) != 0) return SQLITE_IOERR_ACCESS;
  *result = found;
  return SQLITE_OK;
}

int full_path(sqlite3_vfs*, const char* path, int size, char* out) {
  sqlite3_snprintf(size, out, "%s", path);
  return SQLITE_OK;
}

int fill_random(sqlite3_vfs*, int size, char* out) {
  std::memset(out, 'r', static_cast<std::size_t>(size));
  return size;
}

int pass_time(sqlite3_vfs*, int microseconds) { return microseconds; }

int current_time(sqlite3_vfs*, double* time) {
  *time = 2460000.5;  // of 2023, in Julian days
  return SQLITE_OK;
}

int last_error(sqlite3_vfs*, int, char*) { return 0; }

}  // namespace

void make_vfs(sqlite3_vfs& vfs, const char* name, SimulatedDisk& disk) {
  std::memset(&vfs, 0, sizeof vfs);
  vfs.iVersion = 1;
  vfs.szOsFile = sizeof(VfsFile);
  vfs.mxPathname = 512;
  vfs.zName = name;
  vfs.pAppData = &disk;
  vfs.xOpen = open_file;
  vfs.xDelete = delete_file;
  vfs.xAccess = access_file;
  vfs.xFullPathname = full_path;
  vfs.xRandomness = fill_random;
  vfs.xSleep = pass_time;
  vfs.xCurrentTime = current_time;
  vfs.xGetLastError = last_error;
}

}  // namespace simulation
