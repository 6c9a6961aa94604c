#include <doctest/doctest.h>
#include <fmt/format.h>

#include "ipam/model.hpp"

TEST_CASE("ids are shown and read with their kind") {
  CHECK(ipam::to_string(ipam::NetworkId(1)) == "net-1");
  CHECK(ipam::to_string(ipam::AllocationId(790)) == "alloc-790");
  CHECK(ipam::to_string(ipam::AuditId(UINT64_MAX)) == "audit-18446744073709551615");
  CHECK(ipam::parse_network_id("net-1") == ipam::NetworkId(1));
  CHECK(ipam::parse_allocation_id("alloc-18446744073709551615") ==
        ipam::AllocationId(UINT64_MAX));
}

TEST_CASE("texts that are not exactly an id are refused") {
  for (const char* text : {"", "net", "net-", "net-0", "net-01", "net-1 ", " net-1", "net--1",
                           "net-+1", "NET-1", "alloc-1", "net-18446744073709551616",
                           "net-99999999999999999999", "net-1a", "1"}) {
    CAPTURE(text);
    CHECK_FALSE(ipam::parse_network_id(text));
  }
  CHECK_FALSE(ipam::parse_allocation_id("net-1"));
}

TEST_CASE("times are printed as RFC 3339 in UTC") {
  CHECK(ipam::to_rfc3339(0) == "1970-01-01T00:00:00Z");
  CHECK(ipam::to_rfc3339(1705314600000) == "2024-01-15T10:30:00Z");
  CHECK(ipam::to_rfc3339(1705314600123) == "2024-01-15T10:30:00.123Z");
  CHECK(ipam::to_rfc3339(1705314600007) == "2024-01-15T10:30:00.007Z");
  CHECK(ipam::to_rfc3339(-1) == "1969-12-31T23:59:59.999Z");
  CHECK(ipam::to_rfc3339(951782400000) == "2000-02-29T00:00:00Z");
  CHECK(ipam::to_rfc3339(951868800000) == "2000-03-01T00:00:00Z");
  CHECK(ipam::to_rfc3339(4107542400000) == "2100-03-01T00:00:00Z");  // 2100 has no leap day
  CHECK(ipam::to_rfc3339(4107542399000) == "2100-02-28T23:59:59Z");
  CHECK(ipam::to_rfc3339(ipam::time_ms_max) == "9999-12-31T23:59:59.999Z");
  CHECK(ipam::to_rfc3339(ipam::time_ms_max + 1) == "10000-01-01T00:00:00Z");
  CHECK(ipam::to_rfc3339(ipam::time_ms_max + 366 * 86'400'000ll) == "10000-12-31T23:59:59.999Z");
}

TEST_CASE("times of RFC 3339 are read, and nothing else") {
  const auto read = [](std::string_view text) { return ipam::parse_rfc3339(text); };
  CHECK(read("1970-01-01T00:00:00Z") == 0);
  CHECK(read("2024-01-15t10:30:00.123456z") == 1705314600123);
  CHECK(read("2024-01-15T10:30:00.1Z") == 1705314600100);
  CHECK(read("2024-01-15T11:30:00+01:00") == 1705314600000);
  CHECK(read("2024-01-15T00:00:00-10:30") == 1705314600000);
  CHECK(read("9999-12-31T23:59:59.999Z") == ipam::time_ms_max);
  for (const char* text :
       {"", "2024-01-15", "2024-01-15T10:30:00", "2024-01-15 10:30:00Z", "2024-02-30T00:00:00Z",
        "2023-02-29T00:00:00Z", "2024-13-01T00:00:00Z", "2024-00-01T00:00:00Z",
        "2024-01-00T00:00:00Z", "2024-01-15T24:00:00Z", "2024-01-15T10:60:00Z",
        "2024-01-15T10:30:61Z", "2024-01-15T10:30:00.Z", "2024-01-15T10:30:00+0100",
        "2024-01-15T10:30:00+24:00", "2024-01-15T10:30:00Zx", "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "2o24-01-15T10:30:00Z"})
    CHECK_MESSAGE(!read(text).has_value(), text);
}

TEST_CASE("every day of four centuries follows the one before") {
  const auto days_in = [](int year, int month) {
    const bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (month == 2) return is_leap ? 29 : 28;
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
  };
  int year = 1970, month = 1, day = 1;
  for (std::int64_t n = 0; n < 146097 + 366; ++n) {
    CHECK(ipam::to_rfc3339(n * 86'400'000) ==
          fmt::format("{:04}-{:02}-{:02}T00:00:00Z", year, month, day));
    CHECK(ipam::parse_rfc3339(ipam::to_rfc3339(n * 86'400'000)) == n * 86'400'000);
    if (++day <= days_in(year, month)) continue;
    day = 1;
    if (++month <= 12) continue;
    month = 1;
    ++year;
  }
}
