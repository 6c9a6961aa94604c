#include "base/hmac.hpp"

namespace base {
namespace {

constexpr std::size_t block_bytes = 64;  // of SHA-256

BytesView view_of(const Sha256& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

}  // namespace

Sha256 hmac_sha256(BytesView key, BytesView bytes) {
  const Sha256 short_key = sha256(key);
  Bytes inner(key.size() > block_bytes ? view_of(short_key) : key);
  inner.resize(block_bytes, '\0');
  Bytes outer = inner;
  for (char& byte : inner) byte ^= 0x36;
  for (char& byte : outer) byte ^= 0x5c;
  inner += bytes;
  const Sha256 inner_hash = sha256(inner);
  outer += view_of(inner_hash);
  return sha256(outer);
}

}  // namespace base
