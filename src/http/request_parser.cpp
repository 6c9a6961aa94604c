#include "http/request_parser.hpp"

#include <algorithm>
#include <cstring>

#include "http/target.hpp"

namespace http {
namespace {

// Empty lines before a request that are ignored (RFC 9112 §2.2); old clients send one after a body.
constexpr unsigned empty_lines_max = 4;
// A Content-Length is a claim: memory comes as the bytes do.
constexpr std::size_t body_bytes_reserved_max = small_body_bytes;

constexpr std::string_view bare_line_feed_text = "a line ends without a carriage return";

}  // namespace

void RequestParser::feed(std::string_view bytes) {
  if (bytes.empty()) return;
  const std::span<char> room = in_.prepare(bytes.size());
  std::memcpy(room.data(), bytes.data(), bytes.size());
  in_.commit(bytes.size());
}

bool RequestParser::take_expectation() {
  const bool in_body = state_ == State::body || state_ == State::chunks;
  const bool wanted = expects_continue_ && in_body && in_.empty() && request_.body.empty();
  if (wanted) expects_continue_ = false;
  return wanted;
}

std::size_t RequestParser::body_bytes() const {
  return state_ == State::body || state_ == State::chunks ? request_.body.size() : 0;
}

bool RequestParser::between_requests() const {
  return (state_ == State::whole || state_ == State::request_line) && in_.empty();
}

void RequestParser::reset() {
  pool_.recycle(request_.headers);
  if (request_.body.capacity() > small_body_bytes) drop_body();
  request_.body.clear();
  in_.shrink();
  framing_ = {};
  state_ = State::request_line;
  // An answer to what is no request is one to a GET.
  request_.method = Method::get;
  request_.minor_version = 1;
  expects_continue_ = false;
  hosts_ = 0;
  empty_lines_ = 0;
  header_bytes_ = 0;
  body_bytes_left_ = 0;
}

RequestParser::Step RequestParser::fail(int status, std::string_view detail) {
  error_ = {status, detail};
  state_ = State::failed;
  return Step::error;
}

// Each take_… handles one element; Step::request from it means "go on".
RequestParser::Step RequestParser::next() {
  if (state_ == State::whole) reset();
  while (true) {
    Step step = Step::error;
    switch (state_) {
      case State::request_line: step = take_request_line(); break;
      case State::fields: step = take_field(); break;
      case State::body: step = take_body(); break;
      case State::chunks: step = take_chunks(); break;
      case State::whole: return Step::request;
      case State::failed: return Step::error;
    }
    if (step != Step::request) return step;
  }
}

RequestParser::Step RequestParser::take_request_line() {
  if (in_.empty()) return Step::need_more;
  // At once, because a client that speaks TLS to us may never send a line feed.
  const char first = in_.view().front();
  if (!is_token_character(first) && first != '\r' && first != '\n')
    return fail(400, "the request does not start with a method");
  const InputBuffer::Line line = in_.take_line(limits_.request_line_bytes_max);
  switch (line.status) {
    case InputBuffer::LineStatus::need_more: return Step::need_more;
    case InputBuffer::LineStatus::too_long: return fail(414, "the request line is too long");
    case InputBuffer::LineStatus::bare_line_feed: return fail(400, bare_line_feed_text);
    case InputBuffer::LineStatus::line: break;
  }
  if (line.text.empty()) {
    if (++empty_lines_ > empty_lines_max) return fail(400, "empty lines instead of a request");
    return Step::request;
  }
  request_.method = Method::other;
  if (const char* reason = parse_request_line(line.text))
    return fail(error_.status == 505 ? 505 : 400, reason);
  state_ = State::fields;
  return Step::request;
}

const char* RequestParser::parse_request_line(std::string_view line) {
  error_ = {};
  const std::size_t first_space = line.find(' ');
  const std::size_t last_space = line.rfind(' ');
  if (first_space == std::string_view::npos || first_space == last_space)
    return "the request line is not: method, target, version";
  const std::string_view method = line.substr(0, first_space);
  const std::string_view target = line.substr(first_space + 1, last_space - first_space - 1);
  const std::string_view version = line.substr(last_space + 1);
  if (!is_token(method)) return "the method is not a token";
  request_.method = parse_method(method);
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (version.size() != 8 || version.substr(0, 5) != "HTTP/" || !is_digit(version[5]) ||
      version[6] != '.' || !is_digit(version[7]))
    return "the HTTP version is malformed";
  if (version[5] != '1' || version[7] > '1') {
    error_.status = 505;
    return "the supported versions are HTTP/1.1 and HTTP/1.0";
  }
  request_.minor_version = static_cast<std::uint8_t>(version[7] - '0');
  return parse_target(target, request_);
}

RequestParser::Step RequestParser::take_field() {
  const InputBuffer::Line line = in_.take_line(limits_.header_bytes_max - header_bytes_);
  switch (line.status) {
    case InputBuffer::LineStatus::need_more: return Step::need_more;
    case InputBuffer::LineStatus::too_long: return fail(431, "the header fields are too large");
    case InputBuffer::LineStatus::bare_line_feed: return fail(400, bare_line_feed_text);
    case InputBuffer::LineStatus::line: break;
  }
  if (line.text.empty()) return finish_head();
  header_bytes_ += line.text.size();
  if (request_.headers.size() == limits_.headers_max)
    return fail(431, "there are too many header fields");
  FieldLine field;
  if (const char* reason = parse_field_line(line.text, field)) return fail(400, reason);
  if (!note_field(field)) return Step::error;
  pool_.add(request_.headers, field);
  return Step::request;
}

bool RequestParser::note_field(const FieldLine& field) {
  if (field.name.size() == 4 && equal_ignoring_case(field.name, "host")) {
    ++hosts_;
    if (!is_host(field.value)) {
      fail(400, "the Host field is malformed");
      return false;
    }
  } else if (field.name.size() == 6 && equal_ignoring_case(field.name, "expect")) {
    if (!equal_ignoring_case(field.value, "100-continue")) {
      fail(417, "the only supported expectation is 100-continue");
      return false;
    }
    expects_continue_ = request_.minor_version > 0;  // RFC 9110 §10.1.1: ignored in HTTP/1.0
  } else if (!framing_.note(field)) {
    fail(framing_.error().status, framing_.error().detail);
    return false;
  }
  return true;
}

RequestParser::Step RequestParser::finish_head() {
  if (hosts_ > 1) return fail(400, "the Host field is given more than once");
  if (hosts_ == 0 && request_.minor_version > 0) return fail(400, "the Host field is missing");
  if (!framing_.finish(request_.minor_version))
    return fail(framing_.error().status, framing_.error().detail);
  request_.keep_alive = !framing_.says_close() &&
                        (request_.minor_version > 0 || framing_.says_keep_alive());
  if (framing_.chunked()) {
    chunks_.reset();
    state_ = State::chunks;
    return Step::request;
  }
  body_bytes_left_ = framing_.content_length().value_or(0);
  if (body_bytes_left_ > limits_.body_bytes_max) return fail(413, "the body is too large");
  request_.body.reserve(
      std::min<std::size_t>(static_cast<std::size_t>(body_bytes_left_), body_bytes_reserved_max));
  state_ = body_bytes_left_ == 0 ? State::whole : State::body;
  return Step::request;
}

RequestParser::Step RequestParser::take_body() {
  const auto bytes =
      static_cast<std::size_t>(std::min<std::uint64_t>(body_bytes_left_, in_.size()));
  request_.body.append(in_.view().substr(0, bytes));
  in_.consume(bytes);
  body_bytes_left_ -= bytes;
  if (body_bytes_left_ > 0) return Step::need_more;
  state_ = State::whole;
  return Step::request;
}

RequestParser::Step RequestParser::take_chunks() {
  switch (chunks_.decode(in_, request_.body)) {
    case ChunkDecoder::Step::need_more: return Step::need_more;
    case ChunkDecoder::Step::error: return fail(chunks_.error().status, chunks_.error().detail);
    case ChunkDecoder::Step::done: break;
  }
  state_ = State::whole;
  return Step::request;
}

}  // namespace http
