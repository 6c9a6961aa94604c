// "host:port" as users write it: a name, an IPv4 address, or an IPv6 address in brackets. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace raft {

struct HostPort {
  std::string host;  // without brackets
  std::uint16_t port = 0;
};

// nullopt where there is no host, no port, or a port that is no number up to 65535.
std::optional<HostPort> split_address(std::string_view address);

}  // namespace raft
