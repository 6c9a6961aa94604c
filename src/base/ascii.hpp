// Letters of ASCII, in whatever case: names of hosts (RFC 4343), media types, words of options. The
// standard library's own depend on the locale. Pure.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace base {

constexpr char lower_case(char c) {
  return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

inline std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = lower_case(c);
  return lower;
}

inline bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower_case(x) == lower_case(y); });
}

}  // namespace base
