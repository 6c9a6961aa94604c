// The columns of tags and metadata of state.db: only what is written is read, so reading and
// writing it gives the same text.
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "state/tags.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto tags = state::tags_from_json(text);
  if (tags) ASSERT(state::to_json(*tags) == text);
  // A map is in order: keys that are not come out otherwise, but are read alike.
  const auto map = state::map_from_json(text);
  if (map) ASSERT(state::map_from_json(state::map_to_json(*map)) == map);
  return 0;
}
