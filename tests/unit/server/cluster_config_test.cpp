#include <doctest/doctest.h>

#include "base/random.hpp"
#include "server/cluster_config.hpp"
#include "server/duplicate_keys.hpp"
#include "server/new_file.hpp"
#include "temporary_directory.hpp"

using server::ClusterConfig;
using server::parse_cluster_config;

namespace {

// The file of the guide's first node, with one field replaced or, with an empty value, left out.
std::string file_with(const std::string& changed_key, const std::string& value) {
  const std::pair<std::string, std::string> fields[] = {
      {"node_id", "1"},
      {"cluster_id", "100"},
      {"raft_addr", R"("n1:5001")"},
      {"api_addr", R"("0.0.0.0:8080")"},
      {"data_dir", R"("node1-data")"},
      {"join", "false"},
      {"initial_members", R"({"1":"n1:5001","2":"n2:5002"})"},
      {"enable_single_node", "false"},
  };
  std::string text;
  const auto append = [&text](const std::string& key, const std::string& v) {
    if (!v.empty()) text += (text.empty() ? "" : ",") + ("\"" + key + "\":" + v);
  };
  bool known = false;
  for (const auto& [key, v] : fields) {
    known = known || key == changed_key;
    append(key, key == changed_key ? value : v);
  }
  if (!known) append(changed_key, value);
  return "{" + text + "}";
}

std::string error_of(const std::string& text) {
  const auto config = parse_cluster_config(text, "d/cluster.json");
  return config ? "" : config.error();
}

}  // namespace

TEST_CASE("members are read from a map and from an array alike") {
  const auto map = parse_cluster_config(file_with("", ""), "f");
  REQUIRE(map);
  CHECK(map->node_id == 1);
  CHECK(map->cluster_id == 100);
  CHECK(map->raft_addr == "n1:5001");
  CHECK(map->api_addr == "0.0.0.0:8080");
  CHECK(map->data_dir == "node1-data");
  CHECK_FALSE(map->join);
  CHECK_FALSE(map->enable_single_node);
  CHECK(map->initial_members ==
        std::map<std::uint64_t, std::string>{{1, "n1:5001"}, {2, "n2:5002"}});
  const auto array = parse_cluster_config(
      file_with("initial_members",
                R"([{"node_id":2,"addr":"n2:5002"},{"addr":"n1:5001","node_id":1}])"),
      "f");
  REQUIRE(array);
  CHECK(*array == *map);
}

TEST_CASE("what is written is the map form and reads back equal") {
  base::Random random(7);
  for (int round = 0; round < 200; ++round) {
    CAPTURE(round);
    ClusterConfig config;
    config.node_id = random.between(1, 5);
    config.cluster_id = random.between(1, std::numeric_limits<std::int64_t>::max());
    config.raft_addr = "[2001:db8::" + std::to_string(config.node_id) + "]:5001";
    config.data_dir = "a \"quoted\" \\ d\u00e9r/";
    config.join = random.chance(50);
    for (std::uint64_t id = 1; id <= 5; ++id) {
      if (random.chance(50)) config.initial_members[id] = "host" + std::to_string(id) + ":5001";
    }
    if (!config.join || config.initial_members.contains(config.node_id))
      config.initial_members[config.node_id] = config.raft_addr;
    const std::string text = serialize_cluster_config(config);
    const auto again = parse_cluster_config(text, "f");
    REQUIRE(again);
    CHECK(*again == config);
  }
}

TEST_CASE("the written file looks as the contract says") {
  ClusterConfig config;
  config.node_id = 1;
  config.cluster_id = 100;
  config.raft_addr = "n1:5001";
  config.data_dir = "node1-data";
  config.initial_members = {{1, "n1:5001"}, {2, "n2:5002"}};
  CHECK(serialize_cluster_config(config) ==
        "{\n  \"node_id\": 1,\n  \"cluster_id\": 100,\n  \"raft_addr\": \"n1:5001\",\n"
        "  \"api_addr\": \"0.0.0.0:8080\",\n  \"data_dir\": \"node1-data\",\n  \"join\": false,\n"
        "  \"initial_members\": {\n    \"1\": \"n1:5001\",\n    \"2\": \"n2:5002\"\n  },\n"
        "  \"enable_single_node\": false\n}\n");
}

