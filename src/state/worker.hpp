// The thread of StateStore: takes tasks from a queue, fills and commits transactions, copies a
// snapshot in between. Everything but the queue belongs to the thread; results leave by `post`.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <variant>

#include "state/database.hpp"
#include "state/receiver.hpp"
#include "state/snapshot.hpp"
#include "state/state_store.hpp"

namespace state {

// How long a commit may wait for more to write with it: fsyncs here compete with those of raft.db,
// which clients wait for. What is lost in a crash is applied again from the log.
inline constexpr std::chrono::milliseconds commit_delay{100};
// Bounds a transaction, and so the write-ahead log and the length of a commit.
inline constexpr std::size_t changes_per_commit_max = 20'000;

// What a snapshot, made or received, leaves free on the disk: the logs must be able to grow on.
inline constexpr std::uint64_t free_bytes_min = 64 << 20;

class Worker {
 public:
  struct Append {
    ipam::Counters counters;
    Position position;
    std::vector<ipam::Change> changes;
  };
  // `run` is called on the thread; where the database has failed, `failed` instead (if there is
  // one), also where `run` itself throws.
  struct Job {
    std::function<void(Worker&)> run;
    std::function<void(const std::string& reason)> failed;
  };
  using Task = std::variant<Append, Job>;

  Worker(sqlite::FileSystem& files, std::filesystem::path directory,
         std::unique_ptr<Database> database, Post post, OnFailure on_failure);
  ~Worker();  // does what is queued, commits and joins

  void push(Task task);
  std::size_t queued_changes() const { return queued_changes_; }

  // Calls `done(value)` by `post`.
  template <class Value>
  void deliver(std::function<void(Value)> done, Value value) {
    auto shared = std::make_shared<Value>(std::move(value));  // std::function wants copies
    post_([done = std::move(done), shared] { done(std::move(*shared)); });
  }

  // ---- on the thread, from Job::run ----
  Database& database() { return *database_; }
  void commit();
  void set_durable_listener(std::function<void(std::uint64_t)> listener) {
    durable_listener_ = std::move(listener);
  }
  using SnapshotDone = std::function<void(base::Result<StateStore::SnapshotFile, std::string>)>;
  void start_snapshot(SnapshotDone done);
  base::Result<base::Bytes, std::string> read_snapshot(std::uint64_t offset, std::size_t size);
  void delete_snapshot();
  bool begin_receive(std::uint64_t total_bytes);
  bool write_chunk(std::uint64_t offset, base::BytesView data);
  base::Result<Loaded, std::string> install(const Position& expected);

 private:
  void run();
  bool take_tasks(std::deque<Task>& tasks);
  void perform(Task task);
  void perform(Append append);
  void perform(Job job);
  void commit_if_due();
  bool has_room(std::uint64_t bytes) const;
  void continue_snapshot();
  void end_snapshot(base::Result<StateStore::SnapshotFile, std::string> result);
  template <class Work>
  void or_poison(Work work);

  sqlite::FileSystem& files_;
  const std::filesystem::path directory_;
  const Post post_;
  const OnFailure on_failure_;

  // ---- both threads ----
  std::mutex mutex_;  // queue_, stopping_
  std::condition_variable wake_;
  std::deque<Task> queue_;
  bool stopping_ = false;
  std::atomic<std::size_t> queued_changes_ = 0;

  // ---- the thread alone ----
  std::unique_ptr<Database> database_;
  std::function<void(std::uint64_t)> durable_listener_;
  std::string poison_;  // why nothing works any more
  std::size_t open_changes_ = 0;
  std::chrono::steady_clock::time_point commit_deadline_;
  std::optional<SnapshotCopy> copy_;  // while one is being made
  SnapshotDone copy_done_;
  std::unique_ptr<sqlite::File> snapshot_;
  std::optional<Receiver> receiver_;

  std::thread thread_;
};

}  // namespace state
