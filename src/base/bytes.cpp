#include "base/bytes.hpp"

namespace base {

void ByteWriter::varint(std::uint64_t v) {
  char groups[10];
  std::size_t size = 0;
  for (; v >= 0x80; v >>= 7) groups[size++] = static_cast<char>(v | 0x80);
  groups[size++] = static_cast<char>(v);
  out_.append(groups, size);
}

void ByteWriter::string(BytesView v) {
  varint(v.size());
  raw(v);
}

bool ByteReader::boolean() {
  const std::uint8_t v = u8();
  if (v > 1) fail();
  return v == 1;
}

std::uint64_t ByteReader::varint() {
  std::uint64_t v = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const std::uint8_t byte = u8();
    if (!ok_) return 0;
    if (shift == 63 && byte > 1) break;  // would not fit into 64 bits
    v |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return v;
  }
  fail();
  return 0;
}

BytesView ByteReader::string() { return raw(varint()); }

BytesView ByteReader::raw(std::size_t size) {
  if (size > in_.size()) {
    fail();
    return {};
  }
  const BytesView view = in_.substr(0, size);
  in_.remove_prefix(size);
  return view;
}

std::size_t ByteReader::count(std::size_t element_bytes_min) {
  const std::uint64_t n = varint();
  if (n > in_.size() / element_bytes_min) {
    fail();
    return 0;
  }
  return n;
}

}  // namespace base
