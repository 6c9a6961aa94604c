#include "server/serve.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <asio/async_result.hpp>
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <csignal>
#include <cstdio>
#include <memory>
#include <utility>

#include "api/action.hpp"
#include "cli/endpoint.hpp"
#include "http/server.hpp"
#include "net/tls_context.hpp"
#include "server/instance.hpp"
#include "server/local_token.hpp"
#include "server/peer_tls.hpp"
#include "server/secret.hpp"

namespace server {
namespace {

constexpr std::chrono::milliseconds drain_deadline{10000};
// Peers, strangers at the raft port, databases.
constexpr std::size_t other_descriptors_max = 256;

InstanceOptions instance_options(const ServerOptions& options) {
  InstanceOptions out;
  out.election_timeout = std::chrono::milliseconds(options.election_timeout_ms);
  out.heartbeat = std::chrono::milliseconds(options.heartbeat_ms);
  out.log_entries_kept = options.log_entries_kept;
  out.node.data_dir = options.data_dir;
  out.node.idempotency_seconds = options.idempotency_seconds;
  out.node.history_days = options.history_days;
  if (!options.cluster) {
    out.node.initial_members = {{1, ""}};
    return out;
  }
  const ClusterConfig& config = *options.cluster;
  out.node.cluster_mode = true;
  out.node.node_id = config.node_id;
  out.node.cluster_id = config.cluster_id;
  out.node.raft_addr = config.raft_addr;
  out.node.initial_members = config.initial_members;
  if (config.initial_members.empty() && !config.join)
    out.node.initial_members = {{config.node_id, config.raft_addr}};
  out.known_members = out.node.initial_members;
  // Without a secret the certificate is the proof.
  const bool required = options.peer_auth_required && !options.cluster_secret.empty();
  out.credentials = {options.cluster_secret, required};
  return out;
}

asio::awaitable<http::Response> handle(Instance& instance, const http::Request& request) {
  auto start = [&instance, &request](auto handler) {
    auto done = [handler = std::move(handler)](http::Response response) mutable {
      std::move(handler)(std::move(response));
    };
    instance.gate().perform(request, std::move(done));
  };
  return asio::async_initiate<const asio::use_awaitable_t<>, void(http::Response)>(
      std::move(start), asio::use_awaitable);
}

// Descriptors for all connections, the peers and the files.
void raise_descriptor_limit(base::Logger& logger, std::size_t connections_max) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= connections_max + other_descriptors_max) return;
  logger.warning("server",
                 "this process may open {} files: too few for {} connections; raise the limit "
                 "(ulimit -n, LimitNOFILE), or lower --connections-max",
                 limit.rlim_cur, connections_max);
}

class Process {
 public:
  explicit Process(const ServerOptions& options)
      : options_(options), logger_(options.log_level, options.log_format), signals_(io_),
        reload_signal_(io_) {}

  int run() {
    std::signal(SIGPIPE, SIG_IGN);  // who reads the log may end
    if (options_.cluster) logger_.set_node_id(options_.cluster->node_id);
    raise_descriptor_limit(logger_, options_.http.connections_max);
    // First of all: what comes while a large state is being read stops the node right after.
    signals_.add(SIGINT);
    signals_.add(SIGTERM);
    signals_.async_wait([this](const std::error_code& ec, int) {
      if (!ec) stop("signal received", false);
    });
    reload_signal_.add(SIGHUP);
    await_reload();
    if (auto opened = open(); !opened.ok()) {
      std::fprintf(stderr, "Error: %s\n", opened.error().c_str());
      return 1;
    }
    io_.run();
    if (options_.auth_required) remove_local_token(options_.data_dir);
    logger_.info("server", "stopped");
    return failed_ ? 1 : 0;
  }

