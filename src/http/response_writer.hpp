// Turns a response into its bytes (RFC 9112 §4). Pure: the date comes from the session.
#pragma once

#include <string>
#include <string_view>

#include "http/message.hpp"

namespace http {

struct WriteOptions {
  Method method = Method::get;     // of the request: HEAD gets the length but no body
  unsigned minor_version = 1;      // of the request: an HTTP/1.0 client must be told of keep-alive
  bool keep_alive = true;
  std::string_view date = {};      // for the Date field; empty: none
};

// 1xx, 204 and 304 never have a body, nor does the answer to HEAD.
bool has_body(int status, Method method);

// Appends everything but the body, which the caller appends or sends where has_body().
// A streamed body goes in chunks to a client of HTTP/1.1, and ends with the connection for one of
// HTTP/1.0: the caller then gives keep_alive = false.
// Content-Length, Connection, Date and Transfer-Encoding are the writer's own: such fields of the
// response are left out. Control characters in values become spaces, so that no value can start a
// field of its own.
void write_head(std::string& out, const Response& response, const WriteOptions& options);
// One chunk (RFC 9112 §7.1). Empty `bytes` end the body.
void write_chunk(std::string& out, std::string_view bytes);
// REQUIRES: no stream.
void write_response(std::string& out, const Response& response, const WriteOptions& options);

}  // namespace http
