// SHA-256 (FIPS 180-4) by OpenSSL, which uses the processor's instructions for it: for what must be
// found out even where somebody changed it on purpose. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/bytes.hpp"

namespace base {

using Sha256 = std::array<std::uint8_t, 32>;

Sha256 sha256(BytesView bytes);
std::string to_hex(const Sha256& hash);  // 64 lower case digits
// Takes as long wherever they differ, so that its time says nothing of how near a guess was.
bool equal_in_constant_time(const Sha256& a, const Sha256& b);

}  // namespace base
