#include <csignal>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/random.hpp"
#include "helpers.hpp"

using namespace raft_storage_test;

TEST_CASE("a new log is empty and knows whose it is") {
  TemporaryDirectory directory;
  CHECK_FALSE(LogStore::exists(files, directory.path()));
  make(directory.path());
  CHECK(LogStore::exists(files, directory.path()));
  const Opened opened = open(directory.path());
  CHECK(opened.loaded.identity == identity);
  CHECK(opened.loaded.hard_state == HardState{});
  CHECK(opened.loaded.compacted == LogPosition{});
  CHECK(opened.loaded.entries.empty());
  CHECK_FALSE(opened.loaded.regressed);
}

TEST_CASE("create never takes the place of what is there") {
  TemporaryDirectory directory;
  make(directory.path());
  { open(directory.path()).store->persist(batch_of(entries(1, 5, 1))); }
  const auto again = LogStore::create(files, directory.path(), identity);
  REQUIRE_FALSE(again.ok());
  CHECK(contains(again.error(), "raft.db"));
  CHECK(contains(again.error(), "never overwritten"));
  CHECK(open(directory.path()).loaded.entries.size() == 5);
  // Also where only the side file is left.
  fs::remove(directory.path() / "raft.db");
  CHECK_FALSE(LogStore::create(files, directory.path(), identity).ok());
  CHECK(contains(refusal(directory.path()), "is missing, but was there once"));
}

TEST_CASE("create leaves no draft behind and replaces one that a crash left") {
  TemporaryDirectory directory;
  write_file(directory.path() / "raft.db.new", "half a file");
  make(directory.path());
  CHECK_FALSE(fs::exists(directory.path() / "raft.db.new"));
  CHECK(refusal(directory.path()).empty());
}

