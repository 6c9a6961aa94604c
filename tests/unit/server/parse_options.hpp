// The options of `ipam server` from a command line and an environment of the test's own.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "server/options.hpp"

using Variables = std::map<std::string, std::string>;

inline base::Result<server::ServerOptions, cli::CommandError> parse(
    const std::vector<std::string>& args, const Variables& variables = {}) {
  const cli::Environment environment{
      [&variables](const std::string& name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        if (found == variables.end()) return std::nullopt;
        return found->second;
      }};
  return server::parse_server_options(args, environment);
}
