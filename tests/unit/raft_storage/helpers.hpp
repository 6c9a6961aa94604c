// A temporary data directory, entries, and file surgery for the tests of raft/storage.
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "raft/storage/log_store.hpp"
#include "sqlite/posix_file_system.hpp"
#include "sqlite/sqlite.hpp"

namespace raft_storage_test {

namespace fs = std::filesystem;
using namespace raft;

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (fs::temp_directory_path() / "ipam-raft-storage-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TemporaryDirectory() { fs::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

inline sqlite::PosixFileSystem files;

inline const Identity identity{77, NodeId(3), 0xfedcba9876543210};

inline Entry entry(std::uint64_t index, std::uint64_t term, std::string data = "data",
                   EntryKind kind = EntryKind::command) {
  return {Index(index), Term(term), kind, base::share(std::move(data))};
}

// Entries first..last of one term.
inline std::vector<Entry> entries(std::uint64_t first, std::uint64_t last, std::uint64_t term) {
  std::vector<Entry> result;
  for (std::uint64_t i = first; i <= last; ++i)
    result.push_back(entry(i, term, fmt::format("entry {} of term {}", i, term)));
  return result;
}

inline PersistBatch batch_of(std::vector<Entry> list) {
  PersistBatch batch;
  batch.entries = std::move(list);
  return batch;
}

inline PersistBatch hard_state(std::uint64_t term, std::uint64_t vote, std::uint64_t commit) {
  PersistBatch batch;
  batch.hard_state = HardState{Term(term), NodeId(vote), Index(commit)};
  return batch;
}

inline PersistBatch compact_to(std::uint64_t index, std::uint64_t term) {
  PersistBatch batch;
  batch.compacted = LogPosition{Index(index), Term(term)};
  return batch;
}

struct Opened {
  std::unique_ptr<LogStore> store;
  LoadedLog loaded;
};

inline void make(const fs::path& directory) {
  const auto made = LogStore::create(files, directory, identity);
  REQUIRE_MESSAGE(made.ok(), (made.ok() ? "" : made.error()));
}

inline Opened open(const fs::path& directory) {
  auto store = LogStore::open(files, directory);
  REQUIRE_MESSAGE(store.ok(), (store.ok() ? "" : store.error()));
  auto loaded = store.value()->load();
  REQUIRE_MESSAGE(loaded.ok(), (loaded.ok() ? "" : loaded.error()));
  return {std::move(store).value(), std::move(loaded).value()};
}

// The text with which open() or load() refuses the directory; empty where neither does.
inline std::string refusal(const fs::path& directory) {
  auto store = LogStore::open(files, directory);
  if (!store) return store.error();
  auto loaded = store.value()->load();
  return loaded ? std::string() : loaded.error();
}

inline bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// What a power cut would leave, roughly: the files as they are, while the store is open.
inline void copy_files(const fs::path& from, const fs::path& to) {
  for (const auto& file : fs::directory_iterator(from))
    fs::copy_file(file.path(), to / file.path().filename(), fs::copy_options::overwrite_existing);
}

inline std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_file(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

inline void sql(const fs::path& directory, const std::string& text) {
  sqlite::Connection(directory / "raft.db", sqlite::OpenMode::existing).execute(text);
}

}  // namespace raft_storage_test
