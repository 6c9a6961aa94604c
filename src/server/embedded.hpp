// The database of a data directory in this very process: what the CLI works on where no server
// runs. A standalone node without a port, asked by the same API.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "cli/connection.hpp"

namespace server {

// Waits up to ten seconds for another `ipam` that holds the directory. Where a server comes up in
// it meanwhile, the result is a connection to that server.
base::Result<std::unique_ptr<cli::Connection>, std::string> open_embedded(
    const std::string& data_dir);

}  // namespace server
