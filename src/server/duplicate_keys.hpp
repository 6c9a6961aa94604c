// Boost.JSON keeps the last of two equal keys and says nothing; in cluster.json two members with
// one id must be an error. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace server {

// A key that some object of the text has twice, or nullopt. REQUIRES: `text` is valid JSON.
std::optional<std::string> find_duplicate_key(std::string_view text);

}  // namespace server
