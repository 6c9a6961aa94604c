// What an entry of the log holds, on its way back from disk or wire: a sealed command, or a
// configuration. Whatever opens can be sealed again, to the same bytes.
#include <cstdint>

#include "base/assert.hpp"
#include "ipam/command.hpp"
#include "raft/core/configuration.hpp"
#include "raft/node/envelope.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::BytesView input(reinterpret_cast<const char*>(data), size);
  if (const auto envelope = raft::open_envelope(input)) {
    ASSERT(*raft::seal(envelope->id, envelope->timestamp_ms, envelope->command) == input);
    if (const auto command = ipam::decode_command(envelope->command))
      ASSERT(ipam::encode(*command) == envelope->command);
  }
  if (const auto configuration = raft::decode_configuration(input)) {
    ASSERT(configuration->members.size() <= raft::members_max);
    const base::Bytes again = raft::encode(*configuration);
    ASSERT(raft::decode_configuration(again) == configuration);
    (void)raft::has_quorum(*configuration, [](raft::NodeId id) { return id.value() % 2 == 0; });
    (void)configuration->command_version();
  }
  return 0;
}
