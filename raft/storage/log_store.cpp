#include "raft/storage/log_store.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.hpp"
#include "base/crc32c.hpp"
#include "base/mutant.hpp"
#include "raft/storage/log_rows.hpp"
#include "raft/storage/side_file.hpp"
#include "sqlite/database.hpp"
#include "sqlite/files.hpp"

namespace raft {
namespace {

namespace fs = std::filesystem;
using sqlite::Blob;

constexpr sqlite::Format format{
    .kind = "Raft log",
    .application_id = 0x69707264,  // "iprd"
    .version = 4,
    .remedy = "The log of this node is lost: move the data directory away, and let the node join "
              "the cluster again under a new node id, or restore a backup. Never copy the file "
              "from another node."};

// Rows that one transaction drops behind a compaction: the rest follows with later ones, so that
// no commit waits for a long deletion. Rows up to the compacted index do not count, deleted or not.
constexpr std::uint64_t deleted_rows_max = 64;

// A checkpoint is due at this part of Tuning::wal_pages_max, that is at 4 MiB: the next commit may
// wait for it, and of the log's last page there are many copies, of which one is copied back.
constexpr int checkpoint_part = 4;

// What is kept of the memory of a row between two transactions.
constexpr std::size_t row_memory_max = 2 * row_bytes_max;

// Found while the store runs: as an I/O error, the end of it.
class DamagedRow : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

fs::path path_in(const fs::path& directory) { return directory / "raft.db"; }

// The one row of `meta`.
struct Meta {
  Identity identity;
  HardState hard_state;
  LogPosition compacted;
  std::optional<std::int64_t> clock_offset_ms;

  std::uint32_t crc() const {
    base::Bytes bytes;
    base::ByteWriter writer(bytes);
    for (const std::uint64_t value :
         {identity.cluster_id, identity.node_id.value(), identity.incarnation,
          hard_state.term.value(), hard_state.vote.value(), hard_state.commit.value(),
          compacted.index.value(), compacted.term.value()})
      writer.u64(value);
    writer.boolean(clock_offset_ms.has_value());
    writer.i64(clock_offset_ms.value_or(0));
    return base::crc32c(bytes);
  }
};

constexpr const char* schema = R"(
  CREATE TABLE log(last INTEGER PRIMARY KEY, first INTEGER NOT NULL,
                   commit_index INTEGER NOT NULL, crc INTEGER NOT NULL, entries BLOB NOT NULL);
  CREATE TABLE meta(id INTEGER PRIMARY KEY CHECK(id = 1), cluster_id INTEGER NOT NULL,
                    node_id INTEGER NOT NULL, incarnation INTEGER NOT NULL,
                    term INTEGER NOT NULL, vote INTEGER NOT NULL,
                    commit_index INTEGER NOT NULL, compacted_index INTEGER NOT NULL,
                    compacted_term INTEGER NOT NULL, clock_offset_ms INTEGER,
                    crc INTEGER NOT NULL);
)";

std::string insert_meta(const Meta& meta) {
  const auto number = [](std::uint64_t value) { return static_cast<std::int64_t>(value); };
  return fmt::format("INSERT INTO meta VALUES(1,{},{},{},0,0,0,0,0,NULL,{});",
                     number(meta.identity.cluster_id), number(meta.identity.node_id.value()),
                     number(meta.identity.incarnation), meta.crc());
}

}  // namespace

struct LogStore::Implementation {
  Implementation(sqlite::FileSystem& file_system, fs::path file, sqlite::Connection opened)
      : files(file_system), path(std::move(file)), connection(std::move(opened)) {
    begin = connection.prepare("BEGIN IMMEDIATE");
    commit = connection.prepare("COMMIT");
    insert = connection.prepare("INSERT INTO log VALUES(?,?,?,?,?)");
    select_from = connection.prepare(
        "SELECT last, first, commit_index, crc, entries FROM log WHERE last >= ? ORDER BY last");
    delete_from = connection.prepare("DELETE FROM log WHERE last >= ?");
    delete_to = connection.prepare(
        "DELETE FROM log WHERE last IN "
        "(SELECT last FROM log WHERE last <= ? ORDER BY last LIMIT ?)");
    update_meta = connection.prepare(
        "UPDATE meta SET term=?, vote=?, commit_index=?, compacted_index=?, compacted_term=?, "
        "clock_offset_ms=?, crc=? WHERE id=1");
  }

  std::string read_meta();
  std::string read_entries(std::vector<Entry>& entries);
  std::string append_row(const LogRow& row, std::uint64_t crc, std::vector<Entry>& entries);
  void compare_with_side_file(LoadedLog& loaded);
  void write(const PersistBatch& batch);
  void write_entries(const std::vector<Entry>& entries);
  void cut_from(Index index);
  void insert_row(Index row_first, Index row_last, base::BytesView row_entries);
  void write_meta();
  void delete_compacted();
  void note_durable();
  std::string damaged(std::string_view what) const {
    return sqlite::describe_damage(path, format, what);
  }
  template <class Work>
  void or_poison(Work work);