 private:
  base::Result<base::Ok, std::string> open() {
    // A command of the CLI has the directory for a moment, and a server that stops until it has
    // ended: these are waited for. One that serves is not.
    const auto waits = [this] { return !server_url_of(options_.data_dir); };
    auto lock = DirectoryLock::acquire(options_.data_dir, waits);
    if (!lock.ok()) return base::fail(lock.error());
    if (!*lock) return base::fail(held_by_another());
    ReplicaEvents events;
    events.on_stop_wanted = [this](const std::string& reason, bool failed) {
      stop(reason, failed);
    };
    InstanceOptions instance_options_ = instance_options(options_);
    std::string secret;
    instance_options_.gate.requests_per_second = options_.requests_per_second;
    if (options_.auth_required) {
      secret = new_secret();
      instance_options_.gate.is_required = true;
      instance_options_.gate.local_hash = base::sha256(secret);
    }
    auto instance = Instance::open(io_, logger_, instance_options_, std::move(*lock),
                                   std::move(events));
    if (!instance.ok()) return base::fail(instance.error());
    instance_ = std::move(*instance);
    http_ = std::make_unique<http::Server>(
        io_, logger_, options_.http,
        [this](const http::Request& request) { return handle(*instance_, request); },
        [this](int status, std::string_view detail) {
          instance_->metrics().on_answered(nullptr, status, 0);
          http::Response response = api::problem_for_status(status, detail);
          response.headers.push_back(instance_->executor().revision_header());
          return response;
        });
    instance_->executor().count_connections([this] { return http_->counts(); });
    if (auto secured = load_tls(); !secured.ok()) return secured;
    if (auto listening = http_->listen(options_.host, options_.port); !listening.ok())
      return listening;
    if (auto secured = use_peer_tls(); !secured.ok()) return secured;
    if (auto started = instance_->start(); !started.ok()) return started;
    if (options_.auth_required) {
      // Before the address: whoever finds that finds this.
      if (auto written = write_local_token(options_.data_dir, secret); !written.ok())
        logger_.warning("server",
                        "{}: commands on this machine need a token of their own (--token), like "
                        "those from elsewhere",
                        written.error());
    } else {
      remove_local_token(options_.data_dir);  // of an earlier server
      if (!cli::is_loopback(options_.host))
        logger_.warning("server",
                        "whoever can reach {} may read and change everything: start with --auth "
                        "required (docs/security.md), or listen on 127.0.0.1 alone",
                        cli::to_string(cli::Endpoint{options_.host, http_->port()}));
    }
    warn_of_strangers();
    publish();
    const std::string url = this->url();
    logger_.info("server", "ipam {} serves {} from {}{}", IPAM_VERSION, url, options_.data_dir,
                 options_.cluster ? fmt::format(" as node {} of cluster {}, raft on {}",
                                                options_.cluster->node_id,
                                                options_.cluster->cluster_id,
                                                options_.cluster->raft_addr)
                                  : std::string());
    return base::Ok();
  }

  // One warning, where others than this machine reach a raft port that lets anybody in.
  void warn_of_strangers() {
    if (!options_.cluster || options_.peer_auth_required || has_peer_tls()) return;
    const std::string& address = options_.cluster->raft_addr;
    const auto endpoint = cli::parse_endpoint(address);
    if (!endpoint.ok() || cli::is_loopback(endpoint->host)) return;
    const bool has_secret = !options_.cluster_secret.empty();
    logger_.warning("server",
                    "whoever can reach {} may speak as a node of the cluster and change "
                    "everything: {}start all nodes with --peer-auth required (docs/security.md)",
                    address,
                    has_secret ? "" : "give each node a copy of one cluster.secret, and then ");
  }

  bool has_peer_tls() const { return options_.cluster && !options_.peer_tls_cert.empty(); }

