#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/random.hpp"
#include "http/response_parser.hpp"
#include "http/response_writer.hpp"

using http::Method;
using http::Response;
using http::ResponseParser;
using http::WriteOptions;
using Step = http::ResponseParser::Step;

namespace {

std::string written(const Response& response, const WriteOptions& options) {
  std::string out;
  write_response(out, response, options);
  return out;
}

Response answer(int status, std::string body) {
  Response response;
  response.status = status;
  response.content_type = "text/plain";
  response.body = std::move(body);
  return response;
}

}  // namespace

TEST_CASE("a response is written with its length, and with Connection where it is due") {
  CHECK(written(answer(200, "hello"), {}) ==
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello");
  CHECK(written(answer(404, ""), {.keep_alive = false, .date = "D"}) ==
        "HTTP/1.1 404 Not Found\r\nDate: D\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n"
        "Connection: close\r\n\r\n");
  CHECK(written(answer(200, "x"), {.minor_version = 0}) ==
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n"
        "Connection: keep-alive\r\n\r\nx");
  CHECK(written(answer(299, ""), {}).starts_with("HTTP/1.1 299 \r\n"));
}

TEST_CASE("HEAD gets the length without the body; 204 and 304 have neither") {
  CHECK(written(answer(200, "hello"), {.method = Method::head}) ==
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n");
  Response empty;
  empty.status = 204;
  empty.body = "a mistake";
  CHECK(written(empty, {}) == "HTTP/1.1 204 No Content\r\n\r\n");
  empty.status = 304;
  CHECK(written(empty, {}) == "HTTP/1.1 304 Not Modified\r\n\r\n");
}

TEST_CASE("a header cannot start another one, nor change the framing") {
  Response response = answer(200, "x");
  response.headers = {{"Link", "a\r\nSet-Cookie: b"},
                      {"content-length", "7"},
                      {"Transfer-Encoding", "chunked"},
                      {"Connection", "upgrade"}};
  CHECK(written(response, {}) ==
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nLink: a  Set-Cookie: b\r\n"
        "Content-Length: 1\r\n\r\nx");
}

TEST_CASE("what the writer wrote, the response parser reads, however it is split") {
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    CAPTURE(seed);
    base::Random random(seed);
    static constexpr int statuses[] = {200, 201, 204, 304, 404, 503};
    std::string bytes;
    std::vector<Response> responses(random.between(1, 5));
    std::vector<Method> methods;
    for (Response& response : responses) {
      response = answer(statuses[random.below(6)], std::string(random.below(300), 'b'));
      response.headers.push_back({"X-N", std::to_string(seed)});
      methods.push_back(random.chance(30) ? Method::head : Method::get);
      write_response(bytes, response, {.method = methods.back(), .date = "now"});
    }
    ResponseParser parser(http::Limits{});
    std::size_t index = 0;
    parser.expect(methods[0]);
    std::string_view left = bytes;
    while (!left.empty()) {
      const std::size_t part = std::min<std::size_t>(random.between(1, 60), left.size());
      parser.feed(left.substr(0, part));
      left.remove_prefix(part);
      Step step = Step::need_more;
      while (index < responses.size() && (step = parser.next()) == Step::response) {
        const Response& expected = responses[index];
        CHECK(parser.response().status == expected.status);
        CHECK(parser.response().content_type == expected.content_type);
        CHECK(*parser.response().header("x-n") == std::to_string(seed));
        CHECK(parser.response().body ==
              (has_body(expected.status, methods[index]) ? expected.body : ""));
        CHECK(parser.keep_alive());
        if (++index < responses.size()) parser.expect(methods[index]);
      }
      REQUIRE(step != Step::error);
    }
    CHECK(index == responses.size());
  }
}

TEST_CASE("chunked and close-delimited responses are read, interim ones skipped") {
  ResponseParser parser(http::Limits{});
  parser.feed("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n"
              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: x\r\n\r\n");
  REQUIRE(parser.next() == Step::response);
  CHECK(parser.response().body == "abc");
  CHECK(parser.response().headers.size() == 1);
  parser.feed("HTTP/1.0 200\r\nContent-Length: 2\r\n\r\nab");
  REQUIRE(parser.next() == Step::response);
  CHECK_FALSE(parser.keep_alive());
  parser.feed("HTTP/1.1 200 OK\r\n\r\nab");
  CHECK(parser.next() == Step::need_more);
  parser.feed("cd");
  CHECK(parser.finish() == Step::response);
  CHECK(parser.response().body == "abcd");
  CHECK_FALSE(parser.keep_alive());
}

TEST_CASE("a response that is broken or too large is an error") {
  http::Limits limits;
  limits.body_bytes_max = 4;
  limits.header_bytes_max = 64;
  limits.headers_max = 3;
  limits.request_line_bytes_max = 64;
  std::string interims;
  for (int i = 0; i < 20; ++i) interims += "HTTP/1.1 100 Continue\r\n\r\n";
  const std::vector<std::string> broken{
      "HTTP/2 200 OK\r\n\r\n",
      "HTTP/1.1 20 OK\r\n\r\n",
      "HTTP/1.1 099 OK\r\n\r\n",
      "HTTP/1.1 2000 OK\r\n\r\n",
      "ICY 200 OK\r\n\r\n",
      "HTTP/1.1 200 OK\n\n",
      "HTTP/1.1 200 " + std::string(100, 'x') + "\r\n\r\n",
      "HTTP/1.1 101 Switching Protocols\r\n\r\n",
      interims,
      "HTTP/1.1 200 OK\r\nA b\r\n\r\n",
      "HTTP/1.1 200 OK\r\nA: " + std::string(64, 'a') + "\r\n\r\n",
      "HTTP/1.1 200 OK\r\nA:1\r\nA:1\r\nA:1\r\nA:1\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n",
      "HTTP/1.1 200 OK\r\n\r\n12345",
  };
  for (const std::string& bytes : broken) {
    CAPTURE(bytes);
    ResponseParser parser(limits);
    parser.feed(bytes);
    CHECK(parser.next() == Step::error);
    CHECK_FALSE(parser.error().empty());
    CHECK(parser.finish() == Step::error);
  }
  for (const char* half : {"", "HTTP/1.1 200 OK\r\n",
                           "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na",
                           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"}) {
    CAPTURE(half);
    ResponseParser parser(limits);
    parser.feed(half);
    CHECK(parser.next() == Step::need_more);
    CHECK(parser.finish() == Step::error);
  }
}
