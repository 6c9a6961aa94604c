#include "api/json_writer.hpp"

#include <array>
#include <cstring>

#include "api/text.hpp"

namespace api {

namespace {

void append_escape(std::string& out, unsigned char c) {
  constexpr char hex[] = "0123456789abcdef";
  switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default: break;
  }
  out += "\\u00";
  out += hex[c >> 4];
  out += hex[c & 15];
}

// ASCII that stands for itself.
constexpr std::array<bool, 256> make_plain_table() {
  std::array<bool, 256> table{};
  for (std::size_t c = 0x20; c < 0x7f; ++c) table[c] = c != '"' && c != '\\';
  return table;
}
constexpr std::array<bool, 256> plain_table = make_plain_table();

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  std::size_t i = 0;  // of the first byte that is not plain: mostly none is
  while (i < text.size() && plain_table[static_cast<unsigned char>(text[i])]) ++i;
  if (i == text.size()) {
    char* const at = extended(out, text.size() + 2);
    at[0] = '"';
    std::memcpy(at + 1, text.data(), text.size());
    at[text.size() + 1] = '"';
    return;
  }
  out += '"';
  std::size_t run = 0;  // start of the bytes that can be copied as they are
  while (i < text.size()) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x80) {
      const std::size_t bytes = utf8_sequence_bytes(text.substr(i));
      if (bytes == 0) {
        out.append(text, run, i - run);
        out += "\xef\xbf\xbd";  // U+FFFD
        run = i + 1;
      }
      i += bytes == 0 ? 1 : bytes;
      continue;
    }
    if (c < 0x20 || c == '"' || c == '\\' || c == 0x7f) {
      out.append(text, run, i - run);
      append_escape(out, c);
      run = i + 1;
    }
    ++i;
  }
  out.append(text, run, i - run);
  out += '"';
}

}  // namespace api
