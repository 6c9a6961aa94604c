#include "raft/storage/log_store.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.hpp"
#include "base/crc32c.hpp"
#include "base/mutant.hpp"
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
    .version = 3,
    .remedy = "The log of this node is lost: move the data directory away, and let the node join "
              "the cluster again under a new node id, or restore a backup. Never copy the file "
              "from another node."};

// Rows that one transaction drops behind a compaction: the rest follows with later ones, so that no
// commit waits for a long deletion. Rows up to the compacted index do not count, deleted or not.
constexpr std::uint64_t deleted_rows_max = 4096;

fs::path path_in(const fs::path& directory) { return directory / "raft.db"; }

std::uint32_t entry_crc(std::uint64_t cluster_id, const Entry& entry) {
  base::Bytes header;
  base::ByteWriter writer(header);
  writer.u64(cluster_id);
  writer.u64(entry.index.value());
  writer.u64(entry.term.value());
  writer.u8(static_cast<std::uint8_t>(entry.kind));
  return base::crc32c(*entry.data, base::crc32c(header));
}

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
  CREATE TABLE log(idx INTEGER PRIMARY KEY, term INTEGER NOT NULL, kind INTEGER NOT NULL,
                   crc INTEGER NOT NULL, data BLOB NOT NULL);
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
    delete_from = connection.prepare("DELETE FROM log WHERE idx >= ?");
    delete_to = connection.prepare("DELETE FROM log WHERE idx <= ?");
    update_meta = connection.prepare(
        "UPDATE meta SET term=?, vote=?, commit_index=?, compacted_index=?, compacted_term=?, "
        "clock_offset_ms=?, crc=? WHERE id=1");
  }

  std::string read_meta();
  std::string read_entries(std::vector<Entry>& entries);
  std::string check_entry(const Entry& entry, std::uint64_t kind, std::uint64_t crc,
                          const LogPosition& before) const;
  void compare_with_side_file(LoadedLog& loaded);
  void write(const PersistBatch& batch);
  void write_entries(const std::vector<Entry>& entries);
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
  sqlite::Statement begin, commit, insert, delete_from, delete_to, update_meta;
  std::optional<SideFile> side_file;  // from load() on
  // Set while acknowledged entries are missing: the side file keeps saying so until the log has
  // reached this position again, across restarts.
  std::optional<LogPosition> regressed_from;

  Meta meta;
  LogPosition last;    // compacted where the log is empty
  Index first_row;     // lowest row that may exist; below the log while rows wait for deletion
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
  sqlite::Statement row = connection.prepare(
      "SELECT idx, term, kind, crc, data FROM log WHERE idx > ? ORDER BY idx");
  row.start(meta.compacted.index.value());
  while (row.step()) {
    Entry entry{Index(row.number(0)), Term(row.number(1)), static_cast<EntryKind>(row.number(2)),
                base::share(base::Bytes(row.blob(4)))};
    if (std::string what = check_entry(entry, row.number(2), row.number(3), last); !what.empty())
      return damaged(fmt::format("is damaged (log entry {}: {})", entry.index.value(), what));
    last = {entry.index, entry.term};
    entries.push_back(std::move(entry));
  }
  first_row = Index(static_cast<std::uint64_t>(connection.integer("SELECT min(idx) FROM log")));
  if (!first_row || first_row > meta.compacted.index) first_row = meta.compacted.index + 1;
  return {};
}

std::string LogStore::Implementation::check_entry(const Entry& entry, std::uint64_t kind,
                                                  std::uint64_t crc,
                                                  const LogPosition& before) const {
  if (entry.index != before.index + 1)
    return fmt::format("the one before it is {}", before.index.value());
  if (entry_crc(meta.identity.cluster_id, entry) != crc && !NODE_MUTANT(entry_checksum_unchecked))
    return "wrong checksum";
  if (kind > static_cast<std::uint64_t>(EntryKind::configuration)) return "unknown kind";
  if (entry.term < before.term) return "its term is older than that of the entry before it";
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
    first_row = last.index + 1;
  }
  if (!batch.entries.empty()) write_entries(batch.entries);
  if (batch.hard_state) {
    ASSERT(batch.hard_state->term >= meta.hard_state.term);
    ASSERT(batch.hard_state->commit <= last.index);
    meta.hard_state = *batch.hard_state;
  }
  // One that a snapshot in the same batch has overtaken is no news.
  if (batch.compacted && batch.compacted->index > meta.compacted.index) {
    ASSERT(batch.compacted->index <= last.index);
    meta.compacted = *batch.compacted;
  }
  if (batch.clock_offset_ms) meta.clock_offset_ms = batch.clock_offset_ms;
  if (batch.snapshot || batch.hard_state || batch.compacted || batch.clock_offset_ms) write_meta();
  delete_compacted();
  if (NODE_MUTANT(side_file_before_commit)) note_durable();
  commit.run();
  note_durable();
  if (connection.wal_pages() >= files.tuning().wal_pages_max) connection.checkpoint();
}

void LogStore::Implementation::write_entries(const std::vector<Entry>& entries) {
  const Index first = entries.front().index;
  ASSERT(first > meta.compacted.index && first <= last.index + 1);
  if (first <= last.index) delete_from.run(first.value());
  if (NODE_MUTANT(truncation_in_own_transaction) && first <= last.index) {
    commit.run();
    begin.run();
  }
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const Entry& entry = entries[i];
    ASSERT(entry.index == first + i);
    insert.run(entry.index.value(), entry.term.value(), static_cast<std::uint64_t>(entry.kind),
               std::uint64_t{entry_crc(meta.identity.cluster_id, entry)}, Blob{*entry.data});
  }
  last = {entries.back().index, entries.back().term};
}

void LogStore::Implementation::write_meta() {
  update_meta.run(meta.hard_state.term.value(), meta.hard_state.vote.value(),
                  meta.hard_state.commit.value(), meta.compacted.index.value(),
                  meta.compacted.term.value(), meta.clock_offset_ms, std::uint64_t{meta.crc()});
}

void LogStore::Implementation::delete_compacted() {
  if (first_row > meta.compacted.index) return;
  const Index end = std::min(meta.compacted.index, first_row + (deleted_rows_max - 1));
  delete_to.run(end.value());
  first_row = end + 1;
}

void LogStore::Implementation::note_durable() {
  if (regressed_from && up_to_date(last, *regressed_from)) regressed_from.reset();
  if (NODE_MUTANT(side_file_not_written)) return;
  side_file->write({regressed_from.value_or(last), meta.hard_state.term, meta.hard_state.vote});
}

}  // namespace raft
