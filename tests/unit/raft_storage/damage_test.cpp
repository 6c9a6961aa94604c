#include <sys/wait.h>

#include "helpers.hpp"

using namespace raft_storage_test;

namespace {

// A closed log of entries 1 to 2000 of term 1, in rows of 10, with everything in raft.db itself.
void fill(const fs::path& directory) {
  make(directory);
  Opened opened = open(directory);
  for (std::uint64_t first = 1; first <= 2000; first += 10)
    opened.store->persist(batch_of(entries(first, first + 9, 1)));
  opened.store->persist(hard_state(1, 2, 1500));
}

void check_refusal(const fs::path& directory, std::string_view what, std::string_view remedy) {
  const std::string text = refusal(directory);
  CAPTURE(text);
  CHECK(contains(text, (directory / "raft.db").string() + ": "));
  CHECK(contains(text, what));
  CHECK(contains(text, remedy));
}

}  // namespace

TEST_CASE("a raft.db that is missing, empty, foreign or no database is refused with a clear text") {
  TemporaryDirectory directory;
  check_refusal(directory.path(), "does not exist", "Check the data directory");
  const fs::path file = directory.path() / "raft.db";
  write_file(file, "");
  check_refusal(directory.path(), "is empty", "move the data directory away");
  write_file(file, std::string(8192, 'z'));
  check_refusal(directory.path(), "has been overwritten", "move the data directory away");
  write_file(file, "short");
  check_refusal(directory.path(), "has been overwritten", "move the data directory away");
  fs::remove(file);
  sqlite::Connection(file, sqlite::OpenMode::create).execute("CREATE TABLE t(x)");
  check_refusal(directory.path(), "no Raft log of ipam", "Move it away");
  fs::remove(file);
  fs::create_directory(file);
  check_refusal(directory.path(), "is not a regular file", "Move it away");
}

TEST_CASE("another version is refused with both versions named") {
  TemporaryDirectory directory;
  make(directory.path());
  sql(directory.path(), "PRAGMA user_version=9");
  check_refusal(directory.path(), "has format version 9, this program knows version 4", "newer");
}

TEST_CASE("a truncated or overwritten raft.db is refused, wherever the damage is") {
  TemporaryDirectory original;
  fill(original.path());
  const std::string whole = read_file(original.path() / "raft.db");
  REQUIRE(whole.size() > 12 * 4096);
  const auto check_damaged = [&](const std::string& bytes) {
    TemporaryDirectory directory;
    write_file(directory.path() / "raft.db", bytes);
    check_refusal(directory.path(), "", "move the data directory away");
  };
  for (const std::size_t size : {std::size_t{100}, std::size_t{4096}, std::size_t{8192},
                                 whole.size() / 2, whole.size() - 4096})
    check_damaged(whole.substr(0, size));
  for (std::size_t page = 0; page < whole.size() / 4096; ++page) {
    CAPTURE(page);
    std::string bytes = whole;
    bytes.replace(page * 4096, 4096, std::string(4096, '\x5a'));
    check_damaged(bytes);
  }
}

TEST_CASE("a flipped bit in an entry is found by its row's checksum, which names the row") {
  TemporaryDirectory directory;
  fill(directory.path());
  std::string bytes = read_file(directory.path() / "raft.db");
  const std::size_t at = bytes.find("entry 1234 of");
  REQUIRE(at != std::string::npos);
  bytes[at] ^= 1;
  write_file(directory.path() / "raft.db", bytes);
  check_refusal(directory.path(), "log entries 1231 to 1240: wrong checksum", "new node id");
}

TEST_CASE("content that no node can have written is refused") {
  const auto refused = [](const std::string& text, std::string_view what) {
    TemporaryDirectory directory;
    fill(directory.path());
    sql(directory.path(), text);
    check_refusal(directory.path(), what, "move the data directory away");
  };
  refused("DELETE FROM log WHERE last=700",
          "log entries 701 to 710: the one before them is 690");
  refused("UPDATE log SET first=62 WHERE last=70", "log entries 62 to 70: wrong checksum");
  refused("UPDATE log SET last=71 WHERE last=70", "log entries 61 to 71: wrong checksum");
  refused("UPDATE log SET commit_index=9 WHERE last=70", "log entries 61 to 70: wrong checksum");
  refused("UPDATE log SET entries=x'00' WHERE last=80", "log entries 71 to 80: wrong checksum");
  refused("UPDATE meta SET vote=1", "checksum of its meta row");
  refused("DELETE FROM meta", "meta row is missing");
  refused("DELETE FROM log WHERE last > 1000", "the log ends at 1000, but 1500 is committed");
  refused("DROP TABLE log", "no such table");
}

