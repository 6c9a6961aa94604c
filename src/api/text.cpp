#include "api/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/utf8.hpp"
#include "ipam/address.hpp"
#include "ipam/model.hpp"

namespace api {

namespace {

bool is_hostname_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_';
}

bool is_control(unsigned char c) { return c < 0x20 || c == 0x7f; }

Complaint check_utf8_and_size(std::string_view field, std::string_view text,
                              std::size_t bytes_max) {
  if (text.size() > bytes_max)
    return fmt::format("{} must be at most {} bytes long, not {}", field, bytes_max, text.size());
  if (!base::is_utf8(text)) return fmt::format("{} must be valid UTF-8", field);
  return std::nullopt;
}

}  // namespace

std::string quoted(std::string_view text) {
  if (text.size() <= quoted_bytes_max) return fmt::format("\"{}\"", text);
  std::size_t size = quoted_bytes_max;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
  return fmt::format("\"{}…\"", text.substr(0, size));
}

std::optional<std::uint64_t> parse_whole_number(std::string_view text) {
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Complaint check_text(std::string_view field, std::string_view text, std::size_t bytes_max) {
  if (auto complaint = check_utf8_and_size(field, text, bytes_max)) return complaint;
  const auto refused = [](char c) {
    return is_control(static_cast<unsigned char>(c)) && c != '\t' && c != '\n';
  };
  if (std::any_of(text.begin(), text.end(), refused))
    return fmt::format("{} must not hold control characters other than tab and newline", field);
  return std::nullopt;
}

Complaint check_hostname(std::string_view field, std::string_view text) {
  if (auto complaint = check_utf8_and_size(field, text, ipam::hostname_bytes_max))
    return complaint;
  if (!std::all_of(text.begin(), text.end(), is_hostname_character))
    return fmt::format("{} may hold letters, digits, '-', '.' and '_' only: {}", field,
                       quoted(text));
  return std::nullopt;
}

Complaint check_tag(std::string_view field, std::string_view text) {
  if (text.empty()) return fmt::format("{} must not be empty", field);
  if (auto complaint = check_utf8_and_size(field, text, ipam::tag_bytes_max)) return complaint;
  const auto refused = [](char c) { return is_control(static_cast<unsigned char>(c)); };
  if (std::any_of(text.begin(), text.end(), refused))
    return fmt::format("{} must not hold control characters", field);
  return std::nullopt;
}

Complaint check_host_and_port(std::string_view field, std::string_view text) {
  const std::string expected =
      fmt::format("{} must be host:port, such as \"node4.example.com:5004\", not {}", field,
                  quoted(text));
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return expected;
  const std::string_view host = text.substr(0, colon);
  if (host.front() == '[') {
    if (host.back() != ']') return expected;
    const auto address = ipam::parse_address(host.substr(1, host.size() - 2));
    if (!address || address->family != ipam::Family::ipv6) return expected;
  } else if (host.size() > ipam::hostname_bytes_max ||
             !std::all_of(host.begin(), host.end(), is_hostname_character)) {
    return expected;
  }
  const auto port = parse_whole_number(text.substr(colon + 1));
  if (!port || *port < 1 || *port > 65535)
    return fmt::format("{} must end in a port from 1 to 65535, not {}", field, quoted(text));
  return std::nullopt;
}

}  // namespace api
