#include "state/tags.hpp"

namespace state {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20; }

void append_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (is_control(c)) {
      out += "\\u00";
      out += hex_digits[static_cast<unsigned char>(c) >> 4];
      out += hex_digits[static_cast<unsigned char>(c) & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

bool take(std::string_view& in, char c) {
  if (in.empty() || in.front() != c) return false;
  in.remove_prefix(1);
  return true;
}

// Behind a backslash.
bool take_escape(std::string_view& in, std::string& out) {
  if (in.empty()) return false;
  const char c = in.front();
  in.remove_prefix(1);
  if (c == '"' || c == '\\') {
    out += c;
    return true;
  }
  if (c != 'u' || in.size() < 4 || in.substr(0, 2) != "00") return false;
  const std::size_t high = hex_digits.find(in[2]), low = hex_digits.find(in[3]);
  if (high > 1 || low == std::string_view::npos) return false;
  out += static_cast<char>(high * 16 + low);
  in.remove_prefix(4);
  return true;
}

bool take_string(std::string_view& in, std::string& out) {
  if (!take(in, '"')) return false;
  while (!in.empty()) {
    const char c = in.front();
    in.remove_prefix(1);
    if (c == '"') return true;
    if (is_control(c)) return false;
    if (c != '\\')
      out += c;
    else if (!take_escape(in, out))
      return false;
  }
  return false;
}

}  // namespace

std::string to_json(const std::vector<std::string>& tags) {
  if (tags.empty()) return "[]";
  std::string out = "[";
  for (const std::string& tag : tags) {
    if (out.size() > 1) out += ',';
    append_string(out, tag);
  }
  return out + "]";
}

std::optional<std::vector<std::string>> tags_from_json(std::string_view text) {
  std::vector<std::string> tags;
  if (!take(text, '[')) return std::nullopt;
  if (text == "]") return tags;
  do {
    if (!take_string(text, tags.emplace_back())) return std::nullopt;
  } while (take(text, ','));
  if (text != "]") return std::nullopt;
  return tags;
}

std::string map_to_json(const std::map<std::string, std::string>& texts) {
  std::string out = "{";
  for (const auto& [key, value] : texts) {
    if (out.size() > 1) out += ',';
    append_string(out, key);
    out += ':';
    append_string(out, value);
  }
  return out + "}";
}

std::optional<std::map<std::string, std::string>> map_from_json(std::string_view text) {
  std::map<std::string, std::string> texts;
  if (!take(text, '{')) return std::nullopt;
  if (text == "}") return texts;
  do {
    std::string key, value;
    if (!take_string(text, key) || !take(text, ':') || !take_string(text, value))
      return std::nullopt;
    if (!texts.emplace(std::move(key), std::move(value)).second) return std::nullopt;
  } while (take(text, ','));
  if (text != "}") return std::nullopt;
  return texts;
}

}  // namespace state
