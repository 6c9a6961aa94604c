// Performs api::MakeBackup on this node: has state.db copied, and gives the copy out in pieces that
// are read on the thread of state.db. Deletes it once the reader has all of it or is gone.
// Runs on the io thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "api/action.hpp"
#include "state/state_store.hpp"

namespace server {

class BackupPerformer {
 public:
  // `store` outlives the performer; what it streams may outlive both.
  explicit BackupPerformer(state::StateStore& store)
      : shared_(std::make_shared<Shared>(Shared{store, {}})) {}
  ~BackupPerformer() { stop(); }
  BackupPerformer(const BackupPerformer&) = delete;
  BackupPerformer& operator=(const BackupPerformer&) = delete;

  using Done = std::function<void(http::Response)>;
  void perform(const api::MakeBackup& action, Done done);
  // Answers whoever waits for a copy; bodies under way are cut.
  void stop();

 private:
  class Stream;
  // Gone once the performer has stopped: what comes later finds nobody to ask.
  struct Shared {
    state::StateStore& store;
    std::map<std::uint64_t, Done> waiting;
  };
  std::shared_ptr<Shared> shared_;
  std::uint64_t next_ = 1;
};

}  // namespace server
