// What the simulated disk leaves after a power cut, and what SQLite and our own code make of it.
#include "simulated_disk.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "raft/storage/log_store.hpp"
#include "simulated_files.hpp"

using namespace simulation;

namespace {

constexpr raft::Identity identity{7, raft::NodeId(1), 99};

raft::PersistBatch batch(std::uint64_t index, std::uint64_t term) {
  raft::PersistBatch out;
  out.entries.push_back({raft::Index(index), raft::Term(term), raft::EntryKind::command,
                         base::share(std::string(3000, 'x'))});
  out.hard_state = raft::HardState{raft::Term(term), raft::NodeId(1), raft::Index(0)};
  return out;
}

std::uint64_t last_of(const raft::LoadedLog& log) {
  return log.compacted.index.value() + log.entries.size();
}

// Opens the log, and gives its last index.
std::uint64_t open(SimulatedFiles& files, std::unique_ptr<raft::LogStore>& store) {
  auto opened = raft::LogStore::open(files, "");
  REQUIRE_MESSAGE(opened.ok(), (opened.ok() ? "" : opened.error()));
  store = std::move(opened).value();
  auto log = store->load();
  REQUIRE_MESSAGE(log.ok(), (log.ok() ? "" : log.error()));
  return last_of(*log);
}

std::unique_ptr<raft::LogStore> make_log(SimulatedFiles& files) {
  REQUIRE(raft::LogStore::create(files, "", identity).ok());
  std::unique_ptr<raft::LogStore> store;
  open(files, store);
  return store;
}

}  // namespace

TEST_CASE("a power cut keeps what was synced, and any subset of sectors of what was not") {
  bool some_kept = false, some_lost = false;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    CAPTURE(seed);
    SimulatedDisk disk(seed);
    SimulatedFiles files(disk, "sim");
    {
      const auto file = files.open("a", sqlite::FileMode::create_new);
      file->write_at(0, std::string(4096, 'a'));
      file->sync();
      files.sync_directory("");
      file->write_at(0, std::string(4096, 'b'));
    }
    disk.lose_power();
    const std::string found = files.open("a", sqlite::FileMode::read)->read_at(0, 5000);
    REQUIRE(found.size() == 4096);
    for (const char c : found) {
      CHECK((c == 'a' || c == 'b'));
      some_kept = some_kept || c == 'b';
      some_lost = some_lost || c == 'a';
    }
  }
  CHECK(some_kept);
  CHECK(some_lost);
}

TEST_CASE("changes of the directory may be lost until it is synced, and a rename is whole") {
  bool old_seen = false, new_seen = false;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SimulatedDisk disk(seed);
    SimulatedFiles files(disk, "sim");
    for (const char* name : {"old", "new"}) {
      const auto file = files.open(name, sqlite::FileMode::create_new);
      file->write_at(0, name);
      file->sync();
    }
    files.sync_directory("");
    files.rename("new", "old");
    disk.lose_power();
    const std::string found = files.open("old", sqlite::FileMode::read)->read_at(0, 10);
    CHECK((found == "old" || found == "new"));
    CHECK(files.exists("new") == (found == "old"));
    old_seen = old_seen || found == "old";
    new_seen = new_seen || found == "new";
  }
  CHECK(old_seen);
  CHECK(new_seen);
}

TEST_CASE("a sync that fails forgets what was to be written, and later syncs do not write it") {
  SimulatedDisk disk(4);
  SimulatedFiles files(disk, "sim");
  const auto file = files.open("a", sqlite::FileMode::create_new);
  files.sync_directory("");
  file->write_at(0, std::string(64 * 512, 'x'));
  disk.fail_sync(1);
  CHECK_THROWS(file->sync());
  file->sync();
  CHECK(file->read_at(0, 64 * 512) == std::string(64 * 512, 'x'));
  disk.lose_power();
  const std::string found = files.open("a", sqlite::FileMode::read)->read_at(0, 64 * 512);
  CHECK(found != std::string(64 * 512, 'x'));
}

TEST_CASE("a second connection to a database that is open is refused") {
  SimulatedDisk disk(1);
  SimulatedFiles files(disk, "sim");
  std::unique_ptr<raft::LogStore> store = make_log(files);
  const auto second_store = raft::LogStore::open(files, "");
  REQUIRE_FALSE(second_store.ok());
  CHECK(second_store.error().find("in use by another process") != std::string::npos);
}

