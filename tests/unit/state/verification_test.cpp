// "audit/verify finds a single changed byte in state.db": whatever byte of the file is changed, the
// file is refused, or found damaged, or says exactly what it said before.
#include <algorithm>

#include "helpers.hpp"

using namespace state_test;

namespace {

// Everything that the tables say, read by SQLite alone; "unreadable" where it cannot.
std::string contents(const fs::path& directory) {
  try {
    sqlite::Connection connection(directory / "state.db", sqlite::OpenMode::existing);
    std::string text;
    for (const char* table : {"networks", "allocations", "old_networks", "old_allocations",
                              "moved_allocations", "reservations", "tokens", "vrfs", "audit",
                              "idempotency", "meta"}) {
      sqlite::Statement row = connection.prepare(fmt::format("SELECT * FROM {}", table));
      sqlite::Statement names = connection.prepare(
          fmt::format("SELECT count(*) FROM pragma_table_info('{}')", table));
      REQUIRE(names.step());
      while (row.step())
        for (int i = 0; i < static_cast<int>(names.integer(0)); ++i)
          text += fmt::format("{}:{}\n", static_cast<int>(row.type(i)), row.blob(i));
    }
    return text;
  } catch (const std::exception&) {
    return "unreadable";
  }
}

ipam::Verification verify(Loop& loop, state::StateStore& store) {
  auto answer = loop.get<base::Result<ipam::HistoryAnswer, std::string>>(
      [&](auto done) { store.query(ipam::VerifyQuery{}, done); });
  REQUIRE_MESSAGE(answer.ok(), (answer.ok() ? "" : answer.error()));
  return std::get<ipam::Verification>(*answer);
}

// Why this state.db is not what was written; empty where it is.
std::string damage_of(const fs::path& directory) {
  Loop loop;
  auto opened = state::StateStore::open(files, directory, loop.post(), [](const std::string&) {});
  if (!opened) return opened.error();
  const ipam::Verification found = verify(loop, **opened);
  CHECK(found.intact == found.problem.empty());
  return found.problem;
}

// A closed state.db with something of everything in it. Gives the file.
std::string fill(const fs::path& directory) {
  Loop loop;
  {
    auto store = open(directory, loop);
    Node node(7, store->take_loaded());
    for (int i = 0; i < 1200; ++i) node.apply_random(*store);
    const ipam::Verification found = verify(loop, *store);
    CHECK_MESSAGE(found.intact, found.problem);
    CHECK(found.entries == node.machine().counters().next_audit - 1);
    CHECK(found.head == node.machine().counters().audit_hash);
    CHECK(found.rows > found.entries + node.machine().allocation_count());
  }
  return read_file(directory / "state.db");
}

}  // namespace

TEST_CASE("a changed byte of state.db is found, wherever it is, if it changes what is said") {
  TemporaryDirectory original;
  const std::string whole = fill(original.path());
  const std::string said = contents(original.path());
  REQUIRE(said != "unreadable");
  base::Random random(20261126);
  int found = 0, harmless = 0;
  for (int round = 0; round < 600; ++round) {
    const std::size_t at = random.below(whole.size());
    const auto change = static_cast<char>(round % 2 == 0 ? 1 << random.below(8)
                                                         : 1 + random.below(255));
    CAPTURE(at);
    CAPTURE(static_cast<int>(change));
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ change);
    TemporaryDirectory directory;
    write_file(directory.path() / "state.db", bytes);
    const std::string damage = damage_of(directory.path());
    ++(damage.empty() ? harmless : found);
    const std::string now = damage.empty() ? contents(directory.path()) : said;
    const auto differs = std::mismatch(said.begin(), said.end(), now.begin(), now.end());
    CHECK_MESSAGE(now == said, "it says ", std::string(differs.second, now.end()).substr(0, 80));
  }
  MESSAGE(found, " of ", found + harmless, " changed bytes found; the others are in unused space");
  CHECK(found > harmless);
}

