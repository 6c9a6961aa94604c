#include "raft/node/storage_thread.hpp"

#include <pthread.h>

#include <asio/post.hpp>
#include <utility>

namespace raft {

StorageThread::StorageThread(asio::io_context& io, std::unique_ptr<LogStore> store,
                             std::function<void(std::string)> on_failure)
    : io_(io), store_(std::move(store)), on_failure_(std::move(on_failure)) {
  thread_ = std::thread([this] { run(); });
}

StorageThread::~StorageThread() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void StorageThread::persist(PersistBatch batch, Persisted done) {
  push([batch = std::move(batch), done = std::move(done)](LogStore& store) mutable {
    const auto began = std::chrono::steady_clock::now();
    store.persist(batch);
    const std::chrono::nanoseconds taken = std::chrono::steady_clock::now() - began;
    return [done = std::move(done), taken] { done(taken); };
  });
}

void StorageThread::measure_space(Measured done) {
  push([done = std::move(done)](LogStore& store) {
    return [done, space = store.space()] { done(space); };
  });
}

void StorageThread::push(Job job) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  changed_.notify_one();
}

void StorageThread::run() {
  ::pthread_setname_np(::pthread_self(), "raft.db");  // as `top -H` and the bench show it
  while (true) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty()) break;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    try {
      asio::post(io_, job(*store_));
      store_->checkpoint_if_due();  // nobody waits for it but what comes meanwhile
    } catch (const std::exception& failure) {
      // Never a second try: what an fsync that failed left on the disk is unknown.
      asio::post(io_, [this, text = std::string(failure.what())] { on_failure_(text); });
      break;
    }
  }
  store_.reset();
}

}  // namespace raft
