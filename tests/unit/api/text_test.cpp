#include <doctest/doctest.h>
#include <fmt/format.h>

#include <boost/json/parse.hpp>

#include "api/json.hpp"
#include "api/json_writer.hpp"
#include "api/render.hpp"
#include "api/text.hpp"
#include "base/random.hpp"

using namespace api;

namespace {

std::string json_string(std::string_view text) {
  std::string out;
  JsonWriter json(out);
  json.begin_array();
  json.text(text);
  json.end_array();
  return out.substr(1, out.size() - 2);
}

std::string error_of(std::string_view text) {
  const auto parsed = parse_json(text);
  return parsed ? "" : parsed.error();
}

}  // namespace

TEST_CASE("a JSON string is escaped and keeps UTF-8") {
  CHECK(json_string("") == "\"\"");
  CHECK(json_string("plain") == "\"plain\"");
  CHECK(json_string("a\"b\\c\n\r\t") == "\"a\\\"b\\\\c\\n\\r\\t\"");
  CHECK(json_string(std::string_view("\0\x1f\x7f", 3)) == "\"\\u0000\\u001f\\u007f\"");
  CHECK(json_string("h\xc3\xa9llo \xf0\x9f\x98\x80") == "\"h\xc3\xa9llo \xf0\x9f\x98\x80\"");
}

TEST_CASE("bytes that are not UTF-8 become U+FFFD in JSON") {
  CHECK(json_string("a\xff" "b") == "\"a\xef\xbf\xbd" "b\"");
  CHECK(json_string("\xc3") == "\"\xef\xbf\xbd\"");
  CHECK(json_string("\xed\xa0\x80") == "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");  // surrogate
  CHECK(json_string("\xc0\xaf") == "\"\xef\xbf\xbd\xef\xbf\xbd\"");                  // overlong
}

TEST_CASE("any bytes at all give valid JSON that reads back the same where they were UTF-8") {
  const std::uint64_t seed = 20240115;
  CAPTURE(seed);
  base::Random random(seed);
  for (int round = 0; round < 5000; ++round) {
    std::string bytes;
    for (std::uint64_t i = random.below(24); i > 0; --i)
      bytes += static_cast<char>(random.chance(50) ? random.below(256) : random.between(32, 126));
    CAPTURE(round);
    const auto parsed = parse_json(json_string(bytes));
    REQUIRE(parsed.ok());
    if (!check_text("x", bytes, 100)) {
      const auto& text = parsed->as_string();
      REQUIRE(std::string_view(text.data(), text.size()) == bytes);
    }
  }
}

TEST_CASE("counts beyond 2^53 are decimal strings") {
  std::string out;
  JsonWriter json(out);
  json.begin_array();
  json.count(0);
  json.count(1ull << 53);
  json.count((1ull << 53) + 1);
  json.count(~ipam::U128{0});
  json.end_array();
  CHECK(out ==
        "[0,9007199254740992,\"9007199254740993\",\"340282366920938463463374607431768211455\"]");
}

TEST_CASE("what has a text of its own is that text, in quotes") {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.id("id", ipam::AllocationId(~std::uint64_t{0}));
  json.id("short", ipam::VrfId(1));
  json.address("ip", {ipam::Family::ipv6, ~ipam::U128{0}});
  json.prefix("cidr", {{ipam::Family::ipv4, 0x0a000000}, 8});
  json.moment("at", 1705314600123);
  json.end_object();
  CHECK(out == R"({"id":"alloc-18446744073709551615","short":"vrf-1",)"
               R"("ip":"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff","cidr":"10.0.0.0/8",)"
               R"("at":"2024-01-15T10:30:00.123Z"})");
}

TEST_CASE("the string of a writer is whole, and the caller's, whenever nothing is open") {
  std::string expected = "before ";
  std::string out = "before ";
  JsonWriter json(out);
  for (std::size_t bytes : {0, 1, 14, 15, 16, 500, 513, 5000, 3}) {
    CAPTURE(bytes);
    const std::string text(bytes, 'x');
    json.begin_object();
    json.key("list");
    json.begin_array();
    json.end_array();
    json.text_key("a \"name\"");
    json.text(text);
    json.count("count", bytes);
    json.null("nothing");
    json.end_object();
    const std::string count = fmt::format("{}", bytes);
    expected += R"({"list":[],"a \"name\"":")" + text + R"(","count":)" + count;
    expected += R"(,"nothing":null})";
    REQUIRE(out == expected);
    out += "between";
    expected += "between,";
    if (bytes == 500) out.shrink_to_fit();
  }
}

