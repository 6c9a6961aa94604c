#include <doctest/doctest.h>

#include "world.hpp"

namespace {

// Whom `network list` with these arguments speaks to.
std::string target_of(World& world, std::vector<std::string> args) {
  world.opened.clear();
  world.answer(200, "[]");
  args.insert(args.begin(), {"network", "list"});
  if (world.run(args) != 0) return world.err;
  REQUIRE(world.opened.size() == 1);
  return world.opened.front();
}

std::string cluster_target_of(World& world, std::vector<std::string> args) {
  world.opened.clear();
  world.answer(200, "{}");
  args.insert(args.begin(), {"cluster", "status"});
  if (world.run(args) != 0) return world.err;
  REQUIRE(world.opened.size() == 1);
  return world.opened.front();
}

}  // namespace

TEST_CASE("without a server the command opens the database itself") {
  World world;
  CHECK(target_of(world, {}) == "embedded ipam-data");
  CHECK(target_of(world, {"--db", "mine"}) == "embedded mine");
  world.environment["IPAM_DB_PATH"] = "from-environment";
  CHECK(target_of(world, {}) == "embedded from-environment");
  CHECK(target_of(world, {"--db", "mine"}) == "embedded mine");
  world.environment["IPAM_DB_PATH"] = "";
  CHECK(target_of(world, {}) == "embedded ipam-data");
}

TEST_CASE("where a server holds the directory the command is its client") {
  World world;
  world.servers["ipam-data"] = "http://127.0.0.1:8080";
  CHECK(target_of(world, {}) == "server http://127.0.0.1:8080");
  CHECK(target_of(world, {"--db", "other"}) == "embedded other");
}

TEST_CASE("a server that holds the directory is sent its local token, where none is given") {
  World world;
  world.servers["ipam-data"] = "http://127.0.0.1:8080";
  world.local_tokens["ipam-data"] = "local";
  const auto sent = [&](std::vector<std::string> args) {
    world.raw_requests.clear();
    target_of(world, std::move(args));
    REQUIRE(world.raw_requests.size() == 1);
    const std::string* header = world.raw_requests[0].header("Authorization");
    return header != nullptr ? *header : "";
  };
  CHECK(sent({}) == "Bearer local");
  CHECK(sent({"--token", "mine"}) == "Bearer mine");
  CHECK(sent({"--server", "http://127.0.0.1:8080"}) == "");  // who knows whose that is
  world.servers.clear();
  world.configs["c.json"] = {"ipam-data", "http://127.0.0.1:9"};
  const auto sent_to_cluster = [&] {
    world.raw_requests.clear();
    cluster_target_of(world, {"--config", "c.json"});
    const std::string* header = world.raw_requests.at(0).header("Authorization");
    return header != nullptr ? *header : "";
  };
  CHECK(sent_to_cluster() == "");  // no server holds it: what listens there may be anybody
  world.servers["ipam-data"] = "http://127.0.0.1:8080";
  CHECK(sent_to_cluster() == "Bearer local");
}

TEST_CASE("a server that takes the directory in between is found") {
  World world;
  world.open_error = "ipam-data is in use";
  CHECK(world.run({"network", "list"}) == 1);
  CHECK(world.err == "Error: ipam-data is in use\n");
}

TEST_CASE("the command line goes before the environment, a server before a directory") {
  World world;
  world.environment["IPAM_SERVER"] = "http://env:1";
  CHECK(target_of(world, {}) == "server http://env:1");
  CHECK(target_of(world, {"--server", "http://flag:2"}) == "server http://flag:2");
  CHECK(target_of(world, {"--server", "flag:2", "--db", "d"}) == "server http://flag:2");
  CHECK(target_of(world, {"--db", "d"}) == "embedded d");
  world.environment["IPAM_DB_PATH"] = "e";
  CHECK(target_of(world, {}) == "server http://env:1");
}

