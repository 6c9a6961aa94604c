// Pages of lists: `limit`, `cursor`, and the Link to the next one (RFC 8288). Pure.
#pragma once

#include <string>
#include <string_view>

#include "http/message.hpp"

namespace api {

// The request's own path and query, with `cursor` in place of the one that it had.
http::Header next_page_link(const http::Request& request, std::string_view cursor);
http::Response invalid_cursor(std::string_view cursor);  // 400

}  // namespace api
