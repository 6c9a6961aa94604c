#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helpers.hpp"

using namespace state_test;

namespace {

void fill(const fs::path& directory) {
  Loop loop;
  auto store = open(directory, loop);
  Node node(5, store->take_loaded());
  for (int i = 0; i < 500; ++i) node.apply_random(*store);
}

void check_refusal(const fs::path& directory, std::string_view what, std::string_view remedy) {
  const std::string text = refusal(directory);
  CAPTURE(text);
  CHECK(contains(text, (directory / "state.db").string() + ": "));
  CHECK(contains(text, what));
  CHECK(contains(text, remedy));
}

// Gives each row the checksum of what it says, so that only its content is wrong.
void reseal(const fs::path& directory, const std::string& table) {
  sqlite::Connection connection(directory / "state.db", sqlite::OpenMode::existing);
  sqlite::Statement update =
      connection.prepare(fmt::format("UPDATE {} SET crc=? WHERE id=?", table));
  sqlite::Statement row = connection.prepare(fmt::format("SELECT * FROM {}", table));
  const auto columns = static_cast<int>(connection.integer(
      fmt::format("SELECT count(*) FROM pragma_table_info('{}')", table)));
  std::vector<std::pair<std::int64_t, std::uint64_t>> sums;
  while (row.step()) {
    state::RowChecksum checksum(table);
    for (int i = 0; i + 1 < columns; ++i) {
      if (row.type(i) == sqlite::Statement::Type::integer) checksum.add(row.integer(i));
      else if (row.type(i) == sqlite::Statement::Type::null) checksum.add(nullptr);
      else checksum.add(row.text(i));
    }
    sums.emplace_back(row.integer(0), checksum.value());
  }
  for (const auto& [id, sum] : sums) update.run(sum, id);
}

constexpr std::string_view move_away = "Move the data directory away";

}  // namespace

TEST_CASE("a state.db that is empty, foreign, of another version or in use is refused") {
  TemporaryDirectory directory;
  const fs::path file = directory.path() / "state.db";
  write_file(file, "");
  check_refusal(directory.path(), "is empty", move_away);
  write_file(file, std::string(8192, 'z'));
  check_refusal(directory.path(), "has been overwritten", move_away);
  fs::remove(file);
  sqlite::Connection(file, sqlite::OpenMode::create).execute("CREATE TABLE t(x)");
  check_refusal(directory.path(), "no state database of ipam", "Move it away");
  fs::remove(file);
  fill(directory.path());
  sql(directory.path(), "PRAGMA user_version=99");
  check_refusal(directory.path(), "has format version 99, this program knows version 8", "newer");
  sql(directory.path(), "PRAGMA user_version=8");
  Loop loop;
  auto store = open(directory.path(), loop);
  check_refusal(directory.path(), "is in use by another process", "Stop that one");
}

TEST_CASE("a write-ahead log without its state.db is not taken for a new directory") {
  TemporaryDirectory directory;
  write_file(directory.path() / "state.db-wal", "frames");
  check_refusal(directory.path(), "is missing, but its write-ahead log is there", move_away);
}

TEST_CASE("a truncated or overwritten state.db is refused, wherever the damage is") {
  TemporaryDirectory original;
  fill(original.path());
  const std::string whole = read_file(original.path() / "state.db");
  REQUIRE(whole.size() > 10 * 4096);
  const auto check_damaged = [&](const std::string& bytes) {
    TemporaryDirectory directory;
    write_file(directory.path() / "state.db", bytes);
    check_refusal(directory.path(), "", move_away);
  };
  for (const std::size_t size : {std::size_t{100}, std::size_t{4096}, whole.size() / 2,
                                 whole.size() - 4096})
    check_damaged(whole.substr(0, size));
  for (std::size_t page = 0; page < whole.size() / 4096; ++page) {
    CAPTURE(page);
    std::string bytes = whole;
    bytes.replace(page * 4096, 4096, std::string(4096, '\x5a'));
    check_damaged(bytes);
  }
}

