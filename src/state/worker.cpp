#include "state/worker.hpp"

#include <fmt/format.h>

#include "base/mutant.hpp"
#include "sqlite/files.hpp"

namespace state {

Worker::Worker(sqlite::FileSystem& files, std::filesystem::path directory,
               std::unique_ptr<Database> database, Post post, OnFailure on_failure)
    : files_(files),
      directory_(std::move(directory)),
      post_(std::move(post)),
      on_failure_(std::move(on_failure)),
      database_(std::move(database)) {}

// ---- the loop ----

void Worker::advance(Moment now) {
  or_poison([&] {
    forget_if_due(now);
    commit_if_due(now);
  });
  if (copy_) continue_snapshot();
}

std::optional<Moment> Worker::next_due() const {
  if (copy_) return Moment();
  if (!database_ || !poison_.empty()) return std::nullopt;
  std::optional<Moment> due;
  if (database_->in_transaction()) due = commit_deadline_;
  if (history_retention_ > 0) due = due ? std::min(*due, forget_due_) : forget_due_;
  return due;
}

void Worker::finish() {
  if (copy_) end_snapshot(base::fail(std::string("the node is stopping")));
  or_poison([&] { commit(); });
}

// The one place that turns a failure of the database into the end of this store.
template <class Work>
void Worker::or_poison(Work work) {
  if (!poison_.empty()) return;
  try {
    work();
  } catch (const std::exception& error) {
    poison_ = Database::describe(directory_ / "state.db", error);
    post_([on_failure = on_failure_, text = poison_] { on_failure(text); });
  }
}

void Worker::perform(Task task, Moment now) {
  std::visit([&](auto&& body) { perform_one(std::move(body), now); }, std::move(task));
}

void Worker::perform_one(Append append, Moment now) {
  or_poison([&] {
    if (!database_->in_transaction()) commit_deadline_ = now + commit_delay;
    open_changes_ += 1 + append.changes.size();
    database_->append(append.counters, std::move(append.position), append.changes);
    if (NODE_MUTANT(durable_before_commit) && durable_listener_)
      post_([listener = durable_listener_, index = database_->position().index] {
        listener(index);
      });
    if (open_changes_ >= changes_per_commit_max) commit();
  });
}

void Worker::perform_one(Job job, Moment) {
  or_poison([&] { job.run(*this); });
  if (!poison_.empty() && job.failed) job.failed(*this, poison_);
}

void Worker::commit_if_due(Moment now) {
  if (!database_->in_transaction()) return;
  // A snapshot step needs a committed database; otherwise more may come to share the fsync.
  if (copy_ || now >= commit_deadline_) commit();
}

void Worker::forget_if_due(Moment now) {
  if (history_retention_ == 0 || copy_ || now < forget_due_) return;
  const ipam::TimeMs oldest = database_->now() - history_retention_;
  if (!database_->in_transaction()) commit_deadline_ = now + commit_delay;
  const bool has_more = oldest > 0 && database_->forget_history(oldest, forget_rows_max);
  forget_due_ = now + (has_more ? Moment::duration(forget_delay) : forget_interval);
}

void Worker::commit() {
  if (!database_->in_transaction()) return;
  database_->commit();
  open_changes_ = 0;
  if (durable_listener_)
    post_([listener = durable_listener_, index = database_->position().index] { listener(index); });
  database_->checkpoint_if_large();
}

// ---- making a snapshot ----

void Worker::start_snapshot(SnapshotDone done) {
  if (copy_) {
    deliver(std::move(done), base::Result<StateStore::SnapshotFile, std::string>(
                                 base::fail(std::string("a snapshot is already being made"))));
    return;
  }
  snapshot_.reset();
  copy_done_ = std::move(done);
  commit();
  try {
    if (!has_room(files_.file_size(directory_ / "state.db")))
      throw std::runtime_error("too little free disk space for a copy of state.db");
    copy_.emplace(files_, *database_, directory_ / "snapshot.db");
  } catch (const std::exception& error) {
    end_snapshot(base::fail(fmt::format("the snapshot failed: {}", error.what())));
  }
}

bool Worker::has_room(std::uint64_t bytes) const {
  const std::uint64_t available = files_.free_bytes(directory_);
  return available >= free_bytes_min && available - free_bytes_min >= bytes;
}

void Worker::continue_snapshot() {
  if (!poison_.empty()) {
    end_snapshot(base::fail(poison_));
    return;
  }
  try {
    if (!copy_->step()) return;
    const std::uint64_t bytes = copy_->finish();
    const std::filesystem::path path = directory_ / "snapshot.db";
    snapshot_ = files_.open(path, sqlite::FileMode::read);
    end_snapshot(StateStore::SnapshotFile{path, database_->position(), bytes});
  } catch (const std::exception& error) {
    // The copy's trouble, such as a full disk: the database itself is untouched.
    end_snapshot(base::fail(fmt::format("the snapshot failed: {}", error.what())));
  }
}

void Worker::end_snapshot(base::Result<StateStore::SnapshotFile, std::string> result) {
  copy_.reset();
  deliver(std::exchange(copy_done_, nullptr), std::move(result));
}

base::Result<base::Bytes, std::string> Worker::read_snapshot(std::uint64_t offset,
                                                             std::size_t size) {
  if (!snapshot_) return base::fail(std::string("there is no snapshot"));
  try {
    return snapshot_->read_at(offset, size);
  } catch (const std::system_error& error) {
    return base::fail(std::string(error.what()));
  }
}

void Worker::delete_snapshot() {
  if (copy_) end_snapshot(base::fail(std::string("the snapshot was given up")));
  snapshot_.reset();
  sqlite::remove_database(files_, directory_ / "snapshot.db");
}

// ---- receiving one ----

bool Worker::begin_receive(std::uint64_t total_bytes) {
  receiver_.reset();
  try {
    if (!has_room(total_bytes)) return false;
    receiver_.emplace(files_, directory_ / "incoming.db", total_bytes);
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

bool Worker::write_chunk(std::uint64_t offset, base::BytesView data) {
  if (!receiver_) return false;
  try {
    return receiver_->write(offset, data);
  } catch (const std::system_error&) {  // such as a full disk
    receiver_.reset();
    return false;
  }
}

base::Result<Loaded, std::string> Worker::install(const Position& expected) {
  if (!receiver_) return base::fail(std::string("no snapshot is being received"));
  auto loaded = receiver_->check(expected);
  if (!loaded) {
    receiver_.reset();
    return loaded;
  }
  delete_snapshot();  // a copy of what is about to go
  commit();
  database_->seal();
  database_.reset();
  const std::filesystem::path path = directory_ / "state.db";
  receiver_->replace(path);
  receiver_.reset();
  auto database = Database::open(files_, path);
  if (!database) throw std::runtime_error(database.error());
  database_ = std::move(database).value();
  if (durable_listener_)
    post_([listener = durable_listener_, index = database_->position().index] { listener(index); });
  return loaded;
}

}  // namespace state
