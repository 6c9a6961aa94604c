// Tags as one column of text: a JSON array of strings, so that a user who opens the file with
// sqlite3 can read it and json_each() works on it. Only what to_json() writes is read back.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace state {

std::string to_json(const std::vector<std::string>& tags);
std::optional<std::vector<std::string>> tags_from_json(std::string_view text);

}  // namespace state
