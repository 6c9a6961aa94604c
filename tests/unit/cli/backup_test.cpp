// `ipam backup`: the file is there whole and checked, or not at all.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "cli/draft_file.hpp"
#include "world.hpp"

namespace {

namespace fs = std::filesystem;

struct Folder {
  Folder() {
    std::string name = (fs::temp_directory_path() / "ipam-backup-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { fs::remove_all(path); }
  std::string operator/(const char* name) const { return (path / name).string(); }
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(path), fs::directory_iterator()));
  }
  fs::path path;
};

std::string content(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void answer_backup(World& world, const std::string& digest = "0000000000000abc") {
  http::Response response;
  response.content_type = "application/vnd.sqlite3";
  response.headers = {{"X-Ipam-Revision", "7"}, {"X-Ipam-Digest", digest}};
  response.body = "SQLite";
  world.answers.push_back(response);
}

}  // namespace

TEST_CASE("backup writes what comes into the file, checks it, and says what it holds") {
  const Folder folder;
  const std::string file = folder / "ipam.db";
  World world;
  answer_backup(world);
  CHECK(world.run({"backup", file, "--server", "h:1"}) == 0);
  CHECK(world.requests == std::vector<std::string>{"POST /api/v1/cluster/backup"});
  CHECK(world.checked == std::vector<std::string>{file + ".part"});
  CHECK(content(file) == "SQLite");
  CHECK(folder.files() == 1);
  CHECK((fs::status(file).permissions() & fs::perms::others_all) == fs::perms::none);
  CHECK(world.out == "File: " + file + "\nRevision: 7\nDigest: 0000000000000abc\n"
                     "Size: 6 bytes\nHolds: 1 VRFs, 2 networks, 3 active allocations, 4 audit "
                     "entries; 10 rows checked\nAudit hash: ff\n");
}

TEST_CASE("backup replaces a file only where it is told to") {
  const Folder folder;
  const std::string file = folder / "ipam.db";
  std::ofstream(file) << "old";
  World world;
  CHECK(world.run({"backup", file, "--server", "h:1"}) == 1);
  CHECK(world.err.find("is there already") != std::string::npos);
  CHECK(world.requests.empty());
  CHECK(content(file) == "old");
  answer_backup(world);
  CHECK(world.run({"backup", file, "--force", "--stale", "--server", "h:1", "--output", "json"}) ==
        0);
  CHECK(world.requests.back() == "POST /api/v1/cluster/backup?consistency=stale");
  CHECK(content(file) == "SQLite");
  CHECK(world.out == "{\"file\":\"" + file +
                         R"(","revision":7,"digest":"0000000000000abc","audit_hash":"ff",)"
                         R"("bytes":6,"vrfs":1,"networks":2,"allocations":3,"audit_entries":4,)"
                         R"("rows":10})"
                         "\n");
}

TEST_CASE("a backup that does not come, or is not what was promised, leaves no file") {
  const Folder folder;
  const std::string file = folder / "ipam.db";
  const auto fails = [&](World& world, const std::string& why) {
    CHECK(world.run({"backup", file, "--server", "h:1"}) == 1);
    CAPTURE(world.err);
    CHECK(world.err.find(why) != std::string::npos);
    CHECK(folder.files() == 0);
  };
  World refused;
  refused.answer_problem(507, "too little free disk space");
  fails(refused, "too little free disk space");
  World cut;
  cut.answers.push_back(base::fail(cli::ConnectionError{
      cli::ConnectionError::Kind::no_answer, "no answer from h: the connection was closed"}));
  fails(cut, "the connection was closed\n");  // and nothing of a change that may have been made
  World damaged;
  answer_backup(damaged);
  damaged.backup = base::fail(std::string("ipam.db.part: is damaged"));
  fails(damaged, "the backup is not whole: ipam.db.part: is damaged");
  World another;
  answer_backup(another, "1111111111111111");
  fails(another, "promised revision 7 and digest 1111111111111111");
  World nowhere;
  CHECK(nowhere.run({"backup", folder / "none/ipam.db", "--server", "h:1"}) == 1);
  CHECK(nowhere.err.find("cannot be written") != std::string::npos);
  CHECK(nowhere.requests.empty());
}

TEST_CASE("backup verify speaks to nobody") {
  World world;
  CHECK(world.run({"backup", "verify", "a.db", "--output", "json"}) == 0);
  CHECK(world.opened.empty());
  CHECK(world.out.starts_with(R"({"file":"a.db","revision":7,)"));
  world.backup = base::fail(std::string("a.db: is damaged"));
  CHECK(world.run({"backup", "verify", "a.db"}) == 1);
  CHECK(world.err == "Error: a.db: is damaged\n");
  CHECK(world.run({"restore", "a.db", "--data-dir", "d"}) == 0);
  CHECK(world.foreign.back() == "restore a.db --data-dir d");
}

TEST_CASE("one process at a time writes a draft, and who comes late spoils nothing") {
  Folder folder;
  const std::string file = folder / "ipam.db";
  cli::DraftFile first(file);
  REQUIRE(first.error().empty());
  REQUIRE(first.write("whole"));
  {
    const cli::DraftFile second(file);
    CHECK(second.error().find("is being written by another process") != std::string::npos);
  }
  REQUIRE(first.sync());
  CHECK(first.finish(false));
  CHECK(std::filesystem::file_size(file) == 5);
}

TEST_CASE("no backup is written into the data directory of a node") {
  Folder folder;
  std::ofstream(folder / "raft.db") << "x";
  World world;
  CHECK(world.run({"backup", folder / "ipam.db", "--server", "h:1"}) == 1);
  CHECK(world.err.find("is the data directory of a node") != std::string::npos);
  CHECK(world.requests.empty());
}
