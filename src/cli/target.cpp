#include "cli/target.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace cli {

namespace {

using TargetResult = base::Result<Target, CommandError>;

TargetResult connect_to(const Hooks& hooks, const net::ClientTls& tls, std::string_view source,
                        const std::string& text) {
  auto url = parse_server_url(text);
  if (!url) return base::fail(usage(fmt::format("{} '{}' {}", source, text, url.error())));
  net::TlsContext::Pointer context;
  if (url->tls) {
    auto made = net::TlsContext::client(tls);
    if (!made) return base::fail(failed(made.error()));
    context = std::move(*made);
  }
  return Target{hooks.connect(*url, std::move(context)), to_string(*url)};
}

// The server that holds the directory: it knows whoever can read its local token, and we know its
// certificate, which need not name the loopback address.
TargetResult holder_of(const Hooks& hooks, net::ClientTls tls, const std::string& data_dir,
                       const std::string& url) {
  tls.fingerprint = hooks.fingerprint_of(data_dir).value_or("");
  auto target = connect_to(hooks, tls, "server", url);
  if (target) target->token = hooks.local_token_of(data_dir).value_or("");
  return target;
}

// A server that runs says best where it listens (--port may differ from the file's api_addr).
TargetResult cluster_node_of_config(const Hooks& hooks, const net::ClientTls& tls,
                                    const std::string& file) {
  const auto config = hooks.read_cluster_config(file);
  if (!config) return base::fail(failed(config.error()));
  const auto running = hooks.server_url_of(config->data_dir);
  if (running) return holder_of(hooks, tls, config->data_dir, *running);
  return connect_to(hooks, tls, "api_addr", config->url);
}

TargetResult cluster_node_of_directory(const Hooks& hooks, const net::ClientTls& tls,
                                       const std::string& data_dir) {
  if (const auto running = hooks.server_url_of(data_dir))
    return holder_of(hooks, tls, data_dir, *running);
  const auto config = hooks.read_cluster_config(data_dir + "/cluster.json");
  if (config) return connect_to(hooks, tls, "api_addr", config->url);
  return base::fail(CommandError{
      ExitCode::not_reachable,
      fmt::format("no cluster node runs on {}: start it with `ipam server --cluster`, or name a "
                  "server with --server URL",
                  data_dir)});
}

TargetResult standalone(const Hooks& hooks, const net::ClientTls& tls,
                        const std::string& data_dir) {
  if (const auto running = hooks.server_url_of(data_dir))
    return holder_of(hooks, tls, data_dir, *running);
  auto embedded = hooks.open_embedded(data_dir);
  // A server may have taken the directory between the two questions: what was opened may be that.
  if (embedded)
    return Target{std::move(*embedded), data_dir, hooks.local_token_of(data_dir).value_or("")};
  if (const auto running = hooks.server_url_of(data_dir))
    return holder_of(hooks, tls, data_dir, *running);
  return base::fail(failed(embedded.error()));
}

// Whom to trust and what to show, from options and variables.
base::Result<net::ClientTls, CommandError> choose_tls(const Arguments& arguments,
                                                      const Environment& environment) {
  const auto file = [&](const char* option, const char* variable) {
    const auto given = arguments.get(option);
    return given ? *given : environment.get(variable).value_or("");
  };
  net::ClientTls tls;
  tls.ca_file = file("ca-cert", "IPAM_CA_CERT");
  tls.certificate_file = file("client-cert", "IPAM_CLIENT_CERT");
  tls.key_file = file("client-key", "IPAM_CLIENT_KEY");
  tls.protocol = "http/1.1";
  if (tls.certificate_file.empty() != tls.key_file.empty())
    return base::fail(usage("--client-cert and --client-key go together"));
  return tls;
}

}  // namespace

TargetResult choose_target(const Arguments& arguments, const Environment& environment,
                           const Hooks& hooks, bool cluster_command) {
  bool cluster = cluster_command || arguments.has("cluster");
  if (!cluster) {
    if (const auto text = environment.get("IPAM_CLUSTER_MODE")) {
      const auto mode = parse_boolean("IPAM_CLUSTER_MODE", *text);
      if (!mode) return base::fail(usage(mode.error()));
      cluster = *mode;
    }
  }
  const auto choice = choose_tls(arguments, environment);
  if (!choice) return base::fail(choice.error());
  const net::ClientTls& tls = *choice;
  const auto directory = [&hooks, &tls, cluster](const std::string& data_dir) {
    return cluster ? cluster_node_of_directory(hooks, tls, data_dir)
                   : standalone(hooks, tls, data_dir);
  };
  if (const auto url = arguments.get("server")) return connect_to(hooks, tls, "--server", *url);
  if (const auto file = arguments.get("config")) return cluster_node_of_config(hooks, tls, *file);
  if (const auto data_dir = arguments.get("db")) {
    if (data_dir->empty()) return base::fail(usage("--db must not be empty"));
    return directory(*data_dir);
  }
  if (const auto url = environment.get("IPAM_SERVER"))
    return connect_to(hooks, tls, "IPAM_SERVER", *url);
  if (cluster) {
    if (const auto file = environment.get("IPAM_CONFIG_FILE"))
      return cluster_node_of_config(hooks, tls, *file);
  }
  if (const auto data_dir = environment.get("IPAM_DB_PATH")) return directory(*data_dir);
  return directory(cluster ? cluster_data_dir_default : data_dir_default);
}

base::Result<std::string, CommandError> choose_token(const Arguments& arguments,
                                                     const Environment& environment) {
  const bool given = arguments.has("token");
  const std::string token =
      given ? *arguments.get("token") : environment.get("IPAM_TOKEN").value_or("");
  // RFC 6750 §2.1 allows fewer; what matters is that nothing can end the header field.
  const bool visible =
      std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (!visible) {
    return base::fail(usage(fmt::format("{} holds a character that no token has",
                                        given ? "--token" : "IPAM_TOKEN")));
  }
  return token;
}

}  // namespace cli
