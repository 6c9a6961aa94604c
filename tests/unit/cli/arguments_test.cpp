#include <doctest/doctest.h>

#include "cli/arguments.hpp"

using cli::parse_arguments;

namespace {

const cli::CommandSpec spec = {"allocate",
                               "Allocate.",
                               {{"IP", "the address"}},
                               {{"count", 'k', "N", "how many"},
                                {"description", 'd', "TEXT", "what for"},
                                {"all", 'a', "", "everything"}},
                               {"ipam allocate 1"}};

std::string error_of(const std::vector<std::string>& args) {
  const auto parsed = parse_arguments(spec, args);
  return parsed ? "" : parsed.error().message;
}

}  // namespace

TEST_CASE("options may stand before and after positionals, long and short") {
  const std::vector<std::vector<std::string>> lines = {
      {"-k", "5", "10.0.0.1", "-a"},
      {"10.0.0.1", "-ak5"},
      {"--all", "10.0.0.1", "--count=5"},
      {"--count", "5", "-a", "--", "10.0.0.1"},
  };
  for (const auto& line : lines) {
    CAPTURE(line);
    const auto parsed = parse_arguments(spec, line);
    REQUIRE(parsed);
    CHECK(parsed->get("count") == "5");
    CHECK(parsed->has("all"));
    CHECK(parsed->positional(0) == "10.0.0.1");
    CHECK_FALSE(parsed->has("description"));
  }
}

TEST_CASE("values may be negative, empty, or start with a dash") {
  CHECK(parse_arguments(spec, {"1", "-k", "-1"})->get("count") == "-1");
  CHECK(parse_arguments(spec, {"1", "-k-1"})->get("count") == "-1");
  CHECK(parse_arguments(spec, {"1", "-d", ""})->get("description") == "");
  CHECK(parse_arguments(spec, {"1", "-d", "- old"})->get("description") == "- old");
  CHECK(parse_arguments(spec, {"1", "-d", "a=b c"})->get("description") == "a=b c");
}

TEST_CASE("global options are known to each command") {
  const auto parsed = parse_arguments(
      spec, {"1", "--db", "d", "--cluster", "--server=u", "--token", "t", "--output", "csv"});
  REQUIRE(parsed);
  CHECK(parsed->get("db") == "d");
  CHECK(parsed->has("cluster"));
  CHECK(parsed->get("server") == "u");
  CHECK(parsed->get("token") == "t");
  CHECK(parsed->get("output") == "csv");
}

TEST_CASE("wrong usage is named") {
  const std::string see = " (see 'ipam allocate --help')";
  CHECK(error_of({"1", "--cout", "5"}) ==
        "unknown option '--cout' for 'ipam allocate'; did you mean '--count'?" + see);
  CHECK(error_of({"1", "--zzzzzzzzz"}) == "unknown option '--zzzzzzzzz' for 'ipam allocate'" + see);
  CHECK(error_of({"1", "-z"}) == "unknown option '-z' for 'ipam allocate'" + see);
  CHECK(error_of({"1", "--coun", "5"}).starts_with("unknown option '--coun'"));  // no guessing
  CHECK(error_of({"1", "--count"}) == "--count needs a value" + see);
  CHECK(error_of({"1", "-k"}).find("needs a value") != std::string::npos);
  CHECK(error_of({"1", "--all=yes"}) == "--all takes no value" + see);
  CHECK(error_of({"1", "-k", "1", "--count", "2"}) == "--count is given twice");
  CHECK(error_of({}) == "'ipam allocate' needs IP" + see);
  CHECK(error_of({""}) == "IP must not be empty");
  CHECK(error_of({"1", "2"}) == "unexpected argument '2' for 'ipam allocate'" + see);
}

TEST_CASE("numbers are whole and within their range") {
  CHECK(cli::parse_number("--limit", "18446744073709551615", 0, UINT64_MAX).value() == UINT64_MAX);
  for (const char* text : {"", "-1", "+1", " 1", "1 ", "1.0", "0x1", "18446744073709551616", "0"}) {
    CAPTURE(text);
    const auto parsed = cli::parse_number("--limit", text, 1, UINT64_MAX);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().message.starts_with("--limit must be a whole number from 1 to "));
  }
  CHECK_FALSE(cli::parse_number("--limit", "11", 1, 10));
}

TEST_CASE("lists drop blanks and empty items") {
  CHECK(cli::split_list("") == std::vector<std::string>{});
  CHECK(cli::split_list("a") == std::vector<std::string>{"a"});
  CHECK(cli::split_list(" a , b c,,\td,") == std::vector<std::string>{"a", "b c", "d"});
}

TEST_CASE("booleans are read in any case") {
  for (const char* text : {"true", "TRUE", "1", "yes", "On"}) CHECK(*cli::parse_boolean("V", text));
  for (const char* text : {"false", "0", "NO", "off"}) CHECK_FALSE(*cli::parse_boolean("V", text));
  CHECK(cli::parse_boolean("V", "maybe").error().message == "V must be true or false, not 'maybe'");
}

TEST_CASE("the nearest word is found only where one is near") {
  const std::vector<std::string> words = {"network", "allocate", "release", "list"};
  CHECK(cli::nearest("netwrok", words) == "network");
  CHECK(cli::nearest("lst", words) == "list");
  CHECK(cli::nearest("allocates", words) == "allocate");
  CHECK(cli::nearest("quarantine", words) == "");
  CHECK(cli::nearest("", words) == "");
}

TEST_CASE("the last argument may be one that is given once or more") {
  const cli::PositionalSpec others{.name = "ID", .help = "others", .repeats = true};
  cli::CommandSpec several{"merge", "Merge.", {{"ID", "one"}, others}, {}, {"x"}};
  const auto given = cli::parse_arguments(several, {"a", "b", "c"});
  REQUIRE(given);
  CHECK(given->positionals() == std::vector<std::string>{"a", "b", "c"});
  CHECK(cli::parse_arguments(several, {"a"}).error().message.starts_with("'ipam merge' needs ID"));
  CHECK(cli::parse_arguments(several, {"a", "b", ""}).error().message == "ID must not be empty");
  CHECK(cli::help_text(several).find("ipam merge ID ID... [options]") != std::string::npos);
}

TEST_CASE("help shows usage, arguments, options and an example") {
  const std::string help = cli::help_text(spec);
  for (const char* part :
       {"Allocate.", "Usage:\n  ipam allocate IP [options]", "Arguments:\n  IP", "-k, --count N",
        "Options of every command:", "--server URL", "Examples:\n  ipam allocate 1\n"}) {
    CAPTURE(part);
    CHECK(help.find(part) != std::string::npos);
  }
}
