#include "raft/transport/frame.hpp"

#include <doctest/doctest.h>

#include <ctime>
#include <vector>

#include "base/random.hpp"

using namespace raft;

namespace {

std::string random_bytes(base::Random& random, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random.next());
  return bytes;
}

}  // namespace

TEST_CASE("a frame is its length, its checksum and the payload") {
  base::Bytes out;
  append_frame(out, "123456789");  // the check value of RFC 3720 is 0xe3069283
  CHECK(out == std::string("\x09\0\0\0\x83\x92\x06\xe3" "123456789", 17));
}

TEST_CASE("however a stream is cut, it gives the same payloads") {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    base::Random random(seed);
    std::vector<std::string> sent;
    base::Bytes stream;
    for (std::uint64_t i = random.below(30); i-- > 0;) {
      const std::uint64_t size = random.chance(10) ? random.below(5000) : random.below(40);
      sent.push_back(random_bytes(random, size));
      append_frame(stream, sent.back());
    }
    FrameDecoder decoder(5000);
    std::vector<std::string> received;
    base::BytesView rest = stream;
    const std::uint64_t piece_max = 1 + random.below(random.chance(50) ? 10 : 4000);
    while (!rest.empty()) {
      const base::BytesView piece = rest.substr(0, 1 + random.below(piece_max));
      decoder.feed(piece);
      rest.remove_prefix(piece.size());
      if (random.chance(20)) continue;  // not every reader takes at once what is there
      while (const auto payload = decoder.next()) received.emplace_back(*payload);
    }
    while (const auto payload = decoder.next()) received.emplace_back(*payload);
    CHECK(received == sent);
    CHECK_FALSE(decoder.failed());
  }
}

TEST_CASE("a damaged byte never gives a wrong payload") {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    base::Random random(seed);
    const std::string payload = random_bytes(random, 1 + random.below(100));
    base::Bytes stream;
    append_frame(stream, payload);
    const std::size_t at = random.below(stream.size());
    stream[at] = static_cast<char>(stream[at] ^ (1 + random.below(255)));
    FrameDecoder decoder(1000);
    decoder.feed(stream);
    CHECK_FALSE(decoder.next().has_value());
    decoder.feed(std::string(2000, 'x'));  // a length that grew is answered at last
    CHECK_FALSE(decoder.next().has_value());
  }
}

TEST_CASE("too long a payload fails before its bytes come") {
  FrameDecoder decoder(100);
  base::Bytes header;
  base::ByteWriter writer(header);
  writer.u32(101);
  writer.u32(0);
  decoder.feed(header);
  CHECK_FALSE(decoder.next().has_value());
  CHECK(decoder.failed());
  decoder.feed("more");
  CHECK_FALSE(decoder.next().has_value());
}

TEST_CASE("the largest frame in single bytes takes linear time") {
  base::Bytes stream;
  append_frame(stream, std::string(4u << 20, 'x'));
  const auto run = [&] {
    FrameDecoder decoder(frame_bytes_max);
    std::size_t payloads = 0;
    for (const char c : stream) {
      decoder.feed(base::BytesView(&c, 1));
      while (decoder.next()) ++payloads;
    }
    return payloads;
  };
  const std::clock_t start = std::clock();  // processor time: the machine may be busy
  CHECK(run() == 1);
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  CHECK(seconds < 20);  // quadratic time would be hours
  MESSAGE("4 MiB in single bytes: ", seconds * 1000, " ms");
}
