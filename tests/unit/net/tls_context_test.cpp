#include <doctest/doctest.h>

#include "certificates.hpp"

using net::TlsContext;
using test::issue;
using test::key_pem;
using test::pem;
using test::Pki;

namespace {

std::string server_error(const net::ServerTls& tls) {
  const auto made = TlsContext::server(tls);
  return made.ok() ? "" : made.error();
}

}  // namespace

TEST_CASE("a context names the file that is wrong, and what is wrong with it") {
  const Pki pki;
  const auto& folder = pki.folder;
  const std::string missing = folder / "missing.pem";
  CHECK(server_error({missing, pki.server_key, "", ""}) ==
        "cannot read " + missing + ": No such file or directory");
  CHECK(server_error({pki.server_file, missing, "", ""}) ==
        "cannot read " + missing + ": No such file or directory");
  CHECK(server_error({pki.server_file, pki.server_key, missing, ""}) ==
        "cannot read " + missing + ": No such file or directory");
  CHECK(server_error({folder / "", pki.server_key, "", ""}) ==
        "cannot read " + (folder / "") + ": Is a directory");

  const std::string text = folder.write("text.pem", "no certificate");
  CHECK(server_error({text, pki.server_key, "", ""}) ==
        text + " holds no certificate in PEM form");
  CHECK(server_error({pki.server_file, text, "", ""}) ==
        text + " holds no private key in PEM form");
  CHECK(server_error({pki.server_file, pki.server_key, text, ""}) ==
        text + " holds no certificate in PEM form");
  const std::string swapped = server_error({pki.server_key, pki.server_file, "", ""});
  CHECK(swapped == pki.server_key + " holds no certificate in PEM form");

  const std::string whole = pem(pki.server);
  const std::string cut = folder.write("cut.pem", whole + whole.substr(0, whole.size() / 2));
  CHECK(server_error({cut, pki.server_key, "", ""}).starts_with("certificate 2 of " + cut));

  CHECK(server_error({pki.server_file, pki.client_key, "", ""}) ==
        "the private key in " + pki.client_key + " is not that of the first certificate in " +
            pki.server_file);
  const std::string encrypted = folder.write("locked.key", key_pem(pki.server, "secret"));
  CHECK(server_error({pki.server_file, encrypted, "", ""})
            .starts_with("the private key in " + encrypted + " is encrypted"));
  const std::string large = folder.write("large.pem", std::string(5u << 20, 'x'));
  CHECK(server_error({large, pki.server_key, "", ""}) ==
        large + " is too large for certificates in PEM form");
}

TEST_CASE("a certificate that is over, nearly over or not yet valid is taken with a warning") {
  const Pki pki;
  const auto warnings = [&](int begin, int end) {
    const auto issued = issue({"server", "", begin, end}, &pki.ca);
    const std::string file = pki.folder.write("aged.pem", pem(issued));
    const auto made =
        TlsContext::server({file, pki.folder.write("aged.key", key_pem(issued)), "", ""});
    REQUIRE(made.ok());
    return (*made)->warnings();
  };
  CHECK(warnings(0, 365).empty());
  REQUIRE(warnings(-10, -1).size() == 1);
  CHECK(warnings(-10, -1)[0].find("aged.pem expired at 20") != std::string::npos);
  REQUIRE(warnings(-10, 3).size() == 1);
  CHECK(warnings(-10, 3)[0].find("aged.pem expires at 20") != std::string::npos);
  REQUIRE(warnings(2, 300).size() == 1);
  CHECK(warnings(2, 300)[0].find("aged.pem is not valid before 20") != std::string::npos);
}

TEST_CASE("a context knows the fingerprint and the end of its own certificate") {
  const Pki pki;
  const auto context = pki.server_context();
  CHECK(context->fingerprint() == net::fingerprint_of(*pki.server.certificate));
  CHECK(context->fingerprint().size() == 64);
  const auto left = context->not_after() - std::chrono::system_clock::now();
  CHECK(left > std::chrono::hours(364 * 24));
  CHECK(left < std::chrono::hours(366 * 24));
}
