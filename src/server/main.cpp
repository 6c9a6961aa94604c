// The program: fills the CLI's hooks with what this folder can do and runs it.
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "cli/run.hpp"
#include "server/backup_facts.hpp"
#include "server/cluster_commands.hpp"
#include "server/directory_lock.hpp"
#include "server/embedded.hpp"
#include "server/explain.hpp"
#include "server/local_token.hpp"
#include "server/options.hpp"
#include "server/recover_command.hpp"
#include "server/restore_command.hpp"
#include "server/serve.hpp"

namespace {

constexpr std::size_t table_width = 80;

int run_server(const std::vector<std::string>& args, const cli::Environment& environment) {
  auto options = server::parse_server_options(args, environment);
  if (!options.ok()) {
    std::cerr << "Error: " << options.error().message << '\n';
    return static_cast<int>(options.error().code);
  }
  if (options->help) {
    std::cout << server::server_help();
    return 0;
  }
  if (options->explain) {
    std::cout << server::explain_config(*options, *options->explain);
    return 0;
  }
  return server::serve(*options);
}

base::Result<cli::ClusterEndpoint, std::string> read_endpoint(const std::string& file) {
  auto config = server::read_cluster_config(file);
  if (!config.ok()) return base::fail(config.error());
  cli::ClusterEndpoint endpoint;
  endpoint.data_dir = server::data_directory(*config, file);
  if (auto listen = cli::parse_endpoint(config->api_addr); listen.ok())
    endpoint.url = cli::local_url(*listen, config->settings.contains("tls_cert"));
  return endpoint;
}

}  // namespace

int main(int argc, char** argv) {
  cli::Environment environment;
  environment.lookup = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return std::string(value);
  };
  cli::Io io{std::cout, std::cerr, ::isatty(STDOUT_FILENO) != 0 ? table_width : 0};
  cli::Hooks hooks;
  hooks.open_embedded = server::open_embedded;
  hooks.server_url_of = [](const std::string& data_dir) { return server::server_url_of(data_dir); };
  hooks.fingerprint_of = [](const std::string& data_dir) {
    return server::fingerprint_of(data_dir);
  };
  hooks.local_token_of = [](const std::string& data_dir) {
    return server::read_local_token(data_dir);
  };
  hooks.run_server = [&](const std::vector<std::string>& args) {
    return run_server(args, environment);
  };
  hooks.cluster_init = [&](const std::vector<std::string>& args) {
    return server::cluster_init(args, io, environment);
  };
  hooks.cluster_join = [&](const std::vector<std::string>& args) {
    return server::cluster_join(args, io, environment);
  };
  hooks.cluster_recover = [&](const std::vector<std::string>& args) {
    return server::cluster_recover(args, io);
  };
  hooks.restore = [&](const std::vector<std::string>& args) { return server::restore(args, io); };
  hooks.foreign_specs = {server::server_spec(), server::cluster_init_spec(),
                         server::cluster_join_spec(), server::recover_spec(),
                         server::restore_spec()};
  hooks.check_backup = server::check_backup;
  hooks.read_cluster_config = read_endpoint;
  return cli::run({argv + 1, argv + argc}, environment, hooks, io);
}
