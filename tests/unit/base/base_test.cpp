#include <doctest/doctest.h>

#include "base/bytes.hpp"
#include "base/crc32c.hpp"
#include "base/random.hpp"
#include "base/result.hpp"

TEST_CASE("crc32c gives the check value of RFC 3720 and can be built in parts") {
  CHECK(base::crc32c("123456789") == 0xe3069283);
  CHECK(base::crc32c(std::string(32, '\0')) == 0x8a9136aa);
  const std::string text = "a text that is longer than eight bytes, twice and more";
  for (std::size_t cut = 0; cut <= text.size(); ++cut)
    CHECK(base::crc32c(text.substr(cut), base::crc32c(text.substr(0, cut))) == base::crc32c(text));
}

TEST_CASE("what a ByteWriter wrote, a ByteReader reads back") {
  base::Random random(1);
  for (int round = 0; round < 1000; ++round) {
    const std::uint64_t value = random.next() >> random.below(64);
    base::Bytes bytes;
    base::ByteWriter writer(bytes);
    writer.u8(static_cast<std::uint8_t>(value));
    writer.u16(static_cast<std::uint16_t>(value));
    writer.u32(static_cast<std::uint32_t>(value));
    writer.u64(value);
    writer.varint(value);
    writer.boolean(true);
    writer.string("text");
    base::ByteReader reader(bytes);
    CHECK(reader.u8() == static_cast<std::uint8_t>(value));
    CHECK(reader.u16() == static_cast<std::uint16_t>(value));
    CHECK(reader.u32() == static_cast<std::uint32_t>(value));
    CHECK(reader.u64() == value);
    CHECK(reader.varint() == value);
    CHECK(reader.boolean());
    CHECK(reader.string() == "text");
    CHECK(reader.at_end());
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      base::ByteReader short_reader(base::BytesView(bytes).substr(0, cut));
      short_reader.u8(), short_reader.u16(), short_reader.u32(), short_reader.u64();
      short_reader.varint(), short_reader.boolean(), short_reader.string();
      CHECK_FALSE(short_reader.at_end());
    }
  }
}

TEST_CASE("a ByteReader refuses what cannot be") {
  base::ByteReader overlong(base::BytesView("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10));
  overlong.varint();
  CHECK_FALSE(overlong.ok());
  base::ByteReader flag("\x02");
  flag.boolean();
  CHECK_FALSE(flag.ok());
  base::ByteReader counted(base::BytesView("\x05" "abcd", 5));
  CHECK(counted.count(1) == 0);
  CHECK_FALSE(counted.ok());
}

TEST_CASE("equal seeds give equal numbers, and bounds hold") {
  base::Random a(7), b(7);
  for (int i = 0; i < 1000; ++i) {
    CHECK(a.next() == b.next());
    CHECK(a.below(3) == b.below(3));
    const auto x = a.between(5, 9);
    CHECK(x == b.between(5, 9));
    CHECK(x >= 5);
    CHECK(x <= 9);
  }
}
