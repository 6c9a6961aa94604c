// `ipam server --explain-config`: every setting, its value and where that came from. Pure: starts
// nothing and touches nothing; cluster.json has been read by parse_server_options().
#pragma once

#include <string>
#include <vector>

#include "cli/output.hpp"
#include "server/options.hpp"
#include "server/settings.hpp"

namespace server {

// As a table, as csv, or as {"settings":[…]}, ending with a newline. Never shows a secret.
std::string explain_config(const ServerOptions& options, cli::OutputFormat format,
                           const std::vector<Setting>& settings = server_settings());

}  // namespace server
