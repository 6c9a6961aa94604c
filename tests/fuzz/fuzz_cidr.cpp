// Addresses and prefixes as text: what is parsed is valid, and printing it gives text that parses
// to the same value and is its own canonical form.
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "ipam/address.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto address = ipam::parse_address(text)) {
    ASSERT(ipam::is_valid({*address, ipam::bits_of(address->family)}));
    const std::string printed = ipam::to_string(*address);
    ASSERT(ipam::parse_address(printed) == address);
  }
  const auto prefix = ipam::parse_prefix(text);
  if (!prefix.ok()) {
    ASSERT(prefix.error().starts_with("invalid CIDR"));
    return 0;
  }
  ASSERT(ipam::is_valid(*prefix));
  const auto again = ipam::parse_prefix(ipam::to_string(*prefix));
  ASSERT(again.ok() && *again == *prefix);
  const ipam::UsableRange usable = ipam::usable_range(*prefix);
  ASSERT(prefix->contains(usable.first) && prefix->contains(usable.last) && usable.count > 0);
  return 0;
}
