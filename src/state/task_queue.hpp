// How the work of a StateStore gets from the io thread to its Worker: a queue with a thread behind
// it, as on a node, or one that the caller empties, as in the simulator and its virtual time.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "state/worker.hpp"

namespace state {

class TaskQueue {
 public:
  virtual ~TaskQueue() = default;  // does what is queued, commits
  virtual void push(Worker::Task task) = 0;
  // Entries and changes that the worker has not yet taken up.
  virtual std::size_t queued_changes() const = 0;
  // Does what is queued, and then what is due; says when it wants to be called again (nullopt:
  // after the next push()). Nothing where a thread does it.
  virtual std::optional<Moment> perform_due(Moment now) = 0;
};

// Entries and changes that wait while the thread sleeps until a commit is due: waking it for each
// entry costs more than writing it. Few enough to be written in a millisecond or two.
inline constexpr std::size_t changes_per_wake = 512;

class ThreadQueue : public TaskQueue {
 public:
  explicit ThreadQueue(std::unique_ptr<Worker> worker);
  ~ThreadQueue() override;  // joins

  void push(Worker::Task task) override;
  std::size_t queued_changes() const override { return queued_changes_; }
  std::optional<Moment> perform_due(Moment) override { return std::nullopt; }

 private:
  void run();
  bool take_tasks(std::deque<Worker::Task>& tasks);
  bool wants_wake(const Worker::Task& task) const;

  const std::unique_ptr<Worker> worker_;  // the thread's own
  std::mutex mutex_;                      // what follows up to stopping_
  std::condition_variable wake_;
  std::deque<Worker::Task> queue_;
  std::size_t waiting_changes_ = 0;  // in queue_
  bool wakes_by_itself_ = false;     // within commit_delay, as a transaction is open
  bool is_woken_ = false;
  bool stopping_ = false;
  std::atomic<std::size_t> queued_changes_ = 0;
  std::thread thread_;
};

class CallerQueue : public TaskQueue {
 public:
  explicit CallerQueue(std::unique_ptr<Worker> worker) : worker_(std::move(worker)) {}
  ~CallerQueue() override;

  void push(Worker::Task task) override;
  std::size_t queued_changes() const override { return queued_changes_; }
  std::optional<Moment> perform_due(Moment now) override;

 private:
  const std::unique_ptr<Worker> worker_;
  std::deque<Worker::Task> queue_;
  std::size_t queued_changes_ = 0;
  Moment now_;
};

}  // namespace state
