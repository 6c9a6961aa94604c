// HMAC with SHA-256 (RFC 2104): what only who knows a key can make of some bytes. Pure.
#pragma once

#include "base/bytes.hpp"
#include "base/sha256.hpp"

namespace base {

// The key may have any length. Compare with equal_in_constant_time().
Sha256 hmac_sha256(BytesView key, BytesView bytes);

}  // namespace base