  // Reads the certificate and the CA for the connections to other nodes to come.
  base::Result<base::Ok, std::string> use_peer_tls() {
    if (!has_peer_tls()) return base::Ok();
    auto loaded = load_peer_tls(options_);
    if (!loaded.ok()) return base::fail(loaded.error());
    for (const std::string& warning : loaded->warnings) logger_.warning("server", "{}", warning);
    logger_.info("server", "other nodes are shown the certificate in {}, sha256 {}",
                 options_.peer_tls_cert, loaded->fingerprint);
    instance_->metrics().peer_certificate_end =
        std::chrono::system_clock::to_time_t(loaded->tls.accepting->not_after());
    instance_->use_peer_tls(std::move(loaded->tls));
    return base::Ok();
  }

  std::string held_by_another() const {
    const auto url = server_url_of(options_.data_dir);
    return fmt::format("the data directory {} is in use by another ipam{}; stop it first, or "
                       "choose another directory",
                       options_.data_dir, url ? " that serves " + *url : std::string());
  }

  std::string url() const {
    return cli::local_url({options_.host, http_->port()}, certificate_ != nullptr);
  }

  void publish() {
    instance_->lock().publish(url(), certificate_ ? certificate_->fingerprint() : "");
  }

  // Reads the certificate for the connections to come.
  base::Result<base::Ok, std::string> load_tls() {
    if (options_.tls_cert.empty()) return base::Ok();
    auto loaded = net::TlsContext::server(
        {options_.tls_cert, options_.tls_key, options_.tls_client_ca, "http/1.1"});
    if (!loaded.ok()) return base::fail(loaded.error());
    certificate_ = std::move(*loaded);
    for (const std::string& warning : certificate_->warnings())
      logger_.warning("server", "{}", warning);
    http_->use_tls(certificate_);
    instance_->metrics().certificate_end =
        std::chrono::system_clock::to_time_t(certificate_->not_after());
    return base::Ok();
  }

  // SIGHUP. What is not good is not taken: what was before it goes on.
  void reload() {
    if (stopping_ || !instance_) return;
    reload_tls();
    if (const auto loaded = use_peer_tls(); !loaded.ok())
      logger_.error("server", "SIGHUP: towards other nodes nothing has changed: {}",
                    loaded.error());
    await_reload();
  }

  void reload_tls() {
    if (options_.tls_cert.empty()) {
      logger_.info("server", "SIGHUP: HTTP has no certificate to read anew");
    } else if (const auto loaded = load_tls(); !loaded.ok()) {
      logger_.error("server", "SIGHUP: the certificate stays the one it was: {}", loaded.error());
    } else {
      publish();
      logger_.info("server", "SIGHUP: new connections get the certificate in {}, sha256 {}",
                   options_.tls_cert, certificate_->fingerprint());
    }
  }

  void await_reload() {
    reload_signal_.async_wait([this](const std::error_code& ec, int) {
      if (!ec) reload();
    });
  }

  void stop(const std::string& reason, bool failed) {
    failed_ = failed_ || failed;
    if (failed)
      logger_.error("server", "{}", reason);
    else
      logger_.info("server", "stopping: {}", reason);
    if (std::exchange(stopping_, true)) return;
    signals_.cancel();
    reload_signal_.cancel();
    // Whoever finds the directory held now waits for its lock, rather than be refused.
    instance_->lock().withdraw();
    // Requests under way are answered while the node hands over; run() returns after both.
    http_->stop(drain_deadline, [] {});
    instance_->stop([] {});
  }

  const ServerOptions options_;
  base::Logger logger_;
  // Sockets and timers are this thread's alone; what other threads post is locked as ever.
  asio::io_context io_{ASIO_CONCURRENCY_HINT_UNSAFE_IO};
  asio::signal_set signals_;
  asio::signal_set reload_signal_;
  net::TlsContext::Pointer certificate_;  // of the connections to come; nullptr: plain HTTP
  std::unique_ptr<Instance> instance_;
  std::unique_ptr<http::Server> http_;
  bool stopping_ = false;
  bool failed_ = false;
};

}  // namespace

int serve(const ServerOptions& options) { return Process(options).run(); }

}  // namespace server
