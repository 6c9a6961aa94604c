#include "http/server.hpp"

#include <algorithm>
#include <asio/ip/tcp.hpp>
#include <asio/ip/v6_only.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <cctype>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "net/as_tuple.hpp"
#include "http/session.hpp"
#include "http/spawn.hpp"

namespace http {
namespace {

using asio::ip::tcp;
using std::chrono::milliseconds;

constexpr milliseconds accept_retry_delay{100};  // after EMFILE and the like
constexpr int backlog = 1024;
constexpr std::chrono::seconds refusal_log_interval{60};

std::string lower_first(std::string text) {
  if (!text.empty()) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

// Deadlines are kept to an eighth of the shortest timeout.
milliseconds sweep_period(const Limits& limits) {
  const milliseconds shortest = std::min({limits.handshake_timeout, limits.request_timeout,
                                          limits.idle_timeout, limits.write_timeout,
                                          limits.linger_timeout});
  return std::clamp(shortest / 8, milliseconds(1), milliseconds(1000));
}

}  // namespace

// Outlives the Server where coroutines still run: each of them holds it.
struct Server::Implementation : std::enable_shared_from_this<Server::Implementation> {
  Implementation(asio::io_context& io_context, base::Logger& log, const Limits& limits,
                 Handler handler, ErrorRenderer render_error)
      : io(io_context),
        logger(log),
        context(new SessionContext{
            log, limits, std::move(handler), std::move(render_error), {}, false, {}, {}, false,
            {}, {}, {}}),
        sweep_timer(io_context),
        room_timer(io_context, asio::steady_timer::time_point::max()),
        stop_timer(io_context) {}

  base::Result<base::Ok, std::string> listen(const std::string& host, std::uint16_t port);
  std::error_code listen_on(tcp::endpoint endpoint);
  void start();
  void stop(milliseconds deadline, std::function<void()> on_done);
  void session_ended();
  void finish_stop();
  void close();

  bool is_full() const { return context->connections.size() >= context->limits.connections_max; }
  void make_room();
  bool admits(const tcp::socket& socket);

  static asio::awaitable<void> accept(std::shared_ptr<Implementation> self, std::size_t index);
  static asio::awaitable<void> sweep(std::shared_ptr<Implementation> self);

