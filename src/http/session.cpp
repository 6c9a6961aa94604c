#include "http/session.hpp"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <asio/async_result.hpp>
#include <asio/buffer.hpp>
#include <asio/ip/network_v6.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <exception>
#include <span>
#include <tuple>
#include <utility>

#include "http/response_writer.hpp"

namespace http {
namespace {

// A body up to here is copied behind its head, which is cheaper than a second buffer.
constexpr std::size_t copied_body_bytes_max = 16384;
// Answers to pipelined requests are gathered up to here.
constexpr std::size_t gathered_bytes_max = 65536;
constexpr std::size_t output_bytes_kept = 32768;  // by a connection that waits
// The kernel asks for more once it has less than half of this unsent. With its own bound, which is
// megabytes, a slow reader would seem to stand still for minutes; and it is memory too.
constexpr int unsent_bytes_max = 131072;

// A source may complete within next(): the session then goes on from the queue, not from in there.
asio::awaitable<BodySource::Piece> next_piece(std::shared_ptr<BodySource> source,
                                              asio::any_io_executor executor) {
  auto start = [source, executor](auto handler) {
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    source->next([shared, executor](BodySource::Piece piece) {
      auto resume = [shared, piece = std::move(piece)]() mutable {
        std::move (*shared)(std::move(piece));
      };
      asio::post(executor, std::move(resume));
    });
  };
  return asio::async_initiate<const asio::use_awaitable_t<>, void(BodySource::Piece)>(
      std::move(start), asio::use_awaitable);
}

constexpr std::string_view continue_text = "HTTP/1.1 100 Continue\r\n\r\n";
constexpr std::string_view plain_http_text = "this port speaks https: use https:// in the URL";
constexpr std::string_view request_timeout_text = "the request was not complete in time";
constexpr std::string_view memory_text =
    "large requests of others fill the memory that is meant for them: nothing was changed; try "
    "again";

}  // namespace

std::string_view DateCache::now() {
  const std::time_t second = std::time(nullptr);
  if (second != second_) {
    // IMF-fixdate of RFC 9110 §5.6.7; strftime would speak the locale's language.
    static constexpr std::array<const char*, 7> days{"Sun", "Mon", "Tue", "Wed",
                                                     "Thu", "Fri", "Sat"};
    static constexpr std::array<const char*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::tm utc{};
    gmtime_r(&second, &utc);
    const auto end = fmt::format_to_n(
        text_.data(), text_.size(), "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
        days[static_cast<std::size_t>(utc.tm_wday)], utc.tm_mday,
        months[static_cast<std::size_t>(utc.tm_mon)], utc.tm_year + 1900, utc.tm_hour, utc.tm_min,
        utc.tm_sec);
    size_ = std::min(end.size, text_.size());
    second_ = second;
  }
  return {text_.data(), size_};
}

asio::ip::address client_of(const asio::ip::tcp::socket& socket) {
  std::error_code ec;
  const auto client = socket.remote_endpoint(ec);
  if (ec) return {};
  const asio::ip::address address = client.address();
  // A socket of "::" gives IPv4 clients as ::ffff:192.0.2.7.
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
  return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
}

std::string source_of(const asio::ip::address& client) {
  if (client.is_v4()) return client.to_string();
  return asio::ip::network_v6(client.to_v6(), 64).canonical().to_string();
}

Session::Session(std::shared_ptr<SessionContext> context, asio::ip::tcp::socket socket)
    : context_(std::move(context)),
      stream_(std::move(socket), context_->tls),
      parser_(context_->limits) {
  const asio::ip::address client = client_of(stream_.socket());
  place_ = context_->connections.add(this, source_of(client));
  if (!client.is_unspecified()) parser_.set_client_address(client.to_string());
}

Session::~Session() {
  context_->counts.request_bytes -= request_bytes_;
  release_answer();
  context_->connections.remove(place_);
  if (context_->on_session_end) context_->on_session_end();
}

asio::awaitable<void> Session::run(std::shared_ptr<Session> self) {
  std::error_code ignored;
  self->stream_.socket().set_option(asio::ip::tcp::no_delay(true), ignored);
  ::setsockopt(self->stream_.socket().native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT,
               &unsent_bytes_max, sizeof unsent_bytes_max);
  std::error_code ec;
  self->stream_.socket().non_blocking(true, ec);  // flush() writes without a wait where it can
  if (ec) co_return;
  if (self->stream_.has_tls()) {
    const bool secured = co_await self->secure();
    if (!secured) co_return;
  }
  co_await self->serve();
  // TLS says that it ends, unless in the middle of an answer: that must not be taken for whole.
  if (self->stream_.has_tls() && self->phase_ == Phase::idle) self->stream_.shutdown_send(ec);
}

// The handshake of TLS. False: the session is over.
asio::awaitable<bool> Session::secure() {
  enter(Phase::handshake, context_->limits.handshake_timeout);
  const net::Handshake result = co_await stream_.handshake();
  if (result == net::Handshake::done) co_return !context_->stopping;
  // Who connects and goes, as a load balancer's check does, has failed at nothing.
  if (result != net::Handshake::failed || expired_) ++context_->counts.handshakes_failed;
  if (result == net::Handshake::plain_http) co_await refuse(400, plain_http_text);
  else
    context_->logger.debug("http", "the TLS handshake with {} failed: {}",
                           parser_.request().client_address, stream_.failure());
  if (result == net::Handshake::refused) co_await linger();
  co_return false;
}

asio::awaitable<void> Session::serve() {
  while (true) {
    switch (parser_.next()) {
      case RequestParser::Step::need_more: {
        if (parser_.take_expectation()) output_.append(continue_text);
        const bool written = co_await flush();
        if (!written) co_return;
        if (!may_hold_request()) {
          ++context_->counts.refused_for_memory;
          co_await refuse(503, memory_text);
          co_return;
        }
        const bool received = co_await receive();
        if (!received) co_return;
        break;
      }
      case RequestParser::Step::request: {
        may_hold_request();  // counts it; it is whole, so it may
        const bool goes_on = co_await answer();
        if (!goes_on) co_return;
        break;
      }
      case RequestParser::Step::error: {
        co_await refuse(parser_.error().status, parser_.error().detail);
        co_return;
      }
    }
  }
}

// Waits for bytes. False: the session is over.
asio::awaitable<bool> Session::receive() {
  if (parser_.between_requests()) {
    if (context_->stopping) co_return false;
    enter(Phase::idle, context_->limits.idle_timeout);
  } else if (phase_ != Phase::receiving) {
    // Not anew with each byte that trickles in.
    enter(Phase::receiving, context_->limits.request_timeout);
    paced_body_bytes_ = parser_.body_bytes();
  } else if (!expired_ && parser_.body_bytes() - paced_body_bytes_ >=
                              paced_bytes(context_->limits, context_->limits.request_timeout)) {
    enter(Phase::receiving, context_->limits.request_timeout);
    paced_body_bytes_ = parser_.body_bytes();
  } else if (expired_) {  // its bytes come so fast that the sweep never met a wait to cancel
    ++context_->counts.slow_senders;
    co_await refuse(408, request_timeout_text);
    co_return false;
  }
  const std::span<char> room = parser_.prepare();
  const asio::mutable_buffer buffer(room.data(), room.size());
  const auto outcome = co_await stream_.read_some(buffer);
  const auto& [ec, bytes] = outcome;
  if (!ec) {
    parser_.commit(bytes);
    co_return true;
  }
  if (expired_ && phase_ == Phase::receiving) {
    ++context_->counts.slow_senders;
    co_await refuse(408, request_timeout_text);
  }
  co_return false;
}

// Has the parsed request answered. False: the session is over.
asio::awaitable<bool> Session::answer() {
  const Request& request = parser_.request();
  enter_handling();
  Response response;
  bool failed = false;
  try {
    response = co_await context_->handler(request);
  } catch (const std::exception& error) {
    context_->logger.error("http", "the handler of {} {} failed: {}", to_string(request.method),
                           request.path, error.what());
    failed = true;
  }
  if (!stream_.is_open()) co_return false;  // aborted meanwhile
  if (failed) response = context_->render_error(500, "internal error");
  const bool streams = response.stream && has_body(response.status, request.method);
  const std::optional<std::uint64_t> stream_bytes = response.stream_bytes;
  const bool ends_with_connection =
      response.stream && !stream_bytes && request.minor_version == 0;
  const bool keep_alive = request.keep_alive && !context_->stopping && !ends_with_connection;
  std::shared_ptr<BodySource> source = response.stream;
  put(std::move(response), keep_alive);
  if (streams) {
    const bool whole = co_await stream(std::move(source), stream_bytes);
    if (whole && !keep_alive) co_await linger();
    co_return whole && keep_alive;
  }
  if (keep_alive && body_.empty() && output_.size() < gathered_bytes_max) co_return true;
  const bool written = co_await flush();
  if (written && !keep_alive) co_await linger();
  co_return written && keep_alive;
}

// Sends a body piece by piece: the next one is asked for once the socket has taken the one before,
// so a slow reader costs one piece of memory, and write_timeout cuts off one that is too slow.
// False: the body is not whole, and the connection has to end so that the client notices.
// `bytes`: what Content-Length has promised, if anything.
asio::awaitable<bool> Session::stream(std::shared_ptr<BodySource> source,
                                      std::optional<std::uint64_t> bytes) {
  const bool chunked = parser_.request().minor_version >= 1 && !bytes;
  parser_.drop_body();  // a stream may go on for days, and the handler is done with it
  may_hold_request();   // counts that it is gone
  std::uint64_t given_bytes = 0;
  // What ends with the connection, and is cut off, ends with a reset: a FIN would make it whole.
  const bool ends_with_connection = !chunked && !bytes;
  if (ends_with_connection) reset_on_close(true);
  source_ = source;
  if (context_->stopping) source->cancel();
  bool whole = false;
  while (true) {
    enter_handling();
    const BodySource::Piece piece = co_await next_piece(source, stream_.socket().get_executor());
    if (!stream_.is_open()) break;  // aborted meanwhile
    given_bytes += piece.bytes.size();
    if (bytes && given_bytes > *bytes) break;  // what follows would be taken for another answer
    if (!chunked) output_.append(piece.bytes);
    else if (!piece.bytes.empty()) write_chunk(output_, piece.bytes);
    whole = piece.after == BodySource::After::end && (!bytes || given_bytes == *bytes);
    if (whole && chunked) write_chunk(output_, {});
    const bool written = co_await flush();
    whole = whole && written;
    if (!written || piece.after != BodySource::After::more) break;
  }
  if (!whole) source->cancel();
  source_.reset();
  if (ends_with_connection && whole) reset_on_close(false);
  else if (ends_with_connection) stream_.close();
  co_return whole;
}

void Session::reset_on_close(bool resets) {
  std::error_code ignored;  // the connection is broken already
  stream_.socket().set_option(asio::socket_base::linger(resets, 0), ignored);
}

asio::awaitable<void> Session::refuse(int status, std::string_view detail) {
  enter_handling();
  parser_.drop_body();
  may_hold_request();  // counts that it is gone
  put(context_->render_error(status, detail), false);
  const bool written = co_await flush();
  if (written) co_await linger();
}

// Queues a response; flush() sends it.
void Session::put(Response response, bool keep_alive) {
  const Request& request = parser_.request();
  const WriteOptions options{request.method, request.minor_version, keep_alive,
                             context_->date.now()};
  write_head(output_, response, options);
  if (response.stream || !has_body(response.status, request.method)) return;
  if (response.body.size() <= copied_body_bytes_max) output_.append(response.body);
  else body_ = std::move(response.body);
}

// Sends what is queued. False: the connection is broken, or the client reads too slowly.
asio::awaitable<bool> Session::flush() {
  const std::size_t share = paced_bytes(context_->limits, context_->limits.write_timeout);
  std::size_t taken_of_share = share;  // so that the first wait begins one
  std::array<asio::const_buffer, 2> left{asio::buffer(output_), asio::buffer(body_)};
  while (asio::buffer_size(left) > 0 || stream_.has_unsent()) {
    std::error_code ec;
    // Most answers fit into the socket's buffer: no reactor, no queue, no suspension.
    std::size_t bytes = stream_.try_write_some(left, ec);
    if (ec == asio::error::would_block || ec == asio::error::try_again) {
      if (taken_of_share >= share && !expired_) {
        enter(Phase::writing, context_->limits.write_timeout);
        taken_of_share = 0;
        hold_answer();
      }
      const auto outcome = co_await stream_.write_some(left);
      ec = std::get<0>(outcome);
      bytes = std::get<1>(outcome);
    }
    if (expired_) ++context_->counts.slow_readers;
    if (ec || expired_) co_return false;
    taken_of_share += bytes;
    for (asio::const_buffer& buffer : left) {
      const std::size_t taken = std::min(bytes, buffer.size());
      buffer += taken;
      bytes -= taken;
    }
  }
  output_.clear();
  // An assignment would keep the memory.
  if (output_.capacity() > output_bytes_kept) std::string().swap(output_);
  if (!body_.empty()) std::string().swap(body_);
  release_answer();
  co_return true;
}

// Says that we are done, and waits until the client is too: closing with unread bytes would reset
// the connection, and the client could lose the answer (RFC 9112 §9.6).
asio::awaitable<void> Session::linger() {
  std::error_code ec;
  stream_.shutdown_send(ec);
  if (ec) co_return;
  enter(Phase::lingering, context_->limits.linger_timeout);
  std::array<char, 4096> dropped;
  while (!expired_) {
    const auto outcome = co_await stream_.read_some(asio::buffer(dropped));
    if (std::get<0>(outcome)) co_return;
  }
}

void Session::enter(Phase phase, std::chrono::milliseconds timeout) {
  phase_ = phase;
  deadline_ = Clock::now() + timeout;
  expired_ = false;
  // Of one that lingers the answer is sent: it is nobody's loss either.
  const bool is_idle = phase == Phase::idle || phase == Phase::lingering;
  context_->connections.move(place_, is_idle                   ? Connections::Standing::idle
                                     : phase == Phase::writing ? Connections::Standing::blocked
                                                               : Connections::Standing::busy);
  if (is_idle && context_->room_wanted && context_->on_room) context_->on_room();
}

// Handlers keep deadlines of their own.
void Session::enter_handling() {
  phase_ = Phase::handling;
  deadline_ = Clock::time_point::max();
  expired_ = false;
  context_->connections.move(place_, Connections::Standing::busy);
}

// Counts what the body of the request holds. False: it is too much, with those of all others.
bool Session::may_hold_request() {
  const std::size_t held = parser_.large_body_bytes();
  std::size_t& all = context_->counts.request_bytes;
  all = all - request_bytes_ + held;
  request_bytes_ = held;
  return held == 0 || all <= context_->limits.request_bytes_max;
}

// Counts the answer that has to wait, and makes room where it is too much with those of all others.
void Session::hold_answer() {
  release_answer();
  answer_bytes_ = output_.capacity() + body_.capacity();
  context_->counts.answer_bytes += answer_bytes_;
  const auto& blocked = context_->connections.all(Connections::Standing::blocked);
  while (context_->counts.answer_bytes > context_->limits.answer_bytes_max) {
    ++context_->counts.cut_for_memory;
    blocked.front().session->give_way();  // may be this one
  }
}

void Session::release_answer() {
  context_->counts.answer_bytes -= std::exchange(answer_bytes_, 0);
}

void Session::expire(Clock::time_point now) {
  if (now < deadline_) return;
  expired_ = true;  // again each time: a cancel between two waits is lost
  // cancel() only: after a request timeout the session still answers 408.
  stream_.cancel();
}

void Session::stop() {
  if (source_) source_->cancel();
  if (phase_ != Phase::idle && phase_ != Phase::handshake) return;
  stream_.cancel();
}

bool Session::is_quiet() const {
  if (phase_ == Phase::lingering) return true;
  std::error_code ec;
  return phase_ == Phase::idle && (stream_.socket().available(ec) == 0 || ec);
}

void Session::give_way() {
  release_answer();
  context_->connections.move(place_, Connections::Standing::busy);  // not asked again
  abort();
}

void Session::abort() {
  stream_.close();
  if (source_) source_->cancel();
}

}  // namespace http
