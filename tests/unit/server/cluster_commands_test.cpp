#include <doctest/doctest.h>

#include <sstream>

#include "server/cluster_commands.hpp"
#include "temporary_directory.hpp"

namespace {

struct Outcome {
  int code = 0;
  std::string out;
  std::string err;
};

using Command = int (*)(const std::vector<std::string>&, cli::Io&, const cli::Environment&);

Outcome run(Command command, const std::vector<std::string>& args) {
  std::ostringstream out;
  std::ostringstream err;
  cli::Io io{out, err};
  const int code = command(args, io, {});
  return {code, out.str(), err.str()};
}

const std::string members = "1:n1:5001,2:n2:5002,3:n3:5003";

}  // namespace

TEST_CASE("init writes a founder's configuration and says how to go on") {
  const TemporaryDirectory directory;
  const std::string data = directory / "a/node1-data";
  const Outcome outcome = run(server::cluster_init,
                              {"--node-id", "1", "--cluster-id", "100", "--raft-addr", "n1:5001",
                               "--data-dir", data, "--initial-members", members});
  CHECK(outcome.err == "");
  CHECK(outcome.code == 0);
  CHECK(outcome.out == "Initialized node 1 of cluster 100\nConfig: " + data +
                           "/cluster.json\nRaft address: n1:5001\nMembers:\n  1  n1:5001\n"
                           "  2  n2:5002\n  3  n3:5003\nCluster secret: " + data +
                           "/cluster.secret\n  Each further node needs a copy: ipam cluster join "
                           "… --secret-file FILE\n  Once all have it: ipam server … --peer-auth "
                           "required\n\nStart it with:\n"
                           "  ipam server --cluster --config " + data + "/cluster.json\n");
  const auto config = server::read_cluster_config(data + "/cluster.json");
  REQUIRE(config);
  CHECK(config->node_id == 1);
  CHECK(config->cluster_id == 100);
  CHECK(config->data_dir == data);
  CHECK_FALSE(config->join);
  CHECK_FALSE(config->enable_single_node);
  CHECK(config->initial_members.size() == 3);
}

TEST_CASE("init without members founds a cluster of one") {
  for (const std::vector<std::string>& more : {std::vector<std::string>{}, {"--single-node"}}) {
    const TemporaryDirectory directory;
    std::vector<std::string> args = {"--data-dir", directory / "d"};
    args.insert(args.end(), more.begin(), more.end());
    CHECK(run(server::cluster_init, args).code == 0);
    const auto config = server::read_cluster_config(directory / "d/cluster.json");
    REQUIRE(config);
    CHECK(config->node_id == 1);
    CHECK(config->cluster_id == 1);
    CHECK(config->raft_addr == "localhost:5000");
    CHECK(config->api_addr == "0.0.0.0:8080");
    CHECK(config->enable_single_node);
    CHECK(config->initial_members == std::map<std::uint64_t, std::string>{{1, "localhost:5000"}});
  }
}

TEST_CASE("join in the list is a founder, outside the list it waits to be added") {
  const TemporaryDirectory directory;
  const Outcome founder =
      run(server::cluster_join, {"--node-id", "2", "--raft-addr", "n2:5002", "--data-dir",
                                 directory / "2", "--initial-members", members});
  CHECK(founder.code == 0);
  CHECK(founder.out.find("waits") == std::string::npos);
  const auto config = server::read_cluster_config(directory / "2/cluster.json");
  REQUIRE(config);
  CHECK(config->join);
  CHECK(config->initial_members.contains(2));

  const Outcome late =
      run(server::cluster_join, {"--node-id", "4", "--raft-addr", "n4:5004", "--data-dir",
                                 directory / "4", "--initial-members", members});
  CHECK(late.code == 0);
  CHECK(late.out.find("waits until the cluster adds it") != std::string::npos);
  CHECK(late.out.find("ipam cluster add-node 4 n4:5004") != std::string::npos);
  CHECK(server::read_cluster_config(directory / "4/cluster.json").ok());
}

TEST_CASE("--output json prints the file") {
  const TemporaryDirectory directory;
  const Outcome outcome =
      run(server::cluster_init, {"--data-dir", directory / "d", "--output", "json"});
  CHECK(outcome.code == 0);
  CHECK(outcome.out == read_file(directory / "d/cluster.json"));
}

TEST_CASE("neither command ever overwrites a directory that holds data") {
  for (const std::string name : {"cluster.json", "raft.db", "state.db"}) {
    for (const Command command : {server::cluster_init, server::cluster_join}) {
      const TemporaryDirectory directory;
      write_file(directory / name, "precious");
      const Outcome outcome =
          run(command, {"--node-id", "1", "--raft-addr", "n1:5001", "--data-dir",
                        directory.path(), "--initial-members", members});
      CHECK(outcome.code == 1);
      CHECK(outcome.out == "");
      CHECK(outcome.err.starts_with("Error: " + directory.path() + " already holds data (" + name +
                                    "): "));
      CHECK(outcome.err.ends_with("choose another --data-dir\n"));
      const bool startable = outcome.err.find("start it with `ipam server") != std::string::npos;
      CHECK(startable == (name == "cluster.json"));
      CHECK(read_file(directory / name) == "precious");
      const std::filesystem::directory_iterator files(directory.path());
      CHECK(std::distance(begin(files), end(files)) == 1);
    }
  }
}

TEST_CASE("a directory that is empty or holds other things is used, a file is not") {
  const TemporaryDirectory directory;
  write_file(directory / "lost+found", "");
  CHECK(run(server::cluster_init, {"--data-dir", directory.path()}).code == 0);
  const Outcome outcome = run(server::cluster_init, {"--data-dir", directory / "lost+found"});
  CHECK(outcome.code == 1);
  CHECK(outcome.err == "Error: " + (directory / "lost+found") +
                           " is there and is no directory: choose another --data-dir\n");
  const Outcome below = run(server::cluster_init, {"--data-dir", directory / "lost+found/x"});
  CHECK(below.code == 1);
}