  sqlite::FileSystem& files;
  fs::path path;
  sqlite::Connection connection;
  sqlite::Statement begin, commit, insert, select_from, delete_from, delete_to, update_meta;
  base::Bytes row_bytes;  // of the row that is being written; kept for its memory
  std::optional<SideFile> side_file;  // from load() on
  // Set while acknowledged entries are missing: the side file keeps saying so until the log has
  // reached this position again, across restarts.
  std::optional<LogPosition> regressed_from;

  Meta meta;
  LogPosition last;    // compacted where the log is empty
  bool has_old_rows = true;  // there may be some that a compaction has left
  std::string poison;  // why nothing works any more
};

// ---- making and opening ----

base::Result<base::Ok, std::string> LogStore::create(sqlite::FileSystem& files,
                                                     const fs::path& directory,
                                                     const Identity& identity) {
  const fs::path path = path_in(directory);
  if (exists(files, directory))
    return base::fail(fmt::format("{}: this directory already holds the log of a node, or what is "
                                  "left of one. It is never overwritten: name another data "
                                  "directory, or move this one away.", path.string()));
  try {
    if (!sqlite::create_database(files, path, format,
                                 schema + insert_meta(Meta{identity, {}, {}, {}})))
      return base::fail(fmt::format("{}: already exists.", path.string()));
    return base::Ok{};
  } catch (const sqlite::Error& error) {
    return base::fail(sqlite::describe(path, format, error));
  } catch (const std::system_error& error) {
    return base::fail(std::string(error.what()));
  }
}

bool LogStore::exists(sqlite::FileSystem& files, const fs::path& directory) {
  const fs::path path = path_in(directory);
  try {
    // Each of these says that a log was here: a new one must not take its place unnoticed.
    return files.exists(path) || files.exists(sqlite::with_suffix(path, "-wal")) ||
           files.exists(SideFile::path_in(directory));
  } catch (const std::system_error&) {
    return true;
  }
}

base::Result<std::unique_ptr<LogStore>, std::string> LogStore::open(sqlite::FileSystem& files,
                                                                    const fs::path& directory) {
  const fs::path path = path_in(directory);
  try {
    if (!files.exists(path) && exists(files, directory))
      return base::fail(sqlite::describe_damage(path, format, "is missing, but was there once"));
    auto connection = sqlite::open_database(files, path, format);
    if (!connection) return base::fail(connection.error());
    auto implementation =
        std::make_unique<Implementation>(files, path, std::move(connection).value());
    if (std::string text = implementation->read_meta(); !text.empty()) return base::fail(text);
    return std::unique_ptr<LogStore>(new LogStore(std::move(implementation)));
  } catch (const sqlite::Error& error) {
    return base::fail(sqlite::describe(path, format, error));
  } catch (const std::system_error& error) {
    return base::fail(std::string(error.what()));
  }
}

LogStore::LogStore(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}

LogStore::~LogStore() = default;

std::string LogStore::Implementation::read_meta() {
  sqlite::Statement row = connection.prepare(
      "SELECT cluster_id, node_id, incarnation, term, vote, commit_index, "
      "compacted_index, compacted_term, clock_offset_ms, crc FROM meta WHERE id=1");
  if (!row.step()) return damaged("is damaged (its meta row is missing)");
  meta.identity = {row.number(0), NodeId(row.number(1)), row.number(2)};
  meta.hard_state = {Term(row.number(3)), NodeId(row.number(4)), Index(row.number(5))};
  meta.compacted = {Index(row.number(6)), Term(row.number(7))};
  if (!row.is_null(8)) meta.clock_offset_ms = static_cast<std::int64_t>(row.number(8));
  if (row.number(9) != meta.crc()) return damaged("is damaged (the checksum of its meta row)");
  return {};
}

// ---- loading ----

base::Result<LoadedLog, std::string> LogStore::load() {
  Implementation& self = *implementation_;
  ASSERT_MSG(!self.side_file, "load() twice");
  try {
    LoadedLog loaded;
    if (std::string text = self.read_entries(loaded.entries); !text.empty())
      return base::fail(text);
    if (self.meta.hard_state.commit > self.last.index)
      return base::fail(self.damaged(fmt::format(
          "is damaged (the log ends at {}, but {} is committed)", self.last.index.value(),
          self.meta.hard_state.commit.value())));
    self.side_file.emplace(self.files, self.path.parent_path(), self.meta.identity);
    self.compare_with_side_file(loaded);
    // The process before may have died between a commit and this.
    self.note_durable();
    if (loaded.regressed) {  // a power cut must not make the node forget that it lost something
      self.side_file->sync();
      self.files.sync_directory(self.path.parent_path());
    }
    loaded.identity = self.meta.identity;
    loaded.hard_state = self.meta.hard_state;
    // A snapshot may have come without a hard state; what it replaces is committed.
    loaded.hard_state.commit = std::max(loaded.hard_state.commit, self.meta.compacted.index);
    loaded.compacted = self.meta.compacted;
    loaded.clock_offset_ms = self.meta.clock_offset_ms;
    return loaded;
  } catch (const sqlite::Error& error) {
    return base::fail(sqlite::describe(self.path, format, error));
  } catch (const std::system_error& error) {
    return base::fail(std::string(error.what()));
  }
}

