// Certificates: reading them from PEM files, and what they say. Any thread.
#pragma once

#include <openssl/x509.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace net {

struct CertificateDeleter {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
using Certificate = std::unique_ptr<X509, CertificateDeleter>;
struct KeyDeleter {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Key = std::unique_ptr<EVP_PKEY, KeyDeleter>;

// All of the file, at least one. The error names the file.
base::Result<std::vector<Certificate>, std::string> read_certificates(const std::string& file);
base::Result<Key, std::string> read_key(const std::string& file);

// The SHA-256 of the DER form in 64 lower case hexadecimal digits.
std::string fingerprint_of(const X509& certificate);
std::chrono::system_clock::time_point not_before_of(const X509& certificate);
std::chrono::system_clock::time_point not_after_of(const X509& certificate);
// On one line: "CN = node-1, O = Example".
std::string subject_of(const X509& certificate);
// The DNS names and the addresses that it was made for (its subjectAltName), as text.
std::vector<std::string> names_of(const X509& certificate);

// Takes the oldest error of this thread's queue of OpenSSL, clears the queue, and gives its
// reason, such as "no shared cipher"; "unknown error" where it was empty.
std::string take_openssl_error();

}  // namespace net