TEST_CASE("a log survives a power cut after any call of a write: with the batch or without it") {
  std::uint64_t with = 0, without = 0;
  for (std::uint64_t call = 1; call <= 40; ++call) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      CAPTURE(call);
      CAPTURE(seed);
      SimulatedDisk disk(seed);
      SimulatedFiles files(disk, "sim", {.wal_pages_max = 4, .backup_pages_per_step = 4});
      std::unique_ptr<raft::LogStore> store = make_log(files);
      for (std::uint64_t index = 1; index <= 5; ++index) {
        store->persist(batch(index, 1));
        store->checkpoint_if_due();
      }
      disk.lose_power_at(call);
      bool failed = false;
      try {
        store->persist(batch(6, 2));
        store->checkpoint_if_due();
      } catch (const raft::StorageFailure&) {
        failed = true;
      }
      disk.switch_off();
      store.reset();
      disk.lose_power();
      const std::uint64_t last = open(files, store);
      CHECK((last == 6 || (last == 5 && failed)));
      ++(last == 6 ? with : without);
      disk.switch_off();
      store.reset();
    }
  }
  CHECK(with > 0);
  CHECK(without > 0);
}

// Failed before: an open log believed what it could read, which no sync would write any more.
TEST_CASE("what a log shows after a sync that failed is durable once it has been opened again") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    SimulatedDisk disk(seed);
    SimulatedFiles files(disk, "sim");
    std::unique_ptr<raft::LogStore> store = make_log(files);
    for (std::uint64_t index = 1; index <= 3; ++index) store->persist(batch(index, 1));
    disk.fail_sync(1);
    CHECK_THROWS_AS(store->persist(batch(4, 2)), raft::StorageFailure);
    disk.switch_off();
    store.reset();
    disk.restart_process();  // the page cache stays
    const std::uint64_t shown = open(files, store);
    store->persist(batch(shown + 1, 2));
    disk.switch_off();
    store.reset();
    disk.lose_power();
    CHECK(open(files, store) == shown + 1);
    disk.switch_off();
    store.reset();
  }
}

// Failed before: a process that died between its commit and the side file left one that was torn or
// late, so that a later loss went unnoticed until the next write.
TEST_CASE("opening a log brings its side file up to date") {
  SimulatedDisk disk(3);
  SimulatedFiles files(disk, "sim");
  std::unique_ptr<raft::LogStore> store = make_log(files);
  store->persist(batch(1, 1));
  store.reset();
  files.open("raft.last", sqlite::FileMode::write)->write_at(0, "torn");
  open(files, store);
  store.reset();
  const std::string side = files.open("raft.last", sqlite::FileMode::read)->read_at(0, 4);
  CHECK(side == "RLS1");
}

// Failed before: the row of the PRAGMA came, and the failure of its commit behind it was not seen.
TEST_CASE("a change of the journal mode whose sync fails is an error") {
  std::uint64_t refused = 0;
  for (std::uint64_t sync = 1; sync <= 12; ++sync) {
    CAPTURE(sync);
    SimulatedDisk disk(sync);
    SimulatedFiles files(disk, "sim");
    REQUIRE(raft::LogStore::create(files, "", identity).ok());
    disk.fail_sync(sync);  // the first opening changes the mode
    const auto opened = raft::LogStore::open(files, "");
    // The one failure that SQLite itself does not mind: the directory, when a journal is new.
    CHECK((!opened.ok() || disk.errors() == 0 || sync == 2));
    refused += !opened.ok();
  }
  CHECK(refused >= 3);
}

// Failed before: the node knew of its loss only from the page cache, and voted after a power cut.
TEST_CASE("that entries were lost is remembered across a power cut") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    SimulatedDisk disk(seed);
    SimulatedFiles files(disk, "sim");
    std::unique_ptr<raft::LogStore> store = make_log(files);
    for (std::uint64_t index = 1; index <= 5; ++index) store->persist(batch(index, 1));
    disk.switch_off();
    store.reset();
    disk.restart_process();
    {
      const auto log = files.open("raft.db-wal", sqlite::FileMode::write);
      log->write_at(log->size() - 100, std::string(8, '\x5a'));  // rot in the last frame
    }
    for (int opening = 0; opening < 2; ++opening) {
      auto opened = raft::LogStore::open(files, "");
      REQUIRE(opened.ok());
      auto loaded = (*opened)->load();
      REQUIRE(loaded.ok());
      CHECK(last_of(*loaded) < 5);
      CHECK(loaded->regressed);
      CHECK(loaded->side_file_last.index == raft::Index(5));
      disk.switch_off();
      opened->reset();
      disk.lose_power();
    }
  }
}
