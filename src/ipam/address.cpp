#include "ipam/address.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/assert.hpp"

namespace ipam {

namespace {

constexpr int groups_of_ipv6 = 8;
constexpr std::size_t echoed_bytes_max = 64;  // of a user's own text in an error

U128 all_ones(int bits) { return bits == 0 ? 0 : ~U128{0} >> (128 - bits); }

U128 mask_of(Family family, int length) {
  const int bits = bits_of(family);
  return all_ones(bits) ^ all_ones(bits - length);
}

std::optional<unsigned> parse_decimal(std::string_view text, unsigned max) {
  if (text.empty() || text.size() > 3 || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  unsigned value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  if (value > max) return std::nullopt;
  return value;
}

std::optional<unsigned> parse_group(std::string_view text) {
  if (text.empty() || text.size() > 4) return std::nullopt;
  unsigned value = 0;
  for (const char c : text) {
    value <<= 4;
    if (c >= '0' && c <= '9')
      value |= static_cast<unsigned>(c - '0');
    else if (c >= 'a' && c <= 'f')
      value |= static_cast<unsigned>(c - 'a' + 10);
    else if (c >= 'A' && c <= 'F')
      value |= static_cast<unsigned>(c - 'A' + 10);
    else
      return std::nullopt;
  }
  return value;
}

std::optional<std::uint32_t> parse_ipv4(std::string_view text) {
  std::uint32_t value = 0;
  for (int part = 0; part < 4; ++part) {
    const std::size_t end = part < 3 ? text.find('.') : text.size();
    if (end == std::string_view::npos) return std::nullopt;
    const auto octet = parse_decimal(text.substr(0, end), 255);
    if (!octet) return std::nullopt;
    value = value << 8 | *octet;
    text.remove_prefix(part < 3 ? end + 1 : end);
  }
  return value;
}

// Groups of RFC 4291 §2.2 in order; `text` holds no "::".
struct Groups {
  std::array<unsigned, groups_of_ipv6> values{};
  int count = 0;

  bool append(unsigned value) {
    if (count == groups_of_ipv6) return false;
    values[static_cast<std::size_t>(count++)] = value;
    return true;
  }

  U128 value() const {
    U128 result = 0;
    for (int i = 0; i < count; ++i) result = result << 16 | values[static_cast<std::size_t>(i)];
    return result;
  }
};

// `ends_address`: the last group may be a dotted quad.
bool parse_groups(std::string_view text, bool ends_address, Groups& out) {
  if (text.empty()) return true;
  while (true) {
    const std::size_t colon = text.find(':');
    const std::string_view part = text.substr(0, colon);
    const bool is_last = colon == std::string_view::npos;
    if (is_last && ends_address && part.find('.') != std::string_view::npos) {
      const auto quad = parse_ipv4(part);
      return quad && out.append(*quad >> 16) && out.append(*quad & 0xffff);
    }
    const auto group = parse_group(part);
    if (!group || !out.append(*group)) return false;
    if (is_last) return true;
    text.remove_prefix(colon + 1);
  }
}

std::optional<U128> parse_ipv6(std::string_view text) {
  const std::size_t gap = text.find("::");
  if (gap == std::string_view::npos) {
    Groups groups;
    if (text.empty() || !parse_groups(text, true, groups) || groups.count != groups_of_ipv6)
      return std::nullopt;
    return groups.value();
  }
  Groups head, tail;
  if (!parse_groups(text.substr(0, gap), false, head)) return std::nullopt;
  if (!parse_groups(text.substr(gap + 2), true, tail)) return std::nullopt;
  // "::" stands for one or more groups of zeros (RFC 4291 §2.2).
  if (head.count + tail.count >= groups_of_ipv6) return std::nullopt;
  const U128 high = head.count == 0 ? 0 : head.value() << (16 * (groups_of_ipv6 - head.count));
  return high | tail.value();
}

// Every entry of the log writes some of these into its audit entry: without fmt, which takes ten
// times as long. Each of these gives the end of what it wrote.
char* write_octet(char* at, unsigned octet) {
  if (octet >= 100) *at++ = static_cast<char>('0' + octet / 100);
  if (octet >= 10) *at++ = static_cast<char>('0' + octet / 10 % 10);
  *at++ = static_cast<char>('0' + octet % 10);
  return at;
}

char* write_ipv4(char* at, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    at = write_octet(at, value >> shift & 0xff);
    if (shift > 0) *at++ = '.';
  }
  return at;
}

char* write_group(char* at, unsigned group) {
  constexpr char digits[] = "0123456789abcdef";
  for (int shift = group >= 0x1000 ? 12 : group >= 0x100 ? 8 : group >= 0x10 ? 4 : 0; shift >= 0;
       shift -= 4)
    *at++ = digits[group >> shift & 15];
  return at;
}

struct ZeroRun {
  int first = 0;
  int count = 0;
};

// The first of the longest runs (RFC 5952 §4.2.3); a single zero group is not one (§4.2.2).
ZeroRun longest_zero_run(const std::array<unsigned, groups_of_ipv6>& groups) {
  ZeroRun best, run;
  for (int i = 0; i < groups_of_ipv6; ++i) {
    if (groups[static_cast<std::size_t>(i)] != 0) {
      run = {i + 1, 0};
      continue;
    }
    ++run.count;
    if (run.count > best.count) best = run;
  }
  return best.count > 1 ? best : ZeroRun{};
}

char* write_ipv6(char* at, U128 value) {
  constexpr U128 mapped_high = 0xffff;  // ::ffff:0:0/96, RFC 5952 §5
  if (value >> 32 == mapped_high) {
    for (const char c : std::string_view("::ffff:")) *at++ = c;
    return write_ipv4(at, static_cast<std::uint32_t>(value));
  }
  std::array<unsigned, groups_of_ipv6> groups{};
  for (int i = 0; i < groups_of_ipv6; ++i)
    groups[static_cast<std::size_t>(i)] =
        static_cast<unsigned>(value >> (16 * (groups_of_ipv6 - 1 - i)) & 0xffff);
  const ZeroRun zeros = longest_zero_run(groups);
  bool needs_colon = false;
  for (int i = 0; i < groups_of_ipv6; ++i) {
    if (zeros.count > 0 && i == zeros.first) {
      *at++ = ':';
      *at++ = ':';
      needs_colon = false;
      i += zeros.count - 1;
      continue;
    }
    if (needs_colon) *at++ = ':';
    at = write_group(at, groups[static_cast<std::size_t>(i)]);
    needs_colon = true;
  }
  return at;
}

// " X" for an error, or nothing where the text is too long or not plain enough to be echoed.
std::string echo(std::string_view text) {
  const bool is_plain = std::all_of(text.begin(), text.end(),
                                    [](char c) { return c >= 0x20 && c < 0x7f; });
  if (text.empty() || text.size() > echoed_bytes_max || !is_plain) return "";
  return fmt::format(" '{}'", text);
}

}  // namespace

Address Prefix::last() const {
  return {base.family, base.value | all_ones(bits_of(base.family) - length)};
}

U128 Prefix::mask() const { return mask_of(base.family, length); }

bool Prefix::contains(const Address& address) const {
  return address.family == base.family && (address.value & mask()) == base.value;
}

bool Prefix::contains(const Prefix& other) const {
  return other.length >= length && contains(other.base);
}

bool is_valid(const Prefix& prefix) {
  const Family family = prefix.base.family;
  if (family != Family::ipv4 && family != Family::ipv6) return false;
  if (prefix.length < 0 || prefix.length > bits_of(family)) return false;
  return (prefix.base.value & ~mask_of(family, prefix.length)) == 0;
}

std::optional<Address> parse_address(std::string_view text) {
  if (text.find(':') != std::string_view::npos) {
    const auto value = parse_ipv6(text);
    return value ? std::optional<Address>({Family::ipv6, *value}) : std::nullopt;
  }
  const auto value = parse_ipv4(text);
  return value ? std::optional<Address>({Family::ipv4, *value}) : std::nullopt;
}

base::Result<Prefix, std::string> parse_prefix(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos)
    return base::fail(fmt::format(
        "invalid CIDR:{} has no prefix length; expected an address and a length such as "
        "10.0.0.0/24", text.empty() ? " empty text" : echo(text).empty() ? " text" : echo(text)));
  const auto address = parse_address(text.substr(0, slash));
  if (!address)
    return base::fail(fmt::format("invalid CIDR:{} does not begin with an IP address",
                                  echo(text).empty() ? " text" : echo(text)));
  const int bits = bits_of(address->family);
  const auto length = parse_decimal(text.substr(slash + 1), static_cast<unsigned>(bits));
  if (!length)
    return base::fail(fmt::format("invalid CIDR:{} needs a prefix length from 0 to {}",
                                  echo(text).empty() ? " text" : echo(text), bits));
  Prefix prefix{*address, static_cast<int>(*length)};
  if (is_valid(prefix)) return prefix;
  prefix.base.value &= prefix.mask();
  return base::fail(fmt::format("invalid CIDR {}/{}: host bits are set; did you mean {}?",
                                to_string(*address), *length, to_string(prefix)));
}

