#include "base/crc32c.hpp"

#include <array>
#include <cstring>

namespace base {
namespace {

constexpr std::uint32_t polynomial_reflected = 0x82f63b78;

using Table = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr Table make_table() {
  Table table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit)
      crc = (crc & 1) != 0 ? (crc >> 1) ^ polynomial_reflected : crc >> 1;
    table[0][i] = crc;
  }
  for (std::size_t slice = 1; slice < 8; ++slice)
    for (std::size_t i = 0; i < 256; ++i)
      table[slice][i] = (table[slice - 1][i] >> 8) ^ table[0][table[slice - 1][i] & 0xff];
  return table;
}

constexpr Table table = make_table();

// Slicing by 8 (Kounavis and Berry): eight bytes a step, on any processor. Neither this nor the
// next one inverts the ends.
std::uint32_t update_by_table(std::uint32_t crc, BytesView bytes) {
  const char* p = bytes.data();
  std::size_t left = bytes.size();
  while (left >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, p, 8);
    word ^= crc;
    crc = table[7][word & 0xff] ^ table[6][(word >> 8) & 0xff] ^ table[5][(word >> 16) & 0xff] ^
          table[4][(word >> 24) & 0xff] ^ table[3][(word >> 32) & 0xff] ^
          table[2][(word >> 40) & 0xff] ^ table[1][(word >> 48) & 0xff] ^ table[0][word >> 56];
    p += 8;
    left -= 8;
  }
  for (; left > 0; --left, ++p)
    crc = (crc >> 8) ^ table[0][(crc ^ static_cast<unsigned char>(*p)) & 0xff];
  return crc;
}

#if defined(__x86_64__)
// The processor's own instruction: Intel's have it since 2008, AMD's since 2011.
__attribute__((target("sse4.2"))) std::uint32_t update_by_instruction(std::uint32_t crc,
                                                                      BytesView bytes) {
  const char* p = bytes.data();
  std::size_t left = bytes.size();
  std::uint64_t state = crc;
  for (; left >= 8; left -= 8, p += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, p, 8);
    state = __builtin_ia32_crc32di(state, word);
  }
  auto narrow = static_cast<std::uint32_t>(state);
  for (; left > 0; --left, ++p)
    narrow = __builtin_ia32_crc32qi(narrow, static_cast<unsigned char>(*p));
  return narrow;
}

const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;

std::uint32_t update(std::uint32_t crc, BytesView bytes) {
  return has_instruction ? update_by_instruction(crc, bytes) : update_by_table(crc, bytes);
}
#else
std::uint32_t update(std::uint32_t crc, BytesView bytes) { return update_by_table(crc, bytes); }
#endif

}  // namespace

std::uint32_t crc32c(BytesView bytes, std::uint32_t seed) { return ~update(~seed, bytes); }

std::uint32_t crc32c_by_table(BytesView bytes, std::uint32_t seed) {
  return ~update_by_table(~seed, bytes);
}

}  // namespace base
