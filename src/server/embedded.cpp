#include "server/embedded.hpp"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <asio/io_context.hpp>
#include <optional>
#include <utility>

#include "api/action.hpp"
#include "base/log.hpp"
#include "cli/http_connection.hpp"
#include "server/instance.hpp"

namespace server {
namespace {

// Of the operating system.
std::string user_name() {
  const passwd* const entry = ::getpwuid(::geteuid());
  if (entry == nullptr) return fmt::format("uid-{}", ::geteuid());
  return std::string(entry->pw_name).substr(0, ipam::actor_bytes_max);
}

class EmbeddedConnection : public cli::Connection {
 public:
  static base::Result<std::unique_ptr<cli::Connection>, std::string> open(
      const std::string& data_dir, std::unique_ptr<DirectoryLock> lock) {
    auto connection = std::make_unique<EmbeddedConnection>();
    InstanceOptions options;
    options.node.data_dir = data_dir;
    options.node.initial_members = {{1, ""}};
    ReplicaEvents events;
    events.on_stop_wanted = [self = connection.get()](const std::string& reason, bool) {
      self->failure_ = reason;
    };
    auto instance = Instance::open(connection->io_, connection->logger_, options, std::move(lock),
                                   std::move(events));
    if (!instance.ok()) return base::fail(instance.error());
    connection->instance_ = std::move(*instance);
    if (auto started = connection->instance_->start(); !started.ok())
      return base::fail(started.error());
    return std::unique_ptr<cli::Connection>(std::move(connection));
  }

  ~EmbeddedConnection() override {
    if (!instance_) return;
    bool stopped = false;
    instance_->stop([&stopped] { stopped = true; });
    while (!stopped && io_.run_one() > 0) {
    }
  }

  base::Result<http::Response, cli::ConnectionError> perform(
      const http::Request& request) override {
    std::string body;
    auto response = stream(request, Wait::usual, [&body](std::string_view bytes) {
      body += bytes;
      return true;
    });
    if (response && response->status == 200) {
      response->stream = nullptr;
      response->body = std::move(body);
    }
    return response;
  }

  base::Result<http::Response, cli::ConnectionError> stream(const http::Request& request,
                                                            Wait /*wait*/,
                                                            const TakeBytes& take) override {
    // A server does that four times a second.
    while (failure_.empty() && instance_->expire_due_leases() && io_.run_one() > 0) {
    }
    std::optional<http::Response> answer;
    instance_->executor().perform(api::route(request, caller_), [&answer](http::Response response) {
      answer = std::move(response);
    });
    while (!answer && failure_.empty() && io_.run_one() > 0) {
    }
    if (!answer) return base::fail(no_answer("the database failed: " + failure_));
    if (!answer->stream) {
      if (answer->status == 200) take(std::exchange(answer->body, {}));
      return std::move(*answer);
    }
    if (answer->content_type == "text/event-stream") {
      answer->stream->cancel();  // nobody else can change what this process has open
      return base::fail(no_answer("only a running `ipam server` can be watched"));
    }
    while (true) {
      std::optional<http::BodySource::Piece> piece;
      answer->stream->next([&piece](http::BodySource::Piece next) { piece = std::move(next); });
      while (!piece && failure_.empty() && io_.run_one() > 0) {
      }
      if (!piece || piece->after == http::BodySource::After::broken)
        return base::fail(no_answer("the answer cannot be finished: " + failure_));
      const bool wants_more = take(piece->bytes);
      if (!wants_more || piece->after == http::BodySource::After::end) return std::move(*answer);
    }
  }

 private:
  static cli::ConnectionError no_answer(std::string message) {
    return {cli::ConnectionError::Kind::no_answer, std::move(message)};
  }

  asio::io_context io_{1};
  base::Logger logger_{base::LogLevel::error, base::LogFormat::text};
  // Who may open the files may do everything: no token is asked for.
  const api::Caller caller_{.actor = user_name()};
  std::string failure_;
  std::unique_ptr<Instance> instance_;
};

// A server has taken the directory meanwhile. nullptr: what it has published is of no use.
std::unique_ptr<cli::Connection> connect_to_holder(const std::string& url,
                                                   const std::string& data_dir) {
  const auto parsed = cli::parse_server_url(url);
  if (!parsed.ok()) return nullptr;
  net::TlsContext::Pointer context;
  if (parsed->tls) {
    net::ClientTls tls;
    tls.fingerprint = fingerprint_of(data_dir).value_or("");
    auto made = net::TlsContext::client(tls);
    if (!made.ok()) return nullptr;
    context = std::move(*made);
  }
  return std::make_unique<cli::HttpConnection>(*parsed, std::move(context));
}

}  // namespace

base::Result<std::unique_ptr<cli::Connection>, std::string> open_embedded(
    const std::string& data_dir) {
  std::unique_ptr<cli::Connection> to_holder;
  const auto waits = [&] {
    if (const auto url = server_url_of(data_dir)) to_holder = connect_to_holder(*url, data_dir);
    return to_holder == nullptr;
  };
  auto lock = DirectoryLock::acquire(data_dir, waits);
  if (!lock.ok()) return base::fail(lock.error());
  if (*lock) return EmbeddedConnection::open(data_dir, std::move(*lock));
  if (to_holder) return to_holder;
  return base::fail(fmt::format("another ipam has held {} for {} seconds; try again once it has "
                                "finished",
                                data_dir, lock_timeout.count()));
}

}  // namespace server
