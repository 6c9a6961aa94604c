// Where something listens: host:port as users write it, and http:// and https:// URLs of servers.
// Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace cli {

struct Endpoint {
  std::string host;  // a name, an IPv4 address, or an IPv6 address without its brackets
  std::uint16_t port = 0;

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

enum class PortZero : std::uint8_t { refused, allowed };

// "host:port", "[2001:db8::1]:port". The error is the reason alone, such as "has no port", so that
// the caller can put the name of its flag or key in front.
base::Result<Endpoint, std::string> parse_endpoint(std::string_view text,
                                                   PortZero zero = PortZero::refused);
std::string to_string(const Endpoint& endpoint);  // with brackets around IPv6

// A server that the client speaks to.
struct ServerUrl {
  Endpoint endpoint;
  std::string prefix;  // of every path, "" or "/ipam": behind a proxy that serves it in a folder
  bool tls = false;    // https

  friend bool operator==(const ServerUrl&, const ServerUrl&) = default;
};

// "http://host[:port][/prefix]" (port 80 where none is given), the same with https (port 443), or
// "host:port", which is http.
base::Result<ServerUrl, std::string> parse_server_url(std::string_view text);
std::string to_string(const ServerUrl& url);

// The URL under which this machine reaches a server that listens on `listen`: the wildcard
// addresses 0.0.0.0 and [::] become loopback.
std::string local_url(const Endpoint& listen, bool tls = false);

// Whether only this machine can reach what listens there.
bool is_loopback(std::string_view host);

// Percent-encodes all but unreserved characters (RFC 3986 §2.3) and those in `keep`.
std::string percent_encode(std::string_view text, std::string_view keep = {});

}  // namespace cli
