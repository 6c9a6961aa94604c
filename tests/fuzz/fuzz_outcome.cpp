// The outcomes of state.db, which a node may have from a peer's snapshot.
#include <cstdint>

#include "base/assert.hpp"
#include "ipam/outcome_codec.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::BytesView bytes(reinterpret_cast<const char*>(data), size);
  const auto outcome = ipam::decode_outcome(bytes);
  if (outcome) ASSERT(ipam::decode_outcome(ipam::encode_outcome(*outcome)) == outcome);
  return 0;
}
