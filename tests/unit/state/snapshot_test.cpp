#include "helpers.hpp"

using namespace state_test;

namespace {

using Made = base::Result<state::StateStore::SnapshotFile, std::string>;
using Read = base::Result<base::Bytes, std::string>;
using Installed = base::Result<state::Loaded, std::string>;

Made make_snapshot(Loop& loop, state::StateStore& store) {
  return loop.get<Made>([&](auto done) { store.make_snapshot(done); });
}

base::Bytes read_all(Loop& loop, state::StateStore& store, std::size_t chunk_bytes) {
  base::Bytes bytes;
  while (true) {
    const Read chunk = loop.get<Read>(
        [&](auto done) { store.read_snapshot(bytes.size(), chunk_bytes, done); });
    REQUIRE(chunk.ok());
    if (chunk.value().empty()) return bytes;
    bytes += chunk.value();
  }
}

bool send(Loop& loop, state::StateStore& store, const base::Bytes& bytes, std::size_t chunk_bytes) {
  if (!loop.get<bool>([&](auto done) { store.begin_receive(bytes.size(), done); })) return false;
  for (std::size_t at = 0; at < bytes.size(); at += chunk_bytes) {
    const auto chunk = base::share(bytes.substr(at, chunk_bytes));
    for (int twice = 0; twice < 2; ++twice)  // a repeated chunk is fine
      if (!loop.get<bool>([&](auto done) { store.write_chunk(at, chunk, done); })) return false;
  }
  return true;
}

Installed install(Loop& loop, state::StateStore& store, const state::Position& position) {
  return loop.get<Installed>([&](auto done) { store.install_received(position, done); });
}

// A store with some history, and its snapshot.
struct Source {
  TemporaryDirectory directory;
  Loop loop;
  std::unique_ptr<state::StateStore> store = open(directory.path(), loop);
  Node node{42, store->take_loaded()};
  state::Position position;
  base::Bytes bytes;

