#include <doctest/doctest.h>

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "http/request_parser.hpp"
#include "http/response_parser.hpp"

using http::RequestParser;
using Step = http::RequestParser::Step;

namespace {

std::string random_text(base::Random& random, std::size_t size_max) {
  std::string text;
  for (std::size_t i = random.below(size_max + 1); i > 0; --i)
    text += static_cast<char>(random.below(256));
  return text;
}

std::string chunked(base::Random& random, const std::string& body) {
  std::string out;
  for (std::size_t at = 0; at < body.size();) {
    const std::size_t size = std::min<std::size_t>(random.between(1, 40), body.size() - at);
    out += fmt::format("{:x}{}\r\n{}\r\n", size, random.chance(20) ? ";ext=1" : "",
                       body.substr(at, size));
    at += size;
  }
  return out + "0\r\n" + (random.chance(20) ? "Trailer: x\r\n" : "") + "\r\n";
}

struct Expected {
  std::string path, body, mark;
};

// A request with a random body and a random framing of it.
std::string random_request(base::Random& random, Expected& expected) {
  expected.path = "/" + std::string(random.below(30), 'p');
  expected.body = random.chance(50) ? "" : random_text(random, 300);
  expected.mark = std::string(random.below(60), 'm');
  std::string out = random.chance(5) ? "\r\n" : "";
  out += "POST " + expected.path + " HTTP/1.1\r\nHost: h\r\nMark: " + expected.mark + "\r\n";
  if (random.chance(50)) {
    out += "Transfer-Encoding: chunked\r\n\r\n" + chunked(random, expected.body);
  } else {
    out += fmt::format("Content-Length: {}\r\n\r\n", expected.body.size()) + expected.body;
  }
  return out;
}

// What a parser makes of bytes, as text: each request, then the error if there is one.
std::string account(RequestParser& parser, std::string_view bytes) {
  std::string out;
  parser.feed(bytes);
  while (true) {
    switch (parser.next()) {
      case Step::need_more: return out;
      case Step::error:
        return out + fmt::format("error {} {}\n", parser.error().status, parser.error().detail);
      case Step::request: {
        const http::Request& request = parser.request();
        out += fmt::format("{} {} {} {}\n", to_string(request.method), request.path, request.query,
                           request.keep_alive);
        for (const auto& header : request.headers)
          out += fmt::format("{}: {}\n", header.name, header.value);
        out += request.body + "\n";
      }
    }
  }
}

std::string account_in_parts(base::Random& random, std::string_view bytes,
                             const http::Limits& limits) {
  RequestParser parser(limits);
  std::string out;
  const std::uint64_t part_max = random.chance(50) ? 3 : 200;
  while (!bytes.empty()) {
    const std::size_t part = std::min<std::size_t>(random.between(1, part_max), bytes.size());
    const std::string step = account(parser, bytes.substr(0, part));
    out += step;
    bytes.remove_prefix(part);
    if (step.find("error ") != std::string::npos) break;
  }
  return out;
}

}  // namespace

TEST_CASE("a pipeline of valid requests gives the same requests however it is split") {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    CAPTURE(seed);
    base::Random random(seed);
    std::string bytes;
    std::vector<Expected> expected(random.between(1, 8));
    for (Expected& one : expected) bytes += random_request(random, one);
    RequestParser parser(http::Limits{});
    std::size_t index = 0;
    std::string_view left = bytes;
    while (!left.empty()) {
      const std::size_t part = std::min<std::size_t>(random.between(1, 100), left.size());
      parser.feed(left.substr(0, part));
      left.remove_prefix(part);
      Step step = Step::need_more;
      while ((step = parser.next()) == Step::request) {
        REQUIRE(index < expected.size());
        CHECK(parser.request().path == expected[index].path);
        CHECK(parser.request().body == expected[index].body);
        REQUIRE(parser.request().header("mark") != nullptr);
        CHECK(*parser.request().header("mark") == expected[index].mark);
        ++index;
      }
      REQUIRE(step == Step::need_more);
    }
    CHECK(index == expected.size());
    CHECK(parser.between_requests());
  }
}

TEST_CASE("damaged pipelines give the same requests and the same error however they are split") {
  http::Limits limits;
  limits.request_line_bytes_max = 60;
  limits.header_bytes_max = 110;
  limits.headers_max = 3;
  limits.body_bytes_max = 250;
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    CAPTURE(seed);
    base::Random random(seed);
    std::string bytes;
    Expected ignored;
    for (int i = 0; i < 3; ++i) bytes += random_request(random, ignored);
    static constexpr std::string_view damage("\r\n :\0;,0aG/%", 12);
    for (std::uint64_t i = random.below(4); i > 0; --i)
      bytes[random.below(bytes.size())] = damage[random.below(damage.size())];
    RequestParser whole(limits);
    const std::string expected = account(whole, bytes);
    CHECK(account_in_parts(random, bytes, limits) == expected);
  }
}

TEST_CASE("parsing takes linear time: byte by byte, in pipelines, in chunks of one byte") {
  // A quadratic parser would look at 10^12 bytes in each of these.
  const std::size_t count = 1'000'000;
  http::Limits limits;
  limits.header_bytes_max = 2 * count;
  RequestParser parser(limits);
  parser.feed("POST / HTTP/1.1\r\nHost: a\r\nLong: ");
  for (std::size_t i = 0; i < count; ++i) {
    parser.feed("x");
    REQUIRE(parser.next() == Step::need_more);
  }
  std::string rest = "\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (std::size_t i = 0; i < count; ++i) rest += "1\r\ny\r\n";
  parser.feed(rest + "0\r\n\r\n");
  REQUIRE(parser.next() == Step::request);
  CHECK(parser.request().body.size() == count);

  std::string pipeline;
  for (std::size_t i = 0; i < count / 20; ++i) pipeline += "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  parser.feed(pipeline);
  std::size_t requests = 0;
  while (parser.next() == Step::request) ++requests;
  CHECK(requests == count / 20);
}
