#include "bench/http_load.hpp"

#include <fmt/format.h>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <algorithm>
#include <asio/write.hpp>
#include <deque>
#include <memory>
#include <optional>

#include "http/response_parser.hpp"

namespace bench {
namespace {

using Clock = std::chrono::steady_clock;
using asio::ip::tcp;

constexpr std::chrono::milliseconds pause_after_failure{2};

// Shared by the clients of one run: what is due, and what was measured.
class Run {
 public:
  Run(const LoadOptions& options, Workload& work)
      : workload(work), options_(options),
        begin_(Clock::now() + options.warm_up), end_(begin_ + options.duration),
        last_done_(begin_) {
    if (options.rate > 0)
      period_ = std::chrono::nanoseconds(static_cast<std::int64_t>(1e9 / options.rate));
    next_due_ = Clock::now();
  }

  // When the client's next request is due: now, or by the rate. nullopt: the run is over.
  std::optional<Clock::time_point> next_due() {
    const auto now = Clock::now();
    if (now >= end_) return std::nullopt;
    if (options_.requests_max > 0 && taken_++ >= options_.requests_max) return std::nullopt;
    if (period_.count() == 0) return now;
    const auto due = next_due_;
    if (due >= end_) return std::nullopt;
    next_due_ += period_;
    return due;
  }
  void note_done(Clock::time_point due) {
    const auto now = Clock::now();
    if (now < begin_ || now >= end_) return;
    ++result.done;
    result.latency.record(now - due);
    if (options_.slice.count() > 0) {
      const auto slice = static_cast<std::size_t>((now - begin_) / options_.slice);
      if (slice >= result.slices.size()) result.slices.resize(slice + 1);
      result.slices[slice].record(now - due);
    }
    note_gap(now);
  }
  void note_failure(std::string_view why) {
    if (Clock::now() < begin_) return;
    ++result.failed;
    if (result.first_failure.empty()) result.first_failure = why;
  }
  void finish() {
    const auto now = std::min(Clock::now(), end_);
    note_gap(now);
    result.seconds = std::chrono::duration<double>(now - begin_).count();
  }
  bool is_over() const { return Clock::now() >= end_; }
  Clock::time_point begin() const { return begin_; }
  Clock::time_point end() const { return end_; }
  std::chrono::milliseconds deadline() const { return options_.deadline; }
  std::uint16_t port(std::size_t at) const { return options_.ports[at % options_.ports.size()]; }

  Workload& workload;
  LoadResult result;

 private:
  void note_gap(Clock::time_point now) {
    if (now - last_done_ > result.longest_gap) {
      result.longest_gap = now - last_done_;
      result.longest_gap_at = last_done_ - begin_;
    }
    last_done_ = now;
  }

  const LoadOptions& options_;
  const Clock::time_point begin_;
  const Clock::time_point end_;
  std::chrono::nanoseconds period_{0};
  Clock::time_point next_due_;
  std::uint64_t taken_ = 0;
  Clock::time_point last_done_;
};

class Client {
 public:
  Client(asio::io_context& io, Run& run, std::size_t index)
      : io_(io), run_(run), index_(index), at_(index), socket_(io), timer_(io), deadline_(io) {}

  void start() { connect(); }

 private:
  void connect() {
    socket_ = tcp::socket(io_);
    parser_ = std::make_unique<http::ResponseParser>(limits());
    socket_.async_connect({asio::ip::address_v4::loopback(), run_.port(at_)},
                          [this](const std::error_code& ec) {
                            if (ec) return try_elsewhere(ec.message());
                            std::error_code ignored;
                            socket_.set_option(tcp::no_delay(true), ignored);
                            socket_.non_blocking(true, ignored);
                            if (is_pending_) send();
                            else take_next();
                          });
  }

  void take_next() {
    const auto due = run_.next_due();
    if (!due) return;
    due_ = *due;
    request_ = run_.workload.request(index_);
    is_pending_ = true;
    if (due_ <= Clock::now()) return send();
    timer_.expires_at(due_);
    timer_.async_wait([this](const std::error_code& ec) {
      if (!ec) send();
    });
  }

