#include "http/target.hpp"

#include <algorithm>
#include <array>

namespace http {
namespace {

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) {
  return equal_ignoring_case(text.substr(0, prefix.size()), prefix);
}

// Visible ASCII but '#': more than RFC 3986 allows ("|" and the like, which clients send), and
// nothing that could end a line or be read in two ways.
bool is_target_text(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c > 0x20 && c < 0x7f && c != '#'; });
}

// Of the name of a host: visible ASCII but what ends it, or what some readers take for its end.
constexpr std::array<bool, 256> make_host_table() {
  std::array<bool, 256> table{};
  for (std::size_t c = 0x21; c < 0x7f; ++c) table[c] = true;
  for (const char c : std::string_view("/?#@,[]\"\\<>^`{|}"))
    table[static_cast<unsigned char>(c)] = false;
  return table;
}
constexpr std::array<bool, 256> host_table = make_host_table();

}  // namespace

bool is_host(std::string_view text) {
  std::string_view port;
  if (!text.empty() && text.front() == '[') {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return false;
    const std::string_view address = text.substr(1, close - 1);
    if (address.empty() || address.find_first_of("/?#@,[ \t\"\\") != std::string_view::npos)
      return false;
    port = text.substr(close + 1);
    if (!port.empty() && port.front() != ':') return false;
  } else {
    const std::size_t colon = std::min(text.find(':'), text.size());
    const std::string_view name = text.substr(0, colon);
    const bool clean = std::all_of(name.begin(), name.end(), [](char c) {
      return host_table[static_cast<unsigned char>(c)];
    });
    if (!clean) return false;
    if (name.empty() && !text.empty()) return false;
    port = text.substr(colon);
  }
  if (!port.empty()) port.remove_prefix(1);
  return port.size() <= 5 &&
         std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
}

const char* parse_target(std::string_view target, Request& request) {
  request.path.clear();
  request.query.clear();
  if (target == "*") {
    if (request.method != Method::options) return "the target * is for OPTIONS alone";
    request.path = "*";
    return nullptr;
  }
  if (!is_target_text(target)) return "the request target holds a character that it may not";
  if (target.empty() || target.front() != '/') {
    const bool plain = starts_with_ignoring_case(target, "http://");
    if (!plain && !starts_with_ignoring_case(target, "https://"))
      return "the request target is neither a path nor a URL";
    target.remove_prefix(plain ? 7 : 8);
    const std::size_t end = std::min(target.find_first_of("/?"), target.size());
    if (end == 0 || !is_host(target.substr(0, end)))
      return "the host in the request target is malformed";
    target.remove_prefix(end);
  }
  const std::size_t question = std::min(target.find('?'), target.size());
  if (question == 0) request.path = "/";  // http://host or http://host?query
  if (!percent_decode(target.substr(0, question), request.path))
    return "the path holds a bad percent-encoding";
  if (question < target.size()) request.query.assign(target.substr(question + 1));
  return nullptr;
}

}  // namespace http
