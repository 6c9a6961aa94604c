// SHA-256 (FIPS 180-4), for what must be found out even where somebody changed it on purpose. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/bytes.hpp"

namespace base {

using Sha256 = std::array<std::uint8_t, 32>;

Sha256 sha256(BytesView bytes);
std::string to_hex(const Sha256& hash);  // 64 lower case digits

}  // namespace base
