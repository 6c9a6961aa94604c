#include "base/sha256.hpp"

#include <openssl/evp.h>

#include <cstddef>
#include <new>

#include "base/assert.hpp"

namespace base {
namespace {

// Looking the algorithm up, and making a context for it, take longer than hashing what is short.
class Hasher {
 public:
  Hasher() : algorithm_(EVP_MD_fetch(nullptr, "SHA256", nullptr)), context_(EVP_MD_CTX_new()) {
    ASSERT_MSG(algorithm_ != nullptr, "OpenSSL has no SHA-256");
    if (context_ == nullptr) throw std::bad_alloc();
  }
  ~Hasher() {
    EVP_MD_CTX_free(context_);
    EVP_MD_free(algorithm_);
  }
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;

  Sha256 hash(BytesView bytes) {
    Sha256 out;
    const bool done = EVP_DigestInit_ex2(context_, algorithm_, nullptr) == 1 &&
                      EVP_DigestUpdate(context_, bytes.data(), bytes.size()) == 1 &&
                      EVP_DigestFinal_ex(context_, out.data(), nullptr) == 1;
    ASSERT_MSG(done, "OpenSSL cannot hash");
    return out;
  }

 private:
  EVP_MD* const algorithm_;
  EVP_MD_CTX* const context_;
};

}  // namespace

Sha256 sha256(BytesView bytes) {
  thread_local Hasher hasher;
  return hasher.hash(bytes);
}

std::string to_hex(const Sha256& hash) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * hash.size());
  for (const std::uint8_t byte : hash) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

bool equal_in_constant_time(const Sha256& a, const Sha256& b) {
  unsigned differences = 0;
  for (std::size_t i = 0; i < a.size(); ++i) differences |= unsigned{a[i]} ^ unsigned{b[i]};
  return differences == 0;
}

}  // namespace base
