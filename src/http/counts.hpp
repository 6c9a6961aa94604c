// What an HTTP server has counted since its start, and what it holds now; for the metrics.
#pragma once

#include <cstddef>
#include <cstdint>

namespace http {

struct Counts {
  std::size_t connections = 0;    // open
  std::size_t request_bytes = 0;  // in memory, of bodies larger than small_body_bytes
  std::size_t answer_bytes = 0;   // in memory, of answers that wait for their client
  std::uint64_t handshakes_failed = 0;  // of TLS
  // Connections that were closed although their client did not want that:
  std::uint64_t refused_for_address = 0;  // connections_per_address_max
  std::uint64_t dropped_for_newcomer = 0;  // connections_max
  std::uint64_t slow_senders = 0;          // request_timeout
  std::uint64_t slow_readers = 0;          // write_timeout
  std::uint64_t refused_for_memory = 0;    // request_bytes_max
  std::uint64_t cut_for_memory = 0;        // answer_bytes_max
};

}  // namespace http
