// What the HTTP server asks of its owner: an answer to each request, and a shape for its errors.
#pragma once

#include <asio/awaitable.hpp>
#include <functional>
#include <string_view>

#include "http/message.hpp"

namespace http {

// Answers one request; the request outlives the call. Must not throw: an exception is logged and
// answered with 500. Must end by a deadline of its own: a stopping server waits for it.
using Handler = std::function<asio::awaitable<Response>(const Request&)>;
// Makes the body of an error that the server itself answers (400, 408, 413, 414, 417, 431, 500,
// 501, 503, 505), so that all errors have one shape.
using ErrorRenderer = std::function<Response(int status, std::string_view detail)>;

}  // namespace http
