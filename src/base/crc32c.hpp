// CRC32C (Castagnoli, RFC 3720 appendix B.4), for log records, frames and snapshot chunks.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace base {

// `seed` is the value of the bytes that came before, so that a checksum can be built in parts:
// crc32c(b, crc32c(a)) == crc32c(a + b).
std::uint32_t crc32c(BytesView bytes, std::uint32_t seed = 0);
// The same where the processor has no instruction for it.
std::uint32_t crc32c_by_table(BytesView bytes, std::uint32_t seed = 0);

}  // namespace base