TEST_CASE("what was persisted is there after a clean close and after a kill") {
  TemporaryDirectory directory, killed;
  make(directory.path());
  Opened opened = open(directory.path());
  PersistBatch batch = hard_state(2, 3, 2);
  batch.entries = {entry(1, 1, "", EntryKind::noop), entry(2, 2, std::string("a\0b", 3)),
                   entry(3, 2, std::string(300'000, 'x'), EntryKind::configuration)};
  opened.store->persist(batch);
  copy_files(directory.path(), killed.path());
  opened.store.reset();
  for (const fs::path& path : {directory.path(), killed.path()}) {
    const Opened again = open(path);
    CHECK(again.loaded.entries == batch.entries);
    CHECK(again.loaded.hard_state == *batch.hard_state);
    CHECK_FALSE(again.loaded.regressed);
    CHECK(again.loaded.side_file_last == LogPosition{Index(3), Term(2)});
  }
}

TEST_CASE("entries from the middle on replace the end of the log") {
  TemporaryDirectory directory, killed;
  make(directory.path());
  Opened opened = open(directory.path());
  opened.store->persist(batch_of(entries(1, 10, 1)));
  opened.store->persist(batch_of(entries(6, 7, 2)));
  copy_files(directory.path(), killed.path());
  for (const fs::path& path : {killed.path()}) {
    const LoadedLog loaded = open(path).loaded;
    REQUIRE(loaded.entries.size() == 7);
    CHECK(loaded.entries[4] == entries(5, 5, 1)[0]);
    CHECK(loaded.entries[6] == entries(7, 7, 2)[0]);
    CHECK_FALSE(loaded.regressed);
  }
  opened.store->persist(batch_of(entries(1, 1, 3)));  // all of it
  opened.store.reset();
  CHECK(open(directory.path()).loaded.entries == entries(1, 1, 3));
}

TEST_CASE("a compacted log begins after its compacted position") {
  TemporaryDirectory directory;
  make(directory.path());
  {
    Opened opened = open(directory.path());
    opened.store->persist(batch_of(entries(1, 10'000, 1)));
    opened.store->persist(hard_state(1, 0, 9'990));
    opened.store->persist(compact_to(9'000, 1));
    opened.store->persist(compact_to(100, 1));  // goes back: no news
  }
  {  // some of the compacted rows still wait for their deletion
    Opened opened = open(directory.path());
    CHECK(opened.loaded.compacted == LogPosition{Index(9'000), Term(1)});
    CHECK(opened.loaded.entries == entries(9'001, 10'000, 1));
    opened.store->persist(batch_of(entries(10'001, 10'001, 2)));
    opened.store->persist(batch_of(entries(10'002, 10'002, 2)));
    opened.store->persist(compact_to(10'002, 2));  // the whole of it
    opened.store->persist(hard_state(2, 0, 10'002));
  }
  Opened opened = open(directory.path());
  CHECK(opened.loaded.entries.empty());
  CHECK_FALSE(opened.loaded.regressed);
  opened.store->persist(batch_of(entries(10'003, 10'003, 3)));
  opened.store.reset();
  CHECK(sqlite::Connection(directory.path() / "raft.db", sqlite::OpenMode::existing)
            .integer("SELECT count(*) FROM log") == 1);
  CHECK(open(directory.path()).loaded.entries == entries(10'003, 10'003, 3));
}

TEST_CASE("a cut in the middle of a row keeps what is before it, beside what a compaction took") {
  TemporaryDirectory directory;
  make(directory.path());
  Opened opened = open(directory.path());
  opened.store->persist(batch_of(entries(1, 100, 1)));
  opened.store->persist(hard_state(1, 0, 30));
  opened.store->persist(compact_to(20, 1));
  PersistBatch batch = hard_state(2, 0, 35);
  batch.entries = entries(41, 60, 2);
  opened.store->persist(batch);
  batch = hard_state(2, 0, 50);
  batch.entries = entries(61, 62, 2);
  opened.store->persist(batch);
  opened.store->persist(batch_of(entries(52, 53, 3)));
  opened.store.reset();
  opened = open(directory.path());
  std::vector<Entry> expected = entries(21, 40, 1);
  for (const Entry& one : entries(41, 51, 2)) expected.push_back(one);
  for (const Entry& one : entries(52, 53, 3)) expected.push_back(one);
  CHECK(opened.loaded.entries == expected);
  // The commit index that came with entries, of a row that is cut too.
  CHECK(opened.loaded.hard_state == HardState{Term(2), NodeId(), Index(50)});
  CHECK_FALSE(opened.loaded.regressed);
}

TEST_CASE("what is long ends up in several rows, and is checkpointed when it has grown") {
  TemporaryDirectory directory;
  make(directory.path());
  std::vector<Entry> long_ones;
  for (std::uint64_t i = 1; i <= 50; ++i)
    long_ones.push_back(entry(i, 1, std::string(30'000 * (i % 7), static_cast<char>('a' + i % 9))));
  {
    Opened opened = open(directory.path());
    for (int i = 0; i < 8; ++i) opened.store->persist(batch_of(long_ones));
    const auto before = fs::file_size(directory.path() / "raft.db");
    opened.store->checkpoint_if_due();
    CHECK(fs::file_size(directory.path() / "raft.db") > before);
  }
  CHECK(sqlite::Connection(directory.path() / "raft.db", sqlite::OpenMode::existing)
            .integer("SELECT count(*) FROM log") > 15);
  CHECK(open(directory.path()).loaded.entries == long_ones);
}

TEST_CASE("a snapshot empties the log, whether it is ahead of it or behind its end") {
  for (const std::uint64_t at : {5u, 50u}) {
    TemporaryDirectory directory;
    make(directory.path());
    {
      Opened opened = open(directory.path());
      opened.store->persist(batch_of(entries(1, 10, 1)));
      PersistBatch batch = hard_state(4, 0, at + 1);
      batch.snapshot = SnapshotMeta{{Index(at), Term(3)}, {}};
      batch.entries = entries(at + 1, at + 2, 4);
      batch.compacted = LogPosition{Index(at - 1), Term(1)};
      opened.store->persist(batch);
    }
    const LoadedLog loaded = open(directory.path()).loaded;
    CHECK(loaded.compacted == LogPosition{Index(at), Term(3)});
    CHECK(loaded.entries == entries(at + 1, at + 2, 4));
    CHECK_FALSE(loaded.regressed);
  }
}

TEST_CASE("a snapshot without a hard state counts as committed") {
  TemporaryDirectory directory;
  make(directory.path());
  PersistBatch batch;
  batch.snapshot = SnapshotMeta{{Index(7), Term(2)}, {}};
  open(directory.path()).store->persist(batch);
  const LoadedLog loaded = open(directory.path()).loaded;
  CHECK(loaded.compacted == batch.snapshot->last);
  CHECK(loaded.hard_state.commit == Index(7));
}

TEST_CASE("random batches against a log in memory, killed and closed at random") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    CAPTURE(seed);
    base::Random random(seed);
    TemporaryDirectory directory;
    make(directory.path());
    Opened opened = open(directory.path());
    std::vector<Entry> log;
    LogPosition compacted;
    std::uint64_t term = 1, commit = 0;
    for (int round = 0; round < 200; ++round) {
      if (random.chance(20)) ++term;
      PersistBatch batch;
      const std::uint64_t last = compacted.index.value() + log.size();
      const std::uint64_t first =
          random.chance(30) ? random.between(std::max(commit, compacted.index.value()), last) + 1
                            : last + 1;
      batch.entries = entries(first, first + random.below(12), term);
      log.resize(first - compacted.index.value() - 1);
      log.insert(log.end(), batch.entries.begin(), batch.entries.end());
      if (random.chance(50)) {
        commit = random.between(std::max(commit, compacted.index.value()),
                                log.back().index.value());
        batch.hard_state = HardState{Term(term), NodeId(random.below(4)), Index(commit)};
      }
      if (random.chance(20) && commit > compacted.index.value()) {
        const std::uint64_t drop =
            random.between(1, commit - compacted.index.value());
        compacted = {log[drop - 1].index, log[drop - 1].term};
        log.erase(log.begin(), log.begin() + static_cast<std::ptrdiff_t>(drop));
        batch.compacted = compacted;
      }
      opened.store->persist(batch);
      if (random.chance(5)) opened.store->checkpoint();
      if (!random.chance(10)) continue;
      TemporaryDirectory copy;
      copy_files(directory.path(), copy.path());
      const LoadedLog killed = open(copy.path()).loaded;
      CHECK(killed.entries == log);
      CHECK_FALSE(killed.regressed);
      opened.store.reset();
      opened = open(directory.path());
      CHECK(opened.loaded.entries == log);
      CHECK(opened.loaded.compacted == compacted);
      CHECK(opened.loaded.hard_state.commit == Index(commit));
      CHECK_FALSE(opened.loaded.regressed);
    }
  }
}

TEST_CASE("after a failed commit the store is poisoned and says why, and the rest is intact") {
  TemporaryDirectory directory;
  make(directory.path());
  { open(directory.path()).store->persist(batch_of(entries(1, 3, 1))); }
  const pid_t child = ::fork();
  if (child == 0) {  // a limit on the size of files stands for a full disk
    int result = 1;
    try {
      auto store = LogStore::open(files, directory.path());
      if (store && store.value()->load()) {
        ::signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{200'000, 200'000};
        ::setrlimit(RLIMIT_FSIZE, &limit);
        std::string first, second;
        try {
          store.value()->persist(batch_of({entry(4, 1, std::string(2'000'000, 'x'))}));
        } catch (const StorageFailure& failure) {
          first = failure.what();
        }
        try {
          store.value()->persist(batch_of({entry(4, 1, "small")}));
        } catch (const StorageFailure& failure) {
          second = failure.what();
        }
        const bool named = contains(first, "raft.db") && contains(first, "cannot be");
        result = named && first == second ? 0 : 2;
        std::fprintf(stderr, "poisoned: %s\n", first.c_str());
      }
    } catch (...) {
      result = 3;
    }
    ::_exit(result);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(open(directory.path()).loaded.entries == entries(1, 3, 1));
}