  asio::io_context& io;
  base::Logger& logger;
  std::shared_ptr<SessionContext> context;
  std::vector<tcp::acceptor> acceptors;  // not changed after start()
  asio::steady_timer sweep_timer;
  asio::steady_timer room_timer;  // never expires; cancelled when there may be room
  asio::steady_timer stop_timer;
  std::function<void()> done;
  std::uint16_t bound_port = 0;
  Session::Clock::time_point refusal_logged{};
  bool ended = false;  // no session is left, nor will one come
};

base::Result<base::Ok, std::string> Server::Implementation::listen(const std::string& host,
                                                                   std::uint16_t port) {
  const auto failure = [&](const std::error_code& ec) {
    const bool is_ipv6 = host.find(':') != std::string::npos;
    return base::fail(fmt::format("cannot listen on {}{}{}:{}: {}", is_ipv6 ? "[" : "", host,
                                  is_ipv6 ? "]" : "", port, lower_first(ec.message())));
  };
  ASSERT(acceptors.empty());
  std::error_code ec;
  tcp::resolver resolver(io);  // blocks, which only the start may do
  const auto resolved = resolver.resolve(
      host, std::to_string(port), tcp::resolver::passive | tcp::resolver::numeric_service, ec);
  if (ec) return failure(ec);
  std::vector<tcp::endpoint> endpoints;
  for (const auto& entry : resolved)
    if (std::find(endpoints.begin(), endpoints.end(), entry.endpoint()) == endpoints.end())
      endpoints.push_back(entry.endpoint());
  bound_port = port;
  std::error_code skipped;
  for (const tcp::endpoint& endpoint : endpoints) {
    ec = listen_on(endpoint);
    // A host without IPv6 may still call itself ::1 in its hosts file.
    const bool not_here =
        ec == std::errc::address_family_not_supported || ec == std::errc::address_not_available;
    if (not_here) skipped = ec;
    else if (ec) break;
  }
  if (!ec || ec == skipped) ec = acceptors.empty() ? skipped : std::error_code{};
  if (ec) {
    acceptors.clear();
    return failure(ec);
  }
  start();
  return base::Ok{};
}

std::error_code Server::Implementation::listen_on(tcp::endpoint endpoint) {
  endpoint.port(bound_port);
  std::error_code ec;
  tcp::acceptor acceptor(io);
  acceptor.open(endpoint.protocol(), ec);
  if (ec) return ec;
  acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
  if (ec) return ec;
  if (endpoint.protocol() == tcp::v6()) {
    acceptor.set_option(asio::ip::v6_only(!endpoint.address().is_unspecified()), ec);
    if (ec) return ec;
  }
  acceptor.bind(endpoint, ec);
  if (ec) return ec;
  acceptor.listen(backlog, ec);
  if (ec) return ec;
  bound_port = acceptor.local_endpoint().port();
  acceptors.push_back(std::move(acceptor));
  return {};
}

void Server::Implementation::start() {
  std::weak_ptr<Implementation> weak = weak_from_this();
  context->on_session_end = [weak] {
    if (const auto self = weak.lock()) self->session_ended();
  };
  context->on_room = [weak] {
    if (const auto self = weak.lock()) self->room_timer.cancel();
  };
  for (std::size_t i = 0; i < acceptors.size(); ++i)
    spawn(io, logger, "http accept", accept(shared_from_this(), i));
  spawn(io, logger, "http sweep", sweep(shared_from_this()));
}

// Ends the session that has been idle longest; where none is, the newcomer waits for the first one
// that is, or that ends.
void Server::Implementation::make_room() {
  context->room_wanted = true;
  for (const Connections::Member& member : context->connections.all(Connections::Standing::idle)) {
    if (!member.session->is_quiet()) continue;
    ++context->counts.dropped_for_newcomer;
    member.session->give_way();
    return;
  }
}

// Closed without a word beyond: an answer would cost what the limit is to save, with TLS a whole
// handshake.
bool Server::Implementation::admits(const tcp::socket& socket) {
  const std::string source = source_of(client_of(socket));
  if (context->connections.from(source) < context->limits.connections_per_address_max) return true;
  ++context->counts.refused_for_address;
  const Session::Clock::time_point now = Session::Clock::now();
  if (now - refusal_logged < refusal_log_interval) return false;
  refusal_logged = now;
  logger.warning("http", "closed a connection from {}, which has {} others", source,
                 context->limits.connections_per_address_max);
  return false;
}

asio::awaitable<void> Server::Implementation::accept(std::shared_ptr<Implementation> self,
                                                     std::size_t index) {
  tcp::acceptor& acceptor = self->acceptors[index];
  while (acceptor.is_open()) {
    if (self->is_full()) {
      // Room is made for who is there already: nobody goes for who may never come.
      co_await acceptor.async_wait(tcp::acceptor::wait_read, net::as_tuple);
      if (!acceptor.is_open()) break;
      if (self->is_full()) {
        self->make_room();
        co_await self->room_timer.async_wait(net::as_tuple);
        self->context->room_wanted = false;
      }
      continue;
    }
    auto outcome = co_await acceptor.async_accept(net::as_tuple);
    const std::error_code ec = std::get<0>(outcome);
    if (!acceptor.is_open()) break;
    if (!ec) {
      if (!self->admits(std::get<1>(outcome))) continue;  // and its socket closes
      auto session = std::make_shared<Session>(self->context, std::move(std::get<1>(outcome)));
      spawn(self->io, self->logger, "http session", Session::run(std::move(session)));
    } else if (ec != asio::error::connection_aborted && ec != asio::error::operation_aborted) {
      self->logger.warning("http", "cannot accept a connection: {}", ec.message());
      asio::steady_timer pause(self->io, accept_retry_delay);
      co_await pause.async_wait(net::as_tuple);
    }
  }
}

asio::awaitable<void> Server::Implementation::sweep(std::shared_ptr<Implementation> self) {
  const milliseconds period = sweep_period(self->context->limits);
  while (!self->ended) {  // a cancel() can come too late for a wait that is over but not resumed
    self->sweep_timer.expires_after(period);
    co_await self->sweep_timer.async_wait(net::as_tuple);
    const Session::Clock::time_point now = Session::Clock::now();
    self->context->connections.each([&](Session& session) { session.expire(now); });
  }
}

void Server::Implementation::stop(milliseconds deadline, std::function<void()> on_done) {
  done = std::move(on_done);
  context->stopping = true;
  std::error_code ignored;
  for (tcp::acceptor& acceptor : acceptors) acceptor.close(ignored);
  room_timer.cancel();
  context->connections.each([](Session& session) { session.stop(); });
  if (context->connections.size() == 0) return finish_stop();
  stop_timer.expires_after(deadline);
  stop_timer.async_wait([self = shared_from_this()](const std::error_code& ec) {
    if (ec) return;
    self->context->connections.each([](Session& session) { session.abort(); });
  });
}

// Called from a session's destructor: nothing here may end another session at once.
void Server::Implementation::session_ended() {
  room_timer.cancel();
  if (context->stopping && context->connections.size() == 0) finish_stop();
}

void Server::Implementation::finish_stop() {
  ended = true;
  sweep_timer.cancel();
  stop_timer.cancel();
  if (done) asio::post(io, std::exchange(done, {}));
}

void Server::Implementation::close() {
  context->stopping = true;
  ended = true;
  context->on_session_end = {};
  context->on_room = {};
  std::error_code ignored;
  for (tcp::acceptor& acceptor : acceptors) acceptor.close(ignored);
  context->connections.each([](Session& session) { session.abort(); });
  room_timer.cancel();
  sweep_timer.cancel();
  stop_timer.cancel();
}

Server::Server(asio::io_context& io, base::Logger& logger, const Limits& limits, Handler handler,
               ErrorRenderer render_error)
    : implementation_(std::make_shared<Implementation>(io, logger, limits, std::move(handler),
                                                       std::move(render_error))) {}

Server::~Server() { implementation_->close(); }

base::Result<base::Ok, std::string> Server::listen(const std::string& host, std::uint16_t port) {
  return implementation_->listen(host, port);
}

void Server::use_tls(net::TlsContext::Pointer context) {
  implementation_->context->tls = std::move(context);
}

std::uint16_t Server::port() const { return implementation_->bound_port; }

Counts Server::counts() const {
  Counts counts = implementation_->context->counts;
  counts.connections = implementation_->context->connections.size();
  return counts;
}

void Server::stop(milliseconds deadline, std::function<void()> done) {
  implementation_->stop(deadline, std::move(done));
}

}  // namespace http
