// A data directory out of a backup, as a node then finds it.
#include "server/restoration.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <sstream>

#include "server/cluster_config.hpp"
#include "server/restore_command.hpp"
#include "sqlite/posix_file_system.hpp"
#include "temporary_directory.hpp"

namespace {

namespace fs = std::filesystem;

sqlite::PosixFileSystem file_system;

raft::Configuration three_members() {
  raft::Configuration members;
  for (const std::uint64_t id : {1, 2, 3}) {
    raft::Member member;
    member.address = "old:" + std::to_string(id);
    member.voter = true;
    members.members[raft::NodeId(id)] = member;
  }
  return members;
}

// A node of another cluster with some state; `file` gets the backup of it.
std::uint64_t make_backup(const std::string& directory, const std::string& file) {
  std::vector<std::function<void()>> posted;
  auto store = state::StateStore::open(
      file_system, directory,
      [&](std::function<void()> work) { posted.push_back(std::move(work)); },
      [](const std::string& text) { FAIL(text); }, state::Execution::caller);
  REQUIRE(store.ok());
  ipam::StateMachine machine = store.value()->take_loaded().state_machine;
  const ipam::CreateNetwork network{*ipam::parse_prefix("10.0.0.0/24"), "", {}};
  const ipam::Allocate allocate{.network = ipam::NetworkId(1), .hostname = "web",
                                .description = {}, .tags = {}, .ttl_seconds = {}};
  std::uint64_t index = 0;
  const std::vector<ipam::CommandBody> bodies{network, allocate, allocate};
  for (const ipam::CommandBody& body : bodies) {
    ++index;
    const auto applied = machine.apply(ipam::Revision(index), 1'700'000'000'000, {"tester", body});
    store.value()->append(machine.counters(), {index, 5, raft::encode(three_members())},
                          ipam::share(applied.changes));
  }
  std::optional<state::StateStore::Backup> made;
  store.value()->make_backup([&](auto result) { made = *result; });
  while (!made) {
    (void)store.value()->perform_due(state::Moment());
    for (auto& work : std::exchange(posted, {})) work();
  }
  fs::copy_file(fs::path(directory) / "backup-1.db", file);
  return machine.digest();
}

server::NodeSpec standalone_in(const std::string& directory) {
  server::NodeSpec spec;
  spec.data_dir = directory;
  spec.initial_members = {{1, ""}};
  return spec;
}

base::Result<server::Restoration, std::string> restore(const std::string& file,
                                                       const server::NodeSpec& spec,
                                                       std::uint64_t epochs = 77) {
  auto checked = state::check_backup(file_system, file);
  REQUIRE(checked.ok());
  return server::restore_directory(file_system, file, std::move(*checked), spec, 99, epochs);
}

base::Result<server::NodeFiles, std::string> open(const server::NodeSpec& spec) {
  return server::open_node_files(file_system, spec, 5, [](const std::function<void()>&) {},
                                 [](const std::string&) {});
}

struct Command {
  int code;
  std::string out, err;
};
Command run(const std::vector<std::string>& args) {
  std::ostringstream out, err;
  cli::Io io{out, err};
  const int code = server::restore(args, io);
  return {code, out.str(), err.str()};
}

bool mentions(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a restored directory holds the state of the backup, and a log that goes on behind it") {
  const TemporaryDirectory source, target;
  const std::string file = source / "ipam.db";
  const std::uint64_t digest = make_backup(source.path(), file);
  const server::NodeSpec spec = standalone_in(target.path());
  const auto restored = restore(file, spec);
  REQUIRE_MESSAGE(restored.ok(), (restored.ok() ? "" : restored.error()));
  CHECK(restored->founding.before == three_members());
  CHECK(restored->founding.after.epoch == three_members().epoch + 77);
  CHECK_FALSE(fs::exists(target / "restoring"));
  CHECK_FALSE(fs::exists(target / "incoming.db"));
  const auto files = open(spec);
  REQUIRE_MESSAGE(files.ok(), (files.ok() ? "" : files.error()));
  CHECK(files->state_machine.digest() == digest);
  CHECK(files->identity.incarnation == 99);
  CHECK(files->durable.compacted.index == raft::Index(3));
  REQUIRE(files->durable.entries.size() == 1);
  CHECK(files->durable.entries[0].index == raft::Index(4));
  CHECK(files->durable.entries[0].term == raft::Term(6));
}

TEST_CASE("a restoration that was cut off between its files is no data directory to start on") {
  const TemporaryDirectory source, target;
  const std::string file = source / "ipam.db";
  make_backup(source.path(), file);
  const server::NodeSpec spec = standalone_in(target.path());
  fs::create_directory(target / "restoring");
  write_file(target / "restoring/raft.db", "rest of an attempt");
  write_file(target / "incoming.db", "rest of an attempt");
  REQUIRE(restore(file, spec).ok());
  for (const char* name : {"raft.db", "raft.last"})  // as if the process had died before them
    fs::remove(target / name);
  const auto files = open(spec);
  REQUIRE_FALSE(files.ok());
  CHECK(mentions(files.error(), "raft.db is missing"));
}

TEST_CASE("ipam restore begins anew where an earlier one was cut off, and only there") {
  const TemporaryDirectory source, target;
  const std::string file = source / "ipam.db";
  make_backup(source.path(), file);
  REQUIRE(restore(file, standalone_in(target.path())).ok());
  for (const char* name : {"raft.db", "raft.last"}) fs::remove(target / name);
  // Without the folder of the restoration it may be a node's that has lost its log.
  const Command other = run({file, "--data-dir", target.path()});
  CHECK(other.code == 1);
  CHECK(mentions(other.err, "already holds data (state.db)"));
  fs::create_directory(target / "restoring");
  write_file(target / "restoring/raft.db", "rest of an attempt");
  write_file(target / "state.db-wal", "rest of an attempt");
  const Command done = run({file, "--data-dir", target.path()});
  CHECK_MESSAGE(done.code == 0, done.err);
  CHECK(mentions(done.err, "begun anew"));
  CHECK(open(standalone_in(target.path())).ok());
  fs::remove(target / "raft.db");
  fs::remove(target / "state.db");
  write_file(target / "state.db-wal", "of another state.db");
  const Command stale = run({file, "--data-dir", target.path()});
  CHECK(mentions(stale.err, "already holds data (state.db-wal)"));
}

TEST_CASE("ipam restore makes a cluster of one, says how to go on, and touches no data") {
  const TemporaryDirectory source, target;
  const std::string file = source / "ipam.db";
  make_backup(source.path(), file);
  const std::vector<std::string> args = {file,        "--data-dir",   target.path(), "--node-id",
                                         "9",         "--cluster-id", "100",         "--raft-addr",
                                         "n9:5009"};
  const Command done = run(args);
  CHECK_MESSAGE(done.code == 0, done.err);
  CHECK(mentions(done.out, "as of revision 3, digest "));
  CHECK(mentions(done.out, "Node 9 of cluster 100 is its only member"));
  CHECK(mentions(done.out, "ipam server --cluster --config " + (target / "cluster.json")));
  const auto config = server::read_cluster_config(target / "cluster.json");
  REQUIRE(config.ok());
  CHECK(config->node_id == 9);
  CHECK(config->initial_members == std::map<std::uint64_t, std::string>{{9, "n9:5009"}});
  const std::string before = read_file(target / "state.db");
  const Command again = run(args);
  CHECK(again.code == 1);
  CHECK(mentions(again.err, "already holds data"));
  CHECK(read_file(target / "state.db") == before);
}

TEST_CASE("ipam restore refuses what is no backup, and options that do not go together") {
  const TemporaryDirectory source, target;
  const std::string file = source / "ipam.db";
  make_backup(source.path(), file);
  write_file(source / "cut.db", read_file(file).substr(0, 9000));
  const std::string directory = target / "new";
  CHECK(run({source / "cut.db", "--data-dir", directory}).code == 1);
  CHECK(run({source / "none.db", "--data-dir", directory}).code == 1);
  CHECK(run({source / "state.db", "--data-dir", directory}).code == 1);  // of a node
  CHECK(run({file, "--data-dir", directory, "--node-id", "2"}).code == 2);
  CHECK(run({file, "--data-dir", directory, "--raft-addr", "here"}).code == 2);
  CHECK(run({file, "--data-dir", directory, "--raft-addr", "h:1", "--node-id", "0"}).code == 2);
  CHECK(run({"--data-dir", directory}).code == 2);
  CHECK_FALSE(fs::exists(directory));
  const Command alone = run({file, "--db", directory, "--output", "json"});
  CHECK_MESSAGE(alone.code == 0, alone.err);
  CHECK(mentions(alone.out, R"("revision":3,"digest":")"));
  CHECK_FALSE(fs::exists(directory + "/cluster.json"));
}