TEST_CASE("after a crash, damage is found wherever the write-ahead log has no newer page") {
  TemporaryDirectory original, crashed;
  fill(original.path());
  std::uint64_t digest = 0;
  {
    Loop loop;
    auto store = open(original.path(), loop);
    Node node(6, store->take_loaded());
    node.apply_random(*store);
    flush(loop, *store);
    copy_files(original.path(), crashed.path());
    digest = node.machine().digest();
  }
  REQUIRE(fs::file_size(crashed.path() / "state.db-wal") > 0);
  const std::string whole = read_file(crashed.path() / "state.db");
  const std::size_t pages = whole.size() / 4096;
  std::size_t refused = 0;
  for (std::size_t page = 1; page < pages; ++page) {
    CAPTURE(page);
    TemporaryDirectory directory;
    copy_files(crashed.path(), directory.path());
    std::string bytes = whole;
    bytes.replace(page * 4096, 4096, std::string(4096, '\x5a'));
    write_file(directory.path() / "state.db", bytes);
    if (!refusal(directory.path()).empty()) {
      ++refused;
      continue;
    }
    Loop loop;
    CHECK(open(directory.path(), loop)->take_loaded().state_machine.digest() == digest);
  }
  CHECK(refused > pages / 2);
}

TEST_CASE("the lock on state.db outlives the check of its structure at the start") {
  TemporaryDirectory directory;
  fill(directory.path());
  Loop loop;
  const auto store = open(directory.path(), loop);
  const pid_t child = ::fork();
  if (child == 0) {
    const int file = ::open((directory.path() / "state.db").c_str(), O_RDWR | O_CLOEXEC);
    struct flock lock = {};
    lock.l_type = F_WRLCK;
    lock.l_start = 0x40000000;  // SQLite's locks, file format: PENDING_BYTE and what follows
    lock.l_len = 512;
    ::_exit(file >= 0 && ::fcntl(file, F_SETLK, &lock) == -1 ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

TEST_CASE("content that no node can have written is refused") {
  const auto refused = [](const std::string& text, std::string_view what) {
    TemporaryDirectory directory;
    fill(directory.path());
    sql(directory.path(), text);
    for (const char* table : {"networks", "allocations", "reservations"})
      reseal(directory.path(), table);
    check_refusal(directory.path(), what, move_away);
  };
  refused("UPDATE meta SET applied_index=7", "checksum of its meta row");
  refused("UPDATE meta SET now=7", "checksum of its meta row");
  refused("DELETE FROM meta", "meta row is missing");
  refused("UPDATE networks SET cidr='10.0.0.1/8'", "of table networks: its cidr cannot be read");
  refused("UPDATE networks SET tags='[oops]'", "of table networks: its tags cannot be read");
  refused("UPDATE allocations SET ip='1.2.3' WHERE status=1", "its ip cannot be read");
  refused("UPDATE allocations SET end_ip='x' WHERE status=1", "its end_ip cannot be read");
  refused("UPDATE allocations SET ip='192.0.2.1', end_ip=NULL WHERE status=1",
          "is damaged (alloc-");
  refused("DELETE FROM networks", "its network does not exist");
  refused("INSERT INTO audit VALUES(100000,0,'','','','',0,x'',0,0)", "beyond its counter");
  refused("UPDATE networks SET id=100000 WHERE id=(SELECT max(id) FROM networks)",
          "beyond its counter");
  refused("UPDATE reservations SET ip='1.2.3'", "of table reservations: its ip cannot be read");
  refused("UPDATE reservations SET metadata='[]'", "its metadata cannot be read");
  refused("UPDATE reservations SET ip='192.0.2.1', end_ip=NULL", "no range of its network");
  refused("UPDATE reservations SET id=100000 WHERE id=(SELECT max(id) FROM reservations)",
          "beyond its counter");
  refused("DROP TABLE audit", "no such table");
}

TEST_CASE("a row that is not what was written is refused") {
  TemporaryDirectory directory;
  fill(directory.path());
  sql(directory.path(), "UPDATE networks SET description='other'");
  check_refusal(directory.path(), "of table networks: its checksum is wrong", move_away);
}

TEST_CASE("a row that turns unreadable while the store runs stops it") {
  TemporaryDirectory directory;
  fill(directory.path());
  sql(directory.path(), "UPDATE allocations SET ip='nonsense' WHERE status<>1");
  reseal(directory.path(), "allocations");
  Loop loop;
  std::string failure;
  auto store = open(directory.path(), loop, [&](const std::string& text) { failure = text; });
  const auto answer = loop.get<base::Result<ipam::HistoryAnswer, std::string>>(
      [&](auto done) { store->query(ipam::AtQuery<ipam::Allocation>{}, done); });
  CHECK_FALSE(answer.ok());
  loop.run_pending();
  CHECK(contains(failure, "its ip cannot be read"));
}