char* write(char* at, const Address& address) {
  return address.family == Family::ipv4
             ? write_ipv4(at, static_cast<std::uint32_t>(address.value))
             : write_ipv6(at, address.value);
}

char* write(char* at, const Prefix& prefix) {
  at = write(at, prefix.base);
  *at++ = '/';
  return write_octet(at, static_cast<unsigned>(prefix.length));
}

void append(std::string& text, const Address& address) {
  std::array<char, address_bytes_max> buffer;
  text.append(buffer.data(), write(buffer.data(), address));
}

void append(std::string& text, const Prefix& prefix) {
  std::array<char, prefix_bytes_max> buffer;
  text.append(buffer.data(), write(buffer.data(), prefix));
}

std::string to_string(const Address& address) {
  std::string text;
  append(text, address);
  return text;
}

std::string to_string(const Prefix& prefix) {
  std::string text;
  append(text, prefix);
  return text;
}

std::string to_string(U128 value) {
  std::string digits;
  do {
    digits += static_cast<char>('0' + static_cast<int>(value % 10));
    value /= 10;
  } while (value != 0);
  std::reverse(digits.begin(), digits.end());
  return digits;
}

UsableRange usable_range(const Prefix& prefix) {
  const bool is_ipv4 = prefix.base.family == Family::ipv4;
  const bool is_whole = prefix.length >= bits_of(prefix.base.family) - 1;
  Address first = prefix.base;
  Address last = prefix.last();
  if (!is_whole) {
    ++first.value;
    if (is_ipv4) --last.value;
  }
  return {first, last, last.value - first.value + 1};
}

}  // namespace ipam