TEST_CASE("the log of another cluster does not pass for ours") {
  TemporaryDirectory directory, other;
  fill(directory.path());
  Identity foreign = identity;
  foreign.cluster_id = 78;
  REQUIRE(LogStore::create(files, other.path(), foreign).ok());
  sql(other.path(), fmt::format("ATTACH '{}' AS source; "
                                "INSERT INTO log SELECT * FROM source.log",
                                (directory.path() / "raft.db").string()));
  check_refusal(other.path(), "log entries 1 to 10: wrong checksum",
                "move the data directory away");
}

TEST_CASE("a raft.db in use is refused, by this process and by another") {
  TemporaryDirectory directory;
  make(directory.path());
  Opened opened = open(directory.path());
  check_refusal(directory.path(), "is in use by another process", "Stop that one");
  const pid_t child = ::fork();
  if (child == 0) {
    const auto store = LogStore::open(files, directory.path());
    ::_exit(!store.ok() && contains(store.error(), "is in use by another process") ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  opened.store->persist(batch_of(entries(1, 1, 1)));
}

TEST_CASE("lost write-ahead frames are noticed, and remembered until the log is caught up") {
  TemporaryDirectory directory;
  make(directory.path());
  Opened opened = open(directory.path());
  opened.store->persist(batch_of(entries(1, 5, 1)));
  opened.store->persist(hard_state(1, 0, 5));
  opened.store->checkpoint();
  const std::string early = read_file(directory.path() / "raft.db");
  opened.store->persist(batch_of(entries(6, 9, 2)));
  opened.store->persist(hard_state(3, 2, 6));
  const std::string side = read_file(directory.path() / "raft.last");
  opened.store.reset();

  write_file(directory.path() / "raft.db", early);
  opened = open(directory.path());
  CHECK(opened.loaded.regressed);
  CHECK(opened.loaded.side_file_last == LogPosition{Index(9), Term(2)});
  CHECK(opened.loaded.entries == entries(1, 5, 1));
  // The vote that was given stays given.
  CHECK(opened.loaded.hard_state == HardState{Term(3), NodeId(2), Index(5)});

  opened.store->persist(batch_of(entries(6, 8, 1)));
  opened.store->persist(batch_of(entries(7, 8, 2)));  // a cut does not make it forget
  opened.store.reset();
  opened = open(directory.path());
  CHECK(opened.loaded.regressed);
  opened.store->persist(batch_of(entries(8, 8, 3)));  // as good as 9/2 (Raft §5.4.1)
  opened.store.reset();
  opened = open(directory.path());
  CHECK_FALSE(opened.loaded.regressed);
  CHECK(opened.loaded.side_file_last == LogPosition{Index(8), Term(3)});
  opened.store.reset();

  // The log has a later entry at the index of the side file, which is late.
  write_file(directory.path() / "raft.last", side);
  CHECK_FALSE(open(directory.path()).loaded.regressed);
  // The log has an earlier entry there: what overwrote it is lost.
  TemporaryDirectory later;
  make(later.path());
  open(later.path()).store->persist(batch_of(entries(1, 9, 4)));
  fs::copy_file(later.path() / "raft.last", directory.path() / "raft.last",
                fs::copy_options::overwrite_existing);
  CHECK(open(directory.path()).loaded.regressed);
}

TEST_CASE("a side file that is missing, damaged or of another directory says nothing") {
  TemporaryDirectory directory;
  fill(directory.path());
  const fs::path side = directory.path() / "raft.last";
  const std::string good = read_file(side);
  fs::remove(side);
  CHECK_FALSE(open(directory.path()).loaded.regressed);
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bytes = good;
    bytes[i] ^= 0x40;
    write_file(side, bytes);
    const LoadedLog loaded = open(directory.path()).loaded;
    CHECK_FALSE(loaded.regressed);
    CHECK(loaded.side_file_last == LogPosition{});
    CHECK(read_file(side) == good);  // made good by opening
  }
  write_file(side, good.substr(0, 20));
  CHECK_FALSE(open(directory.path()).loaded.regressed);
}
