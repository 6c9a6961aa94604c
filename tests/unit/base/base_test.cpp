#include <doctest/doctest.h>

#include "base/bytes.hpp"
#include "base/crc32c.hpp"
#include "base/hmac.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "base/sha256.hpp"

TEST_CASE("crc32c gives the check value of RFC 3720 and can be built in parts") {
  CHECK(base::crc32c("123456789") == 0xe3069283);
  CHECK(base::crc32c(std::string(32, '\0')) == 0x8a9136aa);
  const std::string text = "a text that is longer than eight bytes, twice and more";
  for (std::size_t cut = 0; cut <= text.size(); ++cut)
    CHECK(base::crc32c(text.substr(cut), base::crc32c(text.substr(0, cut))) == base::crc32c(text));
  base::Random random(7);
  for (std::size_t size = 0; size < 100; ++size) {
    std::string bytes;
    for (std::size_t i = 0; i < size; ++i)
      bytes.push_back(static_cast<char>(random.below(256)));
    CHECK(base::crc32c(bytes, 5) == base::crc32c_by_table(bytes, 5));
  }
}

TEST_CASE("hmac_sha256 gives the values of RFC 4231") {
  const auto hmac = [](std::string_view key, std::string_view text) {
    return base::to_hex(base::hmac_sha256(key, text));
  };
  CHECK(hmac(std::string(20, '\x0b'), "Hi There") ==
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK(hmac("Jefe", "what do ya want for nothing?") ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  // A key that is longer than a block.
  CHECK(hmac(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First") ==
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST_CASE("sha256 gives the values of FIPS 180-4 and NIST") {
  const auto hash = [](std::string_view text) { return base::to_hex(base::sha256(text)); };
  CHECK(hash("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hash("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(hash("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmno"
             "pqrlmnopqrsmnopqrstnopqrstu") ==
        "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
  CHECK(hash(std::string(1'000'000, 'a')) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  // Each length around the one and two blocks of the padding, as one text of hashes (from Python's
  // hashlib: x = b''.join(sha256(b'a' * n).digest() for n in range(130))).
  std::string all;
  for (std::size_t n = 0; n < 130; ++n)
    for (const std::uint8_t byte : base::sha256(std::string(n, 'a')))
      all += static_cast<char>(byte);
  CHECK(hash(all) == "39a48225ae6069c68f7c9f867bf47f4a2e188c3903dd919926b8259a73ecada5");
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
