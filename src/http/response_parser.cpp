#include "http/response_parser.hpp"

#include <algorithm>
#include <cstring>

namespace http {
namespace {

constexpr unsigned interim_responses_max = 16;  // a server could send them for ever
constexpr std::size_t body_bytes_reserved_max = 65536;

constexpr std::string_view bare_line_feed_text = "a line ends without a carriage return";
constexpr std::string_view too_large_text = "the response is too large";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

void ResponseParser::feed(std::string_view bytes) {
  if (bytes.empty()) return;
  const std::span<char> room = in_.prepare(bytes.size());
  std::memcpy(room.data(), bytes.data(), bytes.size());
  in_.commit(bytes.size());
}

void ResponseParser::reset() {
  response_ = {};
  framing_ = {};
  state_ = State::status_line;
  header_bytes_ = 0;
  body_bytes_left_ = 0;
}

ResponseParser::Step ResponseParser::fail(std::string_view detail) {
  error_ = detail;
  state_ = State::failed;
  keep_alive_ = false;
  return Step::error;
}

// Each take_… handles one element; Step::response from it means "go on".
ResponseParser::Step ResponseParser::next() {
  if (state_ == State::whole) {
    reset();
    interim_responses_ = 0;
  }
  while (true) {
    Step step = Step::error;
    switch (state_) {
      case State::status_line: step = take_status_line(); break;
      case State::fields: step = take_field(); break;
      case State::body: step = take_body(); break;
      case State::chunks: step = take_chunks(); break;
      case State::until_close: step = take_until_close(); break;
      case State::whole: return Step::response;
      case State::failed: return Step::error;
    }
    if (step != Step::response) return step;
  }
}

ResponseParser::Step ResponseParser::finish() {
  const Step step = next();
  if (step != Step::need_more) return step;
  if (state_ != State::until_close)
    return fail("the connection was closed before the response ended");
  state_ = State::whole;
  return Step::response;
}

ResponseParser::Step ResponseParser::take_status_line() {
  const InputBuffer::Line line = in_.take_line(limits_.request_line_bytes_max);
  switch (line.status) {
    case InputBuffer::LineStatus::need_more: return Step::need_more;
    case InputBuffer::LineStatus::too_long: return fail("the status line is too long");
    case InputBuffer::LineStatus::bare_line_feed: return fail(bare_line_feed_text);
    case InputBuffer::LineStatus::line: break;
  }
  // HTTP/1.x SP 3DIGIT [SP reason]; some servers leave out the space before an empty reason.
  const std::string_view text = line.text;
  if (text.size() < 12 || text.substr(0, 7) != "HTTP/1." || !is_digit(text[7]) || text[8] != ' ' ||
      text[9] < '1' || text[9] > '9' || !is_digit(text[10]) || !is_digit(text[11]) ||
      (text.size() > 12 && text[12] != ' ') || !is_field_text(text))
    return fail("the status line is malformed");
  minor_version_ = text[7] == '0' ? 0 : 1;
  response_.status = (text[9] - '0') * 100 + (text[10] - '0') * 10 + (text[11] - '0');
  state_ = State::fields;
  return Step::response;
}

ResponseParser::Step ResponseParser::take_field() {
  const InputBuffer::Line line = in_.take_line(limits_.header_bytes_max - header_bytes_);
  switch (line.status) {
    case InputBuffer::LineStatus::need_more: return Step::need_more;
    case InputBuffer::LineStatus::too_long: return fail("the header fields are too large");
    case InputBuffer::LineStatus::bare_line_feed: return fail(bare_line_feed_text);
    case InputBuffer::LineStatus::line: break;
  }
  if (line.text.empty()) return finish_head();
  header_bytes_ += line.text.size();
  if (response_.headers.size() == limits_.headers_max)
    return fail("there are too many header fields");
  FieldLine field;
  if (const char* reason = parse_field_line(line.text, field)) return fail(reason);
  if (!framing_.note(field)) return fail(framing_.error().detail);
  if (equal_ignoring_case(field.name, "content-type")) response_.content_type.assign(field.value);
  response_.headers.push_back({std::string(field.name), std::string(field.value)});
  return Step::response;
}

// RFC 9112 §6.3, in its order.
ResponseParser::Step ResponseParser::finish_head() {
  if (response_.status == 101) return fail("the server switched protocols unasked");
  if (response_.status < 200) {
    if (++interim_responses_ > interim_responses_max) return fail("too many interim responses");
    reset();
    return Step::response;
  }
  if (!framing_.finish(minor_version_)) return fail(framing_.error().detail);
  keep_alive_ =
      !framing_.says_close() && (minor_version_ > 0 || framing_.says_keep_alive());
  if (method_ == Method::head || response_.status == 204 || response_.status == 304) {
    state_ = State::whole;
  } else if (framing_.chunked()) {
    chunks_.reset();
    state_ = State::chunks;
  } else if (framing_.content_length()) {
    body_bytes_left_ = *framing_.content_length();
    if (body_bytes_left_ > limits_.body_bytes_max) return fail(too_large_text);
    response_.body.reserve(
        std::min<std::size_t>(static_cast<std::size_t>(body_bytes_left_), body_bytes_reserved_max));
    state_ = body_bytes_left_ == 0 ? State::whole : State::body;
  } else {
    keep_alive_ = false;
    state_ = State::until_close;
  }
  return Step::response;
}

ResponseParser::Step ResponseParser::take_body() {
  const auto bytes =
      static_cast<std::size_t>(std::min<std::uint64_t>(body_bytes_left_, in_.size()));
  response_.body.append(in_.view().substr(0, bytes));
  in_.consume(bytes);
  body_bytes_left_ -= bytes;
  if (body_bytes_left_ > 0) return Step::need_more;
  state_ = State::whole;
  return Step::response;
}

ResponseParser::Step ResponseParser::take_until_close() {
  if (in_.size() > limits_.body_bytes_max - response_.body.size()) return fail(too_large_text);
  response_.body.append(in_.view());
  in_.consume(in_.size());
  return Step::need_more;
}

ResponseParser::Step ResponseParser::take_chunks() {
  switch (chunks_.decode(in_, response_.body)) {
    case ChunkDecoder::Step::need_more: return Step::need_more;
    case ChunkDecoder::Step::error: return fail(chunks_.error().detail);
    case ChunkDecoder::Step::done: break;
  }
  state_ = State::whole;
  return Step::response;
}

}  // namespace http
