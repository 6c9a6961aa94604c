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
  if (!copies_.empty()) continue_copy();
}

std::optional<Moment> Worker::next_due() const {
  if (!copies_.empty()) return Moment();
  if (!database_ || !poison_.empty()) return std::nullopt;
  std::optional<Moment> due;
  if (database_->in_transaction()) due = commit_deadline_;
  if (history_retention_ > 0) due = due ? std::min(*due, forget_due_) : forget_due_;
  return due;
}

void Worker::finish() {
  fail_copies("the node is stopping");
  for (BackupSlot& slot : backups_) free_slot(slot);
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
    open_changes_ += 1 + append.changes->size();
    database_->append(append.counters, std::move(append.position), *append.changes);
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
  // A step of a copy needs a committed database; otherwise more may come to share the fsync.
  if (!copies_.empty() || now >= commit_deadline_) commit();
}

void Worker::forget_if_due(Moment now) {
  if (history_retention_ == 0 || !copies_.empty() || now < forget_due_) return;
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

// ---- receiving a snapshot ----

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
  fail_copies("a snapshot of the leader took the place of state.db meanwhile; try again");
  commit();
  database_->seal();
  database_.reset();
  const std::filesystem::path path = directory_ / "state.db";
  receiver_->replace(path);
  receiver_.reset();
  auto database = Database::open(files_, path, sqlite::Check::later);  // it was checked above
  if (!database) throw std::runtime_error(database.error());
  database_ = std::move(database).value();
  if (durable_listener_)
    post_([listener = durable_listener_, index = database_->position().index] { listener(index); });
  return loaded;
}

}  // namespace state
