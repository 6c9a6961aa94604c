#include "server/restoration.hpp"

#include <fmt/format.h>

#include <system_error>
#include <utility>

#include "raft/storage/log_store.hpp"
#include "sqlite/files.hpp"

namespace server {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t copied_bytes_max = 1 << 20;  // in one go
// What a start of the node deletes where the restoration was cut off.
constexpr const char* draft_name = "incoming.db";
// raft.db is made in there.
constexpr const char* log_folder_name = "restoring";

void copy(sqlite::FileSystem& files, const fs::path& from, const fs::path& to) {
  sqlite::remove_database(files, to);
  const auto source = files.open(from, sqlite::FileMode::read);
  const auto target = files.open(to, sqlite::FileMode::create_new);
  const std::uint64_t bytes = source->size();
  for (std::uint64_t at = 0; at < bytes;) {
    const std::string piece = source->read_at(at, copied_bytes_max);
    if (piece.empty()) break;
    target->write_at(at, piece);
    at += piece.size();
  }
  target->sync();
}

// raft.db as a node finds it. Made in a folder of its own, so that it is there whole or not at all.
base::Result<base::Ok, std::string> make_log(sqlite::FileSystem& files, const fs::path& folder,
                                             const NodeSpec& spec, std::uint64_t incarnation,
                                             const raft::PersistBatch& batch) {
  raft::Identity identity;
  identity.cluster_id = spec.cluster_id;
  identity.node_id = raft::NodeId(spec.node_id);
  identity.incarnation = incarnation;
  if (auto made = raft::LogStore::create(files, folder, identity); !made) return made;
  auto store = raft::LogStore::open(files, folder);
  if (!store) return base::fail(store.error());
  if (auto loaded = (*store)->load(); !loaded) return base::fail(loaded.error());
  try {
    (*store)->persist(batch);
    (*store)->checkpoint();
  } catch (const raft::StorageFailure& failure) {
    return base::fail(std::string(failure.what()));
  }
  store.value().reset();  // which folds its write-ahead log in
  if (files.exists(folder / "raft.db-wal"))
    return base::fail(fmt::format("{}: its write-ahead log cannot be closed",
                                  (folder / "raft.db").string()));
  sqlite::sync_file(files, folder / "raft.db");
  return base::Ok();
}

// state.db first: without raft.db beside it, no node starts.
void put_in_place(sqlite::FileSystem& files, const fs::path& folder, const fs::path& directory) {
  for (const auto& [from, to] : {std::pair{directory / draft_name, directory / "state.db"},
                                 {folder / "raft.db", directory / "raft.db"}})
    if (!sqlite::rename_new_durably(files, from, to))
      throw std::system_error(std::make_error_code(std::errc::file_exists), to.string());
}

// What a node would find when it is started: the very state of the backup.
base::Result<base::Ok, std::string> check_result(sqlite::FileSystem& files, const NodeSpec& spec,
                                                 const Restoration& restoration) {
  auto opened = open_node_files(files, spec, 0, [](const std::function<void()>&) {},
                                [](const std::string&) {});
  if (!opened) return base::fail(opened.error());
  const ipam::StateMachine& expected = restoration.backup.loaded.state_machine;
  const bool is_same = opened->state_machine.digest() == expected.digest() &&
                       opened->state_machine.counters() == expected.counters() &&
                       opened->durable.applied.last == restoration.founding.batch.snapshot->last &&
                       opened->durable.entries.size() == 1;
  if (is_same) return base::Ok();
  return base::fail(fmt::format("{} does not hold what the backup holds: check the disk, delete "
                                "the directory, and try again",
                                spec.data_dir.string()));
}

bool is_within(const fs::path& file, const fs::path& folder) {
  std::error_code unreadable;  // then nothing can be written there either
  const fs::path relative = fs::weakly_canonical(file, unreadable)
                                .lexically_relative(fs::weakly_canonical(folder, unreadable));
  return !relative.empty() && *relative.begin() != "..";
}

}  // namespace

bool undo_cut_off_restoration(sqlite::FileSystem& files, const fs::path& directory) {
  const auto is_there = [&](const char* name) { return files.exists(directory / name); };
  // The one moment at which all of this is so: state.db is in its place, and raft.db is not yet.
  const bool has_log = files.exists(directory / log_folder_name / "raft.db");
  if (!has_log || !is_there("state.db") || is_there("raft.db")) return false;
  sqlite::remove_database(files, directory / "state.db");
  return true;
}

base::Result<Restoration, std::string> restore_directory(sqlite::FileSystem& files,
                                                         const fs::path& backup,
                                                         state::CheckedBackup checked,
                                                         const NodeSpec& spec,
                                                         std::uint64_t incarnation,
                                                         std::uint64_t epochs) {
  if (is_within(backup, spec.data_dir))
    return base::fail(fmt::format("{} is in the data directory, where a node deletes what it does "
                                  "not know: move it elsewhere",
                                  backup.string()));
  const state::Position& position = checked.loaded.position;
  auto members = raft::decode_configuration(position.configuration);
  if (position.index == 0 || !members)
    return base::fail(fmt::format("{}: is of a node on which nothing was done yet: there is "
                                  "nothing to restore",
                                  backup.string()));
  const raft::SnapshotMeta meta{{raft::Index(position.index), raft::Term(position.term)},
                                std::move(*members)};
  Restoration restoration{std::move(checked),
                          raft::plan_founding(meta, raft::NodeId(spec.node_id), spec.raft_addr,
                                              epochs)};
  const fs::path folder = spec.data_dir / log_folder_name;
  try {
    if (!sqlite::has_room(files.space(spec.data_dir), restoration.backup.bytes))
      return base::fail(fmt::format("{}: too little free disk space for {} bytes",
                                    spec.data_dir.string(), restoration.backup.bytes));
    copy(files, backup, spec.data_dir / draft_name);
    fs::remove_all(folder);  // of an attempt that was cut off
    fs::create_directory(folder);
    auto made = make_log(files, folder, spec, incarnation, restoration.founding.batch);
    if (made) put_in_place(files, folder, spec.data_dir);
    if (!made) sqlite::remove_database(files, spec.data_dir / draft_name);
    fs::remove_all(folder);
    if (!made) return base::fail(made.error());
  } catch (const std::system_error& error) {
    return base::fail(std::string(error.what()));
  }
  if (auto same = check_result(files, spec, restoration); !same) return base::fail(same.error());
  return restoration;
}

}  // namespace server
