// What a peer says, behind its frames: messages, handshakes and configurations. Whatever decodes
// can be encoded, and that encoding decodes to the same.
#include <cstdint>
#include <string>

#include "base/assert.hpp"
#include "raft/transport/codec.hpp"
#include "raft/transport/handshake.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::BytesView input(reinterpret_cast<const char*>(data), size);

  if (const auto message = raft::decode(input)) {
    std::string once, twice;
    ASSERT(raft::encode(*message, once));
    ASSERT(once.size() <= input.size());  // equal but for varints that were longer than needed
    const auto again = raft::decode(once);
    ASSERT(again.has_value());
    ASSERT(raft::encode(*again, twice));
    ASSERT(once == twice);
  }
  if (const auto handshake = raft::decode_handshake(input)) {
    const std::string once = raft::encode(*handshake);
    const auto again = raft::decode_handshake(once);
    ASSERT(again.has_value() && raft::encode(*again) == once);
    (void)raft::check(*handshake, *again);
  }
  if (const auto configuration = raft::decode_configuration(input)) {
    const auto again = raft::decode_configuration(raft::encode(*configuration));
    ASSERT(again == configuration);
  }
  return 0;
}
