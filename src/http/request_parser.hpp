// Parses HTTP/1.1 requests out of a byte stream (RFC 9112), strictly: what two readers could read
// in two ways is refused. Pure and incremental: the caller gives bytes as they come and asks for
// the next(). Linear time, however the bytes are split; memory is reused from request to request.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "http/chunk_decoder.hpp"
#include "http/fields.hpp"
#include "http/input_buffer.hpp"
#include "http/limits.hpp"
#include "http/message.hpp"

namespace http {

class RequestParser {
 public:
  enum class Step : std::uint8_t {
    need_more,  // feed() and ask again
    request,    // request() is whole
    error,      // error() says which status to answer; the stream is of no use from here on
  };

  explicit RequestParser(const Limits& limits) : limits_(limits), chunks_(limits) {}

  // Room to receive into, then how much of it was filled; or feed(), which copies.
  std::span<char> prepare() { return in_.prepare(); }
  void commit(std::size_t bytes) { in_.commit(bytes); }
  void feed(std::string_view bytes);

  // Of the connection: each of its requests has it.
  void set_client_address(std::string address) { request_.client_address = std::move(address); }

  // Goes on to the next request, pipelined ones included, until it is whole or bytes are missing.
  // REQUIRES: after need_more, bytes were added (otherwise it is need_more again).
  Step next();

  // Valid after Step::request, until next(). After an error: what was understood so far.
  const Request& request() const { return request_; }
  const ParseError& error() const { return error_; }

  // True once a request: its head is whole, its client waits for "100 Continue" (RFC 9110 §10.1.1)
  // and no byte of its body has come.
  bool take_expectation();
  // How much of the body of the request that is coming in is decoded.
  std::size_t body_bytes() const;
  // The memory of a body that is larger than small_body_bytes, whole or not; otherwise 0.
  std::size_t large_body_bytes() const {
    return request_.body.size() > small_body_bytes ? request_.body.capacity() : 0;
  }
  // Gives the body's memory back, which an assignment would keep.
  void drop_body() { std::string().swap(request_.body); }
  // No byte of a further request has come.
  bool between_requests() const;

 private:
  enum class State : std::uint8_t { request_line, fields, body, chunks, whole, failed };

  void reset();
  Step take_request_line();
  Step take_field();
  Step take_body();
  Step take_chunks();
  Step finish_head();
  const char* parse_request_line(std::string_view line);
  bool note_field(const FieldLine& field);
  Step fail(int status, std::string_view detail);

  Limits limits_;
  InputBuffer in_;
  ChunkDecoder chunks_;
  HeaderPool pool_;
  Request request_;
  ParseError error_;
  Framing framing_;
  State state_ = State::request_line;
  bool expects_continue_ = false;
  unsigned hosts_ = 0;
  unsigned empty_lines_ = 0;
  std::size_t header_bytes_ = 0;
  std::uint64_t body_bytes_left_ = 0;
};

}  // namespace http
