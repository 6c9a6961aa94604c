// Tags as one column of text, a JSON array of strings, and metadata as another, a JSON object of
// strings: so a user who opens the file with sqlite3 can read them and json_each() works on them.
// Only what to_json() writes is read back.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace state {

std::string to_json(const std::vector<std::string>& tags);
std::optional<std::vector<std::string>> tags_from_json(std::string_view text);
std::string map_to_json(const std::map<std::string, std::string>& texts);
std::optional<std::map<std::string, std::string>> map_from_json(std::string_view text);

}  // namespace state
