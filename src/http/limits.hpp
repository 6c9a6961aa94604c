// Every limit of the HTTP server, each with its reason. Sizes in bytes, times in milliseconds.
// docs/limits.md has them in one table with all others; a test compares the two.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace http {

struct Limits {
  std::size_t request_line_bytes_max = 8192;  // RFC 9112 §3 recommends at least 8000; 414 beyond
  std::size_t header_bytes_max = 16384;       // all fields together, and all trailers; 431 beyond
  std::size_t headers_max = 100;              // 431 beyond
  std::size_t body_bytes_max = 8u << 20;      // 413 beyond; a transaction of 10,000 fits
  // A newcomer beyond takes the place of the connection that has been idle longest.
  std::size_t connections_max = 4096;
  // Of all, from one IPv4 address or IPv6 /64; closed beyond. Enough for a proxy in front of us;
  // and no single machine has more than a quarter of all.
  std::size_t connections_per_address_max = 1024;
  // All bodies together that are larger than small_body_bytes; 503 beyond.
  std::size_t request_bytes_max = 256u << 20;
  // All answers together that their clients do not take at once; beyond, the one is cut that has
  // waited longest for its client.
  std::size_t answer_bytes_max = 256u << 20;
  // Of TLS: two round trips, however slow; cut.
  std::chrono::milliseconds handshake_timeout{10000};
  // The head of a request from its first byte on, and each share of its body (paced_bytes); 408.
  std::chrono::milliseconds request_timeout{15000};
  std::chrono::milliseconds idle_timeout{75000};    // keep-alive without a request: just closed
  std::chrono::milliseconds write_timeout{30000};   // the client must take its share of the answer
  std::chrono::milliseconds linger_timeout{5000};   // waiting for the client to close, after ours
  // Of bodies and answers, on average over each request_timeout or write_timeout: half of what the
  // slowest link carries that anybody still has (64 kbit/s). Answers come in lumps of the buffers
  // between, so that half is needed.
  std::size_t pace_bytes_per_second_min = 4096;
};

// A body up to here is never refused for want of memory, and its memory stays with the connection.
inline constexpr std::size_t small_body_bytes = 16384;

// What a transfer must have moved when this time is over, or the rest of it. So one that stalls is
// noticed within the time, whatever it did before; a time limit for the whole would have to allow
// 8 MiB over a slow link to everybody.
constexpr std::size_t paced_bytes(const Limits& limits, std::chrono::milliseconds time) {
  const auto share = static_cast<std::size_t>(time.count()) * limits.pace_bytes_per_second_min;
  return std::max<std::size_t>(share / 1000, 1);
}

}  // namespace http
