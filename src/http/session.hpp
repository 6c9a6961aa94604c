// One connection: reads requests, has the handler answer them in their order, writes the answers.
// One coroutine, kept alive by itself; buffers and parser are reused. Runs on the io thread.
// Its deadlines are kept by the server's sweep, so that a request costs no timer operation.
#pragma once

#include <array>
#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>
#include <chrono>
#include <ctime>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/log.hpp"
#include "http/connections.hpp"
#include "http/counts.hpp"
#include "http/handler.hpp"
#include "http/limits.hpp"
#include "http/request_parser.hpp"
#include "net/stream.hpp"

namespace http {

class Session;

// The Date field's value, made once a second.
class DateCache {
 public:
  std::string_view now();

 private:
  std::time_t second_ = -1;
  std::array<char, 32> text_{};
  std::size_t size_ = 0;
};

// What all sessions of a server share; kept alive by each of them.
struct SessionContext {
  base::Logger& logger;
  const Limits limits;
  const Handler handler;
  const ErrorRenderer render_error;
  DateCache date;
  bool stopping = false;
  Connections connections;
  Counts counts;
  // A newcomer waits until a session ends, or has nothing under way.
  bool room_wanted = false;
  std::function<void()> on_room;         // called then; may be empty
  std::function<void()> on_session_end;  // may be empty
  net::TlsContext::Pointer tls = nullptr;  // of the connections to come; nullptr: plain HTTP
};

// The peer as it is told to handlers, an IPv4 one of an IPv6 socket as IPv4; unspecified where the
// connection is gone.
asio::ip::address client_of(const asio::ip::tcp::socket& socket);
// What counts as one client: an IPv4 address, or the /64 that an IPv6 one is in, as whoever has one
// of its addresses has them all.
std::string source_of(const asio::ip::address& client);

class Session {
 public:
  using Clock = std::chrono::steady_clock;

  Session(std::shared_ptr<SessionContext> context, asio::ip::tcp::socket socket);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // The session's life. `self` keeps it alive.
  static asio::awaitable<void> run(std::shared_ptr<Session> self);

  // Ends what the session waits for if its time is over.
  void expire(Clock::time_point now);
  // The server stops: ends the session at once if no request is under way; otherwise the answer
  // under way is the last one.
  void stop();
  // Closes the connection whatever the session does.
  void abort();
  // Nothing is under way, nor has a byte come of which the session does not know yet.
  bool is_quiet() const;
  // The server needs the room: as abort(), and what the session held is not counted any more.
  void give_way();

 private:
  // What the session waits for, and so what its deadline means.
  enum class Phase : unsigned char { handshake, idle, receiving, handling, writing, lingering };

  asio::awaitable<bool> secure();
  asio::awaitable<void> serve();
  asio::awaitable<bool> receive();
  asio::awaitable<bool> answer();
  asio::awaitable<bool> flush();
  asio::awaitable<bool> stream(std::shared_ptr<BodySource> source,
                               std::optional<std::uint64_t> bytes);
  void reset_on_close(bool resets);
  asio::awaitable<void> refuse(int status, std::string_view detail);
  asio::awaitable<void> linger();
  void put(Response response, bool keep_alive);
  void enter(Phase phase, std::chrono::milliseconds timeout);
  void enter_handling();
  bool may_hold_request();
  void hold_answer();
  void release_answer();

  std::shared_ptr<SessionContext> context_;
  net::Stream stream_;
  RequestParser parser_;
  std::string output_;  // heads, and bodies that are small
  std::string body_;    // a large body, sent after output_
  Connections::Place place_;
  std::size_t request_bytes_ = 0;     // counted in context_->counts
  std::size_t answer_bytes_ = 0;      // counted there too
  std::size_t paced_body_bytes_ = 0;  // of the body, when its present share began
  Clock::time_point deadline_ = Clock::time_point::max();
  Phase phase_ = Phase::idle;
  std::shared_ptr<BodySource> source_;  // of the body that is being streamed
  bool expired_ = false;  // the deadline of this phase passed
};

}  // namespace http
