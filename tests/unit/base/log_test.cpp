#include <doctest/doctest.h>

#include <boost/json.hpp>

#include "base/log.hpp"
#include "base/random.hpp"

namespace {

constexpr const char* time_text = "2026-01-02T03:04:05.678Z";

std::string line_of(base::LogFormat format, std::string_view message, std::uint64_t node_id = 0) {
  base::Logger logger(base::LogLevel::info, format);
  logger.set_node_id(node_id);
  return logger.line(time_text, base::LogLevel::warning, "raft", message);
}

}  // namespace

TEST_CASE("a log line has time, level, component, message, and the node as JSON") {
  CHECK(line_of(base::LogFormat::text, "node 2 leads") ==
        "2026-01-02T03:04:05.678Z warning raft: node 2 leads\n");
  CHECK(line_of(base::LogFormat::json, "a \"b\" \\c", 3) ==
        R"({"time":"2026-01-02T03:04:05.678Z","level":"warning","node":3,"component":"raft",)"
        R"("message":"a \"b\" \\c"})"
        "\n");
}

TEST_CASE("what a message holds cannot end its line or move a terminal's cursor") {
  const std::string message = std::string("a\nb\r\x1b[2J\x7f\tc\xff\xc2\x85 \xc3\xa4", 17) + '\0';
  CHECK(line_of(base::LogFormat::text, message) ==
        "2026-01-02T03:04:05.678Z warning raft: a\\x0ab\\x0d\\x1b[2J\\x7f\\x09c\\xff\\u0085 "
        "\xc3\xa4\\x00\n");
  const auto parsed = boost::json::parse(line_of(base::LogFormat::json, message));
  CHECK(parsed.at("message").as_string() ==
        std::string("a\nb\r\x1b[2J\x7f\tc\xef\xbf\xbd\xc2\x85 \xc3\xa4", 19) + '\0');
}

TEST_CASE("lines as JSON are valid JSON and UTF-8, and text is one line, whatever the bytes") {
  for (std::uint64_t seed = 1; seed <= 5000; ++seed) {
    CAPTURE(seed);
    base::Random random(seed);
    std::string message;
    for (std::uint64_t bytes = random.below(12); bytes > 0; --bytes)
      message += static_cast<char>(random.chance(50) ? random.between(0x7f, 0xf5)
                                                     : random.below(256));
    CAPTURE(message);
    const std::string text = line_of(base::LogFormat::text, message);
    for (const char c : text.substr(0, text.size() - 1))
      REQUIRE((static_cast<unsigned char>(c) >= 0x20 && c != 0x7f));
    boost::json::error_code ec;
    const std::string json = line_of(base::LogFormat::json, message);
    boost::json::parse(json, ec);  // refuses what is no UTF-8
    REQUIRE_FALSE(ec.failed());
    REQUIRE(json.find('\n') == json.size() - 1);
  }
}
