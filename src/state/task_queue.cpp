#include "state/task_queue.hpp"

#include <pthread.h>

#include <utility>

namespace state {
namespace {

// An append without changes still moves the position.
std::size_t weight(const Worker::Task& task) {
  const auto* append = std::get_if<Worker::Append>(&task);
  return append != nullptr ? 1 + append->changes->size() : 0;
}

}  // namespace

// ---- ThreadQueue ----

ThreadQueue::ThreadQueue(std::unique_ptr<Worker> worker)
    : worker_(std::move(worker)), thread_([this] { run(); }) {}

ThreadQueue::~ThreadQueue() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void ThreadQueue::push(Worker::Task task) {
  const std::size_t changes = weight(task);
  queued_changes_ += changes;
  bool wakes = false;
  {
    const std::lock_guard lock(mutex_);
    waiting_changes_ += changes;
    wakes = !is_woken_ && wants_wake(task);
    is_woken_ = is_woken_ || wakes;
    queue_.push_back(std::move(task));
  }
  if (wakes) wake_.notify_one();
}

bool ThreadQueue::wants_wake(const Worker::Task& task) const {
  return !wakes_by_itself_ || waiting_changes_ >= changes_per_wake ||
         std::holds_alternative<Worker::Job>(task);
}

void ThreadQueue::run() {
  ::pthread_setname_np(::pthread_self(), "state.db");  // as `top -H` and the bench show it
  std::deque<Worker::Task> tasks;
  while (take_tasks(tasks)) {
    for (Worker::Task& task : tasks) {
      const std::size_t taken = weight(task);
      worker_->perform(std::move(task), std::chrono::steady_clock::now());
      queued_changes_ -= taken;
    }
    tasks.clear();
    worker_->advance(std::chrono::steady_clock::now());
  }
  worker_->finish();
}

// Waits for work, or until the worker wants to go on. False: stop.
bool ThreadQueue::take_tasks(std::deque<Worker::Task>& tasks) {
  const auto due = worker_->next_due();
  std::unique_lock lock(mutex_);
  wakes_by_itself_ = worker_->has_open_transaction();
  const auto ready = [&] {
    return stopping_ || is_woken_ || (!wakes_by_itself_ && !queue_.empty());
  };
  if (due)
    wake_.wait_until(lock, *due, ready);
  else
    wake_.wait(lock, ready);
  is_woken_ = false;
  if (stopping_ && queue_.empty()) return false;
  tasks.swap(queue_);
  waiting_changes_ = 0;
  return true;
}

// ---- CallerQueue ----

CallerQueue::~CallerQueue() {
  perform_due(now_);
  worker_->finish();
}

void CallerQueue::push(Worker::Task task) {
  queued_changes_ += weight(task);
  queue_.push_back(std::move(task));
}

std::optional<Moment> CallerQueue::perform_due(Moment now) {
  now_ = now;
  while (!queue_.empty()) {
    Worker::Task task = std::move(queue_.front());
    queue_.pop_front();
    const std::size_t taken = weight(task);
    worker_->perform(std::move(task), now);
    queued_changes_ -= taken;
  }
  worker_->advance(now);
  return worker_->next_due();
}

}  // namespace state