TEST_CASE("each required key that is missing is named") {
  for (const char* key : {"node_id", "cluster_id", "raft_addr", "initial_members"}) {
    CHECK(error_of(file_with(key, "")) ==
          std::string("d/cluster.json: ") + key + ": is missing");
  }
}

TEST_CASE("the other keys have defaults") {
  for (const char* key : {"api_addr", "data_dir", "join", "enable_single_node"}) {
    const auto config = parse_cluster_config(file_with(key, ""), "f");
    REQUIRE(config);
    CHECK(config->api_addr == "0.0.0.0:8080");
  }
  SUBCASE("a node that is alone is its only member") {
    const auto config = parse_cluster_config(
        R"({"node_id":3,"cluster_id":1,"raft_addr":"n:1","enable_single_node":true})", "f");
    REQUIRE(config);
    CHECK(config->initial_members == std::map<std::uint64_t, std::string>{{3, "n:1"}});
  }
  SUBCASE("a node that joins may know nobody") {
    const auto config = parse_cluster_config(
        R"({"node_id":3,"cluster_id":1,"raft_addr":"n:1","join":true})", "f");
    REQUIRE(config);
    CHECK(config->initial_members.empty());
  }
}

TEST_CASE("every broken file gives one line that names file and key") {
  const std::tuple<std::string, std::string, std::string> rows[] = {
      {"node_id", "0", "node_id: must be at least 1, not 0"},
      {"node_id", "-1", "node_id: must not be negative"},
      {"node_id", "1.0", "node_id: must be a whole number"},
      {"node_id", "\"1\"", "node_id: must be a whole number"},
      {"node_id", "null", "node_id: must be a whole number"},
      {"node_id", "3", "initial_members: node_id 3 is not among them"},
      {"cluster_id", "0", "cluster_id: must be at least 1, not 0"},
      {"cluster_id", "[]", "cluster_id: must be a whole number"},
      {"raft_addr", "5001", "raft_addr: must be a text"},
      {"raft_addr", "\"n1\"", "raft_addr: 'n1' has no port: it must be host:port"},
      {"raft_addr", "\"a\\nb:x\"",
       "raft_addr: 'a?b:x' has a character that no host name has: it must be host:port"},
      {"raft_addr", "\"n1:0\"", "raft_addr: 'n1:0' has a bad port '0': it must be host:port"},
      {"raft_addr", "\"n9:5001\"",
       "raft_addr: 'n9:5001' is not the address 'n1:5001' that initial_members has for node 1"},
      {"api_addr", "{}", "api_addr: must be a text"},
      {"api_addr", "\":8080\"", "api_addr: ':8080' has no host: it must be host:port"},
      {"data_dir", "true", "data_dir: must be a text"},
      {"join", "\"false\"", "join: must be true or false"},
      {"enable_single_node", "0", "enable_single_node: must be true or false"},
      {"enable_single_node", "true", "enable_single_node: initial_members has more than one node"},
      {"initial_members", "\"1:n1:5001\"",
       "initial_members: must be a map of node id to host:port, or a list of node_id and addr"},
      {"initial_members", "{}", "initial_members: node_id 1 is not among them"},
      {"initial_members", "[]", "initial_members: node_id 1 is not among them"},
      {"initial_members", R"({"1":"n1:5001","2":"n2"})",
       "initial_members: 'n2' has no port: it must be host:port"},
      {"initial_members", R"({"1":"n1:5001","2":5002})",
       "initial_members: the address of 2 must be a text"},
      {"initial_members", R"({"1":"n1:5001","0":"n2:1"})",
       "initial_members: a node id must be at least 1, not 0"},
      {"initial_members", R"({"1":"n1:5001","x":"n2:1"})",
       "initial_members: \"x\" is not a node id"},
      {"initial_members", R"({"1":"n1:5001","-2":"n2:1"})",
       "initial_members: \"-2\" is not a node id"},
      {"initial_members", R"({"1":"n1:5001","1":"n2:1"})", "initial_members: duplicate node id 1"},
      {"initial_members", R"({"1":"n1:5001","01":"n2:1"})", "initial_members: duplicate node id 1"},
      {"initial_members", R"({"1":"n1:5001","\u0031":"n2:1"})",
       "initial_members: duplicate node id 1"},
      {"initial_members", R"({"1":"n1:5001","2":"n1:5001"})",
       "initial_members: nodes 1 and 2 have the same address n1:5001"},
      {"initial_members", R"([{"node_id":1,"addr":"n1:5001"},{"node_id":1,"addr":"n2:1"}])",
       "initial_members: duplicate node id 1"},
      {"initial_members", R"([{"node_id":0,"addr":"n1:5001"}])",
       "initial_members: a node id must be at least 1, not 0"},
      {"initial_members", R"([{"node_id":"1","addr":"n1:5001"}])",
       "initial_members: node_id: must be a whole number"},
      {"initial_members", R"([{"node_id":1}])", "initial_members: addr: is missing"},
      {"initial_members", R"([{"addr":"n:1"}])", "initial_members: node_id: is missing"},
      {"initial_members", R"([{"node_id":1,"addr":"n1:5001","x":1}])",
       "initial_members: \"x\": unknown key"},
      {"initial_members", "[1]", "initial_members: each must be an object"},
      {"raft_address", "1", "\"raft_address\": unknown key"},
      {"line\\nbreak", "1", "\"line\\nbreak\": unknown key"},
  };
  for (const auto& [key, value, reason] : rows) {
    CAPTURE(key);
    CAPTURE(value);
    CHECK(error_of(file_with(key, value)) == "d/cluster.json: " + reason);
  }
  CHECK(error_of("[]") == "d/cluster.json: not a JSON object");
  CHECK(error_of("{\"node_id\":1,\"node_id\":2}") == "d/cluster.json: \"node_id\": duplicate key");
  for (const char* text : {"", "{", "{} x", "nonsense"})
    CHECK(error_of(text).starts_with("d/cluster.json: not valid JSON: "));
}

