// Takes values on a thread of its own, in the order in which they were given: so that what is read
// from state.db at the start is put in its place while more is read. A value is worth a wake-up.
//
// The one who gives them must not touch what the thread does until finish().
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

namespace state {

template <class Value>
class OrderedWorker {
 public:
  // `take` is called on the thread. What it throws, give() or finish() throws.
  explicit OrderedWorker(std::function<void(Value)> take)
      : take_(std::move(take)), thread_([this] { run(); }) {}
  ~OrderedWorker() { stop(); }
  OrderedWorker(const OrderedWorker&) = delete;
  OrderedWorker& operator=(const OrderedWorker&) = delete;

  // Waits where the thread is far behind.
  void give(Value value) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return values_.size() < values_max || failure_; });
    if (failure_) std::rethrow_exception(failure_);
    values_.push_back(std::move(value));
    changed_.notify_all();
  }

  // Returns once all values are taken.
  void finish() {
    stop();
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  static constexpr std::size_t values_max = 16;  // that wait: bounds the memory

  void stop() {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard lock(mutex_);
      is_stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  void run() {
    try {
      while (true) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return !values_.empty() || is_stopping_; });
        if (values_.empty()) return;
        Value value = std::move(values_.front());
        values_.pop_front();
        changed_.notify_all();
        lock.unlock();
        take_(std::move(value));
      }
    } catch (...) {
      const std::lock_guard lock(mutex_);
      failure_ = std::current_exception();
      changed_.notify_all();
    }
  }

  const std::function<void(Value)> take_;
  std::mutex mutex_;  // what follows up to is_stopping_
  std::condition_variable changed_;
  std::deque<Value> values_;
  std::exception_ptr failure_;
  bool is_stopping_ = false;
  std::thread thread_;
};

}  // namespace state
