#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "http/request_parser.hpp"

using http::Limits;
using http::Method;
using http::RequestParser;
using Step = http::RequestParser::Step;

namespace {

Limits small_limits() {
  Limits limits;
  limits.request_line_bytes_max = 64;
  limits.header_bytes_max = 128;
  limits.headers_max = 4;
  limits.body_bytes_max = 16;
  return limits;
}

// The status of the error that `bytes` gives; 0: none.
int error_of(const std::string& bytes, bool byte_by_byte, std::string* detail = nullptr) {
  RequestParser parser(small_limits());
  Step step = Step::need_more;
  const std::size_t part = byte_by_byte ? 1 : bytes.size();
  for (std::size_t at = 0; at < bytes.size(); at += part) {
    parser.feed(std::string_view(bytes).substr(at, part));
    do step = parser.next();
    while (step == Step::request);
    if (step == Step::error) {
      if (detail != nullptr) *detail = parser.error().detail;
      CHECK(parser.next() == Step::error);  // for good
      return parser.error().status;
    }
  }
  return 0;
}

struct Row {
  const char* name;
  std::string bytes;
  int status;
};

const std::string host = "Host: a\r\n";
std::string get(const std::string& fields) { return "GET / HTTP/1.1\r\n" + host + fields + "\r\n"; }
std::string post_chunked(const std::string& chunks) {
  return "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks;
}

const std::vector<Row> refused{
    {"no target", "GET HTTP/1.1\r\n" + host + "\r\n", 400},
    {"HTTP/0.9", "GET /\r\n", 400},
    {"two spaces", "GET  / HTTP/1.1\r\n" + host + "\r\n", 400},
    {"space in target", "GET /a b HTTP/1.1\r\n" + host + "\r\n", 400},
    {"leading space", " GET / HTTP/1.1\r\n" + host + "\r\n", 400},
    {"method is no token", "G(T / HTTP/1.1\r\n" + host + "\r\n", 400},
    {"TLS client hello", std::string("\x16\x03\x01\x02", 4), 400},
    {"many empty lines", "\r\n\r\n\r\n\r\n\r\n", 400},
    {"version malformed", "GET / HTTP/1\r\n" + host + "\r\n", 400},
    {"version in lower case", "GET / http/1.1\r\n" + host + "\r\n", 400},
    {"version of two digits", "GET / HTTP/1.10\r\n" + host + "\r\n", 400},
    {"HTTP/2.0", "GET / HTTP/2.0\r\n" + host + "\r\n", 505},
    {"HTTP/1.2", "GET / HTTP/1.2\r\n" + host + "\r\n", 505},
    {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
    {"HTTP/0.9 spelled out", "GET / HTTP/0.9\r\n" + host + "\r\n", 505},
    {"bare line feed", "GET / HTTP/1.1\n" + host + "\r\n", 400},
    {"bare line feed in fields", "GET / HTTP/1.1\r\nHost: a\n\r\n", 400},
    {"bare CR in request line", "GET /\r HTTP/1.1\r\n" + host + "\r\n", 400},
    {"bare CR in a value", get("A: b\rc\r\n"), 400},
    {"NUL in a value", get(std::string("A: b\0c\r\n", 8)), 400},
    {"obs-fold", get("A: b\r\n c\r\n"), 400},
    {"obs-fold first", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
    {"space before colon", get("A : b\r\n"), 400},
    {"no colon", get("A\r\n"), 400},
    {"empty name", get(": b\r\n"), 400},
    {"Host missing", "GET / HTTP/1.1\r\n\r\n", 400},
    {"Host twice", get("Host: a\r\n"), 400},
    {"Host malformed", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
    {"Host malformed in 1.0", "GET / HTTP/1.0\r\nHost: a/b\r\n\r\n", 400},
    {"target is no path", "GET a HTTP/1.1\r\n" + host + "\r\n", 400},
    {"target with fragment", "GET /a#b HTTP/1.1\r\n" + host + "\r\n", 400},
    {"target not ASCII", "GET /\xc3\xa4 HTTP/1.1\r\n" + host + "\r\n", 400},
    {"asterisk for GET", "GET * HTTP/1.1\r\n" + host + "\r\n", 400},
    {"authority form", "CONNECT a:80 HTTP/1.1\r\n" + host + "\r\n", 400},
    {"other scheme", "GET ftp://a/ HTTP/1.1\r\n" + host + "\r\n", 400},
    {"URL without host", "GET http:///a HTTP/1.1\r\n" + host + "\r\n", 400},
    {"half an encoding", "GET /%4 HTTP/1.1\r\n" + host + "\r\n", 400},
    {"bad encoding", "GET /%zz HTTP/1.1\r\n" + host + "\r\n", 400},
    {"encoded NUL", "GET /%00 HTTP/1.1\r\n" + host + "\r\n", 400},
    {"Content-Length negative", get("Content-Length: -1\r\n"), 400},
    {"Content-Length with sign", get("Content-Length: +1\r\n"), 400},
    {"Content-Length empty", get("Content-Length:\r\n"), 400},
    {"Content-Length in hex", get("Content-Length: 0x1\r\n"), 400},
    {"Content-Length a list", get("Content-Length: 1, 1\r\n"), 400},
    {"Content-Length twice", get("Content-Length: 1\r\nContent-Length: 2\r\n"), 400},
    {"length and chunked", get("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), 400},
    {"Content-Length and gzip", get("Content-Length: 1\r\nTransfer-Encoding: gzip\r\n"), 400},
    {"chunked in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"chunked twice", get("Transfer-Encoding: chunked, chunked\r\n"), 400},
    {"Transfer-Encoding empty", get("Transfer-Encoding: ,\r\n"), 400},
    {"gzip", get("Transfer-Encoding: gzip\r\n"), 501},
    {"gzip, chunked", get("Transfer-Encoding: gzip, chunked\r\n"), 501},
    {"gzip and chunked", get("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"), 501},
    {"chunked with parameter", get("Transfer-Encoding: chunked;q=1\r\n"), 501},
    {"identity", get("Transfer-Encoding: identity\r\n"), 501},
    {"other expectation", get("Expect: 200-ok\r\n"), 417},
    {"request line too long", "GET /" + std::string(60, 'a') + " HTTP/1.1\r\n" + host, 414},
    {"request line without end", "GET /" + std::string(200, 'a'), 414},
    {"fields too large", get("A: " + std::string(128, 'a') + "\r\n"), 431},
    {"a field without end", "GET / HTTP/1.1\r\nA: " + std::string(200, 'a'), 431},
    {"too many fields", get("A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n"), 431},
    {"body too large", get("Content-Length: 17\r\n"), 413},
    {"body of 2^64", get("Content-Length: 18446744073709551616\r\n"), 413},
    {"body of 10^30", get("Content-Length: 1000000000000000000000000000000\r\n"), 413},
    {"body too large, expected", get("Expect: 100-continue\r\nContent-Length: 17\r\n"), 413},
    {"chunk too large", post_chunked("11\r\n"), 413},
    {"chunks too large", post_chunked("10\r\n0123456789abcdef\r\n1\r\n"), 413},
    {"chunk of 2^64", post_chunked("10000000000000000\r\n"), 413},
    {"chunk of 2^68 + 1", post_chunked("100000000000000001\r\n"), 413},
    {"chunk size empty", post_chunked("\r\n"), 400},
    {"chunk size no hex", post_chunked("g\r\n"), 400},
    {"chunk size 0x", post_chunked("0x1\r\n"), 400},
    {"chunk size with junk", post_chunked("1 2\r\n"), 400},
    {"chunk size with space", post_chunked("1 \r\n"), 400},
    {"chunk size negative", post_chunked("-1\r\n"), 400},
    {"chunk size ends in LF", post_chunked("1\na\r\n"), 400},
    {"chunk extension has CR", post_chunked("1;a\rb\r\n"), 400},
    {"chunk line too long", post_chunked("1;" + std::string(300, 'a') + "\r\n"), 400},
    {"chunk longer than said", post_chunked("1\r\nab\r\n"), 400},
    {"chunk ends in LF", post_chunked("1\r\na\n0\r\n"), 400},
    {"trailer malformed", post_chunked("0\r\nA : b\r\n\r\n"), 400},
    {"trailers too large", post_chunked("0\r\nA: " + std::string(128, 'a') + "\r\n\r\n"), 431},
    {"too many trailers", post_chunked("0\r\nA: 1\r\nA: 1\r\nA: 1\r\nA: 1\r\nA: 1\r\n\r\n"), 431},
};

}  // namespace

TEST_CASE("what is not an acceptable request gives its status, whole and byte by byte") {
  for (const Row& row : refused) {
    CAPTURE(row.name);
    std::string detail, detail_by_byte;
    CHECK(error_of(row.bytes, false, &detail) == row.status);
    CHECK(error_of(row.bytes, true, &detail_by_byte) == row.status);
    CHECK(detail == detail_by_byte);
    CHECK_FALSE(detail.empty());
  }
}

TEST_CASE("chunk extensions are bounded over all chunks together") {
  std::string chunks;
  for (int i = 0; i < 4; ++i) chunks += "1;" + std::string(40, 'e') + "\r\na\r\n";
  CHECK(error_of(post_chunked(chunks), false) == 400);
}

namespace {

struct Accepted {
  const char* name;
  std::string bytes;
  Method method;
  std::string path, query, body;
  bool keep_alive = true;
};

const std::vector<Accepted> accepted{
    {"plain", "GET /a/b?c=d&e HTTP/1.1\r\nHost: a\r\n\r\n", Method::get, "/a/b", "c=d&e", ""},
    {"empty line first", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Method::get, "/", "", ""},
    {"question marks", "GET /?a?b HTTP/1.1\r\nHost: a\r\n\r\n", Method::get, "/", "a?b", ""},
    {"decoded", "GET /a%2fb%20c%C3%A4?%zz HTTP/1.1\r\nHost:\r\n\r\n", Method::get, "/a/b c\xc3\xa4",
     "%zz", ""},
    {"absolute", "GET http://x:80/a?b HTTP/1.1\r\nHost: a\r\n\r\n", Method::get, "/a", "b", ""},
    {"absolute, no path", "GET HTTPS://x HTTP/1.1\r\nHost: a\r\n\r\n", Method::get, "/", "", ""},
    {"absolute, only query", "GET http://[::1]?b HTTP/1.1\r\nHost: a\r\n\r\n", Method::get, "/",
     "b", ""},
    {"asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", Method::options, "*", "", ""},
    {"other method", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n", Method::other, "/", "", ""},
    {"length", get("Content-Length: 3\r\n") + "abc", Method::get, "/", "", "abc"},
    {"length twice the same", get("Content-Length: 3\r\nContent-Length: 03\r\n") + "abc",
     Method::get, "/", "", "abc"},
    {"neither length nor coding", "POST / HTTP/1.1\r\nHost: a\r\n\r\n", Method::post, "/", "", ""},
    {"chunked", post_chunked("3\r\nabc\r\n0002 ;x=\"y\"\r\nde\r\nA\r\n0123456789\r\n0\r\n\r\n"),
     Method::post, "/", "", "abcde0123456789"},
    {"chunked with trailer", post_chunked("1\r\na\r\n0\r\nA: b\r\n\r\n"), Method::post, "/", "",
     "a"},
    {"largest body", get("Content-Length: 16\r\n") + "0123456789abcdef", Method::get, "/", "",
     "0123456789abcdef"},
    {"close", get("Connection: Close\r\n"), Method::get, "/", "", "", false},
    {"close in a list", get("Connection: a, close\r\n"), Method::get, "/", "", "", false},
    {"1.0", "GET / HTTP/1.0\r\n\r\n", Method::get, "/", "", "", false},
    {"1.0 kept", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", Method::get, "/", "", ""},
    {"1.0 both", "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", Method::get, "/", "",
     "", false},
    {"longest line", "GET /" + std::string(50, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", Method::get,
     "/" + std::string(50, 'a'), "", ""},
};

}  // namespace

TEST_CASE("acceptable requests are understood") {
  for (const Accepted& row : accepted) {
    CAPTURE(row.name);
    RequestParser parser(small_limits());
    CHECK(parser.between_requests());
    parser.feed(row.bytes);
    CHECK_FALSE(parser.between_requests());
    REQUIRE(parser.next() == Step::request);
    CHECK(parser.request().method == row.method);
    CHECK(parser.request().path == row.path);
    CHECK(parser.request().query == row.query);
    CHECK(parser.request().body == row.body);
    CHECK(parser.request().keep_alive == row.keep_alive);
    CHECK(parser.between_requests());
    CHECK(parser.next() == Step::need_more);
    CHECK(parser.between_requests());
  }
}

TEST_CASE("fields keep their order and spelling, and their values are trimmed") {
  RequestParser parser(small_limits());
  parser.feed("GET / HTTP/1.1\r\nhOST:\t a \r\nEmpty:\r\nB:c:d\xff\r\n\r\n");
  REQUIRE(parser.next() == Step::request);
  const auto& headers = parser.request().headers;
  REQUIRE(headers.size() == 3);
  CHECK(headers[0].name == "hOST");
  CHECK(headers[0].value == "a");
  CHECK(headers[1].value.empty());
  CHECK(headers[2].value == "c:d\xff");
}

TEST_CASE("nothing of a request is left in the next one") {
  RequestParser parser(small_limits());
  parser.feed("POST /a?b HTTP/1.1\r\nHost: a\r\nX: y\r\nConnection: close\r\n"
              "Content-Length: 1\r\n\r\nz"
              "GET / HTTP/1.1\r\nHost: c\r\n\r\n");
  REQUIRE(parser.next() == Step::request);
  CHECK(parser.request().headers.size() == 4);
  REQUIRE(parser.next() == Step::request);
  CHECK(parser.request().headers.size() == 1);
  CHECK(*parser.request().header("host") == "c");
  CHECK(parser.request().query.empty());
  CHECK(parser.request().body.empty());
  CHECK(parser.request().keep_alive);
}

TEST_CASE("100-continue is asked for once, and only while the body has not begun") {
  const std::string head = get("Expect: 100-Continue\r\nContent-Length: 2\r\n");
  RequestParser parser(small_limits());
  parser.feed(head.substr(0, head.size() - 1));
  CHECK(parser.next() == Step::need_more);
  CHECK_FALSE(parser.take_expectation());
  parser.feed("\n");
  CHECK(parser.next() == Step::need_more);
  CHECK(parser.take_expectation());
  CHECK_FALSE(parser.take_expectation());
  parser.feed("ab");
  CHECK(parser.next() == Step::request);

  parser.feed(head + "a");
  CHECK(parser.next() == Step::need_more);
  CHECK_FALSE(parser.take_expectation());  // the client did not wait
  parser.feed("b");
  CHECK(parser.next() == Step::request);

  parser.feed("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  CHECK(parser.next() == Step::need_more);
  CHECK_FALSE(parser.take_expectation());  // HTTP/1.0 does not know it
}

TEST_CASE("the memory that a large request needed is given back with the next one") {
  RequestParser parser{http::Limits{}};
  std::string large = "POST / HTTP/1.1\r\n" + host + "Content-Length: 1000000\r\n";
  for (int i = 0; i < 10; ++i) large += std::string(1500, static_cast<char>('a' + i)) + ": x\r\n";
  parser.feed(large + "\r\n" + std::string(1'000'000, 'x'));
  REQUIRE(parser.next() == Step::request);
  CHECK(parser.large_body_bytes() >= 1'000'000);
  CHECK(parser.next() == Step::need_more);
  CHECK(parser.large_body_bytes() == 0);
  CHECK(parser.prepare().size() <= 16384);
  std::string small = "POST / HTTP/1.1\r\n" + host + "Content-Length: 2\r\n";
  for (int i = 0; i < 10; ++i) small += "a: x\r\n";
  parser.feed(small + "\r\n{}");
  REQUIRE(parser.next() == Step::request);
  CHECK(parser.request().body.capacity() <= http::small_body_bytes);
  std::size_t bytes = 0;
  for (const http::Header& header : parser.request().headers)
    bytes += header.name.capacity() + header.value.capacity();
  CHECK(bytes < 2000);
}
