#include "ipam/model.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "base/assert.hpp"

namespace ipam {

namespace {

constexpr std::string_view vrf_id_prefix = "vrf-";
constexpr std::string_view network_id_prefix = "net-";
constexpr std::string_view allocation_id_prefix = "alloc-";
constexpr std::string_view audit_id_prefix = "audit-";
constexpr std::string_view reservation_id_prefix = "res-";
constexpr std::string_view token_id_prefix = "token-";

// Without fmt: each entry of the log has some of these texts.
char* write_id(char* at, std::string_view prefix, std::uint64_t value) {
  at = std::copy(prefix.begin(), prefix.end(), at);
  return std::to_chars(at, at + std::numeric_limits<std::uint64_t>::digits10 + 1, value).ptr;
}

template <class Id>
std::string id_text(Id id) {
  std::array<char, id_bytes_max> buffer;
  return std::string(buffer.data(), write(buffer.data(), id));
}

std::optional<std::uint64_t> parse_id(std::string_view prefix, std::string_view text) {
  if (!text.starts_with(prefix)) return std::nullopt;
  text.remove_prefix(prefix.size());
  if (text.empty() || text[0] == '0') return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (value > (UINT64_MAX - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  return value;
}

struct Date {
  std::int64_t year;
  unsigned month;
  unsigned day;
};

// Days since 1970-01-01 to the proleptic Gregorian calendar, with years that begin in March so that
// the leap day comes last (H. Hinnant, "chrono-compatible low-level date algorithms").
Date date_of(std::int64_t days) {
  constexpr std::int64_t days_of_era = 146097;  // 400 years
  days += 719468;                               // since 0000-03-01
  const std::int64_t era = (days >= 0 ? days : days - (days_of_era - 1)) / days_of_era;
  const auto day_of_era = static_cast<unsigned>(days - era * days_of_era);
  const unsigned year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const unsigned day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned month_from_march = (5 * day_of_year + 2) / 153;
  const unsigned day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
  const unsigned month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  return {era * 400 + year_of_era + (month <= 2 ? 1 : 0), month, day};
}

char digit_of(unsigned number) { return static_cast<char>('0' + number); }

// REQUIRES: number < 100.
char* write_two(char* at, unsigned number) {
  *at++ = digit_of(number / 10);
  *at++ = digit_of(number % 10);
  return at;
}

// The inverse, of the same paper. REQUIRES: year > 0.
std::int64_t days_of(std::int64_t year, std::int64_t month, std::int64_t day) {
  if (month <= 2) --year;
  const std::int64_t era = year / 400;
  const std::int64_t year_of_era = year - era * 400;
  const std::int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const std::int64_t day_of_era =
      year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// "Z" or "+01:30", in minutes.
std::optional<std::int64_t> parse_offset(std::string_view text) {
  if (text == "Z" || text == "z") return 0;
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':')
    return std::nullopt;
  for (const std::size_t i : {1, 2, 4, 5})
    if (!is_digit(text[i])) return std::nullopt;
  const std::int64_t hours = (text[1] - '0') * 10 + (text[2] - '0');
  const std::int64_t minutes = (text[4] - '0') * 10 + (text[5] - '0');
  if (hours > 23 || minutes > 59) return std::nullopt;
  return (text[0] == '-' ? -1 : 1) * (hours * 60 + minutes);
}

}  // namespace

char* write(char* at, VrfId id) { return write_id(at, vrf_id_prefix, id.value()); }
char* write(char* at, NetworkId id) { return write_id(at, network_id_prefix, id.value()); }
char* write(char* at, AllocationId id) {
  return write_id(at, allocation_id_prefix, id.value());
}
char* write(char* at, AuditId id) { return write_id(at, audit_id_prefix, id.value()); }
char* write(char* at, ReservationId id) {
  return write_id(at, reservation_id_prefix, id.value());
}
char* write(char* at, TokenId id) { return write_id(at, token_id_prefix, id.value()); }

std::string to_string(VrfId id) { return id_text(id); }
std::string to_string(NetworkId id) { return id_text(id); }
std::string to_string(AllocationId id) { return id_text(id); }
std::string to_string(AuditId id) { return id_text(id); }
std::string to_string(ReservationId id) { return id_text(id); }
std::string to_string(TokenId id) { return id_text(id); }

std::string_view to_string(Strategy strategy) {
  switch (strategy) {
    case Strategy::first: return "first";
    case Strategy::last: return "last";
    case Strategy::random: return "random";
    case Strategy::sparse: return "sparse";
    case Strategy::sticky: return "sticky";
  }
  UNREACHABLE();
}

std::optional<Strategy> parse_strategy(std::string_view text) {
  for (const Strategy strategy :
       {Strategy::first, Strategy::last, Strategy::random, Strategy::sparse, Strategy::sticky})
    if (to_string(strategy) == text) return strategy;
  return std::nullopt;
}

std::string_view to_string(NetworkStatus status) {
  switch (status) {
    case NetworkStatus::active: return "active";
    case NetworkStatus::container: return "container";
    case NetworkStatus::reserved: return "reserved";
    case NetworkStatus::deprecated: return "deprecated";
  }
  UNREACHABLE();
}

std::optional<NetworkStatus> parse_network_status(std::string_view text) {
  for (const NetworkStatus status : {NetworkStatus::active, NetworkStatus::container,
                                     NetworkStatus::reserved, NetworkStatus::deprecated})
    if (to_string(status) == text) return status;
  return std::nullopt;
}

std::string_view to_string(Role role) {
  switch (role) {
    case Role::viewer: return "viewer";
    case Role::editor: return "editor";
    case Role::admin: return "admin";
  }
  UNREACHABLE();
}

std::optional<Role> parse_role(std::string_view text) {
  for (const Role role : {Role::viewer, Role::editor, Role::admin})
    if (to_string(role) == text) return role;
  return std::nullopt;
}

bool reaches(U128 allocated, U128 total, std::uint32_t percent) {
  // Hundredths first: total * percent could overflow.
  const U128 rest = total % 100 * percent;
  return percent > 0 && allocated >= total / 100 * percent + (rest + 99) / 100;
}

std::optional<VrfId> parse_vrf_id(std::string_view text) {
  const auto value = parse_id(vrf_id_prefix, text);
  return value ? std::optional(VrfId(*value)) : std::nullopt;
}

std::optional<NetworkId> parse_network_id(std::string_view text) {
  const auto value = parse_id(network_id_prefix, text);
  return value ? std::optional(NetworkId(*value)) : std::nullopt;
}

std::optional<AllocationId> parse_allocation_id(std::string_view text) {
  const auto value = parse_id(allocation_id_prefix, text);
  return value ? std::optional(AllocationId(*value)) : std::nullopt;
}

std::optional<AuditId> parse_audit_id(std::string_view text) {
  const auto value = parse_id(audit_id_prefix, text);
  return value ? std::optional(AuditId(*value)) : std::nullopt;
}

std::optional<ReservationId> parse_reservation_id(std::string_view text) {
  const auto value = parse_id(reservation_id_prefix, text);
  return value ? std::optional(ReservationId(*value)) : std::nullopt;
}

std::optional<TokenId> parse_token_id(std::string_view text) {
  const auto value = parse_id(token_id_prefix, text);
  return value ? std::optional(TokenId(*value)) : std::nullopt;
}

std::optional<TimeMs> parse_rfc3339(std::string_view text) {
  constexpr std::string_view shape = "0000-00-00T00:00:00";
  if (text.size() <= shape.size()) return std::nullopt;
  std::array<std::int64_t, 6> parts{};  // year, month, day, hour, minute, second
  std::size_t part = 0;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const char c = i == 10 && text[i] == 't' ? 'T' : text[i];
    if (shape[i] != '0' ? c != shape[i] : (c < '0' || c > '9')) return std::nullopt;
    if (shape[i] != '0') ++part;
    else parts[part] = parts[part] * 10 + (c - '0');
  }
  const auto [year, month, day, hour, minute, second] = parts;
  text.remove_prefix(shape.size());
  std::int64_t ms = 0;
  if (text[0] == '.') {
    std::size_t digits = 0;
    for (text.remove_prefix(1); digits < text.size() && is_digit(text[digits]); ++digits)
      if (digits < 3) ms = ms * 10 + (text[digits] - '0');
    if (digits == 0) return std::nullopt;
    for (std::size_t i = digits; i < 3; ++i) ms *= 10;
    text.remove_prefix(digits);
  }
  const auto offset_minutes = parse_offset(text);
  // A leap second counts as the second after it.
  if (!offset_minutes || year < 1970 || month < 1 || month > 12 || day < 1 || hour > 23 ||
      minute > 59 || second > 60)
    return std::nullopt;
  const std::int64_t days = days_of(year, month, day);
  const Date back = date_of(days);  // the 30th of February comes back as another day
  if (back.month != month || back.day != day) return std::nullopt;
  const TimeMs time =
      (((days * 24 + hour) * 60 + minute - *offset_minutes) * 60 + second) * 1000 + ms;
  return time >= 0 && time <= time_ms_max ? std::optional(time) : std::nullopt;
}

char* write_rfc3339(char* at, TimeMs time) {
  constexpr std::int64_t day_ms = 86'400'000;
  std::int64_t days = time / day_ms;
  std::int64_t ms = time % day_ms;
  if (ms < 0) {
    ms += day_ms;
    --days;
  }
  const Date date = date_of(days);
  const auto year = static_cast<unsigned>(std::max<std::int64_t>(date.year, 0) % 10'000);
  const auto ms_of_day = static_cast<unsigned>(ms);
  // A lease that was made on the last days of RFC 3339 ends after them.
  if (date.year > 9999) at = std::to_chars(at, at + 8, date.year / 10'000).ptr;
  at = write_two(write_two(at, year / 100), year % 100);
  *at++ = '-';
  at = write_two(at, date.month);
  *at++ = '-';
  at = write_two(at, date.day);
  *at++ = 'T';
  at = write_two(at, ms_of_day / 3'600'000);
  *at++ = ':';
  at = write_two(at, ms_of_day / 60'000 % 60);
  *at++ = ':';
  at = write_two(at, ms_of_day / 1000 % 60);
  if (ms_of_day % 1000 != 0) {
    *at++ = '.';
    *at++ = digit_of(ms_of_day / 100 % 10);
    at = write_two(at, ms_of_day % 100);
  }
  *at++ = 'Z';
  return at;
}

std::string to_rfc3339(TimeMs time) {
  std::array<char, rfc3339_bytes_max> buffer;
  return std::string(buffer.data(), write_rfc3339(buffer.data(), time));
}

namespace {

constexpr std::size_t bytes_per_text = 32;

std::size_t bytes_of(const std::vector<std::string>& texts) {
  std::size_t bytes = 0;
  for (const std::string& text : texts) bytes += bytes_per_text + text.size();
  return bytes;
}

std::size_t bytes_of(const Metadata& metadata) {
  std::size_t bytes = 0;
  for (const auto& [key, value] : metadata)
    bytes += 2 * bytes_per_text + key.size() + value.size();
  return bytes;
}

}  // namespace

std::size_t text_bytes(const Network& network) {
  const std::size_t bytes = network.description.size() + bytes_of(network.tags);
  return network.extras ? bytes + bytes_of(network.extras->metadata) : bytes;
}

std::size_t text_bytes(const Allocation& allocation) {
  const std::size_t bytes = allocation.hostname.size() + allocation.description.size() +
                            bytes_of(allocation.tags);
  if (!allocation.extras) return bytes;
  return bytes + allocation.extras->owner.size() + bytes_of(allocation.extras->metadata);
}

std::size_t text_bytes(const Reservation& reservation) {
  return reservation.reason.size() + bytes_of(reservation.tags) + bytes_of(reservation.metadata);
}

}  // namespace ipam
