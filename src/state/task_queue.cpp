#include "state/task_queue.hpp"

#include <pthread.h>

#include <utility>

namespace state {
namespace {

// An append without changes still moves the position.
std::size_t weight(const Worker::Task& task) {
  const auto* append = std::get_if<Worker::Append>(&task);
  return append != nullptr ? 1 + append->changes.size() : 0;
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
  queued_changes_ += weight(task);
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(task));
  }
  wake_.notify_one();
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
  const auto ready = [&] { return stopping_ || !queue_.empty(); };
  if (due)
    wake_.wait_until(lock, *due, ready);
  else
    wake_.wait(lock, ready);
  if (stopping_ && queue_.empty()) return false;
  tasks.swap(queue_);
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
