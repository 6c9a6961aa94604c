#include "state/state_store.hpp"

#include "sqlite/files.hpp"
#include "state/task_queue.hpp"

namespace state {

namespace fs = std::filesystem;

struct StateStore::Implementation {
  std::optional<Loaded> loaded;
  std::unique_ptr<TaskQueue> tasks;

  void push(std::function<void(Worker&)> run,
            std::function<void(Worker&, const std::string&)> failed = nullptr) {
    tasks->push(Worker::Job{std::move(run), std::move(failed)});
  }

  // A job whose result, or the reason of the failure in its place, goes to `done`.
  template <class Value, class Work>
  void push_result(std::function<void(Value)> done, Work work,
                   std::function<Value(const std::string&)> value_of_failure) {
    push([done, work = std::move(work)](Worker& w) { w.deliver<Value>(done, work(w)); },
         [done, value_of_failure = std::move(value_of_failure)](
             Worker& w, const std::string& reason) {
           w.deliver<Value>(done, value_of_failure(reason));
         });
  }
};

base::Result<std::unique_ptr<StateStore>, std::string> StateStore::open(sqlite::FileSystem& files,
                                                                        const fs::path& directory,
                                                                        Post post,
                                                                        OnFailure on_failure,
                                                                        Execution execution) {
  const bool is_threaded = execution == Execution::thread;
  auto database = Database::open(files, directory / "state.db",
                                 is_threaded ? sqlite::Check::later : sqlite::Check::now);
  if (!database) return base::fail(database.error());
  try {
    // Left by a crash; only now, as nobody else has the directory open.
    sqlite::remove_database(files, directory / "incoming.db");
    sqlite::remove_database(files, directory / "snapshot.db");
    for (std::size_t slot = 0; slot < backups_max; ++slot)
      sqlite::remove_database(files, backup_path(directory, slot));
  } catch (const std::system_error& error) {
    return base::fail(std::string(error.what()));
  }
  auto loaded = is_threaded ? database.value()->load_and_check() : database.value()->load();
  if (!loaded) return base::fail(loaded.error());
  auto implementation = std::make_unique<Implementation>();
  implementation->loaded = std::move(loaded).value();
  auto worker = std::make_unique<Worker>(files, directory, std::move(database).value(),
                                         std::move(post), std::move(on_failure));
  if (is_threaded)
    implementation->tasks = std::make_unique<ThreadQueue>(std::move(worker));
  else
    implementation->tasks = std::make_unique<CallerQueue>(std::move(worker));
  return std::unique_ptr<StateStore>(new StateStore(std::move(implementation)));
}

StateStore::StateStore(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}

StateStore::~StateStore() = default;

Loaded StateStore::take_loaded() {
  ASSERT(implementation_->loaded.has_value());
  Loaded loaded = *std::move(implementation_->loaded);
  implementation_->loaded.reset();
  return loaded;
}

std::optional<Moment> StateStore::perform_due(Moment now) {
  return implementation_->tasks->perform_due(now);
}

void StateStore::append(const ipam::Counters& counters, Position position,
                        ipam::SharedChanges changes) {
  implementation_->tasks->push(Worker::Append{counters, std::move(position), std::move(changes)});
}

std::size_t StateStore::queued_changes() const { return implementation_->tasks->queued_changes(); }

void StateStore::flush(std::function<void(Flushed)> done) {
  implementation_->push_result<Flushed>(
      std::move(done),
      [](Worker& worker) -> Flushed {
        worker.commit();
        return worker.database().position().index;
      },
      [](const std::string& reason) -> Flushed { return base::fail(reason); });
}

void StateStore::on_durable(std::function<void(std::uint64_t)> listener) {
  implementation_->push([listener = std::move(listener)](Worker& worker) {
    worker.set_durable_listener(listener);
  });
}

void StateStore::query(ipam::HistoryQuery query,
                       std::function<void(base::Result<ipam::HistoryAnswer, std::string>)> done) {
  using Answer = base::Result<ipam::HistoryAnswer, std::string>;
  implementation_->push_result<Answer>(
      std::move(done),
      [query = std::move(query)](Worker& worker) -> Answer {
        if (std::holds_alternative<ipam::VerifyQuery>(query)) worker.commit();
        return worker.database().query(query);
      },
      [](const std::string& reason) -> Answer { return base::fail(reason); });
}

void StateStore::keep_history(ipam::TimeMs retention) {
  implementation_->push([retention](Worker& worker) { worker.keep_history(retention); });
}

void StateStore::make_snapshot(std::function<void(base::Result<SnapshotFile, std::string>)> done) {
  using Made = base::Result<SnapshotFile, std::string>;
  implementation_->push(
      [done](Worker& worker) { worker.start_snapshot(done); },
      [done](Worker& worker, const std::string& reason) {
        worker.deliver<Made>(done, base::fail(reason));
      });
}

void StateStore::read_snapshot(std::uint64_t offset, std::size_t size,
                               std::function<void(base::Result<base::Bytes, std::string>)> done) {
  using Read = base::Result<base::Bytes, std::string>;
  implementation_->push_result<Read>(
      std::move(done),
      [offset, size](Worker& worker) { return worker.read_snapshot(offset, size); },
      [](const std::string& reason) -> Read { return base::fail(reason); });
}

void StateStore::delete_snapshot() {
  implementation_->push([](Worker& worker) { worker.delete_snapshot(); });
}

void StateStore::make_backup(std::function<void(base::Result<Backup, BackupFailure>)> done) {
  using Made = base::Result<Backup, BackupFailure>;
  implementation_->push(
      [done](Worker& worker) { worker.start_backup(done); },
      [done](Worker& worker, const std::string& reason) {
        worker.deliver<Made>(done,
                             base::fail(BackupFailure{BackupFailure::Reason::failed, reason}));
      });
}

void StateStore::read_backup(std::uint64_t number, std::uint64_t offset, std::size_t size,
                             std::function<void(base::Result<base::Bytes, std::string>)> done) {
  using Read = base::Result<base::Bytes, std::string>;
  implementation_->push_result<Read>(
      std::move(done),
      [number, offset, size](Worker& worker) { return worker.read_backup(number, offset, size); },
      [](const std::string& reason) -> Read { return base::fail(reason); });
}

void StateStore::delete_backup(std::uint64_t number) {
  const auto work = [number](Worker& worker) { worker.delete_backup(number); };
  // Also where state.db has failed: the disk may be full of it.
  implementation_->push(work, [work](Worker& worker, const std::string&) { work(worker); });
}

void StateStore::begin_receive(std::uint64_t total_bytes, std::function<void(bool)> done) {
  implementation_->push_result<bool>(
      std::move(done), [total_bytes](Worker& worker) { return worker.begin_receive(total_bytes); },
      [](const std::string&) { return false; });
}

void StateStore::drop_received() {
  implementation_->push([](Worker& worker) { worker.drop_received(); });
}

void StateStore::write_chunk(std::uint64_t offset, base::SharedBytes data,
                             std::function<void(bool)> done) {
  implementation_->push_result<bool>(
      std::move(done),
      [offset, data = std::move(data)](Worker& worker) {
        return worker.write_chunk(offset, *data);
      },
      [](const std::string&) { return false; });
}

void StateStore::install_received(Position expected,
                                  std::function<void(base::Result<Loaded, std::string>)> done) {
  using Installed = base::Result<Loaded, std::string>;
  implementation_->push_result<Installed>(
      std::move(done),
      [expected = std::move(expected)](Worker& worker) { return worker.install(expected); },
      [](const std::string& reason) -> Installed { return base::fail(reason); });
}

}  // namespace state
