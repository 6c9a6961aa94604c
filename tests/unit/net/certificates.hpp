// Certificates made on the spot, as PEM files in a folder of the test's own. Needs no openssl(1).
#pragma once

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/assert.hpp"
#include "net/certificate.hpp"
#include "net/tls_context.hpp"

namespace test {

class Folder {
 public:
  Folder() {
    std::string pattern = std::filesystem::temp_directory_path() / "ipam-tls-XXXXXX";
    ASSERT(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string operator/(const std::string& name) const { return path_ / name; }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name) << text;
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

struct Issued {
  net::Certificate certificate;
  net::Key key;
};

struct Wish {
  std::string subject = "test";
  std::string names = {};  // "DNS:localhost,IP:127.0.0.1"; empty: none
  int days_until_begin = 0;
  int days_until_end = 365;
  bool is_ca = false;
};

// Signed by `issuer`, or by itself.
inline Issued issue(const Wish& wish, const Issued* issuer = nullptr) {
  static long serial = 1;
  Issued made{net::Certificate(X509_new()), net::Key(EVP_EC_gen("P-256"))};
  X509* certificate = made.certificate.get();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
  X509_time_adj_ex(X509_getm_notBefore(certificate), wish.days_until_begin, -60, nullptr);
  X509_time_adj_ex(X509_getm_notAfter(certificate), wish.days_until_end, 0, nullptr);
  X509_set_pubkey(certificate, made.key.get());
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(wish.subject.c_str()), -1, -1,
                             0);
  X509_set_issuer_name(certificate,
                       issuer != nullptr ? X509_get_subject_name(issuer->certificate.get()) : name);
  const auto add = [certificate](int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    ASSERT(extension != nullptr);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  };
  if (wish.is_ca) add(NID_basic_constraints, "critical,CA:TRUE");
  if (!wish.names.empty()) add(NID_subject_alt_name, wish.names);
  X509_sign(certificate, issuer != nullptr ? issuer->key.get() : made.key.get(), EVP_sha256());
  return made;
}

inline std::string pem(const Issued& issued) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, issued.certificate.get());
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  const std::string out(text, static_cast<std::size_t>(size));
  BIO_free(bio);
  return out;
}

// `password`: encrypted with it, where not empty.
inline std::string key_pem(const Issued& issued, std::string password = {}) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PKCS8PrivateKey(bio, issued.key.get(),
                                password.empty() ? nullptr : EVP_aes_128_cbc(), password.data(),
                                static_cast<int>(password.size()), nullptr, nullptr);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  const std::string out(text, static_cast<std::size_t>(size));
  BIO_free(bio);
  return out;
}

// A CA, a server of it for localhost and 127.0.0.1, and a client of it, with their files.
struct Pki {
  Folder folder;
  Issued ca = issue({"Test CA " + folder / "", "", 0, 365, true});
  Issued server = issue({"server", "DNS:localhost,IP:127.0.0.1"}, &ca);
  Issued client = issue({"client"}, &ca);
  std::string ca_file = folder.write("ca.pem", pem(ca));
  std::string server_file = folder.write("server.pem", pem(server));
  std::string server_key = folder.write("server.key", key_pem(server));
  std::string client_file = folder.write("client.pem", pem(client));
  std::string client_key = folder.write("client.key", key_pem(client));

  net::TlsContext::Pointer server_context(bool clients_show_certificates = false) const {
    auto made = net::TlsContext::server(
        {server_file, server_key, clients_show_certificates ? ca_file : "", "http/1.1"});
    ASSERT(made.ok());
    return *made;
  }
  net::TlsContext::Pointer client_context(bool shows_certificate = false) const {
    auto made = net::TlsContext::client({ca_file, "", shows_certificate ? client_file : "",
                                         shows_certificate ? client_key : "", "http/1.1"});
    ASSERT(made.ok());
    return *made;
  }
};

}  // namespace test