std::string LogStore::Implementation::read_entries(std::vector<Entry>& entries) {
  last = meta.compacted;
  select_from.start((meta.compacted.index + 1).value());
  std::string problem;
  while (problem.empty() && select_from.step()) {
    const LogRow row{Index(select_from.number(1)), Index(select_from.number(0)),
                     Index(select_from.number(2)), select_from.blob(4)};
    problem = append_row(row, select_from.number(3), entries);
    if (!problem.empty())
      problem = damaged(fmt::format("is damaged (log entries {} to {}: {})", row.first.value(),
                                    row.last.value(), problem));
  }
  select_from.reset();
  return problem;
}

// Adds what the row has of the log, which ends at `last`.
std::string LogStore::Implementation::append_row(const LogRow& row, std::uint64_t crc,
                                                 std::vector<Entry>& entries) {
  if (row.crc(meta.identity.cluster_id) != crc && !NODE_MUTANT(entry_checksum_unchecked))
    return "wrong checksum";
  auto decoded = decode(row);
  if (!decoded) return "not readable";
  // A compaction may have ended within the first row; otherwise none has what another one has.
  const bool begins_log = entries.empty() && row.first <= last.index;
  if (!begins_log && row.first != last.index + 1)
    return fmt::format("the one before them is {}", last.index.value());
  for (Entry& entry : *decoded) {
    if (entry.index <= meta.compacted.index) continue;
    if (entry.term < last.term)
      return fmt::format("the term of {} is older than that of the one before it",
                         entry.index.value());
    last = {entry.index, entry.term};
    entries.push_back(std::move(entry));
  }
  meta.hard_state.commit = std::max(meta.hard_state.commit, row.commit);
  return {};
}

void LogStore::Implementation::compare_with_side_file(LoadedLog& loaded) {
  const std::optional<SideFile::Content> side = side_file->read();
  if (!side) return;
  loaded.side_file_last = side->last;
  // A vote that was given is given: forgotten here, it would be given again to another candidate.
  HardState& hard_state = meta.hard_state;
  if ((side->term > hard_state.term ||
       (side->term == hard_state.term && side->vote && !hard_state.vote)) &&
      !NODE_MUTANT(lost_vote_not_restored)) {
    hard_state.term = side->term;
    hard_state.vote = side->vote;
    begin.run();
    write_meta();
    commit.run();
  }
  const Index index = side->last.index;
  bool regressed = index > last.index && !up_to_date(last, side->last);
  // Of two entries at an index the one of the later term is the later one: where the log has that,
  // it is the side file that is late.
  if (index <= last.index && index > meta.compacted.index)
    regressed = loaded.entries[index - meta.compacted.index - 1].term < side->last.term;
  if (!regressed) return;
  loaded.regressed = true;
  regressed_from = side->last;
}

// ---- writing ----

// The one place that turns a failure into the end of this store.
template <class Work>
void LogStore::Implementation::or_poison(Work work) {
  if (!poison.empty()) throw StorageFailure(poison);
  try {
    work();
  } catch (const sqlite::Error& error) {
    if (NODE_MUTANT(failed_write_is_retried)) return;
    poison = sqlite::describe(path, format, error);
  } catch (const std::system_error& error) {
    poison = error.what();
  } catch (const DamagedRow& error) {
    poison = damaged(error.what());
  }
  if (!poison.empty()) throw StorageFailure(poison);
}

void LogStore::persist(const PersistBatch& batch) {
  ASSERT_MSG(implementation_->side_file, "persist() before load()");
  if (batch.empty()) return;
  implementation_->or_poison([&] { implementation_->write(batch); });
}

std::optional<sqlite::Space> LogStore::space() const {
  try {
    return implementation_->files.space(implementation_->path.parent_path());
  } catch (const std::system_error&) {
    return std::nullopt;
  }
}

void LogStore::checkpoint_if_due() {
  Implementation& self = *implementation_;
  if (self.connection.wal_pages() >= self.files.tuning().wal_pages_max / checkpoint_part)
    checkpoint();
}

