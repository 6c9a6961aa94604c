// Messages on the simulated wire: encoded and framed as the transport does it, and compared when
// they arrive. A message that does not come out as it went in breaks `codec_round_trip`; a damaged
// frame that is taken for a whole one breaks `damaged_frame_is_noticed`.
#pragma once

#include "base/random.hpp"
#include "raft/core/message.hpp"

namespace simulation {

// nullptr where no peer would take the message.
base::SharedBytes frame_of(const raft::Message& message);

// Cuts the stream where `random` wants it, and now and then damages a copy first. Throws Violation.
raft::Message open_frame(const base::Bytes& frame, const raft::Message& sent,
                         base::Random& random);

bool same_message(const raft::Message& a, const raft::Message& b);

}  // namespace simulation
