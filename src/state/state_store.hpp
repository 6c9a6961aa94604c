// state.db: the applied state on disk, which is also the snapshot and the backup. One connection on
// a thread of its own; the io thread only queues work and gets completions posted back by the
// executor function handed in.
//
// The writer follows the change stream behind the applied state, in large transactions. Queries run
// on the same thread behind the changes queued before them, so they see all that was applied when
// they were asked.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/log.hpp"
#include "base/result.hpp"
#include "ipam/change.hpp"
#include "ipam/history.hpp"
#include "ipam/state_machine.hpp"
#include "sqlite/file_system.hpp"

namespace state {

// How far the database has come. `configuration` is raft::encode(Configuration): opaque here.
struct Position {
  std::uint64_t index = 0;
  std::uint64_t term = 0;
  base::Bytes configuration;
};

struct Loaded {
  ipam::StateMachine state_machine;
  Position position;
};

// Runs the function on the io thread; may be called from any thread.
using Post = std::function<void(std::function<void()>)>;

// An error is a text for the log and /health: the database can no longer be trusted, the node
// stops.
using OnFailure = std::function<void(std::string)>;

// A point of a clock that never goes back.
using Moment = std::chrono::steady_clock::time_point;

// Who does the work: a thread of the store's own, or the caller of perform_due().
enum class Execution : std::uint8_t { thread, caller };

// Backups that exist at once, each as large as state.db on the same disk: what one operator and one
// job on a timer take.
inline constexpr std::size_t backups_max = 2;

class StateStore {
 public:
  // Opens `directory`/state.db, makes it where there is none, and reads it whole. An unfinished
  // received snapshot is deleted. The error names the file, what is wrong and what to do.
  // `files` outlives the store.
  static base::Result<std::unique_ptr<StateStore>, std::string> open(
      sqlite::FileSystem& files, const std::filesystem::path& directory, Post post,
      OnFailure on_failure, Execution execution = Execution::thread);
  // Valid once, after open().
  Loaded take_loaded();

  ~StateStore();  // writes what is queued, then joins the thread

  // Execution::caller only: does what is queued, and what is due at `now`. Says when it has to be
  // called again at the latest; nullopt: after the next call of something below.
  std::optional<Moment> perform_due(Moment now);

  // Everything below is called on the io thread, and its callbacks run there (by `post`), in the
  // order of the calls except where snapshots take their time. After a failure (OnFailure, once)
  // those that carry a Result or a bool get the failure, the others are not called any more.

  // Queues what one entry changed, in the order of the log, each once. on_durable() says when it is
  // on disk: up to commit_delay (250 ms) later, unless flush() hurries it.
  // `position` is as of this entry (its configuration is empty where it did not change).
  void append(const ipam::Counters& counters, Position position, ipam::SharedChanges changes);
  // Entries and their changes that the thread has not yet taken up; the node refuses proposals
  // beyond a limit.
  std::size_t queued_changes() const;
  // Commits all that was queued before it. `done` gets the durable index.
  using Flushed = base::Result<std::uint64_t, std::string>;
  void flush(std::function<void(Flushed index)> done);
  // Called (posted) after each commit with the durable index.
  void on_durable(std::function<void(std::uint64_t index)> listener);

  // VerifyQuery reads the whole file: everything behind it waits.
  void query(ipam::HistoryQuery query,
             std::function<void(base::Result<ipam::HistoryAnswer, std::string>)> done);

  // How long history is kept, by the replicated clock: rows that were replaced, networks and VRFs
  // that were deleted, allocations that ended. 0, as before the first call: for ever. What is older
  // goes little by little; the audit log stays.
  void keep_history(ipam::TimeMs retention);

  // ---- snapshots ----
  struct SnapshotFile {
    std::filesystem::path path;
    Position position;
    std::uint64_t bytes = 0;
  };
  // A copy of the database as of one index, in a file of its own (snapshot.db) that the caller
  // deletes with delete_snapshot(). At most one exists at a time: a finished one is replaced, and
  // while one is being made another is refused. Where the disk is full only the copy fails. One
  // copy is made after the other, snapshots and backups in the order of the calls.
  void make_snapshot(std::function<void(base::Result<SnapshotFile, std::string>)> done);
  // Fewer bytes than `size` at its end, none behind it.
  void read_snapshot(std::uint64_t offset, std::size_t size,
                     std::function<void(base::Result<base::Bytes, std::string>)> done);
  void delete_snapshot();

  // ---- backups ----
  struct Backup {
    std::uint64_t number = 0;  // names it below
    Position position;
    std::uint64_t digest = 0;  // ipam::Counters::digest as of `position`
    std::uint64_t bytes = 0;
  };
  struct BackupFailure {
    enum class Reason : std::uint8_t { too_many, no_room, failed };
    Reason reason = Reason::failed;
    std::string text;
  };
  // A copy like a snapshot, as of an index that is not before what was appended before the call, in
  // a file that the caller deletes with delete_backup(). At most backups_max exist or are being
  // made. Installing a received snapshot fails those that are being made.
  void make_backup(std::function<void(base::Result<Backup, BackupFailure>)> done);
  // As read_snapshot().
  void read_backup(std::uint64_t number, std::uint64_t offset, std::size_t size,
                   std::function<void(base::Result<base::Bytes, std::string>)> done);
  void delete_backup(std::uint64_t number);

  // ---- receiving ----
  // Begin, then chunks in order (a repeated one is fine), then install. A begin drops an unfinished
  // one, and is refused where the disk has no room for it.
  void begin_receive(std::uint64_t total_bytes, std::function<void(bool ok)> done);
  void drop_received();  // nobody will install it
  void write_chunk(std::uint64_t offset, base::SharedBytes data, std::function<void(bool ok)> done);
  // Checks the received file (integrity, position equal to the one given; an empty configuration
  // is not compared), makes it durable, replaces state.db by it (rename and fsync of the directory)
  // and reads it. On an error the old state.db is untouched. Until `done`, no append(): what was
  // queued before is written to the old database.
  void install_received(Position expected,
                        std::function<void(base::Result<Loaded, std::string>)> done);

 private:
  struct Implementation;
  explicit StateStore(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace state
