#include <doctest/doctest.h>

#include <string>

#include "http/fields.hpp"
#include "http/message.hpp"
#include "http/target.hpp"

TEST_CASE("header names are compared without case") {
  http::Request request;
  request.headers = {{"Content-Type", "a"}, {"content-type", "b"}, {"X", "c"}};
  REQUIRE(request.header("CONTENT-TYPE") != nullptr);
  CHECK(*request.header("CONTENT-TYPE") == "a");
  CHECK(request.header("Content-Typ") == nullptr);
  CHECK_FALSE(http::equal_ignoring_case("a@", "a`"));  // 0x40 and 0x60 are no letters
}

TEST_CASE("no control character but the tab is field text, wherever it is") {
  for (std::size_t size = 0; size <= 20; ++size)
    CHECK(http::is_field_text(std::string(size, '\xff')));
  for (int c = 0; c < 256; ++c)
    for (std::size_t size = 1; size <= 20; ++size)
      for (std::size_t at = 0; at < size; ++at) {
        std::string text(size, size % 2 == 0 ? ' ' : '\x80');
        text[at] = static_cast<char>(c);
        REQUIRE(http::is_field_text(text) == ((c >= 0x20 && c != 0x7f) || c == '\t'));
      }
}

TEST_CASE("methods are known by their exact name") {
  for (const char* name : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
    CHECK(http::to_string(http::parse_method(name)) == name);
  CHECK(http::parse_method("get") == http::Method::other);
  CHECK(http::parse_method("PROPFIND") == http::Method::other);
}

TEST_CASE("every status that ipam answers has a reason phrase") {
  for (const int status : {200, 201, 204, 400, 401, 403, 404, 405, 408, 409, 410, 411, 412, 413,
                           414, 415, 417, 422, 428, 429, 431, 500, 501, 503, 504, 505})
    CHECK_FALSE(http::reason_phrase(status).empty());
  CHECK(http::reason_phrase(100) == "Continue");
  CHECK(http::reason_phrase(299).empty());
  CHECK(http::reason_phrase(999).empty());
}

TEST_CASE("a query is decoded into pairs in their order") {
  const auto pairs = http::parse_query("a=1&b=x+y%2Bz&&c&=d&e=f=g&a=2");
  REQUIRE(pairs.has_value());
  const std::vector<std::pair<std::string, std::string>> expected{
      {"a", "1"}, {"b", "x y+z"}, {"c", ""}, {"", "d"}, {"e", "f=g"}, {"a", "2"}};
  CHECK(*pairs == expected);
  CHECK(http::parse_query("")->empty());
}

TEST_CASE("a query with bad encodings or too many pairs is refused") {
  for (const char* bad : {"a=%", "a=%4", "a=%zz", "%g0=1", "a=%00"}) {
    CAPTURE(bad);
    CHECK_FALSE(http::parse_query(bad).has_value());
  }
  std::string many;
  for (int i = 0; i < 64; ++i) many += "k=v&";
  CHECK(http::parse_query(many)->size() == 64);
  CHECK_FALSE(http::parse_query(many + "k").has_value());
}

TEST_CASE("a host is a name or an address, with a port or without") {
  for (const char* good : {"", "a", "a.example:80", "127.0.0.1:8080", "[::1]", "[::1]:80", "a:"}) {
    CAPTURE(good);
    CHECK(http::is_host(good));
  }
  for (const char* bad : {"a b", "a/b", "a:b", "a:123456", ":80", "[::1", "[]", "[::1]x", "u@a",
                          "a,b", "a?b", "a:80:80"}) {
    CAPTURE(bad);
    CHECK_FALSE(http::is_host(bad));
  }
}
