#include "cli/endpoint.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "ipam/address.hpp"

namespace cli {

namespace {

constexpr std::size_t host_bytes_max = 253;  // RFC 1035 §2.3.4 as text

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_';
}

// Takes "[v6]" or "name" from the front; what stays in `text` is "" or ":port".
base::Result<std::string, std::string> take_host(std::string_view& text) {
  std::string host;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return base::fail(std::string("has no closing ']'"));
    host = text.substr(1, close - 1);
    text.remove_prefix(close + 1);
    const auto address = ipam::parse_address(host);
    if (!address || address->family != ipam::Family::ipv6)
      return base::fail(std::string("has no IPv6 address in its brackets"));
    if (!text.empty() && !text.starts_with(':'))
      return base::fail(std::string("has something other than ':' after ']'"));
    return host;
  }
  const std::size_t colon = std::min(text.find(':'), text.size());
  host = text.substr(0, colon);
  text.remove_prefix(colon);
  if (std::count(text.begin(), text.end(), ':') > 1)
    return base::fail(std::string("has an IPv6 address without brackets"));
  if (host.empty()) return base::fail(std::string("has no host"));
  if (host.size() > host_bytes_max) return base::fail(std::string("has too long a host"));
  if (!std::all_of(host.begin(), host.end(), is_host_character))
    return base::fail(std::string("has a character that no host name has"));
  return host;
}

base::Result<std::uint16_t, std::string> parse_port(std::string_view text, PortZero zero) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool whole = error == std::errc() && end == text.data() + text.size() && !text.empty();
  if (!whole || (port == 0 && zero == PortZero::refused))
    return base::fail(fmt::format("has a bad port '{}'", text));
  return port;
}

}  // namespace

base::Result<Endpoint, std::string> parse_endpoint(std::string_view text, PortZero zero) {
  if (text.empty()) return base::fail(std::string("is empty"));
  auto host = take_host(text);
  if (!host) return base::fail(host.error());
  if (text.empty() || text == ":") return base::fail(std::string("has no port"));
  auto port = parse_port(text.substr(1), zero);
  if (!port) return base::fail(port.error());
  return Endpoint{std::move(*host), *port};
}

std::string to_string(const Endpoint& endpoint) {
  const bool ipv6 = endpoint.host.find(':') != std::string::npos;
  return ipv6 ? fmt::format("[{}]:{}", endpoint.host, endpoint.port)
              : fmt::format("{}:{}", endpoint.host, endpoint.port);
}

base::Result<ServerUrl, std::string> parse_server_url(std::string_view text) {
  constexpr std::string_view plain_scheme = "http://";
  constexpr std::string_view tls_scheme = "https://";
  const bool tls = text.starts_with(tls_scheme);
  const bool has_scheme = tls || text.starts_with(plain_scheme);
  if (has_scheme) text.remove_prefix(tls ? tls_scheme.size() : plain_scheme.size());
  if (!has_scheme && text.find("://") != std::string_view::npos)
    return base::fail(std::string("has a scheme other than http and https"));

  const std::size_t slash = std::min(text.find('/'), text.size());
  std::string prefix(text.substr(slash));
  while (prefix.ends_with('/')) prefix.pop_back();
  const bool is_clean = std::all_of(prefix.begin(), prefix.end(), [](char c) {
    return is_host_character(c) || c == '/' || c == '~';
  });
  if (!is_clean) return base::fail(std::string("has a path that no server has"));

  std::string_view authority = text.substr(0, slash);
  std::string_view rest = authority;
  auto host = take_host(rest);
  if (!host) return base::fail(host.error());
  if (rest.empty() && has_scheme) {
    const std::uint16_t port = tls ? 443 : 80;
    return ServerUrl{{std::move(*host), port}, std::move(prefix), tls};
  }
  auto endpoint = parse_endpoint(authority);
  if (!endpoint) return base::fail(endpoint.error());
  return ServerUrl{std::move(*endpoint), std::move(prefix), tls};
}

std::string to_string(const ServerUrl& url) {
  return (url.tls ? "https://" : "http://") + to_string(url.endpoint) + url.prefix;
}

std::string local_url(const Endpoint& listen, bool tls) {
  Endpoint endpoint = listen;
  if (endpoint.host == "0.0.0.0") endpoint.host = "127.0.0.1";
  if (endpoint.host == "::") endpoint.host = "::1";
  return to_string(ServerUrl{endpoint, "", tls});
}

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

std::string percent_encode(std::string_view text, std::string_view keep) {
  std::string encoded;
  for (const char c : text) {
    const bool unreserved = is_host_character(c) || c == '~';
    if (unreserved || keep.find(c) != std::string_view::npos) {
      encoded.push_back(c);
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

}  // namespace cli
