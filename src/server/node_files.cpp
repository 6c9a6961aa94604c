#include "server/node_files.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/mutant.hpp"

namespace server {
namespace {

using Error = std::string;

// A founder begins with the members of the file, as of before the first entry; a node that waits to
// be added begins with none.
raft::Configuration initial_configuration(const NodeSpec& spec) {
  raft::Configuration configuration;
  if (!spec.initial_members.contains(spec.node_id)) return configuration;
  for (const auto& [id, address] : spec.initial_members) {
    raft::Member member;
    member.address = address;
    member.voter = true;
    configuration.members[raft::NodeId(id)] = member;
  }
  return configuration;
}

base::Result<base::Ok, Error> check_identity(const NodeSpec& spec, const raft::Identity& found) {
  const std::string directory = spec.data_dir.string();
  if (found.cluster_id != spec.cluster_id)
    return base::fail(fmt::format(
        "{}/raft.db belongs to cluster {}, but the configuration says cluster {}: this is the data "
        "directory of another cluster; choose another one",
        directory, found.cluster_id, spec.cluster_id));
  if (found.node_id.value() != spec.node_id)
    return base::fail(fmt::format(
        "{}/raft.db belongs to node {}, but the configuration says node {}: this is the data "
        "directory of another node; choose another one",
        directory, found.node_id.value(), spec.node_id));
  return base::Ok();
}

base::Result<std::unique_ptr<raft::LogStore>, Error> open_log(sqlite::FileSystem& files,
                                                              const NodeSpec& spec,
                                                              std::uint64_t incarnation) {
  if (!raft::LogStore::exists(files, spec.data_dir)) {
    if (files.exists(spec.data_dir / "state.db"))
      return base::fail(fmt::format(
          "{0}/raft.db is missing, though {0}/state.db is there: without its log and vote this "
          "node must not go on; restore the directory from a backup, or move it away and join anew",
          spec.data_dir.string()));
    raft::Identity identity;
    identity.cluster_id = spec.cluster_id;
    identity.node_id = raft::NodeId(spec.node_id);
    identity.incarnation = incarnation;
    if (auto made = raft::LogStore::create(files, spec.data_dir, identity); !made.ok())
      return base::fail(made.error());
  }
  return raft::LogStore::open(files, spec.data_dir);
}

// state.db may have come further than raft.db: the process died after it had put a received
// snapshot into place and before it had emptied the log. The log then begins after the state.
base::Result<base::Ok, Error> reconcile(const NodeSpec& spec, raft::LogStore& store,
                                        raft::LoadedLog& log, const raft::SnapshotMeta& applied) {
  const raft::Log view(log.compacted, log.entries);
  if (view.matches(applied.last)) return base::Ok();
  if (applied.last.index < log.compacted.index)
    return base::fail(fmt::format(
        "{0}/state.db ends at entry {1}, but the log in {0}/raft.db begins after entry {2}: "
        "state.db was lost or replaced by an older one; restore the directory from a backup, or "
        "move it away and join anew",
        spec.data_dir.string(), applied.last.index.value(), log.compacted.index.value()));
  // Entries that the snapshot has overtaken were never committed, though they may be of a later
  // term than its last one (Raft figure 8). One that was cannot be another than the state has.
  const bool was_committed = log.hard_state.commit >= applied.last.index;
  if (const auto term = view.term_at(applied.last.index);
      term && *term > applied.last.term && was_committed)
    return base::fail(fmt::format(
        "{0}/state.db and {0}/raft.db do not belong together: entry {1} is of term {2} in one and "
        "of term {3} in the other; restore the directory from a backup, or move it away and join "
        "anew",
        spec.data_dir.string(), applied.last.index.value(), applied.last.term.value(),
        term->value()));
  if (applied.last.term > log.hard_state.term) {
    log.hard_state.term = applied.last.term;
    log.hard_state.vote = raft::NodeId();
  }
  if (NODE_MUTANT(reconcile_forgets_vote)) log.hard_state.vote = raft::NodeId();
  log.hard_state.commit = applied.last.index;
  raft::PersistBatch batch;
  batch.snapshot = applied;
  batch.hard_state = log.hard_state;
  try {
    store.persist(batch);
  } catch (const raft::StorageFailure& failure) {
    return base::fail(std::string(failure.what()));
  }
  log.compacted = applied.last;
  log.entries.clear();
  return base::Ok();
}

}  // namespace

base::Result<NodeFiles, std::string> open_node_files(sqlite::FileSystem& files,
                                                     const NodeSpec& spec,
                                                     std::uint64_t incarnation, state::Post post,
                                                     state::OnFailure on_failure,
                                                     state::Execution execution) {
  auto store = open_log(files, spec, incarnation);
  if (!store.ok()) return base::fail(store.error());
  auto log = (*store)->load();
  if (!log.ok()) return base::fail(log.error());
  if (auto same = check_identity(spec, log->identity); !same.ok()) return base::fail(same.error());
  auto state = state::StateStore::open(files, spec.data_dir, std::move(post),
                                       std::move(on_failure), execution);
  if (!state.ok()) return base::fail(state.error());
  state::Loaded loaded = (*state)->take_loaded();
  constexpr ipam::TimeMs day = 24 * 60 * 60 * 1000;
  (*state)->keep_history(spec.history_days * day);

  raft::SnapshotMeta applied;
  applied.last = {raft::Index(loaded.position.index), raft::Term(loaded.position.term)};
  const bool stored = !loaded.position.configuration.empty();
  if (stored) {
    auto configuration = raft::decode_configuration(loaded.position.configuration);
    if (!configuration)
      return base::fail(fmt::format("{}/state.db holds no readable list of members: it is damaged; "
                                    "restore the directory from a backup, or join anew",
                                    spec.data_dir.string()));
    applied.configuration = std::move(*configuration);
  } else {
    applied.configuration = initial_configuration(spec);
  }
  if (auto fits = reconcile(spec, **store, *log, applied); !fits.ok())
    return base::fail(fits.error());

  NodeFiles opened;
  opened.identity = log->identity;
  opened.durable = {log->hard_state, log->compacted, std::move(log->entries), std::move(applied),
                    log->regressed ? log->side_file_last : raft::LogPosition(),
                    log->clock_offset_ms};
  opened.log_store = std::move(*store);
  opened.state_store = std::move(*state);
  opened.state_machine = std::move(loaded.state_machine);
  opened.configuration_stored = stored;
  return opened;
}

}  // namespace server
