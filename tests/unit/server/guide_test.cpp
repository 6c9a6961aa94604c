// The command lines of the users' deployment guide, as they stand there, one after the other in an
// empty working directory.
#include <doctest/doctest.h>
#include <unistd.h>

#include <sstream>

#include "cli/run.hpp"
#include "server/cluster_commands.hpp"
#include "server/options.hpp"
#include "temporary_directory.hpp"

namespace {

// Splits as a shell does, as far as the guide needs it: blanks, double quotes, and a backslash at
// the end of a line.
std::vector<std::string> shell_words(const std::string& line) {
  std::vector<std::string> words;
  std::string word;
  bool quoted = false;
  bool started = false;
  for (const char c : line + " ") {
    if (c == '"') {
      quoted = !quoted;
      started = true;
    } else if (!quoted && (c == ' ' || c == '\\' || c == '\n')) {
      if (started) words.push_back(std::exchange(word, ""));
      started = false;
    } else {
      word.push_back(c);
      started = true;
    }
  }
  return words;
}

class WorkingDirectory {
 public:
  explicit WorkingDirectory(const std::string& path) : before_(std::filesystem::current_path()) {
    std::filesystem::current_path(path);
  }
  WorkingDirectory(const WorkingDirectory&) = delete;
  ~WorkingDirectory() { std::filesystem::current_path(before_); }

 private:
  const std::filesystem::path before_;
};

// Runs one line as main does, except that a server is not run: its options are kept.
struct Shell {
  std::optional<server::ServerOptions> options;
  std::string out;
  std::string err;
  std::vector<std::string> connected;

  int run(const std::string& line) {
    std::vector<std::string> args = shell_words(line);
    REQUIRE(args.front() == "./ipam");
    args.erase(args.begin());
    std::ostringstream out_stream;
    std::ostringstream err_stream;
    cli::Io io{out_stream, err_stream};
    const cli::Environment environment;
    cli::Hooks hooks;
    hooks.cluster_init = [&io](const auto& rest) { return server::cluster_init(rest, io); };
    hooks.cluster_join = [&io](const auto& rest) { return server::cluster_join(rest, io); };
    hooks.run_server = [this, &environment](const auto& rest) {
      auto parsed = server::parse_server_options(rest, environment);
      if (!parsed) return static_cast<int>(parsed.error().code);
      options = std::move(*parsed);
      return 0;
    };
    hooks.server_url_of = [](const std::string&) { return std::nullopt; };
    hooks.read_cluster_config =
        [](const std::string& file) -> base::Result<cli::ClusterEndpoint, std::string> {
      const auto config = server::read_cluster_config(file);
      if (!config) return base::fail(config.error());
      return cli::ClusterEndpoint{server::data_directory(*config, file),
                                  cli::local_url(*cli::parse_endpoint(config->api_addr))};
    };
    hooks.connect = [this](const cli::ServerUrl& url, const net::TlsContext::Pointer&)
        -> std::unique_ptr<cli::Connection> {
      connected.push_back(cli::to_string(url));
      return std::make_unique<Refused>();
    };
    const int code = cli::run(args, environment, hooks, io);
    out = out_stream.str();
    err = err_stream.str();
    return code;
  }

 private:
  class Refused : public cli::Connection {
    base::Result<http::Response, cli::ConnectionError> perform(const http::Request&) override {
      return base::fail(cli::ConnectionError{cli::ConnectionError::Kind::not_reachable, "refused"});
    }
  };
};

}  // namespace

TEST_CASE("the guide's single-node cluster") {
  const TemporaryDirectory directory;
  const WorkingDirectory here(directory.path());
  Shell shell;
  CHECK(shell.run("./ipam cluster init --node-id 1 --cluster-id 100 --raft-addr localhost:5001 "
                  "--single-node") == 0);
  CHECK(shell.run("./ipam server --cluster --config ipam-cluster-data/cluster.json") == 0);
  REQUIRE(shell.options);
  REQUIRE(shell.options->cluster);
  CHECK(shell.options->cluster->cluster_id == 100);
  CHECK(shell.options->cluster->enable_single_node);
  CHECK(shell.options->data_dir == "ipam-cluster-data");
  CHECK(shell.options->port == 8080);
}

