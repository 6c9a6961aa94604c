#include "raft/transport/frame.hpp"

#include "base/assert.hpp"
#include "base/crc32c.hpp"

namespace raft {
namespace {

// A buffer that one large frame has grown is given back once it is empty.
constexpr std::size_t idle_capacity_bytes_max = 1u << 20;

void put_u32(base::Bytes& out, std::size_t at, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) out[at + i] = static_cast<char>(value >> (8 * i));
}

}  // namespace

std::size_t begin_frame(base::Bytes& out) {
  const std::size_t offset = out.size();
  out.append(frame_header_bytes, '\0');
  return offset;
}

void end_frame(base::Bytes& out, std::size_t offset) {
  ASSERT(out.size() >= offset + frame_header_bytes);
  const base::BytesView payload = base::BytesView(out).substr(offset + frame_header_bytes);
  ASSERT(payload.size() <= frame_bytes_max);
  put_u32(out, offset, static_cast<std::uint32_t>(payload.size()));
  put_u32(out, offset + 4, base::crc32c(payload));
}

void append_frame(base::Bytes& out, base::BytesView payload) {
  const std::size_t offset = begin_frame(out);
  out.append(payload);
  end_frame(out, offset);
}

void FrameDecoder::feed(base::BytesView bytes) {
  if (failed_) return;
  if (consumed_ == buffer_.size()) {
    consumed_ = 0;
    if (buffer_.capacity() > idle_capacity_bytes_max)
      buffer_ = base::Bytes();
    else
      buffer_.clear();
  } else if (consumed_ >= buffer_.size() / 2) {  // moves no more bytes than were consumed
    buffer_.erase(0, consumed_);
    consumed_ = 0;
  }
  buffer_.append(bytes);
}

std::optional<base::BytesView> FrameDecoder::next() {
  if (failed_) return std::nullopt;
  const base::BytesView rest = base::BytesView(buffer_).substr(consumed_);
  if (rest.size() < frame_header_bytes) return std::nullopt;
  base::ByteReader header(rest);
  const std::size_t size = header.u32();
  const std::uint32_t crc = header.u32();
  if (size > payload_bytes_max_) {
    failed_ = true;
    return std::nullopt;
  }
  if (rest.size() - frame_header_bytes < size) return std::nullopt;
  const base::BytesView payload = rest.substr(frame_header_bytes, size);
  if (base::crc32c(payload) != crc) {
    failed_ = true;
    return std::nullopt;
  }
  consumed_ += frame_header_bytes + size;
  return payload;
}

}  // namespace raft