TEST_CASE("wrong usage of init and join writes nothing and names the flag") {
  const TemporaryDirectory directory;
  const auto check = [&directory](Command command, std::vector<std::string> args,
                                  const std::string& message) {
    CAPTURE(args);
    args.insert(args.end(), {"--data-dir", directory / "d"});
    const Outcome outcome = run(command, args);
    CHECK(outcome.code == 2);
    CHECK(outcome.out == "");
    CHECK(outcome.err == "Error: " + message + "\n");
    CHECK_FALSE(std::filesystem::exists(directory / "d"));
  };
  const std::string range = " must be a whole number from 1 to 9223372036854775807, not ";
  check(server::cluster_init, {"--node-id", "0"}, "--node-id" + range + "'0'");
  check(server::cluster_init, {"--node-id", "x"}, "--node-id" + range + "'x'");
  check(server::cluster_init, {"--cluster-id", "0"}, "--cluster-id" + range + "'0'");
  check(server::cluster_init, {"--raft-addr", "n1"},
        "--raft-addr 'n1' has no port: it must be host:port");
  check(server::cluster_init, {"--api-addr", "n1:"},
        "--api-addr 'n1:' has no port: it must be host:port");
  check(server::cluster_init, {"--single-node", "--initial-members", members},
        "--single-node does not go with several --initial-members");
  check(server::cluster_init, {"--node-id", "9", "--initial-members", members},
        "--initial-members does not have --node-id 9: the node that founds a cluster must be in "
        "it");
  check(server::cluster_init, {"--raft-addr", "n1:9", "--initial-members", members},
        "--initial-members has n1:5001 for node 1, but --raft-addr is n1:9");
  check(server::cluster_init, {"--initial-members", ""},
        "--initial-members: '': each member must be ID:HOST:PORT");
  check(server::cluster_init, {"--initial-memberz", "x"},
        "unknown option '--initial-memberz' for 'ipam cluster init'; did you mean "
        "'--initial-members'? (see 'ipam cluster init --help')");
  check(server::cluster_init, {"extra"},
        "unexpected argument 'extra' for 'ipam cluster init' (see 'ipam cluster init --help')");
  check(server::cluster_join, {},
        "'ipam cluster join' needs --node-id, --raft-addr, --initial-members");
  check(server::cluster_join, {"--node-id", "2", "--raft-addr", "n2:1"},
        "'ipam cluster join' needs --initial-members");
  check(server::cluster_join,
        {"--node-id", "2", "--raft-addr", "n2:1", "--initial-members", members},
        "--initial-members has n2:5002 for node 2, but --raft-addr is n2:1");
  check(server::cluster_join, {"--single-node"},
        "unknown option '--single-node' for 'ipam cluster join' (see 'ipam cluster join --help')");
  CHECK(run(server::cluster_init, {"--data-dir", ""}).err ==
        "Error: --data-dir must not be empty\n");
  CHECK(run(server::cluster_init, {"--data-dir", directory / "\xff"}).err ==
        "Error: --data-dir must be UTF-8\n");
}

TEST_CASE("the list of members is read with names, IPv4 and IPv6 hosts") {
  const auto list =
      server::parse_initial_members("1:n1.example.com:5001, 2:10.0.0.2:5002 ,30:[2001:db8::3]:5");
  REQUIRE(list);
  CHECK(*list == std::map<std::uint64_t, std::string>{
                     {1, "n1.example.com:5001"}, {2, "10.0.0.2:5002"}, {30, "[2001:db8::3]:5"}});
}

TEST_CASE("a broken list of members names the part that is broken") {
  const std::string form = ": each member must be ID:HOST:PORT";
  const std::pair<std::string, std::string> rows[] = {
      {"1:n1:1,", "''" + form},
      {",1:n1:1", "''" + form},
      {"n1:5001", "'n1:5001'" + form},
      {"1", "'1'" + form},
      {":n1:1", "':n1:1'" + form},
      {"-1:n1:1", "'-1:n1:1'" + form},
      {"1:n1", "'1:n1' has no port" + form},
      {"1:n1:x", "'1:n1:x' has a bad port 'x'" + form},
      {"1:", "'1:' is empty" + form},
      {"1:::1:5000", "'1:::1:5000' has an IPv6 address without brackets" + form},
      {"0:n1:1", "'0:n1:1': a node id must be from 1 to 9223372036854775807"},
      {"18446744073709551615:n1:1",
       "'18446744073709551615:n1:1': a node id must be from 1 to 9223372036854775807"},
      {"1:n1:1,1:n2:1", "duplicate node id 1"},
  };
  for (const auto& [text, message] : rows) {
    CAPTURE(text);
    const auto list = server::parse_initial_members(text);
    REQUIRE_FALSE(list);
    CHECK(list.error() == message);
  }
}

TEST_CASE("init and join explain themselves") {
  const std::pair<Command, std::string> commands[] = {
      {server::cluster_init, "ipam cluster init"}, {server::cluster_join, "ipam cluster join"}};
  for (const auto& [command, words] : commands) {
    const Outcome outcome = run(command, {"--help"});
    CHECK(outcome.code == 0);
    CHECK(outcome.out.find("Usage:\n  " + words) != std::string::npos);
    CHECK(outcome.out.find("--initial-members LIST") != std::string::npos);
    CHECK(outcome.out.find("Examples:\n") != std::string::npos);
  }
}
