// Backups: copies of state.db beside the snapshot of Raft, and what becomes of them.
#include "helpers.hpp"
#include "state/backup_file.hpp"

using namespace state_test;

namespace {

using Failure = state::StateStore::BackupFailure;
using Made = base::Result<state::StateStore::Backup, Failure>;
using Snapshot = base::Result<state::StateStore::SnapshotFile, std::string>;
using Read = base::Result<base::Bytes, std::string>;

// A file system whose disk is as full as the test says.
class LimitedFiles : public sqlite::PosixFileSystem {
 public:
  sqlite::Space space(const fs::path&) override { return {free, std::uint64_t{1} << 40}; }
  std::uint64_t free = std::uint64_t{1} << 40;
};

Made make_backup(Loop& loop, state::StateStore& store) {
  return loop.get<Made>([&](auto done) { store.make_backup(done); });
}

Read read(Loop& loop, state::StateStore& store, std::uint64_t number, std::uint64_t offset,
          std::size_t size) {
  return loop.get<Read>([&](auto done) { store.read_backup(number, offset, size, done); });
}

base::Bytes read_all(Loop& loop, state::StateStore& store,
                     const state::StateStore::Backup& backup) {
  base::Bytes bytes;
  while (bytes.size() < backup.bytes) {
    const Read piece = read(loop, store, backup.number, bytes.size(), 100'000);
    REQUIRE(piece.ok());
    REQUIRE_FALSE(piece->empty());
    bytes += *piece;
  }
  return bytes;
}

state::Loaded load(const base::Bytes& bytes) {
  TemporaryDirectory directory;
  write_file(directory.path() / "state.db", bytes);
  Loop loop;
  return open(directory.path(), loop)->take_loaded();
}

std::size_t backup_files(const fs::path& directory) {
  std::size_t count = 0;
  for (const auto& file : fs::directory_iterator(directory))
    if (file.path().filename().string().starts_with("backup-")) ++count;
  return count;
}

struct World {
  TemporaryDirectory directory;
  Loop loop;
  std::unique_ptr<state::StateStore> store = open(directory.path(), loop);
  Node node{11, store->take_loaded()};

  void apply(int count) {
    for (int i = 0; i < count; ++i) node.apply_random(*store);
  }
  // Several megabytes, so that copies take several steps.
  void grow() {
    for (int i = 0; i < 6000; ++i)
      node.apply(*store, ipam::RecordEvent{"event", "node-1", std::string(900, 'd')});
  }
};

}  // namespace

TEST_CASE("a backup holds all that was applied before it, and goes when it is deleted") {
  World world;
  world.apply(500);
  const Made made = make_backup(world.loop, *world.store);
  REQUIRE(made.ok());
  CHECK(made->position.index == 500);
  CHECK(made->digest == world.node.machine().counters().digest);
  const base::Bytes bytes = read_all(world.loop, *world.store, *made);
  check_equal(load(bytes), world.node);
  CHECK(read(world.loop, *world.store, made->number, made->bytes, 10)->empty());
  CHECK(backup_files(world.directory.path()) == 1);
  world.store->delete_backup(made->number);
  CHECK_FALSE(read(world.loop, *world.store, made->number, 0, 10).ok());
  CHECK(backup_files(world.directory.path()) == 0);
}

TEST_CASE("backups and the snapshot of Raft are made one after the other, while entries come in") {
  World world;
  world.grow();
  std::vector<std::uint64_t> digests(world.node.position().index);
  std::optional<Made> first, second, third;
  std::optional<Snapshot> snapshot;
  world.store->make_backup([&](Made made) { first.emplace(std::move(made)); });
  world.store->make_snapshot([&](Snapshot made) { snapshot.emplace(std::move(made)); });
  world.store->make_backup([&](Made made) { second.emplace(std::move(made)); });
  world.store->make_backup([&](Made made) { third.emplace(std::move(made)); });
  digests.push_back(world.node.machine().digest());
  int answered = 0;
  while (!first || !snapshot || !second) {
    world.apply(1);
    digests.push_back(world.node.machine().digest());
    (void)ask<ipam::AuditEntry>(world.loop, *world.store, ipam::AuditQuery{1});
    ++answered;
  }
  MESSAGE("queries answered meanwhile: " << answered);
  REQUIRE(third.has_value());
  REQUIRE_FALSE(third->ok());  // two are under way
  CHECK(third->error().reason == Failure::Reason::too_many);
  REQUIRE(first->ok());
  REQUIRE(second->ok());
  REQUIRE_MESSAGE(snapshot->ok(), (snapshot->ok() ? "" : snapshot->error()));
  CHECK((*first)->position.index <= (*snapshot)->position.index);
  CHECK((*snapshot)->position.index <= (*second)->position.index);
  for (const auto* made : {&*first, &*second}) {
    const state::Loaded loaded = load(read_all(world.loop, *world.store, **made));
    CHECK(loaded.position.index == (*made)->position.index);
    CHECK(loaded.state_machine.digest() == digests[loaded.position.index]);
    CHECK(loaded.state_machine.counters().digest == (*made)->digest);
  }
  world.store->delete_backup((*first)->number);
  CHECK(make_backup(world.loop, *world.store).ok());  // there is a place again
}

TEST_CASE("a backup without room for it is refused, and one after it is not") {
  TemporaryDirectory directory;
  Loop loop;
  LimitedFiles disk;
  auto store = state::StateStore::open(disk, directory.path(), loop.post(),
                                       [](const std::string& text) { FAIL(text); });
  REQUIRE(store.ok());
  disk.free = 1 << 20;
  for (int i = 0; i < 3; ++i) {  // a refused one takes no place
    const Made made = make_backup(loop, **store);
    REQUIRE_FALSE(made.ok());
    CHECK(made.error().reason == Failure::Reason::no_room);
    CHECK(contains(made.error().text, "too little free disk space"));
  }
  CHECK(backup_files(directory.path()) == 0);
  disk.free = std::uint64_t{1} << 30;
  CHECK(make_backup(loop, **store).ok());
}

TEST_CASE("a snapshot that is given up lets the backups behind it be made") {
  World world;
  world.grow();
  std::optional<Snapshot> snapshot;
  std::optional<Made> before, after;
  world.store->make_backup([&](Made made) { before.emplace(std::move(made)); });
  world.store->make_snapshot([&](Snapshot made) { snapshot.emplace(std::move(made)); });
  world.store->make_backup([&](Made made) { after.emplace(std::move(made)); });
  world.store->delete_snapshot();
  world.loop.run_until([&] { return before && after && snapshot; });
  CHECK(before->ok());
  CHECK(after->ok());
  CHECK_FALSE(fs::exists(world.directory.path() / "snapshot.db"));
}

TEST_CASE("the end of the process deletes the backups, and the next start what a crash left") {
  World world;
  world.apply(100);
  REQUIRE(make_backup(world.loop, *world.store).ok());
  world.store.reset();
  CHECK(backup_files(world.directory.path()) == 0);
  for (const char* name : {"backup-1.db", "backup-2.db", "backup-2.db-journal"})
    write_file(world.directory.path() / name, "rest of a crash");
  Loop again;
  (void)open(world.directory.path(), again);
  CHECK(backup_files(world.directory.path()) == 0);
}

TEST_CASE("backups that wait when the store ends fail, and leave nothing") {
  World world;
  world.grow();
  std::optional<Made> first, second;
  world.store->make_backup([&](Made made) { first.emplace(std::move(made)); });
  world.store->make_backup([&](Made made) { second.emplace(std::move(made)); });
  world.store.reset();
  world.loop.run_pending();
  REQUIRE(first.has_value());
  REQUIRE(second.has_value());
  CHECK_FALSE(second->ok());
  CHECK(backup_files(world.directory.path()) == 0);
}

TEST_CASE("a backup is checked whole, and left as it is") {
  World world;
  world.apply(800);
  const Made made = make_backup(world.loop, *world.store);
  REQUIRE(made.ok());
  const base::Bytes bytes = read_all(world.loop, *world.store, *made);
  TemporaryDirectory directory;
  const fs::path file = directory.path() / "ipam.db";
  write_file(file, bytes);
  const auto checked = state::check_backup(files, file);
  REQUIRE_MESSAGE(checked.ok(), (checked.ok() ? "" : checked.error()));
  check_equal(checked->loaded, world.node);
  CHECK(checked->bytes == bytes.size());
  CHECK(checked->verification.intact);
  CHECK(checked->verification.head == world.node.machine().counters().audit_hash);
  CHECK(read_file(file) == bytes);
  CHECK(std::distance(fs::directory_iterator(directory.path()), fs::directory_iterator()) == 1);

  const auto refused = [&](const base::Bytes& content) {
    write_file(file, content);
    const auto found = state::check_backup(files, file);
    return found ? std::string() : found.error();
  };
  CHECK(contains(refused(""), "is empty"));
  CHECK(contains(refused("no database"), "is no SQLite database"));
  CHECK(contains(refused(bytes.substr(0, bytes.size() / 2)), "Use another backup"));
  base::Bytes changed = bytes;
  const std::size_t word = changed.find("net-1");  // of an audit entry
  REQUIRE(word != base::Bytes::npos);
  changed[word] ^= 1;
  CHECK(contains(refused(changed), "is damaged"));
  changed = bytes;
  changed[18] = changed[19] = 2;  // as that of a node that serves
  CHECK(contains(refused(changed), "is the database of a node"));
  fs::remove(file);
  CHECK(contains(state::check_backup(files, file).error(), "there is no such file"));
}

TEST_CASE("a backup with a changed byte is refused, or says the very same") {
  World world;
  world.apply(900);
  const Made made = make_backup(world.loop, *world.store);
  REQUIRE(made.ok());
  const base::Bytes bytes = read_all(world.loop, *world.store, *made);
  TemporaryDirectory directory;
  const fs::path file = directory.path() / "ipam.db";
  const std::uint64_t seed = 20261126;
  base::Random random(seed);
  int refused = 0;
  for (int round = 0; round < 150; ++round) {
    const std::size_t at = random.below(bytes.size());
    INFO("seed " << seed << ", round " << round << ", byte " << at);
    base::Bytes changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ (1 + random.below(255)));
    write_file(file, changed);
    const auto checked = state::check_backup(files, file);
    if (checked.ok())
      check_equal(checked->loaded, world.node);
    else
      ++refused;
  }
  MESSAGE(refused << " of 150 refused; the others are in unused space");
  CHECK(refused > 30);
}
