// `ipam` as a function: arguments, environment and streams in, exit code out. What the command line
// cannot do by itself (open the database, run a server, read cluster.json) comes in as Hooks, which
// main fills and tests fake. Runs on the caller's thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

#include "base/result.hpp"
#include "cli/arguments.hpp"
#include "cli/connection.hpp"
#include "cli/endpoint.hpp"
#include "cli/http_connection.hpp"

namespace cli {

inline constexpr auto retry_pause = std::chrono::milliseconds(500);

struct Io {
  std::ostream& out;
  std::ostream& err;
  // Tables are cut to this many characters; 0: not at all (main: where stdout is no terminal).
  std::size_t width = 80;
  std::istream* in = &std::cin;  // where a file is called "-"
  // Before something is tried again.
  std::function<void()> pause = [] { std::this_thread::sleep_for(retry_pause); };
};

// What the CLI wants to know of a cluster.json.
struct ClusterEndpoint {
  std::string data_dir;
  std::string url;  // of this node's API, as the file says
};

// What a whole backup holds.
struct BackupFacts {
  std::uint64_t revision = 0;
  std::string digest;  // as X-Ipam-Digest gives it
  std::uint64_t bytes = 0;
  std::uint64_t vrfs = 0;
  std::uint64_t networks = 0;
  std::uint64_t allocations = 0;  // active ones
  std::uint64_t audit_entries = 0;
  std::string audit_hash;
  std::uint64_t rows = 0;  // of all tables
};

// All must be set.
struct Hooks {
  // Opens the database itself. Errors are a text for the user. Where a server or another `ipam`
  // holds the directory it may wait a while before it gives up.
  std::function<base::Result<std::unique_ptr<Connection>, std::string>(const std::string& data_dir)>
      open_embedded;
  // The URL of the running server that holds the data directory, where one does.
  std::function<std::optional<std::string>(const std::string& data_dir)> server_url_of;
  // The secret by which that server knows whoever may read its directory, where it asks for one.
  std::function<std::optional<std::string>(const std::string& data_dir)> local_token_of =
      [](const std::string&) { return std::nullopt; };
  // The fingerprint of the certificate that it serves https with, where it does: whoever may read
  // its directory need not ask a CA.
  std::function<std::optional<std::string>(const std::string& data_dir)> fingerprint_of =
      [](const std::string&) { return std::nullopt; };
  // The commands that server/ owns; `args` is what followed the command's words. The result is the
  // exit code. They also answer --help.
  std::function<int(const std::vector<std::string>& args)> run_server;
  std::function<int(const std::vector<std::string>& args)> cluster_init;
  std::function<int(const std::vector<std::string>& args)> cluster_join;
  std::function<int(const std::vector<std::string>& args)> cluster_recover;
  std::function<int(const std::vector<std::string>& args)> restore;
  // How these are called, for completions and man pages.
  std::vector<CommandSpec> foreign_specs = {};
  // Reads and checks all of a backup. The error names the file.
  std::function<base::Result<BackupFacts, std::string>(const std::string& file)> check_backup;
  // The error names the file.
  std::function<base::Result<ClusterEndpoint, std::string>(const std::string& file)>
      read_cluster_config;
  // `tls` is there where the URL is https.
  std::function<std::unique_ptr<Connection>(const ServerUrl& url, net::TlsContext::Pointer tls)>
      connect = [](const ServerUrl& url,
                   net::TlsContext::Pointer tls) -> std::unique_ptr<Connection> {
    return std::make_unique<HttpConnection>(url, std::move(tls));
  };
};

// `args` is the command line without the program's name. Never throws for anything a user can do.
int run(const std::vector<std::string>& args, const Environment& environment, const Hooks& hooks,
        Io& io);

}  // namespace cli
