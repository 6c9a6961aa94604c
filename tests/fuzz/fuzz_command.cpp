// Entries of the Raft log: what decodes encodes to the very same bytes, and can be applied.
#include <cstdint>

#include "base/assert.hpp"
#include "ipam/command.hpp"
#include "ipam/state_machine.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::BytesView bytes(reinterpret_cast<const char*>(data), size);
  const auto command = ipam::decode_command(bytes);
  if (!command) return 0;
  ASSERT(ipam::encode(*command) == bytes);
  ipam::StateMachine machine;
  ipam::Command network;
  network.body = ipam::CreateNetwork{*ipam::parse_prefix("10.0.0.0/24"), "", {}};
  machine.apply(ipam::Revision(1), 1, network);
  machine.apply(ipam::Revision(2), 2, *command);
  machine.apply(ipam::Revision(3), 3, *command);
  return 0;
}
