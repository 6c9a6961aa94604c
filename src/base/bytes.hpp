// Reading and writing of byte strings: little-endian fixed numbers, LEB128 varints and
// length-prefixed strings. Every codec of the project stands on these two classes, so every length
// that comes from outside is checked in one place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace base {

using Bytes = std::string;
using BytesView = std::string_view;
// Bytes that several owners keep (log, wire, disk) without a copy. Never null where one is passed.
using SharedBytes = std::shared_ptr<const Bytes>;

inline SharedBytes share(Bytes bytes) { return std::make_shared<const Bytes>(std::move(bytes)); }

// Appends to a string that it does not own.
class ByteWriter {
 public:
  explicit ByteWriter(Bytes& out) : out_(out) {}

  void u8(std::uint8_t v) { out_.push_back(static_cast<char>(v)); }
  void u16(std::uint16_t v) { fixed(v, 2); }
  void u32(std::uint32_t v) { fixed(v, 4); }
  void u64(std::uint64_t v) { fixed(v, 8); }
  void i64(std::int64_t v) { fixed(static_cast<std::uint64_t>(v), 8); }
  void boolean(bool v) { u8(v ? 1 : 0); }
  void varint(std::uint64_t v);
  // Length as a varint, then the bytes.
  void string(BytesView v);
  void raw(BytesView v) { out_.append(v); }

 private:
  void fixed(std::uint64_t v, std::size_t bytes) {
    char little[8];
    for (std::size_t i = 0; i < bytes; ++i) little[i] = static_cast<char>(v >> (8 * i));
    out_.append(little, bytes);
  }
  Bytes& out_;
};

// Reads from bytes that it does not own. After the first read beyond the end or of an impossible
// value, ok() is false for good and every further read gives 0 or an empty view: a decoder reads
// everything and checks ok() and at_end() once at the end, and before it trusts a count.
class ByteReader {
 public:
  explicit ByteReader(BytesView in) : in_(in) {}

  std::uint8_t u8() { return static_cast<std::uint8_t>(fixed<1>()); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(fixed<2>()); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(fixed<4>()); }
  std::uint64_t u64() { return fixed<8>(); }
  std::int64_t i64() { return static_cast<std::int64_t>(fixed<8>()); }
  bool boolean();
  std::uint64_t varint();
  BytesView string();
  BytesView raw(std::size_t size);
  // A count of elements that each take at least `element_bytes_min` (at least 1): more than could
  // follow makes the reader fail, so a count can be trusted for reserve().
  std::size_t count(std::size_t element_bytes_min);

  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && in_.empty(); }
  std::size_t remaining() const { return in_.size(); }
  void fail() {
    ok_ = false;
    in_ = {};
  }

 private:
  // The compilers make one load of it.
  template <std::size_t bytes>
  std::uint64_t fixed() {
    if (in_.size() < bytes) {
      fail();
      return 0;
    }
    std::uint64_t v = 0;
    for (std::size_t i = 0; i < bytes; ++i)
      v |= static_cast<std::uint64_t>(static_cast<unsigned char>(in_[i])) << (8 * i);
    in_.remove_prefix(bytes);
    return v;
  }
  BytesView in_;
  bool ok_ = true;
};

}  // namespace base
