// `ipam completion` and `ipam man`: what is made from the specifications of all commands.
#pragma once

#include <string>
#include <vector>

#include "cli/run.hpp"

namespace cli {

CommandSpec completion_spec();
CommandSpec man_spec();

// `args` is what follows the command's word; `commands` are all that there are. The result is the
// exit code.
int run_completion(const std::vector<CommandSpec>& commands, const std::vector<std::string>& args,
                   Io& io);
int run_man(const std::vector<CommandSpec>& commands, const std::vector<std::string>& args,
            Io& io);

}  // namespace cli
