// The thread that owns raft.db: takes one batch after the other from the io thread and posts back
// that it is durable. The queue between them is the only thing that the two threads share.
#pragma once

#include <asio/io_context.hpp>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "raft/storage/log_store.hpp"

namespace raft {

class StorageThread {
 public:
  // `on_failure` gets a text, on the io thread, at most once; nothing is written after it.
  StorageThread(asio::io_context& io, std::unique_ptr<LogStore> store,
                std::function<void(std::string)> on_failure);
  ~StorageThread();  // finishes what is queued, closes the store and joins

  // `done` is called on the io thread once the batch is durable, with the time that its
  // transaction took; never after a failure.
  using Persisted = std::function<void(std::chrono::nanoseconds taken)>;
  void persist(PersistBatch batch, Persisted done);
  // Of the disk under raft.db, where it can be told; never after a failure.
  using Measured = std::function<void(std::optional<sqlite::Space> space)>;
  void measure_space(Measured done);

 private:
  // Runs on the thread; what it returns runs on the io thread.
  using Job = std::function<std::function<void()>(LogStore& store)>;
  void push(Job job);
  void run();

  asio::io_context& io_;
  std::unique_ptr<LogStore> store_;  // the thread's own
  const std::function<void(std::string)> on_failure_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace raft