void LogStore::checkpoint() {
  implementation_->or_poison([&] { implementation_->connection.checkpoint(); });
}

void LogStore::Implementation::write(const PersistBatch& batch) {
  const bool cuts_end =
      (!batch.entries.empty() && batch.entries.front().index <= last.index) ||
      (batch.snapshot && batch.snapshot->last.index < last.index);
  if (cuts_end && !regressed_from) {  // see side_file.hpp
    side_file->write({{}, meta.hard_state.term, meta.hard_state.vote});
    side_file->sync();
  }
  begin.run();
  if (batch.snapshot) {
    delete_from.run(std::uint64_t{0});
    meta.compacted = last = batch.snapshot->last;
    has_old_rows = false;
  }
  const HardState before = meta.hard_state;
  if (batch.hard_state) {
    ASSERT(batch.hard_state->term >= before.term);
    meta.hard_state = *batch.hard_state;
  }
  if (!batch.entries.empty()) write_entries(batch.entries);
  ASSERT(!batch.hard_state || batch.hard_state->commit <= last.index);
  // One that a snapshot in the same batch has overtaken is no news.
  if (batch.compacted && batch.compacted->index > meta.compacted.index) {
    ASSERT(batch.compacted->index <= last.index);
    meta.compacted = *batch.compacted;
    has_old_rows = true;
  }
  if (batch.clock_offset_ms) meta.clock_offset_ms = batch.clock_offset_ms;
  // What a row of the log says of the commit index needs no page of its own.
  const bool is_commit_in_row = !batch.entries.empty() && meta.hard_state.term == before.term &&
                                meta.hard_state.vote == before.vote;
  if (batch.snapshot || batch.compacted || batch.clock_offset_ms ||
      (batch.hard_state && !is_commit_in_row))
    write_meta();
  delete_compacted();
  if (NODE_MUTANT(side_file_before_commit)) note_durable();
  commit.run();
  note_durable();
}

void LogStore::Implementation::write_entries(const std::vector<Entry>& entries) {
  const Index first = entries.front().index;
  ASSERT(first > meta.compacted.index && first <= last.index + 1);
  if (first <= last.index) cut_from(first);
  if (NODE_MUTANT(truncation_in_own_transaction) && first <= last.index) {
    commit.run();
    begin.run();
  }
  Index row_first = first;
  row_bytes.clear();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    ASSERT(entries[i].index == first + i);
    append_entry(row_bytes, entries[i]);
    if (row_bytes.size() < row_bytes_max && i + 1 < entries.size()) continue;
    insert_row(row_first, first + i, row_bytes);
    row_bytes.clear();
    row_first = first + i + 1;
  }
  if (row_bytes.capacity() > row_memory_max) row_bytes = {};
  last = {entries.back().index, entries.back().term};
}

// What of the log is before `index` stays: also of the row that has it.
void LogStore::Implementation::cut_from(Index index) {
  select_from.start(index.value());
  ASSERT(select_from.step());
  const LogRow row{Index(select_from.number(1)), Index(select_from.number(0)),
                   Index(select_from.number(2)), select_from.blob(4)};
  const bool is_intact = row.crc(meta.identity.cluster_id) == select_from.number(3);
  const bool keeps_part = row.first < index;
  if (is_intact && keeps_part) row_bytes = row.entries.substr(0, bytes_before(row, index));
  select_from.reset();
  if (!is_intact) throw DamagedRow("is damaged (a row of the log: wrong checksum)");
  delete_from.run(index.value());
  if (keeps_part) insert_row(row.first, index - 1, row_bytes);
}

void LogStore::Implementation::insert_row(Index row_first, Index row_last,
                                          base::BytesView row_entries) {
  const LogRow row{row_first, row_last, meta.hard_state.commit, row_entries};
  insert.run(row.last.value(), row.first.value(), row.commit.value(),
             std::uint64_t{row.crc(meta.identity.cluster_id)}, Blob{row.entries});
}

void LogStore::Implementation::write_meta() {
  update_meta.run(meta.hard_state.term.value(), meta.hard_state.vote.value(),
                  meta.hard_state.commit.value(), meta.compacted.index.value(),
                  meta.compacted.term.value(), meta.clock_offset_ms, std::uint64_t{meta.crc()});
}

void LogStore::Implementation::delete_compacted() {
  if (!has_old_rows) return;
  delete_to.run(meta.compacted.index.value(), deleted_rows_max);
  has_old_rows = connection.changes() == static_cast<std::int64_t>(deleted_rows_max);
}

void LogStore::Implementation::note_durable() {
  if (regressed_from && up_to_date(last, *regressed_from)) regressed_from.reset();
  if (NODE_MUTANT(side_file_not_written)) return;
  side_file->write({regressed_from.value_or(last), meta.hard_state.term, meta.hard_state.vote});
}

}  // namespace raft
