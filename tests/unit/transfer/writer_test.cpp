#include <doctest/doctest.h>

#include <string>

#include "base/random.hpp"
#include "read.hpp"
#include "transfer/writer.hpp"

namespace {

using namespace transfer;

std::string written(const Writer& writer, const std::vector<Object>& objects) {
  std::string text;
  writer.begin(text);
  for (const Object& object : objects) writer.write(text, object);
  return text;
}

AllocationRow host(std::string_view address, std::string hostname) {
  AllocationRow row;
  row.first = row.last = *ipam::parse_address(address);
  row.hostname = std::move(hostname);
  return row;
}

// Of the bytes that a format could stumble over.
std::string random_text(base::Random& random) {
  constexpr std::string_view bytes = "ab ,;\"\n\t'#\\{}\xc3\xa4";
  std::string text = random.below(2) == 0 ? " x" : "x";
  for (std::uint64_t left = random.below(6); left > 0; --left) {
    const std::uint64_t at = random.below(bytes.size() - 1);
    text += at == bytes.size() - 2 ? std::string("\xc3\xa4") : std::string(1, bytes[at]);
  }
  return text + (random.below(2) == 0 ? "\t" : "x");
}

std::vector<std::string> random_tags(base::Random& random) {
  constexpr std::string_view odd[] = {"b c", "a,b", "x;y", "[1]", " edge ", "\"q\"", "t\\"};
  std::vector<std::string> tags{"a"};
  for (const std::string_view tag : odd)
    if (random.below(4) == 0) tags.insert(tags.begin(), std::string(tag));
  return tags;
}

Object random_object(base::Random& random) {
  const ipam::Address first{ipam::Family::ipv4, 0x0a000000 + random.below(1 << 16)};
  const ipam::Address last{ipam::Family::ipv4, first.value + random.below(3)};
  ipam::Metadata metadata;
  if (random.below(2) == 0) metadata[random_text(random)] = random_text(random);
  if (random.below(4) == 0) metadata["empty"] = "";
  switch (random.below(4)) {
    case 0: return VrfRow{random_text(random), random_text(random)};
    case 1:
      return NetworkRow{.vrf = random_text(random),
                        .prefix = *ipam::parse_prefix("2001:db8::/48"),
                        .description = random_text(random),
                        .tags = random_tags(random),
                        .status = "container",
                        .metadata = metadata,
                        .strategy = random.below(2) == 0 ? "last" : "",
                        .gateway = random.below(2) == 0 ? ipam::parse_address("2001:db8::1")
                                                        : std::nullopt,
                        .quarantine_seconds = static_cast<std::uint32_t>(random.below(3)),
                        .threshold_percent = static_cast<std::uint32_t>(random.below(101))};
    case 2: {
      AllocationRow row;
      row.vrf = random_text(random);
      row.first = first;
      row.last = last;
      row.has_network = true;
      row.network = *ipam::parse_prefix("10.0.0.0/8");
      row.hostname = "web";
      row.description = random_text(random);
      row.owner = random_text(random);
      row.metadata = metadata;
      return row;
    }
    default: return ReservationRow{random_text(random), first,    last, random_text(random),
                                   random_tags(random), metadata};
  }
}

TEST_CASE("what is written as csv or json reads back the same") {
  base::Random random(20261126);
  for (int round = 0; round < 200; ++round) {
    std::vector<Object> objects;
    for (int i = 0; i < 5; ++i) objects.push_back(random_object(random));
    for (const auto& [to, from] : {std::pair(ExportFormat::csv, Format::csv),
                                   std::pair(ExportFormat::json, Format::json)}) {
      const std::string text = written(Writer(to), objects);
      CAPTURE(text);
      const Read result = read(from, text);
      REQUIRE_FALSE(result.error);
      REQUIRE(result.rows.size() == objects.size());
      for (std::size_t i = 0; i < objects.size(); ++i) CHECK(result.rows[i].object == objects[i]);
    }
  }
}

TEST_CASE("hosts: what has a name that a resolver can use") {
  CHECK(written(Writer(ExportFormat::hosts),
                {host("10.0.0.5", "web.example.com"), host("2001:db8::1", "six"),
                 host("10.0.0.6", ""), host("10.0.0.7", "a b"), host("10.0.0.8", "."),
                 host("10.0.0.9", "b..c.example.com"), host("10.0.0.10", std::string(64, 'x')),
                 VrfRow{"x", ""}}) ==
        "# by ipam\n10.0.0.5\tweb.example.com\n2001:db8::1\tsix\n");
}

TEST_CASE("a forward zone has its own names alone") {
  const Writer writer(ExportFormat::zone, {"example.com", "", 42});
  CHECK(written(writer, {host("10.0.0.5", "WEB.example.com."), host("2001:db8::1", "six"),
                         host("10.0.0.6", "web.example.org"), host("10.0.0.7", "example.com"),
                         host("10.0.0.8", "notexample.com"), host("10.0.0.9", "b..example.com"),
                         host("10.0.0.10", ".")}) ==
        "; by ipam\n$ORIGIN example.com.\n$TTL 3600\n"
        "@ IN SOA ns.example.com. hostmaster.example.com. 42 7200 900 1209600 300\n"
        "@ IN NS ns.example.com.\nweb IN A 10.0.0.5\nsix IN AAAA 2001:db8::1\n@ IN A 10.0.0.7\n");
}

TEST_CASE("a reverse zone has its own addresses alone") {
  const Writer ipv4(ExportFormat::zone, {"0.10.in-addr.arpa", "ns1.example.com", 1});
  const std::string text = written(
      ipv4, {host("10.0.3.5", "web.example.com"), host("10.1.0.1", "no"), host("::1", "no")});
  CHECK(text.find("\n@ IN NS ns1.example.com.\n5.3.0.10.in-addr.arpa. IN PTR web.example.com.\n") !=
        std::string::npos);
  CHECK(text.find("no.") == std::string::npos);
  const Writer ipv6(ExportFormat::zone, {"8.b.d.0.1.0.0.2.ip6.arpa", "", 1});
  CHECK(written(ipv6, {host("2001:db8::1", "six.example.com")})
            .ends_with("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. "
                       "IN PTR six.example.com.\n"));
}

TEST_CASE("names of zones") {
  CHECK(*parse_zone_name("Example.COM.") == "example.com");
  CHECK(*parse_zone_name("2.0.192.in-addr.arpa") == "2.0.192.in-addr.arpa");
  for (const char* bad : {"", ".", "a..b", "a b", "256.in-addr.arpa", "01.in-addr.arpa",
                          "1.2.3.4.5.in-addr.arpa", "10.ip6.arpa", "x.ip6.arpa"})
    CHECK_FALSE(parse_zone_name(bad));
  CHECK_FALSE(parse_zone_name(std::string(64, 'a')));
  CHECK(reverse_prefix("0.10.in-addr.arpa") == ipam::parse_prefix("10.0.0.0/16").value());
  CHECK(reverse_prefix("8.b.d.0.1.0.0.2.ip6.arpa") == ipam::parse_prefix("2001:db8::/32").value());
  CHECK_FALSE(reverse_prefix("example.com"));
}

}  // namespace
