// Man pages, made from the commands' specifications. Pure. `ipam man [COMMAND]` prints them; a
// package installs one for the whole and one for each command.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/arguments.hpp"

namespace cli {

// ipam(1): the commands, the options of all, variables, files, exit status.
std::string man_page(const std::vector<CommandSpec>& commands);
// ipam-network-add(1)
std::string man_page_of(const CommandSpec& command);

// All commands as JSON: {"commands":[…],"global_options":[…]}, from which docs/cli.md is made.
std::string commands_json(const std::vector<CommandSpec>& commands);

}  // namespace cli
