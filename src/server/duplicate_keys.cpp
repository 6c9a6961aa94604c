#include "server/duplicate_keys.hpp"

#include <boost/json.hpp>
#include <set>
#include <vector>

#include "base/assert.hpp"

namespace server {

namespace {

// The length of the string literal at the start of `text`, with both quotes.
std::size_t literal_bytes(std::string_view text) {
  std::size_t i = 1;
  while (i < text.size() && text[i] != '"') i += text[i] == '\\' ? 2 : 1;
  ASSERT(i < text.size());
  return i + 1;
}

bool colon_follows(std::string_view text) {
  const std::size_t next = text.find_first_not_of(" \t\r\n");
  return next != std::string_view::npos && text[next] == ':';
}

}  // namespace

std::optional<std::string> find_duplicate_key(std::string_view text) {
  std::vector<std::set<std::string>> open;  // the keys so far of each open object or array
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '{' || c == '[') open.emplace_back();
    if (c == '}' || c == ']') {
      ASSERT(!open.empty());
      open.pop_back();
    }
    if (c != '"') continue;
    const std::string_view literal = text.substr(i, literal_bytes(text.substr(i)));
    i += literal.size() - 1;
    // A string is a key where a colon follows: valid JSON has one nowhere else.
    if (!colon_follows(text.substr(i + 1))) continue;
    std::string key(boost::json::parse(literal).as_string());
    ASSERT(!open.empty());
    if (!open.back().insert(key).second) return key;
  }
  return std::nullopt;
}

}  // namespace server
