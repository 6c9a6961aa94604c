#include "server/backup_performer.hpp"

#include <algorithm>
#include <utility>

namespace server {

namespace {

// Read in one go on the thread of state.db: some tenths of a millisecond.
constexpr std::size_t piece_bytes_max = 256 << 10;

using Made = base::Result<state::StateStore::Backup, state::StateStore::BackupFailure>;

api::BackupFailure failure_of(const state::StateStore::BackupFailure& failure) {
  using Reason = state::StateStore::BackupFailure::Reason;
  api::BackupFailure out{api::BackupFailure::Reason::failed, failure.text};
  if (failure.reason == Reason::too_many) out.reason = api::BackupFailure::Reason::too_many;
  if (failure.reason == Reason::no_room) out.reason = api::BackupFailure::Reason::no_room;
  return out;
}

}  // namespace

class BackupPerformer::Stream : public http::BodySource {
 public:
  Stream(std::weak_ptr<Shared> shared, const state::StateStore::Backup& backup)
      : shared_(std::move(shared)), backup_(backup) {}
  ~Stream() override { drop(); }

  void next(std::function<void(Piece)> done) override {
    const auto shared = shared_.lock();
    if (!shared || is_dropped_) return done({{}, After::broken});
    const std::size_t size = static_cast<std::size_t>(
        std::min<std::uint64_t>(backup_.bytes - offset_, piece_bytes_max));
    offset_ += size;
    const After after = offset_ == backup_.bytes ? After::end : After::more;
    auto read = [size, after, done = std::move(done)](
                    base::Result<base::Bytes, std::string> bytes) {
      // Its head is sent: there is no other way to say that it cannot be read.
      if (!bytes || bytes->size() != size) return done({{}, After::broken});
      done({std::move(*bytes), after});
    };
    shared->store.read_backup(backup_.number, offset_ - size, size, std::move(read));
    if (after == After::end) drop();
  }
  // A read under way ends soon by itself.
  void cancel() override { drop(); }

 private:
  void drop() {
    if (std::exchange(is_dropped_, true)) return;
    if (const auto shared = shared_.lock()) shared->store.delete_backup(backup_.number);
  }

  const std::weak_ptr<Shared> shared_;
  const state::StateStore::Backup backup_;
  std::uint64_t offset_ = 0;
  bool is_dropped_ = false;
};

void BackupPerformer::perform(const api::MakeBackup& action, Done done) {
  if (!shared_) return done(api::problem_shutting_down());
  const std::uint64_t id = next_++;
  shared_->waiting.emplace(id, std::move(done));
  auto made = [shared = std::weak_ptr(shared_), id, render = action.render](Made backup) {
    const auto self = shared.lock();
    if (!self) return;  // its file goes with the store
    const auto waiting = self->waiting.extract(id);
    if (!backup) return waiting.mapped()(render(base::fail(failure_of(backup.error()))));
    const api::Backup given{backup->position.index, backup->digest, backup->bytes,
                            std::make_shared<Stream>(shared, *backup)};
    waiting.mapped()(render(given));
  };
  shared_->store.make_backup(std::move(made));
}

void BackupPerformer::stop() {
  if (!shared_) return;
  const auto shared = std::exchange(shared_, nullptr);
  for (const auto& [id, done] : std::exchange(shared->waiting, {}))
    done(api::problem_shutting_down());
}

}  // namespace server
