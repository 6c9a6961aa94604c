// `ipam cluster recover`: makes a stopped node the only member of its cluster, after the others
// were lost for good. Says what is given up, and changes nothing without --yes.
#pragma once

#include <string>
#include <vector>

#include "cli/run.hpp"

namespace server {

// `args` is what follows the words of the command. The result is the exit code.
int cluster_recover(const std::vector<std::string>& args, cli::Io& io);

cli::CommandSpec recover_spec();

}  // namespace server
