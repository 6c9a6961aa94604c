// The file local.token in the data directory: a secret that a server makes anew at each start, for
// the CLI on the same machine. Who may read the directory could change the database anyway: its
// reader may do everything.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/result.hpp"

namespace server {

inline constexpr const char* local_token_name = "local.token";

// Readable by its owner alone, from its first moment on. The error is a text for the user.
base::Result<base::Ok, std::string> write_local_token(const std::filesystem::path& directory,
                                                      const std::string& secret);
void remove_local_token(const std::filesystem::path& directory);
// nullopt: there is none, or it is not for us to read.
std::optional<std::string> read_local_token(const std::filesystem::path& directory);

}  // namespace server
