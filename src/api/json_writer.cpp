#include "api/json_writer.hpp"

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

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t run = 0;  // start of the bytes that can be copied as they are
  std::size_t i = 0;
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
