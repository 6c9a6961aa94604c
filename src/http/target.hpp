// The target of a request (RFC 9112 §3.2): origin-form, absolute-form, and "*" for OPTIONS. Pure.
#pragma once

#include <string>
#include <string_view>

#include "http/message.hpp"

namespace http {

// Fills path (decoded) and query (raw) of `request`, whose method is set. Returns nullptr, or why
// the target is refused (400).
const char* parse_target(std::string_view target, Request& request);

// Whether a Host field, or the authority of an absolute target, can be one: host[:port], or empty.
bool is_host(std::string_view text);

}  // namespace http