  explicit Source(int commands) {
    for (int i = 0; i < commands; ++i) node.apply_random(*store);
    const Made made = make_snapshot(loop, *store);
    REQUIRE(made.ok());
    position = made.value().position;
    bytes = read_all(loop, *store, 10'000);
    CHECK(bytes.size() == made.value().bytes);
    CHECK(position.index == node.position().index);
  }
};

}  // namespace

TEST_CASE("a snapshot is a standalone file as of the last entry, and goes when it is deleted") {
  Source source(500);
  const fs::path file = source.directory.path() / "snapshot.db";
  CHECK(fs::exists(file));
  CHECK_FALSE(fs::exists(source.directory.path() / "snapshot.db-wal"));
  TemporaryDirectory backup;
  write_file(backup.path() / "state.db", source.bytes);
  {
    sqlite::Connection connection(backup.path() / "state.db", sqlite::OpenMode::existing);
    CHECK(connection.text("PRAGMA journal_mode") == "delete");
    CHECK(connection.text("PRAGMA integrity_check") == "ok");
  }
  Loop loop;
  check_equal(open(backup.path(), loop)->take_loaded(), source.node);
  source.store->delete_snapshot();
  const Read read = source.loop.get<Read>(
      [&](auto done) { source.store->read_snapshot(0, 10, done); });
  CHECK_FALSE(read.ok());
  CHECK_FALSE(fs::exists(file));
}

TEST_CASE("a snapshot made while entries come in holds a whole prefix of them") {
  TemporaryDirectory directory;
  Loop loop;
  auto store = open(directory.path(), loop);
  Node node(7, store->take_loaded());
  std::vector<std::uint64_t> digests{node.machine().digest()};
  const auto apply = [&](int count) {
    for (int i = 0; i < count; ++i) {
      if (i % 50 != 0)
        node.apply(*store, ipam::RecordEvent{"event", "node-1", std::string(900, 'd')});
      else
        node.apply_random(*store);
      digests.push_back(node.machine().digest());
    }
  };
  apply(6000);  // several megabytes: several steps of copying
  std::optional<Made> made, second;
  store->make_snapshot([&](Made result) { made.emplace(std::move(result)); });
  store->make_snapshot([&](Made result) { second.emplace(std::move(result)); });
  int answered = 0;
  while (!made) {
    apply(20);
    (void)ask<ipam::AuditEntry>(loop, *store, ipam::AuditQuery{1});  // the thread stays responsive
    answered += made ? 0 : 1;
  }
  MESSAGE("queries answered while the snapshot was being made: " << answered);
  REQUIRE(made->ok());
  REQUIRE(second.has_value());
  CHECK_FALSE(second->ok());
  const state::Position position = made->value().position;
  TemporaryDirectory backup;
  write_file(backup.path() / "state.db", read_all(loop, *store, 1 << 20));
  Loop other;
  const state::Loaded loaded = open(backup.path(), other)->take_loaded();
  CHECK(loaded.position.index == position.index);
  CHECK(loaded.position.index >= 6000);
  CHECK(loaded.state_machine.digest() == digests[position.index]);
  CHECK(make_snapshot(loop, *store).ok());  // again, in the place of the finished one
}

TEST_CASE("an installed snapshot replaces the state, and both go on from there") {
  Source source(800);
  TemporaryDirectory directory;
  Loop loop;
  auto store = open(directory.path(), loop);
  {
    Node old(9, store->take_loaded());
    for (int i = 0; i < 300; ++i) old.apply_random(*store);
  }
  std::uint64_t durable = 0;
  store->on_durable([&](std::uint64_t index) { durable = index; });
  REQUIRE(send(loop, *store, source.bytes, 5000));
  Installed installed = install(loop, *store, source.position);
  REQUIRE_MESSAGE(installed.ok(), (installed.ok() ? "" : installed.error()));
  check_equal(installed.value(), source.node);
  loop.run_pending();
  CHECK(durable == source.position.index);
  CHECK_FALSE(fs::exists(directory.path() / "incoming.db"));
  Node node(10, std::move(installed).value());
  for (int i = 0; i < 200; ++i) node.apply_random(*store);
  CHECK(flush(loop, *store) == node.position().index);
  TemporaryDirectory killed;
  copy_files(directory.path(), killed.path());
  store.reset();
  for (const fs::path& path : {directory.path(), killed.path()}) {
    Loop other;
    check_equal(open(path, other)->take_loaded(), node);
  }
}

TEST_CASE("a received file that is not what was promised is refused, and the old state stays") {
  Source source(400);
  TemporaryDirectory directory;
  Loop loop;
  auto store = open(directory.path(), loop);
  Node node(9, store->take_loaded());
  for (int i = 0; i < 300; ++i) node.apply_random(*store);

  const auto refused = [&](const base::Bytes& bytes, const state::Position& position,
                           std::string_view what) {
    REQUIRE(send(loop, *store, bytes, 5000));
    const Installed installed = install(loop, *store, position);
    REQUIRE_FALSE(installed.ok());
    CAPTURE(installed.error());
    CHECK(contains(installed.error(), "incoming.db"));
    CHECK(contains(installed.error(), what));
    CHECK_FALSE(fs::exists(directory.path() / "incoming.db"));
    node.apply_random(*store);  // goes on as before
  };
  state::Position other = source.position;
  ++other.index;
  refused(source.bytes, other, "it holds index 400");
  other = source.position;
  other.term += 1;
  refused(source.bytes, other, "it holds index 400");
  other = source.position;
  other.configuration += "x";
  refused(source.bytes, other, "it holds index 400");
  refused(source.bytes.substr(0, source.bytes.size() / 2), source.position, "");
  refused(std::string(10'000, 'x'), source.position, "no SQLite database");
  for (std::size_t page = 0; page < source.bytes.size() / 4096; page += 2) {
    CAPTURE(page);
    base::Bytes bytes = source.bytes;
    bytes.replace(page * 4096, 4096, std::string(4096, '\x5a'));
    refused(bytes, source.position, "");
  }
  CHECK(flush(loop, *store) == node.position().index);
  store.reset();
  Loop again;
  check_equal(open(directory.path(), again)->take_loaded(), node);
}

TEST_CASE("chunks must come without gaps and within the promised size") {
  TemporaryDirectory directory;
  Loop loop;
  auto store = open(directory.path(), loop);
  const auto chunk = [&](std::uint64_t offset, std::string data) {
    return loop.get<bool>(
        [&](auto done) { store->write_chunk(offset, base::share(std::move(data)), done); });
  };
  CHECK_FALSE(chunk(0, "before begin"));
  CHECK_FALSE(install(loop, *store, {}).ok());
  REQUIRE(loop.get<bool>([&](auto done) { store->begin_receive(10, done); }));
  CHECK(chunk(0, "12345"));
  CHECK_FALSE(chunk(6, "7"));
  CHECK_FALSE(chunk(~0ull, "7"));
  CHECK_FALSE(chunk(5, "678901"));
  CHECK_FALSE(chunk(3, "45678"));
  CHECK(chunk(0, "123"));
  const Installed installed = install(loop, *store, {});
  REQUIRE_FALSE(installed.ok());
  CHECK(contains(installed.error(), "5 of 10 bytes"));
  CHECK_FALSE(chunk(5, "67890"));  // given up
}

TEST_CASE("what a crash left of a snapshot is deleted at the next start") {
  TemporaryDirectory directory;
  {
    Loop loop;
    auto store = open(directory.path(), loop);
  }
  for (const char* name : {"incoming.db", "incoming.db-wal", "snapshot.db", "snapshot.db-journal",
                           "state.db.new"})
    write_file(directory.path() / name, "rest");
  Loop loop;
  auto store = open(directory.path(), loop);
  for (const char* name : {"incoming.db", "incoming.db-wal", "snapshot.db", "snapshot.db-journal"})
    CHECK_FALSE(fs::exists(directory.path() / name));
}
