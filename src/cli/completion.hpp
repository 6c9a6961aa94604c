// Shell completions made from the commands' specifications. Pure. `ipam completion SHELL` prints
// them; a package puts them where the shells look.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/arguments.hpp"

namespace cli {

enum class Shell : std::uint8_t { bash, zsh, fish };

// A script that completes command words, options, and values that are files, folders or one of a
// few words. It never runs ipam: pressing Tab must not touch a database or a network.
std::string completion_script(Shell shell, const std::vector<CommandSpec>& commands);

}  // namespace cli
