#include <doctest/doctest.h>

#include "world.hpp"

namespace {

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

const std::vector<std::string> own_commands = {
    "network add",    "network list",     "network delete",     "allocate", "release", "list",
    "stats",          "audit",            "audit verify",       "cluster status",
    "cluster add-node", "cluster remove-node", "watch"};

std::vector<std::string> words_of(std::string line) {
  for (char& c : line) c = c == ' ' ? ',' : c;
  return cli::split_list(line);
}

}  // namespace

TEST_CASE("help lists all commands") {
  World world;
  for (const std::vector<std::string>& args :
       {std::vector<std::string>{"--help"}, {"help"}, {"-h"}}) {
    CHECK(world.run(args) == 0);
    CHECK(world.err.empty());
    for (const std::string& command : own_commands) CHECK(contains(world.out, "\n  " + command));
    for (const char* command : {"server", "cluster init", "cluster join", "version", "help"})
      CHECK(contains(world.out, std::string("\n  ") + command));
    CHECK(contains(world.out, "Examples:"));
  }
}

TEST_CASE("no command is wrong usage with the help on stderr") {
  World world;
  CHECK(world.run({}) == 2);
  CHECK(contains(world.err, "Commands:"));
  CHECK(world.out.empty());
  CHECK(world.run({"--db", "x"}) == 2);
  CHECK(contains(world.err, "Commands:"));
  CHECK(world.run({"--dbb", "x"}) == 2);
  CHECK(world.run({"--dbb"}) == 2);
  CHECK(contains(world.err, "unknown option '--dbb'"));
  for (const char* group : {"network", "cluster"}) {
    CHECK(world.run({group}) == 2);
    CHECK(contains(world.err, std::string("Usage:\n  ipam ") + group + " COMMAND"));
    CHECK(world.run({group, "--help"}) == 0);
    CHECK(contains(world.out, std::string("Usage:\n  ipam ") + group + " COMMAND"));
  }
}

TEST_CASE("each command explains itself with usage, options and an example") {
  World world;
  for (const std::string& command : own_commands) {
    CAPTURE(command);
    std::vector<std::string> args = words_of(command);
    args.push_back("--help");
    CHECK(world.run(args) == 0);
    CHECK(contains(world.out, "Usage:\n  ipam " + command));
    CHECK(contains(world.out, "--output FORMAT"));
    CHECK(contains(world.out, "Examples:\n  ipam " + command));
    const std::string by_flag = world.out;
    args.pop_back();
    args.insert(args.begin(), "help");
    CHECK(world.run(args) == 0);
    CHECK(world.out == by_flag);
  }
  CHECK(world.requests.empty());
  CHECK(world.opened.empty());
  for (const char* command : {"version", "help"}) {
    CHECK(world.run({command, "--help"}) == 0);
    CHECK(contains(world.out, "Examples:"));
  }
}

TEST_CASE("an unknown command is wrong usage that suggests the nearest") {
  World world;
  CHECK(world.run({"alocate"}) == 2);
  CHECK(world.err ==
        "Error: unknown command 'alocate'; did you mean 'allocate'? (see 'ipam --help')\n");
  CHECK(world.run({"network", "lst"}) == 2);
  CHECK(contains(world.err, "did you mean 'network list'?"));
  CHECK(world.run({"frobnicate"}) == 2);
  CHECK(world.err == "Error: unknown command 'frobnicate' (see 'ipam --help')\n");
  CHECK(world.run({"help", "frobnicate"}) == 2);
}

TEST_CASE("version is told by command and by flag") {
  World world;
  for (const std::vector<std::string>& args :
       {std::vector<std::string>{"version"}, {"--version"}, {"list", "--version"}}) {
    CHECK(world.run(args) == 0);
    CHECK(world.out == "ipam " IPAM_VERSION "\n");
  }
}