TEST_CASE("with --cluster the command speaks to the node of this machine") {
  World world;
  CHECK(world.run({"network", "list", "--cluster"}) == 3);
  CHECK(world.err.starts_with("Error: no cluster node runs on ipam-cluster-data: start it with"));
  world.configs["ipam-cluster-data/cluster.json"] = {"ipam-cluster-data", "http://127.0.0.1:8080"};
  CHECK(target_of(world, {"--cluster"}) == "server http://127.0.0.1:8080");
  world.servers["ipam-cluster-data"] = "http://127.0.0.1:8081";
  CHECK(target_of(world, {"--cluster"}) == "server http://127.0.0.1:8081");
  CHECK(target_of(world, {}) == "embedded ipam-data");
  world.environment["IPAM_CLUSTER_MODE"] = "true";
  CHECK(target_of(world, {}) == "server http://127.0.0.1:8081");
  world.environment["IPAM_CLUSTER_MODE"] = "false";
  CHECK(target_of(world, {}) == "embedded ipam-data");
  world.environment["IPAM_CLUSTER_MODE"] = "perhaps";
  CHECK(world.run({"network", "list"}) == 2);
  CHECK(world.err == "Error: IPAM_CLUSTER_MODE must be true or false, not 'perhaps'\n");
}

TEST_CASE("cluster commands find their node by --config, environment or default") {
  World world;
  world.configs["node1-data/cluster.json"] = {"node1-data", "http://127.0.0.1:8080"};
  const std::vector<std::string> config = {"--config", "node1-data/cluster.json"};
  CHECK(cluster_target_of(world, config) == "server http://127.0.0.1:8080");
  SUBCASE("a running server knows its port best") {
    world.servers["node1-data"] = "http://127.0.0.1:8081";
    CHECK(cluster_target_of(world, config) == "server http://127.0.0.1:8081");
  }
  SUBCASE("by the environment") {
    world.environment["IPAM_CONFIG_FILE"] = "node1-data/cluster.json";
    CHECK(cluster_target_of(world, {}) == "server http://127.0.0.1:8080");
    CHECK(cluster_target_of(world, {"--server", "http://h:1"}) == "server http://h:1");
    world.environment["IPAM_SERVER"] = "http://env:1";
    CHECK(cluster_target_of(world, {}) == "server http://env:1");
    CHECK(cluster_target_of(world, config) == "server http://127.0.0.1:8080");
  }
  SUBCASE("by default") {
    CHECK(world.run({"cluster", "status"}) == 3);
    world.servers["ipam-cluster-data"] = "http://127.0.0.1:9";
    CHECK(cluster_target_of(world, {}) == "server http://127.0.0.1:9");
  }
  SUBCASE("a file that cannot be read is an error that names it") {
    CHECK(world.run({"cluster", "status", "--config", "none.json"}) == 1);
    CHECK(world.err == "Error: none.json: no such file\n");
  }
}

TEST_CASE("a bad URL is wrong usage that names its source") {
  World world;
  CHECK(world.run({"list", "--server", "ftp://h:1"}) == 2);
  CHECK(world.err == "Error: --server 'ftp://h:1' has a scheme other than http and https\n");
  CHECK(world.run({"list", "--server", ""}) == 2);
  world.environment["IPAM_SERVER"] = "nonsense";
  CHECK(world.run({"list"}) == 2);
  CHECK(world.err == "Error: IPAM_SERVER 'nonsense' has no port\n");
  CHECK(world.run({"list", "--db", ""}) == 2);
}

TEST_CASE("the token goes into the Authorization field") {
  World world;
  world.environment["IPAM_TOKEN"] = "from-environment";
  target_of(world, {});
  REQUIRE(world.raw_requests.back().header("authorization") != nullptr);
  CHECK(*world.raw_requests.back().header("authorization") == "Bearer from-environment");
  target_of(world, {"--token", "flag"});
  CHECK(*world.raw_requests.back().header("authorization") == "Bearer flag");
  target_of(world, {"--token", ""});
  CHECK(world.raw_requests.back().header("authorization") == nullptr);
  CHECK(world.run({"list", "--token", "a\r\nX: y"}) == 2);
  CHECK(world.err == "Error: --token holds a character that no token has\n");
  world.environment["IPAM_TOKEN"] = "ä";
  CHECK(world.run({"list"}) == 2);
  CHECK(world.err == "Error: IPAM_TOKEN holds a character that no token has\n");
}