  // Closing the socket ends what waits for it, which then asks elsewhere.
  void set_deadline() {
    deadline_.expires_after(run_.deadline());
    deadline_.async_wait([this](const std::error_code& ec) {
      std::error_code ignored;
      if (!ec) socket_.close(ignored);
    });
  }

  void send() {
    if (run_.deadline().count() > 0) set_deadline();
    parser_->expect(request_.starts_with("GET") ? http::Method::get : http::Method::post);
    std::error_code ec;
    const std::size_t sent = socket_.write_some(asio::buffer(request_), ec);
    if (!ec && sent == request_.size()) return receive();
    if (ec && ec != asio::error::would_block) return try_elsewhere(ec.message());
    asio::async_write(socket_, asio::buffer(request_.substr(ec ? 0 : sent)),
                      [this](const std::error_code& failure, std::size_t) {
                        if (failure) return try_elsewhere(failure.message());
                        receive();
                      });
  }

  void receive() {
    const std::span<char> room = parser_->prepare();
    socket_.async_read_some(asio::buffer(room.data(), room.size()),
                            [this](const std::error_code& ec, std::size_t bytes) {
                              if (ec) return try_elsewhere(ec.message());
                              parser_->commit(bytes);
                              parse();
                            });
  }

  void parse() {
    switch (parser_->next()) {
      case http::ResponseParser::Step::need_more: return receive();
      case http::ResponseParser::Step::error:
        return try_elsewhere(std::string(parser_->error()));
      case http::ResponseParser::Step::response: break;
    }
    if (!run_.workload.accept(index_, parser_->response())) {
      const http::Response& refusal = parser_->response();
      return try_elsewhere(fmt::format("{} {}", refusal.status, refusal.body));
    }
    is_pending_ = false;
    deadline_.cancel();
    run_.note_done(due_);
    if (run_.is_over()) return;
    if (!parser_->keep_alive()) return connect();
    take_next();
  }

  // The same request again, at the next server.
  void try_elsewhere(const std::string& why) {
    if (run_.is_over()) return;
    run_.note_failure(why);
    ++at_;
    deadline_.cancel();
    std::error_code ignored;
    socket_.close(ignored);
    timer_.expires_after(pause_after_failure);
    timer_.async_wait([this](const std::error_code& ec) {
      if (!ec) connect();
    });
  }

  static http::Limits limits() {
    http::Limits out;
    out.body_bytes_max = std::size_t{1} << 30;
    return out;
  }

  asio::io_context& io_;
  Run& run_;
  const std::size_t index_;
  std::size_t at_;  // which server
  tcp::socket socket_;
  asio::steady_timer timer_;
  asio::steady_timer deadline_;
  std::unique_ptr<http::ResponseParser> parser_;
  std::string_view request_;
  Clock::time_point due_;
  bool is_pending_ = false;  // taken, not answered
};

}  // namespace

LoadResult run_load(const LoadOptions& options, Workload& workload,
                    const std::vector<Event>& events) {
  asio::io_context io(ASIO_CONCURRENCY_HINT_UNSAFE);  // nothing comes from another thread
  Run run(options, workload);
  std::deque<Client> clients;
  for (std::size_t i = 0; i < options.clients; ++i) clients.emplace_back(io, run, i).start();
  std::deque<asio::steady_timer> timers;
  for (const Event& event : events) {
    timers.emplace_back(io, run.begin() + event.at);
    timers.back().async_wait([&event](const std::error_code& ec) {
      if (!ec) event.act();
    });
  }
  // What is not answered by then counts as not done.
  io.run_until(run.end());
  run.finish();
  return std::move(run.result);
}

std::string request_bytes(std::string_view method, std::string_view target, std::string_view body,
                          std::string_view more_fields) {
  std::string out = fmt::format("{} {} HTTP/1.1\r\nHost: 127.0.0.1\r\n{}", method, target,
                                more_fields);
  if (!body.empty() || method != "GET")
    out += fmt::format("Content-Type: application/json\r\nContent-Length: {}\r\n", body.size());
  return out + "\r\n" + std::string(body);
}

}  // namespace bench
