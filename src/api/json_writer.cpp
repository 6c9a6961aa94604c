#include "api/json_writer.hpp"

#include <algorithm>
#include <array>

#include "base/assert.hpp"
#include "base/utf8.hpp"

namespace api {

namespace {

// What the JSON of most objects fits into.
constexpr std::size_t bytes_initial = 512;
// A string that has more to give is lengthened in steps: the room is written twice.
constexpr std::size_t room_bytes = 4096;
// Of one byte of a text: \u00XX.
constexpr std::size_t escape_bytes_max = 6;
constexpr std::string_view replacement = "\xef\xbf\xbd";  // U+FFFD

char* put(char* at, std::string_view bytes) {
  return std::copy(bytes.begin(), bytes.end(), at);
}

char* put_escape(char* at, unsigned char c) {
  constexpr char hex[] = "0123456789abcdef";
  switch (c) {
    case '"': return put(at, "\\\"");
    case '\\': return put(at, "\\\\");
    case '\n': return put(at, "\\n");
    case '\r': return put(at, "\\r");
    case '\t': return put(at, "\\t");
    default: break;
  }
  at = put(at, "\\u00");
  *at++ = hex[c >> 4];
  *at++ = hex[c & 15];
  return at;
}

// ASCII that stands for itself.
constexpr std::array<bool, 256> make_plain_table() {
  std::array<bool, 256> table{};
  for (std::size_t c = 0x20; c < 0x7f; ++c) table[c] = c != '"' && c != '\\';
  return table;
}
constexpr std::array<bool, 256> plain_table = make_plain_table();

bool is_plain(char c) { return plain_table[static_cast<unsigned char>(c)]; }

char* put_escaped(char* at, std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x80) {
      if (is_plain(text[i])) *at++ = text[i];
      else at = put_escape(at, c);
      ++i;
      continue;
    }
    const std::size_t bytes = base::utf8_sequence_bytes(text.substr(i));
    at = put(at, bytes == 0 ? replacement : text.substr(i, bytes));
    i += std::max<std::size_t>(bytes, 1);
  }
  return at;
}

}  // namespace

void JsonWriter::text(std::string_view value) {
  // Mostly all of it is plain.
  const bool all_plain =
      std::all_of(value.begin(), value.end(), [](char c) { return is_plain(c); });
  char* at = begin_value((all_plain ? 1 : escape_bytes_max) * value.size() + 2);
  *at++ = '"';
  if (all_plain) {
    value.copy(at, value.size());
    at += value.size();
  } else {
    at = put_escaped(at, value);
  }
  *at++ = '"';
  at_ = at;
}

void JsonWriter::grow(std::size_t bytes) {
  ASSERT(depth_ > 0);
  const std::size_t used = at_ ? static_cast<std::size_t>(at_ - out_.data()) : out_.size();
  if (out_.capacity() < used + bytes)
    out_.reserve(std::max({used + bytes, 2 * out_.capacity(), bytes_initial}));
  out_.resize(std::min(out_.capacity(), used + std::max(bytes, room_bytes)));
  at_ = out_.data() + used;
  end_ = out_.data() + out_.size();
}

// All that was opened is closed.
void JsonWriter::settle() {
  out_.resize(static_cast<std::size_t>(at_ - out_.data()));
  at_ = end_ = nullptr;
}

}  // namespace api
