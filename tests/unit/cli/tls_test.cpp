#include <doctest/doctest.h>

#include <string>

#include "cli/http_connection.hpp"
#include "tests/unit/http/fixture.hpp"
#include "tests/unit/net/certificates.hpp"
#include "world.hpp"

using cli::ConnectionError;
using cli::HttpConnection;
using Wait = cli::Connection::Wait;
using net::TlsContext;
using test::Pki;
using test::TestServer;

namespace {

cli::ServerUrl url_of(const TestServer& server, const std::string& host = "127.0.0.1") {
  return {{host, server.port()}, "", true};
}

http::Request get(std::string path) {
  http::Request request;
  request.path = std::move(path);
  return request;
}

ConnectionError failure(const cli::ServerUrl& url, TlsContext::Pointer tls) {
  const auto response = HttpConnection(url, std::move(tls)).perform(get("/"));
  REQUIRE_FALSE(response);
  return response.error();
}

bool has(const ConnectionError& error, std::string_view part) {
  INFO(error.message);
  return error.message.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("over https requests are answered whole, sent and streamed bodies too") {
  const Pki pki;
  TestServer server({}, pki.server_context());
  HttpConnection connection(url_of(server), pki.client_context());
  const auto large = connection.perform(get("/big/3000000"));
  REQUIRE(large);
  CHECK(large->body.size() == 3000000);
  http::Request post = get("/x");
  post.method = http::Method::post;
  post.body = std::string(500000, 'p');
  const auto echoed = connection.perform(post);
  REQUIRE(echoed);
  CHECK(echoed->body == "POST /x " + post.body);
  std::size_t taken = 0;
  const auto streamed =
      connection.stream(get("/stream/500"), Wait::usual, [&](std::string_view bytes) {
        taken += bytes.size();
        return true;
      });
  REQUIRE(streamed);
  CHECK(taken == 500000);
  // A body that breaks off is no answer.
  const auto cut =
      connection.stream(get("/cut/5"), Wait::usual, [](std::string_view) { return true; });
  REQUIRE_FALSE(cut);
  CHECK(cut.error().kind == ConnectionError::Kind::no_answer);
}

TEST_CASE("what TLS refuses says what to do, and was certainly not performed") {
  const Pki pki, other;
  TestServer server({}, pki.server_context());
  const auto system = TlsContext::client({});
  REQUIRE(system.ok());
  for (const auto& context : {other.client_context(), *system}) {
    const auto error = failure(url_of(server), context);
    CHECK(error.kind == ConnectionError::Kind::not_reachable);
    CHECK(has(error, "the certificate of 127.0.0.1 is not trusted ("));
    CHECK(has(error, "): give its CA with --ca-cert FILE"));
  }
  // It names localhost and 127.0.0.1 alone, and loopback has more addresses.
  TestServer elsewhere({}, [&] {
    const auto issued = test::issue({"server", "DNS:a.example,IP:10.0.0.1"}, &pki.ca);
    const auto made = TlsContext::server({pki.folder.write("a.pem", pem(issued)),
                                          pki.folder.write("a.key", key_pem(issued)), "", ""});
    REQUIRE(made.ok());
    return *made;
  }());
  CHECK(has(failure(url_of(elsewhere), pki.client_context()),
            "the certificate of 127.0.0.1 is one for a.example, 10.0.0.1: use such a name in the "
            "URL, or have one made that names 127.0.0.1"));
  TestServer plain;
  CHECK(has(failure(url_of(plain), pki.client_context()),
            "it does not speak TLS on this port: use http:// in the URL"));
  // http:// at a TLS port gets an answer, which says so.
  const auto answer =
      HttpConnection({{"127.0.0.1", server.port()}, ""}).perform(get("/"));
  REQUIRE(answer);
  CHECK(answer->status == 400);
  CHECK(answer->body.find("this port speaks https") != std::string::npos);
}

TEST_CASE("a server that wants a certificate gets it, and the advice where it does not") {
  const Pki pki, other;
  TestServer server({}, pki.server_context(true));
  const auto response =
      HttpConnection(url_of(server), pki.client_context(true)).perform(get("/"));
  REQUIRE(response);
  CHECK(response->status == 200);
  const auto without = failure(url_of(server), pki.client_context());
  CHECK(without.kind == ConnectionError::Kind::not_reachable);
  CHECK(has(without, "give one with --client-cert FILE and --client-key FILE"));
  const auto foreign =
      TlsContext::client({pki.ca_file, "", other.client_file, other.client_key, ""});
  REQUIRE(foreign.ok());
  const auto wrong = failure(url_of(server), *foreign);
  CHECK(wrong.kind == ConnectionError::Kind::not_reachable);
  CHECK(has(wrong, "it does not trust the certificate of --client-cert"));
}

TEST_CASE("options and variables say whom to trust; a directory's server is known by itself") {
  const Pki pki;
  World world;
  const std::string missing = pki.folder / "none.pem";
  CHECK(world.run({"list", "--server", "https://h:1", "--ca-cert", missing}) == 1);
  CHECK(world.err == "Error: cannot read " + missing + ": No such file or directory\n");
  CHECK(world.run({"list", "--server", "https://h:1", "--client-cert", pki.client_file}) == 2);
  CHECK(world.err == "Error: --client-cert and --client-key go together\n");
  world.run({"list", "--server", "https://h:1", "--ca-cert", pki.ca_file});
  REQUIRE(world.opened.size() == 1);
  CHECK(world.opened[0] == "server https://h:1");
  world.environment["IPAM_CA_CERT"] = missing;
  CHECK(world.run({"list", "--server", "https://h:1"}) == 1);
  world.environment.erase("IPAM_CA_CERT");
  world.environment["IPAM_CLIENT_CERT"] = pki.client_file;
  world.environment["IPAM_CLIENT_KEY"] = pki.ca_file;
  CHECK(world.run({"list", "--server", "https://h:1"}) == 1);
  CHECK(world.err == "Error: " + pki.ca_file + " holds no private key in PEM form\n");
  // Nothing of this counts without https.
  world.run({"list", "--server", "http://h:1"});
  CHECK(world.opened.back() == "server http://h:1");
}

TEST_CASE("the client of a directory trusts the certificate that its server has published") {
  const Pki pki;
  TestServer server({}, pki.server_context());
  net::ClientTls tls;
  tls.fingerprint = net::fingerprint_of(*pki.server.certificate);
  const auto pinned = TlsContext::client(tls);
  REQUIRE(pinned.ok());
  const auto response = HttpConnection(url_of(server, "localhost"), *pinned).perform(get("/"));
  REQUIRE(response);
  CHECK(response->status == 200);
  tls.fingerprint = std::string(64, '0');
  const auto foreign = TlsContext::client(tls);
  REQUIRE(foreign.ok());
  CHECK(failure(url_of(server), *foreign).kind == ConnectionError::Kind::not_reachable);
}
