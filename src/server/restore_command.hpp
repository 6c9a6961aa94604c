// `ipam restore`: makes a data directory out of a backup, of a node alone or of the first node of a
// new cluster. Never touches a directory that holds data.
#pragma once

#include <string>
#include <vector>

#include "cli/run.hpp"

namespace server {

// `args` is what follows the word of the command. The result is the exit code.
int restore(const std::vector<std::string>& args, cli::Io& io);

cli::CommandSpec restore_spec();

}  // namespace server