TEST_CASE("duplicate keys are found in the object that has them") {
  using server::find_duplicate_key;
  CHECK_FALSE(find_duplicate_key(R"({"a":{"a":1},"b":[{"a":1},{"a":"a"}],"c":"a\":"})"));
  CHECK(find_duplicate_key(R"({"a" : 1, "b":{"x":1,"x" :2}})") == "x");
  CHECK(find_duplicate_key(R"([{"q\"":1,"q\u0022":2}])") == "q\"");
  CHECK_FALSE(find_duplicate_key("5"));
}

TEST_CASE("reading a file names what is wrong with it") {
  const TemporaryDirectory directory;
  const std::string file = directory / "cluster.json";
  CHECK(server::read_cluster_config(file).error() ==
        file + ": no such file; write one with `ipam cluster init` or `ipam cluster join`");
  CHECK(server::read_cluster_config(directory.path()).error() ==
        directory.path() + ": not a file; name the cluster.json itself");
  write_file(file, file_with("", ""));
  CHECK(server::read_cluster_config(file)->node_id == 1);
  write_file(file, std::string((1u << 20) + 1, ' '));
  CHECK(server::read_cluster_config(file).error() == file + ": too large");
}

TEST_CASE("the data directory is where the file lies unless it is absolute") {
  ClusterConfig config;
  config.data_dir = "node1-data";
  CHECK(data_directory(config, "node1-data/cluster.json") == "node1-data");
  CHECK(data_directory(config, "/etc/ipam/cluster.json") == "/etc/ipam");
  CHECK(data_directory(config, "cluster.json") == ".");
  config.data_dir = "";
  CHECK(data_directory(config, "x/cluster.json") == "x");
  config.data_dir = "/var/lib/ipam";
  CHECK(data_directory(config, "x/cluster.json") == "/var/lib/ipam");
}

TEST_CASE("a new file never replaces another") {
  const TemporaryDirectory directory;
  const std::string file = directory / "f";
  REQUIRE(server::write_new_file(file, "first"));
  CHECK(read_file(file) == "first");
  const auto again = server::write_new_file(file, "second");
  REQUIRE_FALSE(again);
  CHECK(again.error() == "cannot write " + file + ": File exists");
  CHECK(read_file(file) == "first");
  CHECK(server::write_new_file(directory / "none/f", "x").error() ==
        "cannot write " + (directory / "none/f") + ": No such file or directory");
  // Nothing is left behind.
  const std::filesystem::directory_iterator files(directory.path());
  CHECK(std::distance(begin(files), end(files)) == 1);
}
