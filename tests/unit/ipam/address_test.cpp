#include <doctest/doctest.h>

#include <string>

#include "base/random.hpp"
#include "ipam/address.hpp"

namespace {

using ipam::Address;
using ipam::Family;
using ipam::Prefix;
using ipam::U128;

Address address(std::string_view text) {
  const auto parsed = ipam::parse_address(text);
  REQUIRE_MESSAGE(parsed, text);
  return *parsed;
}

Prefix prefix(std::string_view text) {
  auto parsed = ipam::parse_prefix(text);
  REQUIRE_MESSAGE(parsed.ok(), text);
  return *parsed;
}

std::string reprinted(std::string_view text) { return ipam::to_string(address(text)); }

std::string refusal(std::string_view text) {
  auto parsed = ipam::parse_prefix(text);
  REQUIRE_MESSAGE(!parsed.ok(), text);
  return parsed.error();
}

}  // namespace

TEST_CASE("IPv6 is printed as RFC 5952 says") {
  // §4.1: no leading zeros; §4.3: lower case.
  CHECK(reprinted("2001:0db8::0001") == "2001:db8::1");
  CHECK(reprinted("2001:DB8::ABCD") == "2001:db8::abcd");
  // §4.2.1: shortened as much as possible.
  CHECK(reprinted("2001:db8:0:0:0:0:2:1") == "2001:db8::2:1");
  CHECK(reprinted("0:0:0:0:0:0:0:0") == "::");
  CHECK(reprinted("0:0:0:0:0:0:0:1") == "::1");
  CHECK(reprinted("1:0:0:0:0:0:0:0") == "1::");
  // §4.2.2: a single zero group is not shortened.
  CHECK(reprinted("2001:db8::1:1:1:1:1") == "2001:db8:0:1:1:1:1:1");
  CHECK(reprinted("0:1:2:3:4:5:6:7") == "0:1:2:3:4:5:6:7");
  CHECK(reprinted("1:2:3:4:5:6:7:0") == "1:2:3:4:5:6:7:0");
  // §4.2.3: the longest run, and the first of equal ones.
  CHECK(reprinted("2001:0:0:1:0:0:0:1") == "2001:0:0:1::1");
  CHECK(reprinted("2001:db8:0:0:1:0:0:1") == "2001:db8::1:0:0:1");
  CHECK(reprinted("0:0:1:0:0:1:0:0") == "::1:0:0:1:0:0");
  // §5: IPv4-mapped in dotted decimal.
  CHECK(reprinted("::ffff:c000:0201") == "::ffff:192.0.2.1");
  CHECK(reprinted("0:0:0:0:0:ffff:0:0") == "::ffff:0.0.0.0");
  CHECK(reprinted("::fffe:c000:201") == "::fffe:c000:201");
  CHECK(reprinted("::1.2.3.4") == "::102:304");
  CHECK(reprinted("64:ff9b::192.0.2.33") == "64:ff9b::c000:221");
  CHECK(reprinted("1000:200:30:4:f000:e00:d0:c") == "1000:200:30:4:f000:e00:d0:c");
  CHECK(reprinted("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff") ==
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
  CHECK(reprinted("0:0:0:0:0:ffff:ffff:ffff") == "::ffff:255.255.255.255");
}

TEST_CASE("texts that are no address are refused") {
  for (const char* text :
       {"", ".", "1", "1.2.3", "1.2.3.4.5", "1.2.3.", ".1.2.3", "1..2.3", "256.1.1.1", "01.2.3.4",
        "1.2.3.00", "1.2.3.4 ", " 1.2.3.4", "1.2.3.-4", "+1.2.3.4", "0x1.2.3.4", "1.2.3.1000",
        ":", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "g::", ":1::",
        "1:", ":1", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "1:2:3:4::5:6:7:8", "fe80::1%eth0",
        "[::1]", "::1.2.3", "::1.2.3.256", "1.2.3.4::", "::1.2.3.4:1", "1:2:3:4:5:6:7:1.2.3.4",
        "::1.2.3.4.5", "1::2:", "::01234"}) {
    CAPTURE(text);
    CHECK_FALSE(ipam::parse_address(text));
  }
  CHECK_FALSE(ipam::parse_address(std::string_view("1.2.3.4\0", 8)));
}

TEST_CASE("addresses of both families are parsed") {
  CHECK((address("0.0.0.0") == Address{Family::ipv4, 0}));
  CHECK((address("255.255.255.255") == Address{Family::ipv4, 0xffffffff}));
  CHECK((address("10.1.2.3") == Address{Family::ipv4, 0x0a010203}));
  CHECK((address("::") == Address{Family::ipv6, 0}));
  CHECK((address("1:2:3:4:5:6:7:8").value >> 64 == 0x0001000200030004));
  CHECK((address("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff").value == ~U128{0}));
  CHECK((address("1::").value == U128{1} << 112));
  CHECK((address("1:2:3:4:5:6:7::").value == address("1:2:3:4:5:6:7:0").value));
  CHECK((address("::2:3:4:5:6:7:8").value == address("0:2:3:4:5:6:7:8").value));
  CHECK((address("1:2:3:4:5:6:1.2.3.4").value == address("1:2:3:4:5:6:102:304").value));
}

TEST_CASE("every address that is printed parses back to itself") {
  const std::uint64_t seed = 20240115;
  CAPTURE(seed);
  base::Random random(seed);
  for (int i = 0; i < 100'000; ++i) {
    U128 value = static_cast<U128>(random.next()) << 64 | random.next();
    for (int group = 0; group < 8; ++group)  // many zero groups, so that runs of every kind occur
      if (random.chance(50)) value &= ~(U128{0xffff} << (16 * group));
    const Address v6{Family::ipv6, value};
    const std::string text = ipam::to_string(v6);
    CAPTURE(text);
    CHECK(ipam::parse_address(text) == v6);
    const Address v4{Family::ipv4, value & 0xffffffff};
    CHECK(ipam::parse_address(ipam::to_string(v4)) == v4);
  }
}

TEST_CASE("host bits in a CIDR are an error that names the prefix that was meant") {
  CHECK(refusal("10.0.0.5/16") ==
        "invalid CIDR 10.0.0.5/16: host bits are set; did you mean 10.0.0.0/16?");
  CHECK(refusal("2001:DB8::1/64") ==
        "invalid CIDR 2001:db8::1/64: host bits are set; did you mean 2001:db8::/64?");
  CHECK(refusal("128.0.0.0/0") ==
        "invalid CIDR 128.0.0.0/0: host bits are set; did you mean 0.0.0.0/0?");
}

TEST_CASE("every refused CIDR says so, and echoes only short plain text") {
  CHECK(refusal("10.0.0.0") == "invalid CIDR: '10.0.0.0' has no prefix length; expected an address "
                               "and a length such as 10.0.0.0/24");
  CHECK(refusal("") == "invalid CIDR: empty text has no prefix length; expected an address and a "
                       "length such as 10.0.0.0/24");
  CHECK(refusal("office/24") == "invalid CIDR: 'office/24' does not begin with an IP address");
  CHECK(refusal("10.0.0.0/33") == "invalid CIDR: '10.0.0.0/33' needs a prefix length from 0 to 32");
  CHECK(refusal("::/129") == "invalid CIDR: '::/129' needs a prefix length from 0 to 128");
  for (const char* text : {"10.0.0.0/", "10.0.0.0/08", "10.0.0.0/-1", "10.0.0.0/8 ", "10.0.0.0/8/8",
                           "/8", "10.0.0/8", "10.0.0.0/1000000000000000000000"})
    CHECK(refusal(text).starts_with("invalid CIDR"));
  CHECK(refusal(std::string(1000, 'x') + "/8").size() < 100);
  CHECK(refusal("\xff\n/8") == "invalid CIDR: text does not begin with an IP address");
}

TEST_CASE("usable ranges leave out network, broadcast and the subnet-router anycast address") {
  const auto check = [](std::string_view cidr, std::string_view first, std::string_view last,
                        std::string_view count) {
    CAPTURE(cidr);
    const ipam::UsableRange usable = ipam::usable_range(prefix(cidr));
    CHECK(ipam::to_string(usable.first) == first);
    CHECK(ipam::to_string(usable.last) == last);
    CHECK(ipam::to_string(usable.count) == count);
  };
  check("192.168.1.0/24", "192.168.1.1", "192.168.1.254", "254");
  check("10.0.0.0/8", "10.0.0.1", "10.255.255.254", "16777214");
  check("0.0.0.0/0", "0.0.0.1", "255.255.255.254", "4294967294");
  check("10.0.0.4/30", "10.0.0.5", "10.0.0.6", "2");
  check("10.0.0.4/31", "10.0.0.4", "10.0.0.5", "2");
  check("10.0.0.4/32", "10.0.0.4", "10.0.0.4", "1");
  check("2001:db8::/64", "2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", "18446744073709551615");
  check("::/0", "::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "340282366920938463463374607431768211455");
  check("2001:db8::4/126", "2001:db8::5", "2001:db8::7", "3");
  check("2001:db8::4/127", "2001:db8::4", "2001:db8::5", "2");
  check("2001:db8::4/128", "2001:db8::4", "2001:db8::4", "1");
}

TEST_CASE("a prefix contains what has its leading bits, of its own family only") {
  const Prefix wide = prefix("10.0.0.0/8");
  CHECK(wide.contains(address("10.255.255.255")));
  CHECK_FALSE(wide.contains(address("11.0.0.0")));
  CHECK_FALSE(wide.contains(address("::a00:0")));
  CHECK(wide.contains(wide));
  CHECK(wide.contains(prefix("10.1.0.0/16")));
  CHECK_FALSE(prefix("10.1.0.0/16").contains(wide));
  CHECK(prefix("::/0").contains(address("ffff::")));
  CHECK_FALSE(prefix("::/0").contains(address("1.2.3.4")));
  CHECK(ipam::to_string(prefix("10.0.0.0/9").last()) == "10.127.255.255");
  CHECK((prefix("0.0.0.0/0").mask() == 0));
  CHECK((prefix("1.2.3.4/32").mask() == 0xffffffff));
  CHECK((prefix("::/1").mask() == U128{1} << 127));
  CHECK(ipam::to_string(prefix("::ffff:0:0/96")) == "::ffff:0.0.0.0/96");
}

TEST_CASE("prefixes that break their own rules are not valid") {
  CHECK(ipam::is_valid(prefix("10.0.0.0/8")));
  CHECK_FALSE(ipam::is_valid({{Family::ipv4, 1}, 8}));
  CHECK_FALSE(ipam::is_valid({{Family::ipv4, U128{1} << 32}, 32}));
  CHECK_FALSE(ipam::is_valid({{Family::ipv4, 0}, 33}));
  CHECK_FALSE(ipam::is_valid({{Family::ipv6, 0}, 129}));
  CHECK_FALSE(ipam::is_valid({{Family::ipv6, 0}, -1}));
  CHECK_FALSE(ipam::is_valid({{static_cast<Family>(5), 0}, 8}));
}
