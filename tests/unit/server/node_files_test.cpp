#include "server/node_files.hpp"
#include "server/replica.hpp"
#include "sqlite/posix_file_system.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

#include "raft/node/envelope.hpp"

namespace {

namespace fs = std::filesystem;

namespace {
sqlite::PosixFileSystem file_system;
}

struct Directory {
  Directory() {
    std::string name = (fs::temp_directory_path() / "ipam-node-files-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Directory() { fs::remove_all(path); }
  fs::path path;
};

server::NodeSpec spec_in(const Directory& directory) {
  server::NodeSpec spec;
  spec.data_dir = directory.path;
  spec.cluster_mode = true;
  spec.node_id = 2;
  spec.cluster_id = 7;
  spec.raft_addr = "b:2";
  spec.initial_members = {{1, "a:1"}, {2, "b:2"}, {3, "c:3"}};
  return spec;
}

base::Result<server::NodeFiles, std::string> open(const server::NodeSpec& spec) {
  return server::open_node_files(file_system, spec, 99, [](std::function<void()>) {},
                                 [](std::string) {});
}

raft::Entry entry(std::uint64_t index, std::uint64_t term) {
  return {raft::Index(index), raft::Term(term), raft::EntryKind::command,
          raft::seal({1, index}, 0, "x")};
}

void append(server::NodeFiles& files, std::uint64_t index, std::uint64_t term,
            std::uint64_t commit = 0) {
  raft::PersistBatch batch;
  batch.entries = {entry(index, term)};
  batch.hard_state = raft::HardState{raft::Term(term), raft::NodeId(1), raft::Index(commit)};
  files.log_store->persist(batch);
}

void apply(server::NodeFiles& files, std::uint64_t index, std::uint64_t term) {
  files.state_store->append(
      {}, {index, term, raft::encode(files.durable.applied.configuration)}, ipam::share({}));
}

bool mentions(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a new directory of a founder begins with the members of its file") {
  const Directory directory;
  const auto files = open(spec_in(directory));
  REQUIRE(files.ok());
  CHECK(files->durable.applied.configuration.voter_count() == 3);
  CHECK_FALSE(files->configuration_stored);
  CHECK(files->identity.incarnation == 99);
}

TEST_CASE("a node that is not among the founders begins without members") {
  const Directory directory;
  auto spec = spec_in(directory);
  spec.node_id = 4;
  const auto files = open(spec);
  REQUIRE(files.ok());
  CHECK(files->durable.applied.configuration.members.empty());
}

TEST_CASE("the directory of another cluster or node is refused") {
  const Directory directory;
  REQUIRE(open(spec_in(directory)).ok());
  auto other_cluster = spec_in(directory);
  other_cluster.cluster_id = 8;
  CHECK(mentions(open(other_cluster).error(), "belongs to cluster 7"));
  auto other_node = spec_in(directory);
  other_node.node_id = 3;
  CHECK(mentions(open(other_node).error(), "belongs to node 2"));
}

TEST_CASE("a state within the log is taken as it is") {
  const Directory directory;
  {
    auto files = open(spec_in(directory));
    append(*files, 1, 1);
    append(*files, 2, 1);
    apply(*files, 1, 1);
  }
  const auto files = open(spec_in(directory));
  REQUIRE(files.ok());
  CHECK(files->durable.applied.last == raft::LogPosition{raft::Index(1), raft::Term(1)});
  CHECK(files->durable.entries.size() == 2);
  CHECK(files->configuration_stored);
}

TEST_CASE("a state beyond the log is an installed snapshot: the log begins after it") {
  const Directory directory;
  {
    auto files = open(spec_in(directory));
    append(*files, 1, 1);
    apply(*files, 50, 3);
  }
  for (int start = 0; start < 2; ++start) {  // the second finds what the first has written
    const auto files = open(spec_in(directory));
    REQUIRE(files.ok());
    CHECK(files->durable.compacted == raft::LogPosition{raft::Index(50), raft::Term(3)});
    CHECK(files->durable.entries.empty());
    CHECK(files->durable.hard_state.term == raft::Term(3));
    CHECK(files->durable.hard_state.vote == raft::NodeId());  // the vote was of term 1
  }
}

TEST_CASE("entries of an earlier term that a snapshot has overtaken are dropped") {
  const Directory directory;
  {
    auto files = open(spec_in(directory));
    append(*files, 1, 1);
    append(*files, 2, 1);
    apply(*files, 2, 4);
  }
  const auto files = open(spec_in(directory));
  REQUIRE(files.ok());
  CHECK(files->durable.entries.empty());
}

TEST_CASE("a state that contradicts what the log says is committed is refused") {
  for (const std::uint64_t commit : {0u, 1u}) {
    const Directory directory;
    {
      auto files = open(spec_in(directory));
      append(*files, 1, 5, commit);
      apply(*files, 1, 4);
    }
    const auto files = open(spec_in(directory));
    // What was not committed a snapshot may overtake, be it of a later term (Raft figure 8).
    REQUIRE(files.ok() == (commit == 0));
    if (files.ok()) CHECK(files->durable.entries.empty());
    else CHECK(mentions(files.error(), "do not belong together"));
  }
}

TEST_CASE("a state.db that was lost is not made anew behind a log that was cut") {
  const Directory directory;
  {
    auto files = open(spec_in(directory));
    append(*files, 1, 1);
    append(*files, 2, 1);
    raft::PersistBatch cut;
    cut.compacted = raft::LogPosition{raft::Index(2), raft::Term(1)};
    cut.hard_state = raft::HardState{raft::Term(1), raft::NodeId(1), raft::Index(2)};
    files->log_store->persist(cut);
  }
  for (const auto& file : fs::directory_iterator(directory.path))
    if (file.path().filename().string().starts_with("state.db")) fs::remove(file.path());
  CHECK(mentions(open(spec_in(directory)).error(), "state.db was lost"));
}

TEST_CASE("a log that was lost beside a state is not made anew") {
  const Directory directory;
  { REQUIRE(open(spec_in(directory)).ok()); }
  for (const auto& file : fs::directory_iterator(directory.path))
    if (file.path().filename().string().starts_with("raft.")) fs::remove(file.path());
  CHECK(mentions(open(spec_in(directory)).error(), "raft.db is missing"));
}

TEST_CASE("a command that the program does not know is not in state.db: a newer one applies it") {
  const Directory directory;
  const server::NodeSpec spec = spec_in(directory);
  base::Logger logger(base::LogLevel::error, base::LogFormat::text);
  {
    auto files = open(spec);
    REQUIRE(files.ok());
    std::string stopped;
    server::ReplicaEvents events;
    events.on_stop_wanted = [&](const std::string& reason, bool) { stopped = reason; };
    server::Replica replica(logger, spec, 1, *files, std::move(events));
    const raft::Entry unknown = entry(1, 1);
    replica.apply({{unknown.index, unknown.term}, unknown.kind, {2, 1}, 0, unknown.data, "x"});
    CHECK(stopped.find("install the version") != std::string::npos);
    CHECK(replica.applied() == raft::Index(0));
    const raft::Entry next = entry(2, 1);
    replica.apply({{next.index, next.term}, next.kind, {2, 2}, 0, next.data, "x"});
  }
  const auto again = open(spec);
  REQUIRE(again.ok());
  CHECK(again->durable.applied.last.index == raft::Index(0));
}