TEST_CASE("strict JSON refuses what RFC 8259 leaves to the reader") {
  CHECK(error_of(R"({"a":1,"b":{"a":2},"c":[{"a":1},{"a":2}]})") == "");
  CHECK(error_of(R"({"a":1,"a":2})") == "the field \"a\" is given twice");
  CHECK(error_of(R"({"a":1,"\u0061":2})") == "the field \"a\" is given twice");
  CHECK(error_of(R"([{"x":{"b":1,"c":2,"b":3}}])") == "the field \"b\" is given twice");
  CHECK(error_of("{} {}").find("byte 3") != std::string::npos);
  for (const char* bad : {"", " ", "{", "[1,]", "{\"a\":1,}", "nul", "01", "1.", "'a'", "\"\\x\"",
                          "// c\n1", "NaN", "\"\xff\"", "\"\\ud800\"", "\"a\nb\"", "+1", "{a:1}"}) {
    CAPTURE(bad);
    CHECK(error_of(bad) != "");
  }
  const std::string deep(json_depth_max, '[');
  const std::string closing(json_depth_max, ']');
  CHECK(error_of(deep + closing) == "");
  CHECK(error_of("[" + deep + closing + "]").find("too deep") != std::string::npos);
  CHECK(error_of(std::string(60000, '[')) != "");
  CHECK(error_of("1e999999999999") != "");
}

TEST_CASE("a key is noticed again among few and among many, in its own object alone") {
  for (const std::size_t count : {1, 2, 31, 32, 33, 34, 200}) {
    CAPTURE(count);
    std::string keys;
    for (std::size_t i = 0; i < count; ++i) keys += fmt::format("\"k{}\":{{\"k0\":1}},", i);
    CHECK(error_of("{" + keys + "\"last\":1}") == "");
    CHECK(error_of("{" + keys + "\"k0\":1}") == "the field \"k0\" is given twice");
    CHECK(error_of(fmt::format("[{{{}\"k{}\":1}}]", keys, count - 1)) ==
          fmt::format("the field \"k{}\" is given twice", count - 1));
    CHECK(error_of(fmt::format("{{\"a\":{{{}\"x\":1}},\"k0\":1}}", keys)) == "");
  }
}

TEST_CASE("utilization is rounded to one decimal place at every size") {
  CHECK(utilization_percent(0, 254) == "0");
  CHECK(utilization_percent(45, 254) == "17.7");
  CHECK(utilization_percent(254, 254) == "100");
  CHECK(utilization_percent(1, 2) == "50");
  CHECK(utilization_percent(1, 3) == "33.3");
  CHECK(utilization_percent(2, 3) == "66.7");
  CHECK(utilization_percent(1, 2000) == "0.1");
  CHECK(utilization_percent(0, 0) == "0");
  const ipam::U128 all = ~ipam::U128{0};
  CHECK(utilization_percent(all, all) == "100");
  CHECK(utilization_percent(all / 8, all) == "12.5");
  CHECK(utilization_percent(1, all) == "0");
}

TEST_CASE("durations read as Go prints them") {
  CHECK(duration_text(0) == "0s");
  CHECK(duration_text(15) == "15s");
  CHECK(duration_text(123) == "2m3s");
  CHECK(duration_text(7205) == "2h0m5s");
  CHECK(duration_text(9015) == "2h30m15s");
  CHECK(duration_text(90000) == "25h0m0s");
}

TEST_CASE("whole numbers are digits alone") {
  CHECK(parse_whole_number("0") == 0);
  CHECK(parse_whole_number("18446744073709551615") == 18446744073709551615ull);
  for (const char* bad : {"", "-1", "+1", " 1", "1 ", "1.0", "0x1", "18446744073709551616", "a"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_whole_number(bad));
  }
}

TEST_CASE("quoted text is cut between characters") {
  CHECK(quoted("foo") == "\"foo\"");
  std::string text(quoted_bytes_max - 1, 'a');
  CHECK(quoted(text + "\xc3\xa9" + "z") == "\"" + text + "…\"");
}

TEST_CASE("addresses of nodes are host:port") {
  for (const char* good : {"localhost:5000", "node4.example.com:5004", "10.0.0.1:1", "[::1]:65535",
                           "my_node-1:80"}) {
    CAPTURE(good);
    CHECK_FALSE(check_host_and_port("addr", good));
  }
  for (const char* bad : {"", ":", "localhost", ":5000", "localhost:", "localhost:0",
                          "localhost:65536", "localhost:-1", "a b:1", "::1:5000", "[::1:5000",
                          "[x]:1", "[10.0.0.1]:1", "host:1:2", "[:1", "http://a:1"}) {
    CAPTURE(bad);
    CHECK(check_host_and_port("addr", bad));
  }
}
