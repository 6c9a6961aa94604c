// The deadlines and bounds of one Transport, so that a test can shrink them. Every wait of the
// transport is bounded by one of these; none of them is a promise to the other side.
#pragma once

#include <chrono>
#include <cstddef>

namespace raft {

struct TransportLimits {
  using Duration = std::chrono::milliseconds;

  // To resolve an address and to connect: a distant region answers within a fraction of it.
  Duration dial_timeout{3000};
  // From the connection to the end of the introduction, on both sides: four journeys of a distant
  // region, and what a stranger may stay.
  Duration handshake_timeout{3000};
  // For each write_slice_bytes handed to the kernel: 100 kB/s is the slowest useful link.
  Duration write_timeout{10000};
  // An idle connection carries an empty frame this often, ...
  Duration keepalive_interval{1000};
  // ... and the accepting side gives up a connection that was silent for this long.
  Duration inbound_silence_timeout{10000};
  // Between two dials; doubles from one failure to the next, with jitter.
  Duration reconnect_delay_min{50};
  Duration reconnect_delay_max{1000};
  // A node outside the configuration is hung up on when nothing was sent to it for this long.
  Duration learned_idle_timeout{60000};

  // Per peer, queued and on its way to the kernel together: four of the largest frames, and the
  // backlog of a stalled link rather than of a slow one. Beyond them send() drops.
  std::size_t queue_bytes_max = 64u << 20;
  std::size_t queue_messages_max = 4096;
  // Nodes that have introduced themselves: twice the largest cluster (members_max).
  std::size_t inbound_connections_max = 64;
  // Those that have not yet: of a cluster that starts all at once, with room to spare. Beyond them
  // the oldest is dropped for a newcomer, ...
  std::size_t strangers_max = 128;
  // ... and so it is beyond these of one address (of IPv6: of one /64): nodes may share one.
  std::size_t strangers_per_address_max = 64;
  // For each reason, so many refusals are logged in such a time; metrics count all.
  Duration refusal_window{60000};
  unsigned refusal_lines_max = 3;
};

}  // namespace raft
