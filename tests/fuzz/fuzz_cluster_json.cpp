// cluster.json: anything is read or refused with one line, and what is read survives being written.
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "server/cluster_config.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = server::parse_cluster_config(text, "cluster.json");
  if (!config) {
    ASSERT(config.error().starts_with("cluster.json: "));
    ASSERT(config.error().find('\n') == std::string::npos);
    return 0;
  }
  ASSERT(config->node_id != 0 && config->cluster_id != 0);
  const auto again = server::parse_cluster_config(server::serialize_cluster_config(*config), "f");
  ASSERT(again.ok());
  ASSERT(*again == *config);
  return 0;
}
