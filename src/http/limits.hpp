// Every limit of the HTTP server, each with its reason. Sizes in bytes, times in milliseconds.
#pragma once

#include <chrono>
#include <cstddef>

namespace http {

struct Limits {
  std::size_t request_line_bytes_max = 8192;  // RFC 9112 §3 recommends at least 8000; 414 beyond
  std::size_t header_bytes_max = 16384;       // all fields together, and all trailers; 431 beyond
  std::size_t headers_max = 100;              // 431 beyond
  std::size_t body_bytes_max = 8u << 20;      // 413 beyond; a transaction of 10,000 fits
  std::size_t connections_max = 4096;         // accept pauses beyond
  std::chrono::milliseconds handshake_timeout{10000};  // of TLS: two round trips, however slow; cut
  std::chrono::milliseconds request_timeout{15000};  // from its first byte until it is whole; 408
  std::chrono::milliseconds idle_timeout{75000};     // keep-alive without a request: just closed
  std::chrono::milliseconds write_timeout{30000};    // a client that reads nothing of its answer
  std::chrono::milliseconds linger_timeout{5000};    // waiting for the client to close, after ours
};

}  // namespace http