TEST_CASE("what somebody changes by SQL is found") {
  TemporaryDirectory original;
  fill(original.path());
  const auto finds = [&](const std::string& text, std::string_view what) {
    TemporaryDirectory directory;
    copy_files(original.path(), directory.path());
    sql(directory.path(), text);
    const std::string damage = damage_of(directory.path());
    CAPTURE(text);
    CHECK_MESSAGE(contains(damage, what), damage);
  };
  finds("UPDATE allocations SET hostname='other' WHERE id=(SELECT max(id) FROM allocations "
        "WHERE status<>1)", "of table allocations: its checksum is wrong");
  finds("UPDATE networks SET description='other' WHERE id=(SELECT min(id) FROM networks)",
        "of table networks: its checksum is wrong");
  finds("UPDATE old_allocations SET until=until+1 WHERE id=(SELECT min(id) FROM old_allocations)",
        "of table old_allocations: its checksum is wrong");
  finds("UPDATE moved_allocations SET network_id=network_id+1",
        "of table moved_allocations: its checksum is wrong");
  finds("UPDATE old_networks SET description='other'", "of table networks: its checksum is wrong");
  finds("UPDATE idempotency SET forgotten_at=forgotten_at+1", "of table idempotency: its checksum");
  finds("UPDATE audit SET user='nobody' WHERE id=9", "row 9 of table audit: its checksum");
  finds("DELETE FROM audit WHERE id=9", "audit-9 is missing");
  finds("DELETE FROM audit WHERE id=(SELECT max(id) FROM audit)", "the audit log ends with audit-");
  // With its checksum, but against the chain.
  finds("UPDATE audit SET user=(SELECT user FROM audit WHERE id=8), details=(SELECT details FROM "
        "audit WHERE id=8), crc=crc+0 WHERE id=9", "row 9 of table audit");
  finds("CREATE TRIGGER t AFTER INSERT ON audit BEGIN DELETE FROM audit; END",
        "its tables are not ours");
}

TEST_CASE("an audit entry whose checksum was made to fit still breaks the chain") {
  TemporaryDirectory directory;
  fill(directory.path());
  {
    sqlite::Connection connection(directory.path() / "state.db", sqlite::OpenMode::existing);
    sqlite::Statement row = connection.prepare("SELECT * FROM audit WHERE id=9");
    REQUIRE(row.step());
    sqlite::Statement put = connection.prepare(
        "INSERT OR REPLACE INTO audit VALUES(?,?,?,?,?,?,?,?,?,?)");
    state::put_row(put, "audit", row.integer(0), row.integer(1), row.text(2), row.text(3),
                   row.text(4), std::string_view("somebody else"), row.integer(6),
                   sqlite::Blob{row.blob(7)}, row.integer(8));
  }
  CHECK(damage_of(directory.path()) == "audit-9 does not have the hash of what it says");
}

TEST_CASE("an audit entry that could not be found by its allocation is found out") {
  TemporaryDirectory directory;
  fill(directory.path());
  {
    sqlite::Connection connection(directory.path() / "state.db", sqlite::OpenMode::existing);
    sqlite::Statement row = connection.prepare(
        "SELECT * FROM audit WHERE action='ip_allocated' ORDER BY id LIMIT 1 OFFSET 3");
    REQUIRE(row.step());
    sqlite::Statement put = connection.prepare(
        "INSERT OR REPLACE INTO audit VALUES(?,?,?,?,?,?,?,?,?,?)");
    state::put_row(put, "audit", row.integer(0), row.integer(1), row.text(2), row.text(3),
                   row.text(4), row.text(5), row.integer(6), sqlite::Blob{row.blob(7)},
                   row.integer(8) - 1);
  }
  CHECK(damage_of(directory.path()).find("has the wrong newest allocation") !=
        std::string::npos);
}

TEST_CASE("the audit log is filtered by all that is asked for, and read page by page") {
  TemporaryDirectory directory;
  Loop loop;
  auto store = open(directory.path(), loop);
  Node node(11, store->take_loaded());
  std::vector<ipam::AuditEntry> model;
  for (int i = 0; i < 400; ++i) {
    const ipam::Applied applied = node.apply_random(*store);
    for (const auto& change : applied.changes)
      if (const auto* appended = std::get_if<ipam::AuditAppended>(&change))
        model.insert(model.begin(), appended->entry);
  }
  REQUIRE(model.size() > 100);
  base::Random random(3);
  const auto one = [&]() -> const ipam::AuditEntry& { return model[random.below(model.size())]; };
  for (int round = 0; round < 300; ++round) {
    ipam::AuditQuery query;
    query.limit = 1 + random.below(model.size() + 10);
    if (random.chance(40)) query.before = one().id;
    if (random.chance(40)) query.resource = one().resource;
    if (random.chance(20)) query.actor = random.chance(90) ? "tester" : "nobody";
    if (random.chance(30)) query.action = one().action;
    if (random.chance(40)) query.since = one().timestamp + static_cast<int>(random.below(3)) - 1;
    if (random.chance(40)) query.until = one().timestamp + static_cast<int>(random.below(3)) - 1;
    std::vector<ipam::AuditEntry> expected;
    for (const ipam::AuditEntry& entry : model)
      if (expected.size() < query.limit && (!query.before || entry.id < *query.before) &&
          (!query.resource || entry.resource == *query.resource) &&
          (!query.actor || entry.user == *query.actor) &&
          (!query.action || entry.action == *query.action) &&
          (!query.since || entry.timestamp >= *query.since) &&
          (!query.until || entry.timestamp < *query.until))
        expected.push_back(entry);
    CAPTURE(round);
    CHECK(ask<ipam::AuditEntry>(loop, *store, query) == expected);
  }
}
