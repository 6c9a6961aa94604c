// IP addresses and prefixes of both families as values. Leaf header of ipam; pure.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace ipam {

using U128 = unsigned __int128;

// Values are written to disk: never reuse one.
enum class Family : std::uint8_t { ipv4 = 4, ipv6 = 6 };

inline int bits_of(Family family) { return family == Family::ipv4 ? 32 : 128; }

struct Address {
  Family family = Family::ipv4;
  U128 value = 0;  // host byte order; below 2^32 for IPv4

  friend constexpr auto operator<=>(const Address&, const Address&) = default;
};

// A CIDR block whose host bits are zero.
struct Prefix {
  Address base;
  int length = 0;  // 0 to 32 or 0 to 128

  Address last() const;  // the highest address in it
  U128 mask() const;     // network bits set, within the width of the family
  bool contains(const Address& address) const;
  bool contains(const Prefix& other) const;  // also where they are equal
  friend auto operator<=>(const Prefix&, const Prefix&) = default;
};

// What bytes from outside may violate: a family that exists, a length and a base within it, host
// bits zero.
bool is_valid(const Prefix& prefix);

// Dotted quad (no leading zeros, RFC 6943 §3.1.1) or RFC 4291 text, without zone or brackets.
std::optional<Address> parse_address(std::string_view text);

// The error is the sentence that users read: "invalid CIDR: …", and for host bits it names the
// prefix that was probably meant: "invalid CIDR 10.0.0.5/16: host bits are set; did you mean
// 10.0.0.0/16?".
base::Result<Prefix, std::string> parse_prefix(std::string_view text);

std::string to_string(const Address& address);  // IPv6 as RFC 5952 §4 and §5 say
std::string to_string(const Prefix& prefix);
std::string to_string(U128 value);  // decimal
// The same at the end of a text that is being put together.
void append(std::string& text, const Address& address);
void append(std::string& text, const Prefix& prefix);
// The same into memory that has room for so many bytes; gives the end of what it wrote.
inline constexpr std::size_t address_bytes_max = 45;  // more than 8 groups of 4 digits, and colons
inline constexpr std::size_t prefix_bytes_max = address_bytes_max + 4;
char* write(char* at, const Address& address);
char* write(char* at, const Prefix& prefix);

// What may be handed out: IPv4 without network and broadcast (RFC 3021: except /31, /32), IPv6
// without the subnet-router anycast address (RFC 4291 §2.6.1; except /127, RFC 6164, and /128).
struct UsableRange {
  Address first;
  Address last;
  U128 count = 0;  // all 2^128 addresses of ::/0 cannot be usable, so this does not overflow
};
UsableRange usable_range(const Prefix& prefix);

}  // namespace ipam
