// The frame decoder: raw bytes as a stream, and the same bytes as payloads of a well-formed one.
// However a stream is cut, it gives the same payloads.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "base/assert.hpp"
#include "raft/transport/frame.hpp"

namespace {

constexpr std::size_t limit_bytes = 512;  // small, so that too long a payload is common

struct Decoded {
  std::vector<std::string> payloads;
  bool failed = false;
  friend bool operator==(const Decoded&, const Decoded&) = default;
};

// Feeds pieces whose sizes come from `cuts`; whole where it is empty.
Decoded decoded(base::BytesView stream, base::BytesView cuts) {
  raft::FrameDecoder decoder(limit_bytes);
  Decoded result;
  std::size_t turn = 0;
  while (!stream.empty()) {
    std::size_t size = stream.size();
    if (!cuts.empty())
      size = std::min<std::size_t>(
          size, 1 + static_cast<unsigned char>(cuts[turn++ % cuts.size()]) % 40);
    decoder.feed(stream.substr(0, size));
    stream.remove_prefix(size);
    while (const auto payload = decoder.next()) result.payloads.emplace_back(*payload);
  }
  result.failed = decoder.failed();
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::BytesView input(reinterpret_cast<const char*>(data), size);
  const base::BytesView cuts = input.substr(0, std::min<std::size_t>(8, size));

  const Decoded whole = decoded(input, {});
  ASSERT(decoded(input, cuts) == whole);
  std::string again;
  for (const std::string& payload : whole.payloads) {
    ASSERT(payload.size() <= limit_bytes);
    raft::append_frame(again, payload);
  }
  ASSERT(input.starts_with(again));

  std::string stream;
  Decoded expected;
  for (base::BytesView rest = input; !rest.empty();) {
    const std::size_t length =
        std::min<std::size_t>(rest.size(), static_cast<unsigned char>(rest[0]));
    expected.payloads.emplace_back(rest.substr(0, length));
    raft::append_frame(stream, expected.payloads.back());
    rest.remove_prefix(std::max<std::size_t>(length, 1));
  }
  ASSERT(decoded(stream, cuts) == expected);
  return 0;
}