TEST_CASE("server and cluster init and join are passed on") {
  World world;
  CHECK(world.run({"server", "-p", "9000", "--cluster"}) == 0);
  CHECK(world.run({"--db", "d", "server", "--host", "h"}) == 0);
  CHECK(world.run({"cluster", "init", "--single-node"}) == 0);
  CHECK(world.run({"cluster", "--db", "d", "join", "--node-id", "2"}) == 0);
  CHECK(world.run({"server", "--help"}) == 0);
  CHECK(world.run({"help", "cluster", "init"}) == 0);
  CHECK(world.foreign == std::vector<std::string>{
                             "server -p 9000 --cluster", "server --db d --host h",
                             "cluster init --single-node", "cluster join --db d --node-id 2",
                             "server --help", "cluster init --help"});
}

TEST_CASE("global options may stand before, between and after the command's words") {
  for (const std::vector<std::string>& args :
       {std::vector<std::string>{"--db", "d", "--output", "json", "network", "list"},
        {"network", "--db", "d", "list", "--output=json"},
        {"network", "list", "--output", "json", "--db=d"}}) {
    World world;
    world.answer(200, "[]");
    CHECK(world.run(args) == 0);
    CHECK(world.opened == std::vector<std::string>{"embedded d"});
    CHECK(world.out == "[]\n");
  }
}

TEST_CASE("an unknown format is wrong usage") {
  World world;
  CHECK(world.run({"list", "--output", "xml"}) == 2);
  CHECK(world.err == "Error: --output must be table, json or csv, not 'xml'\n");
}

TEST_CASE("a server that cannot be reached gives exit code 3 and a hint") {
  World world;
  world.answers.push_back(base::fail(cli::ConnectionError{
      cli::ConnectionError::Kind::not_reachable, "cannot reach http://h:1: Connection refused"}));
  CHECK(world.run({"list", "--server", "http://h:1"}) == 3);
  CHECK(world.err ==
        "Error: cannot reach http://h:1: Connection refused (is `ipam server` running there, and "
        "is --server right?)\n");
  CHECK(world.out.empty());
}

TEST_CASE("a write without an answer says that it may have happened") {
  World world;
  const cli::ConnectionError lost{cli::ConnectionError::Kind::no_answer,
                                  "no answer from X: closed"};
  world.answers.push_back(base::fail(lost));
  CHECK(world.run({"list"}) == 1);
  CHECK(world.err == "Error: no answer from X: closed\n");
  world.answers.push_back(base::fail(lost));
  CHECK(world.run({"network", "add", "10.0.0.0/8"}) == 1);
  CHECK(contains(world.err, "the change may or may not have been made"));
}

TEST_CASE("problems are printed by their error, detail or title, others by their status") {
  const std::tuple<int, std::string, std::string> rows[] = {
      {404, R"({"title":"t","detail":"d","error":"network not found"})", "network not found"},
      {503, R"({"title":"t","detail":"no leader"})", "no leader"},
      {504, R"({"title":"Outcome unknown"})", "Outcome unknown"},
      {401, R"({"error":"\u001b[2Jtoken"})", "?[2Jtoken"},
      {403, "<html>forbidden</html>", "http://h:1 answered 403 Forbidden"},
      {599, "", "http://h:1 answered 599"},
      {302, "", "http://h:1 answered 302 Found"},
      {500, "[]", "http://h:1 answered 500 Internal Server Error"},
  };
  for (const auto& [status, body, message] : rows) {
    CAPTURE(status);
    World world;
    world.answer(status, body);
    CHECK(world.run({"network", "list", "--server", "h:1"}) == 1);
    CHECK(world.err == "Error: " + message + "\n");
    CHECK(world.out.empty());
  }
}

TEST_CASE("an answer that is not ipam's is an error") {
  for (const char* body : {"<html>", "{}", "[1]", "", "null"}) {
    for (const char* format : {"table", "csv"}) {
      World world;
      world.answer(200, body);
      CHECK(world.run({"network", "list", "--server", "h:1", "--output", format}) == 1);
      CHECK(world.err ==
            "Error: http://h:1 gave an answer that is not ipam's; is --server right?\n");
    }
  }
}
