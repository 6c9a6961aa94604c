// UTF-8 (RFC 3629). Pure.
#pragma once

#include <cstddef>
#include <string_view>

namespace base {

// Length of the UTF-8 sequence at the start of `text`, 0 where it is invalid or cut off.
// REQUIRES: text is not empty.
std::size_t utf8_sequence_bytes(std::string_view text);

bool is_utf8(std::string_view text);

// What some programs put before a text to say that it is UTF-8.
inline constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
inline std::string_view without_byte_order_mark(std::string_view text) {
  return text.starts_with(byte_order_mark) ? text.substr(byte_order_mark.size()) : text;
}

}  // namespace base
