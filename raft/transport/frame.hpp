// Frames: how payloads follow each other on a byte stream. Pure; used by the connections of the
// transport in both directions.
// Format (has no version; what is inside has one): u32 payload length, u32 CRC32C of the payload,
// payload; little-endian. An empty payload is a sign of life and carries nothing.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"

namespace raft {

// The largest payload. Bounds what one connection makes us hold; far above a batch of entries
// (about 1 MiB), so that the largest command and a snapshot chunk fit.
inline constexpr std::size_t frame_bytes_max = 16u << 20;
inline constexpr std::size_t frame_header_bytes = 8;

// For a payload that is encoded in place: appends an unfinished header and gives its offset.
std::size_t begin_frame(base::Bytes& out);
// Finishes the header at `offset`; everything behind it is the payload.
// REQUIRES: at most frame_bytes_max of it.
void end_frame(base::Bytes& out, std::size_t offset);

void append_frame(base::Bytes& out, base::BytesView payload);

// Cuts a stream into payloads. Time is linear in the bytes fed, however they are cut; memory
// follows the bytes that came in, never a length that was only announced.
class FrameDecoder {
 public:
  explicit FrameDecoder(std::size_t payload_bytes_max) : payload_bytes_max_(payload_bytes_max) {}

  void set_limit(std::size_t payload_bytes_max) { payload_bytes_max_ = payload_bytes_max; }
  void feed(base::BytesView bytes);
  // The next whole payload, valid until the next feed(); nullopt where more bytes are needed or
  // the stream has failed.
  std::optional<base::BytesView> next();
  // A payload was too long or did not match its checksum. Final: there is no way to find the next.
  bool failed() const { return failed_; }

 private:
  std::size_t payload_bytes_max_;
  base::Bytes buffer_;
  std::size_t consumed_ = 0;  // of buffer_
  bool failed_ = false;
};

}  // namespace raft
