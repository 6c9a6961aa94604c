#include <doctest/doctest.h>

#include "cli/endpoint.hpp"

using cli::Endpoint;
using cli::parse_endpoint;
using cli::parse_server_url;

TEST_CASE("an endpoint is a host and a port") {
  CHECK(*parse_endpoint("localhost:5001") == Endpoint{"localhost", 5001});
  CHECK(*parse_endpoint("10.0.0.1:1") == Endpoint{"10.0.0.1", 1});
  CHECK(*parse_endpoint("[2001:db8::1]:65535") == Endpoint{"2001:db8::1", 65535});
  CHECK(*parse_endpoint("n:0", cli::PortZero::allowed) == Endpoint{"n", 0});
  for (const char* text : {"node1.example.com:5001", "[::1]:80", "my_host-2:9"})
    CHECK(to_string(*parse_endpoint(text)) == text);
}

TEST_CASE("what is no endpoint is refused with its reason") {
  const std::pair<std::string, std::string> rows[] = {
      {"", "is empty"},
      {"localhost", "has no port"},
      {"localhost:", "has no port"},
      {":5000", "has no host"},
      {"host:0", "has a bad port '0'"},
      {"host:65536", "has a bad port '65536'"},
      {"host:5x", "has a bad port '5x'"},
      {"host:-1", "has a bad port '-1'"},
      {"2001:db8::1:80", "has an IPv6 address without brackets"},
      {"[2001:db8::1", "has no closing ']'"},
      {"[localhost]:80", "has no IPv6 address in its brackets"},
      {"[10.0.0.1]:80", "has no IPv6 address in its brackets"},
      {"[::1]80", "has something other than ':' after ']'"},
      {"ho st:80", "has a character that no host name has"},
      {"host/x:80", "has a character that no host name has"},
      {std::string(254, 'a') + ":80", "has too long a host"},
  };
  for (const auto& [text, reason] : rows) {
    CAPTURE(text);
    const auto parsed = parse_endpoint(text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error() == reason);
  }
}

TEST_CASE("a server is named by URL or by host and port") {
  CHECK(to_string(*parse_server_url("http://localhost:8080")) == "http://localhost:8080");
  CHECK(to_string(*parse_server_url("http://localhost:8080/")) == "http://localhost:8080");
  CHECK(to_string(*parse_server_url("localhost:8080")) == "http://localhost:8080");
  CHECK(to_string(*parse_server_url("http://ipam.example.com")) == "http://ipam.example.com:80");
  CHECK(to_string(*parse_server_url("http://[::1]:8080")) == "http://[::1]:8080");
  CHECK(to_string(*parse_server_url("https://ipam.example.com/x")) ==
        "https://ipam.example.com:443/x");
  CHECK(to_string(*parse_server_url("https://[::1]:8080")) == "https://[::1]:8080");
  CHECK(parse_server_url("https://h:1")->tls);
  CHECK_FALSE(parse_server_url("h:1")->tls);
  CHECK(parse_server_url("http://h:1/tools/ipam/")->prefix == "/tools/ipam");
  for (const char* text : {"", "http://", "https://", "ftp://h:1", "h", "http://u:p@h:1",
                           "http://h:1/a b", "http://h:1/a?b", "http://h:99999", "http:///x"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_server_url(text));
  }
}

TEST_CASE("a wildcard address is reached over loopback") {
  CHECK(cli::local_url({"0.0.0.0", 8080}) == "http://127.0.0.1:8080");
  CHECK(cli::local_url({"::", 8080}) == "http://[::1]:8080");
  CHECK(cli::local_url({"0.0.0.0", 8080}, true) == "https://127.0.0.1:8080");
  CHECK(cli::local_url({"10.0.0.1", 80}) == "http://10.0.0.1:80");
}

TEST_CASE("percent-encoding leaves unreserved characters alone") {
  CHECK(cli::percent_encode("aZ9-._~") == "aZ9-._~");
  CHECK(cli::percent_encode("10.0.0.0/8 &é") == "10.0.0.0%2F8%20%26%C3%A9");
  CHECK(cli::percent_encode("/a:b", "/") == "/a%3Ab");
}
