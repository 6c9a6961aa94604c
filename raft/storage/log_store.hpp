// raft.db: the log, the hard state and the identity of one data directory, on SQLite.
// Synchronous; one connection, used by one thread (the caller's raft storage thread).
//
// Durability: persist() returns only after COMMIT with synchronous=FULL. Any failure of it throws
// StorageFailure and poisons the store: nothing is ever retried, the node must stop
// (design.md, "On disk").
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "raft/core/message.hpp"
#include "raft/core/types.hpp"
#include "sqlite/file_system.hpp"

namespace raft {

class StorageFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Drawn or given when the directory is made; checked at each start and in each handshake.
struct Identity {
  std::uint64_t cluster_id = 0;
  NodeId node_id;
  std::uint64_t incarnation = 0;  // random, one per data directory

  friend bool operator==(const Identity&, const Identity&) = default;
};

// One transaction, applied in the order of the members.
struct PersistBatch {
  std::optional<HardState> hard_state;
  // Empties the log: it begins after this position.
  std::optional<SnapshotMeta> snapshot;
  // Contiguous; replaces all entries from entries.front().index on.
  std::vector<Entry> entries;
  // Drops the entries up to here and records the position.
  std::optional<LogPosition> compacted;
  std::optional<std::int64_t> clock_offset_ms = {};  // see DurableState

  bool empty() const {
    return !hard_state && !snapshot && entries.empty() && !compacted && !clock_offset_ms;
  }
};

struct LoadedLog {
  Identity identity;
  HardState hard_state;
  // The log begins after it; {0,0} for a whole log. Never beyond hard_state.commit.
  LogPosition compacted;
  std::vector<Entry> entries;  // each one's checksum has been verified
  // The side file knows of later entries than the database has: acknowledged entries are lost.
  // The node has to vote as if it still had them. Stays so across restarts until the log is as good
  // as one that ends at side_file_last. (A lost term or vote is put back from there by load().)
  bool regressed = false;
  LogPosition side_file_last;
  std::optional<std::int64_t> clock_offset_ms;  // see DurableState
};

class LogStore {
 public:
  // Makes `directory`/raft.db. Fails where one exists, with a text for the user. `files` outlives
  // the store.
  static base::Result<base::Ok, std::string> create(sqlite::FileSystem& files,
                                                    const std::filesystem::path& directory,
                                                    const Identity& identity);
  // Opens and checks an existing one. The text names the file, what is wrong with it and what to
  // do.
  static base::Result<std::unique_ptr<LogStore>, std::string> open(
      sqlite::FileSystem& files, const std::filesystem::path& directory);
  // True also where something cannot be looked at: then it is not certain that nothing is there.
  static bool exists(sqlite::FileSystem& files, const std::filesystem::path& directory);

  ~LogStore();

  // Reads everything; to be called once, after open() and before persist(). The same errors.
  base::Result<LoadedLog, std::string> load();

  // Throws StorageFailure.
  void persist(const PersistBatch& batch);

  // Of the disk under the directory; nullopt where it cannot be told.
  std::optional<sqlite::Space> space() const;

  // Folds the WAL into the database file, where it has grown to a size: to be called after each
  // persist(), once who waits for that one has been told. Throws StorageFailure.
  void checkpoint_if_due();
  void checkpoint();  // the same at any size

 private:
  struct Implementation;
  explicit LogStore(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace raft
