// What the thread of StateStore does: fills and commits transactions, copies snapshots and backups
// in between.
// It has no thread and no clock of its own (task_queue.hpp); results leave by `post`.
#pragma once

#include <array>
#include <chrono>
#include <deque>
#include <optional>
#include <variant>

#include "state/database.hpp"
#include "state/receiver.hpp"
#include "state/snapshot.hpp"
#include "state/state_store.hpp"

namespace state {

// How long a commit may wait for more to write with it: fsyncs here compete with those of raft.db,
// which clients wait for, and a page that many entries change is written once. What is lost in a
// crash is applied again from the log.
inline constexpr std::chrono::milliseconds commit_delay{250};
// Bounds a transaction, and so the write-ahead log and the length of a commit.
inline constexpr std::size_t changes_per_commit_max = 20'000;

// How often what is too old is looked for, and how much of it goes in one step, of some
// milliseconds; the next step waits, so that appends and queries have most of the time.
inline constexpr std::chrono::seconds forget_interval{60};
inline constexpr std::size_t forget_rows_max = 500;
inline constexpr std::chrono::milliseconds forget_delay{50};

// backup-1.db and so on, which a crash may leave.
std::filesystem::path backup_path(const std::filesystem::path& directory, std::size_t slot);

class Worker {
 public:
  struct Append {
    ipam::Counters counters;
    Position position;
    ipam::SharedChanges changes;
  };
  // Where the database has failed, `failed` is called instead of `run` (if there is one), also
  // where `run` itself throws.
  struct Job {
    std::function<void(Worker&)> run;
    std::function<void(Worker&, const std::string& reason)> failed;
  };
  using Task = std::variant<Append, Job>;

  Worker(sqlite::FileSystem& files, std::filesystem::path directory,
         std::unique_ptr<Database> database, Post post, OnFailure on_failure);

  // `now` never goes back.
  void perform(Task task, Moment now);
  // To be called after tasks, and when next_due() has come: commits what has waited long enough,
  // copies some pages.
  void advance(Moment now);
  // nullopt: nothing to be done before the next task.
  std::optional<Moment> next_due() const;
  // A commit is due: until then, appends may wait for each other.
  bool has_open_transaction() const {
    return database_ && poison_.empty() && database_->in_transaction();
  }
  // The end: commits, gives up the copies that are being made, and deletes the backups.
  void finish();

  // Calls `done(value)` by `post`.
  template <class Value>
  void deliver(std::function<void(Value)> done, Value value) {
    auto shared = std::make_shared<Value>(std::move(value));  // std::function wants copies
    post_([done = std::move(done), shared] { done(std::move(*shared)); });
  }

  // ---- from Job::run ----
  // How long history is kept, by the replicated clock; 0: for ever.
  void keep_history(ipam::TimeMs retention) { history_retention_ = retention; }
  Database& database() { return *database_; }
  void commit();
  void set_durable_listener(std::function<void(std::uint64_t)> listener) {
    durable_listener_ = std::move(listener);
  }
  using SnapshotDone = std::function<void(base::Result<StateStore::SnapshotFile, std::string>)>;
  void start_snapshot(SnapshotDone done);
  base::Result<base::Bytes, std::string> read_snapshot(std::uint64_t offset, std::size_t size);
  void delete_snapshot();
  using BackupDone =
      std::function<void(base::Result<StateStore::Backup, StateStore::BackupFailure>)>;
  void start_backup(BackupDone done);
  base::Result<base::Bytes, std::string> read_backup(std::uint64_t number, std::uint64_t offset,
                                                     std::size_t size);
  void delete_backup(std::uint64_t number);
  bool begin_receive(std::uint64_t total_bytes);
  void drop_received() { receiver_.reset(); }
  bool write_chunk(std::uint64_t offset, base::BytesView data);
  base::Result<Loaded, std::string> install(const Position& expected);

 private:
  void perform_one(Append append, Moment now);
  void perform_one(Job job, Moment now);
  void commit_if_due(Moment now);
  void forget_if_due(Moment now);
  bool has_room(std::uint64_t bytes) const;

  // A copy that is asked for; the first one is being made, the others wait.
  struct CopyRequest {
    std::uint64_t number = 0;  // of a backup; 0: the snapshot
    std::filesystem::path path;
    SnapshotDone snapshot_done;
    BackupDone backup_done;
  };
  void start_copy(CopyRequest request);
  void begin_copy();
  void continue_copy();
  void finish_copy();
  void fail_copy(std::size_t at, StateStore::BackupFailure failure);
  void fail_copies(const std::string& reason);

  template <class Work>
  void or_poison(Work work);

  sqlite::FileSystem& files_;
  const std::filesystem::path directory_;
  const Post post_;
  const OnFailure on_failure_;

  std::unique_ptr<Database> database_;
  std::function<void(std::uint64_t)> durable_listener_;
  std::string poison_;  // why nothing works any more
  std::size_t open_changes_ = 0;
  Moment commit_deadline_;
  ipam::TimeMs history_retention_ = 0;
  Moment forget_due_;
  std::deque<CopyRequest> copies_;
  std::optional<SnapshotCopy> copy_;  // of copies_.front(), once it is begun
  std::unique_ptr<sqlite::File> snapshot_;
  struct BackupSlot {
    std::uint64_t number = 0;  // 0: it is free
    std::unique_ptr<sqlite::File> file;  // once it is made
  };
  BackupSlot* slot_of(std::uint64_t number);
  void free_slot(BackupSlot& slot);
  std::array<BackupSlot, backups_max> backups_;
  std::uint64_t next_backup_ = 1;
  std::optional<Receiver> receiver_;
};

}  // namespace state
