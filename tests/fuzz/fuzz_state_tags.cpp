// The tags column of state.db: only what to_json() writes is read, so reading and writing it gives
// the same text.
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "state/tags.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto tags = state::tags_from_json(text);
  if (!tags) return 0;
  ASSERT(state::to_json(*tags) == text);
  return 0;
}
