// `ipam cluster init` and `ipam cluster join`: check the flags, make the data directory and write
// cluster.secret, where there is one, and cluster.json into it. They start nothing
// and speak to nobody. Neither ever touches a directory that holds data.
#pragma once

#include <string>
#include <vector>

#include "cli/arguments.hpp"
#include "cli/client.hpp"
#include "cli/run.hpp"
#include "server/cluster_config.hpp"

namespace server {

// The commands themselves; `args` is what follows their words. The result is the exit code.
int cluster_init(const std::vector<std::string>& args, cli::Io& io,
                 const cli::Environment& environment = {});
int cluster_join(const std::vector<std::string>& args, cli::Io& io,
                 const cli::Environment& environment = {});

cli::CommandSpec cluster_init_spec();
cli::CommandSpec cluster_join_spec();

// Makes the directory, unless there is one already that holds data.
base::Result<base::Ok, cli::CommandError> prepare_directory(const std::string& directory);

// "1:host:port,2:[2001:db8::1]:port" as map. The error says which part is wrong and why.
base::Result<std::map<std::uint64_t, std::string>, std::string> parse_initial_members(
    std::string_view text);

}  // namespace server
