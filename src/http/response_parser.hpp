// Parses HTTP/1.1 responses out of a byte stream (RFC 9112), for the client in cli/. Pure and
// incremental, like the request parser. Interim responses (1xx) are skipped.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "http/chunk_decoder.hpp"
#include "http/fields.hpp"
#include "http/input_buffer.hpp"
#include "http/limits.hpp"
#include "http/message.hpp"

namespace http {

class ResponseParser {
 public:
  enum class Step : std::uint8_t { need_more, response, error };

  // Of `limits`, those of sizes apply, the status line's being that of a request line.
  explicit ResponseParser(const Limits& limits) : limits_(limits), chunks_(limits) {}

  // Call before the bytes of each response: its request's method decides whether it has a body.
  void expect(Method method) { method_ = method; }

  std::span<char> prepare() { return in_.prepare(); }
  void commit(std::size_t bytes) { in_.commit(bytes); }
  void feed(std::string_view bytes);

  Step next();
  // A body may be taken in pieces while it comes: once its head is whole, what there is of it.
  bool has_head() const { return state_ >= State::body && state_ != State::failed; }
  const Response& head() const { return response_; }
  std::string take_body_so_far() { return std::exchange(response_.body, {}); }
  // The peer closed: that ends a body without a length, and breaks any other response.
  Step finish();

  // Valid after Step::response, until next(). content_type is also among the headers.
  const Response& response() const { return response_; }
  Response take_response() { return std::move(response_); }
  std::string_view error() const { return error_; }
  // Whether the connection may be used for a further request; after Step::response.
  bool keep_alive() const { return keep_alive_; }

 private:
  enum class State : std::uint8_t { status_line, fields, body, chunks, until_close, whole, failed };

  void reset();
  Step take_status_line();
  Step take_field();
  Step finish_head();
  Step take_body();
  Step take_until_close();
  Step take_chunks();
  Step fail(std::string_view detail);

  Limits limits_;
  InputBuffer in_;
  ChunkDecoder chunks_;
  Framing framing_;
  Response response_;
  std::string_view error_;
  Method method_ = Method::get;
  State state_ = State::status_line;
  bool keep_alive_ = true;
  unsigned minor_version_ = 1;
  unsigned interim_responses_ = 0;
  std::size_t header_bytes_ = 0;
  std::uint64_t body_bytes_left_ = 0;
};

}  // namespace http
