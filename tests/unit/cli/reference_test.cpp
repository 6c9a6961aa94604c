// Completions and man pages as texts. That the shells and groff take them: tests/e2e/shells.py.
#include <doctest/doctest.h>

#include <boost/json.hpp>

#include "cli/completion.hpp"
#include "cli/man_page.hpp"
#include "world.hpp"

namespace json = boost::json;

TEST_CASE("man prints the page of the whole, of a command, or all commands as data") {
  World world;
  CHECK(world.run({"man"}) == 0);
  CHECK(world.out.starts_with(".TH \"IPAM\" \"1\""));
  CHECK(world.out.find(".B IPAM_SERVER\nas \\-\\-server URL: work through this server\n") !=
        std::string::npos);
  CHECK(world.run({"man", "network", "add"}) == 0);
  CHECK(world.out.find(".B ipam network add\n\\fICIDR\\fR\n") != std::string::npos);
  CHECK(world.run({"man", "--output", "json"}) == 0);
  const json::value all = json::parse(world.out);
  CHECK(all.at("commands").as_array().size() > 40);
  CHECK(world.run({"man", "network"}) == 2);
  CHECK(world.err == "Error: unknown command 'network' (see 'ipam --help')\n");
  CHECK(world.requests.empty());
  CHECK(world.opened.empty());
}

TEST_CASE("no text of a command is an instruction of roff") {
  const cli::CommandSpec spec{"x",
                              ".so /etc/passwd",
                              {{"A", "'br and \\n"}},
                              {{"o", 0, "V", ".B \\fBbold"}},
                              {".de"}};
  const std::string page = cli::man_page_of(spec);
  CHECK(page.find("\n.so") == std::string::npos);
  CHECK(page.find("\n'br") == std::string::npos);
  CHECK(page.find("\n.B \\f") == std::string::npos);
  CHECK(page.find("\n.de") == std::string::npos);
  CHECK(page.find("\\&.so /etc/passwd") != std::string::npos);
  CHECK(page.find("\\&'br and \\en") != std::string::npos);
}

TEST_CASE("completion prints a script for each shell, and never runs ipam in it") {
  World world;
  for (const std::string shell : {"bash", "zsh", "fish"}) {
    CHECK(world.run({"completion", shell}) == 0);
    CHECK(world.out.find("transfer-leader") != std::string::npos);
    CHECK(world.out.find("$(ipam") == std::string::npos);
    CHECK(world.out.find("(ipam ") == std::string::npos);
  }
  CHECK(world.run({"completion", "tcsh"}) == 2);
  CHECK(world.err == "Error: SHELL must be bash, zsh or fish, not 'tcsh'\n");
  CHECK(world.run({"completion"}) == 2);
  CHECK(world.run({"completion", "--help"}) == 0);
  CHECK(world.out.find("Usage:\n  ipam completion SHELL [options]") != std::string::npos);
}

TEST_CASE("a text in a completion script cannot end its quotes") {
  const cli::CommandSpec spec{"x", "it's \\a", {}, {{"o", 0, "V", "don't \\", {"a'b"}}}, {}};
  const std::string fish = cli::completion_script(cli::Shell::fish, {spec});
  CHECK(fish.find("'it\\'s \\\\a'") != std::string::npos);
  CHECK(fish.find("'don\\'t \\\\'") != std::string::npos);
  const std::string bash = cli::completion_script(cli::Shell::bash, {spec});
  CHECK(bash.find("echo 'a'\\''b'") != std::string::npos);
}

TEST_CASE("an option whose help lists words completes them") {
  World world;
  REQUIRE(world.run({"man", "--output", "json"}) == 0);
  const json::value all = json::parse(world.out);
  for (const auto& command : all.at("commands").as_array()) {
    for (const auto& option : command.at("options").as_array()) {
      CAPTURE(option);
      const std::string help(option.at("help").as_string());
      const auto& choices = option.at("choices").as_array();
      // "a, b or c"
      const bool lists = help.substr(0, help.find(' ')).ends_with(",") &&
                         help.find(" or ") != std::string::npos;
      if (lists) CHECK_FALSE(choices.empty());
      const std::string shown = std::string(option.at("value_name").as_string()) + " " + help;
      for (const auto& choice : choices)
        CHECK(shown.find(std::string(choice.as_string())) != std::string::npos);
    }
  }
}