TEST_CASE("the guide's three nodes on three machines") {
  const TemporaryDirectory directory;
  const WorkingDirectory here(directory.path());
  Shell shell;
  CHECK(shell.run("./ipam cluster init \\\n  --node-id 1 \\\n  --cluster-id 100 \\\n"
                  "  --raft-addr node1.example.com:5001 \\\n  --data-dir node1-data \\\n"
                  "  --initial-members \"1:node1.example.com:5001,2:node2.example.com:5002,"
                  "3:node3.example.com:5003\"") == 0);
  CHECK(shell.run("./ipam cluster join \\\n  --node-id 2 \\\n  --cluster-id 100 \\\n"
                  "  --raft-addr node2.example.com:5002 \\\n  --data-dir node2-data \\\n"
                  "  --initial-members \"1:node1.example.com:5001,2:node2.example.com:5002,"
                  "3:node3.example.com:5003\"") == 0);
  CHECK(shell.run("./ipam cluster join \\\n  --node-id 3 \\\n  --cluster-id 100 \\\n"
                  "  --raft-addr node3.example.com:5003 \\\n  --data-dir node3-data \\\n"
                  "  --initial-members \"1:node1.example.com:5001,2:node2.example.com:5002,"
                  "3:node3.example.com:5003\"") == 0);
  for (const std::uint64_t id : {1, 2, 3}) {
    const std::string data = "node" + std::to_string(id) + "-data";
    CHECK(shell.run("./ipam server --cluster --config " + data + "/cluster.json --port 8080") == 0);
    CHECK(shell.options->data_dir == data);
    CHECK(shell.options->cluster->node_id == id);
    CHECK(shell.options->cluster->join == (id != 1));
    CHECK(shell.options->cluster->initial_members.size() == 3);
  }
}

TEST_CASE("the guide's three nodes on one machine") {
  const TemporaryDirectory directory;
  const WorkingDirectory here(directory.path());
  Shell shell;
  const std::string members =
      "--initial-members \"1:localhost:5001,2:localhost:5002,3:localhost:5003\"";
  CHECK(shell.run("./ipam cluster init --node-id 1 --cluster-id 100 --raft-addr localhost:5001 "
                  "--data-dir node1-data " + members) == 0);
  CHECK(shell.run("./ipam cluster join --node-id 2 --cluster-id 100 --raft-addr localhost:5002 "
                  "--data-dir node2-data " + members) == 0);
  CHECK(shell.run("./ipam cluster join --node-id 3 --cluster-id 100 --raft-addr localhost:5003 "
                  "--data-dir node3-data " + members) == 0);
  CHECK(shell.run("./ipam server --cluster --config node1-data/cluster.json --port 8081") == 0);
  CHECK(shell.options->port == 8081);
  CHECK(shell.run("./ipam server --cluster --config node2-data/cluster.json --port 8082") == 0);
  CHECK(shell.run("./ipam server --cluster --config node3-data/cluster.json --port 8083") == 0);
  CHECK(shell.options->port == 8083);
  CHECK(shell.run("./ipam cluster status --config node1-data/cluster.json") == 3);
  CHECK(shell.connected == std::vector<std::string>{"http://127.0.0.1:8080"});
  // A second time nothing is overwritten.
  CHECK(shell.run("./ipam cluster init --node-id 1 --cluster-id 100 --raft-addr localhost:5001 "
                  "--data-dir node1-data " + members) == 1);
  CHECK(shell.err ==
        "Error: node1-data already holds data (cluster.json): start it with `ipam server --cluster "
        "--config node1-data/cluster.json`, or choose another --data-dir\n");
}
