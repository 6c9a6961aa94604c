#include "net/certificate.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>

#include "base/sha256.hpp"

namespace net {
namespace {

struct BioDeleter {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using Bio = std::unique_ptr<BIO, BioDeleter>;

// A file of some hundred certificates; a larger one is not what the user meant.
constexpr std::size_t pem_bytes_max = 4u << 20;

base::Result<std::string, std::string> read_file(const std::string& file) {
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  std::string text;
  char byte = 0;
  if (in) {
    while (text.size() <= pem_bytes_max && in.get(byte)) text.push_back(byte);
  }
  if (in.bad() || (!in && !in.eof()))
    return base::fail(fmt::format("cannot read {}: {}", file,
                                  errno != 0 ? std::strerror(errno) : "it is no file"));
  if (text.size() > pem_bytes_max)
    return base::fail(fmt::format("{} is too large for certificates in PEM form", file));
  return text;
}

// Instead of OpenSSL's own, which asks at the terminal.
int refuse_password(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

std::chrono::system_clock::time_point time_of(const ASN1_TIME* time) {
  std::tm utc{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &utc) != 1) return {};
  return std::chrono::system_clock::from_time_t(::timegm(&utc));
}

}  // namespace

base::Result<std::vector<Certificate>, std::string> read_certificates(const std::string& file) {
  const auto text = read_file(file);
  if (!text) return base::fail(text.error());
  const Bio bio(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
  std::vector<Certificate> found;
  ERR_clear_error();
  while (X509* next = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr))
    found.emplace_back(next);
  const auto last = ERR_peek_last_error();
  const bool at_end =
      ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
  const std::string reason = take_openssl_error();
  if (found.empty() && at_end)
    return base::fail(fmt::format("{} holds no certificate in PEM form", file));
  if (!at_end)
    return base::fail(
        fmt::format("certificate {} of {} is broken: {}", found.size() + 1, file, reason));
  return found;
}

base::Result<Key, std::string> read_key(const std::string& file) {
  const auto text = read_file(file);
  if (!text) return base::fail(text.error());
  const Bio bio(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
  ERR_clear_error();
  bool encrypted = false;
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, refuse_password, &encrypted));
  ERR_clear_error();
  if (key) return key;
  if (encrypted)
    return base::fail(fmt::format("the private key in {} is encrypted: nobody is there to type its "
                                  "password, so store it decrypted, readable to its owner alone",
                                  file));
  return base::fail(fmt::format("{} holds no private key in PEM form", file));
}

std::string fingerprint_of(const X509& certificate) {
  unsigned char* der = nullptr;
  const int bytes = i2d_X509(&certificate, &der);
  if (bytes < 0) return {};
  const std::string text =
      base::to_hex(base::sha256({reinterpret_cast<char*>(der), static_cast<std::size_t>(bytes)}));
  OPENSSL_free(der);
  return text;
}

std::chrono::system_clock::time_point not_before_of(const X509& certificate) {
  return time_of(X509_get0_notBefore(&certificate));
}

std::chrono::system_clock::time_point not_after_of(const X509& certificate) {
  return time_of(X509_get0_notAfter(&certificate));
}

std::string subject_of(const X509& certificate) {
  const Bio bio(BIO_new(BIO_s_mem()));
  // Control characters and what is not UTF-8 come out escaped.
  X509_NAME_print_ex(bio.get(), X509_get_subject_name(&certificate), 0,
                     XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
  char* text = nullptr;
  const long bytes = BIO_get_mem_data(bio.get(), &text);
  return bytes > 0 ? std::string(text, static_cast<std::size_t>(bytes)) : std::string();
}

std::vector<std::string> names_of(const X509& certificate) {
  std::vector<std::string> names;
  auto* found = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(found); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(found, i);
    if (name->type != GEN_DNS && name->type != GEN_IPADD) continue;
    const ASN1_STRING* value =
        name->type == GEN_DNS ? name->d.dNSName : static_cast<ASN1_STRING*>(name->d.iPAddress);
    const unsigned char* bytes = ASN1_STRING_get0_data(value);
    const int size = ASN1_STRING_length(value);
    char text[INET6_ADDRSTRLEN] = {};
    if (name->type == GEN_DNS)
      names.emplace_back(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    else if ((size == 4 || size == 16) &&
             ::inet_ntop(size == 4 ? AF_INET : AF_INET6, bytes, text, sizeof text) != nullptr)
      names.emplace_back(text);
  }
  GENERAL_NAMES_free(found);
  return names;
}

std::string take_openssl_error() {
  const auto oldest = ERR_get_error();
  ERR_clear_error();
  const char* reason = oldest == 0 ? nullptr : ERR_reason_error_string(oldest);
  return reason != nullptr ? reason : "unknown error";
}

}  // namespace net
