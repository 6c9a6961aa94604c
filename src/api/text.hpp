// Checks of the texts that clients send, and how they are quoted back at them. Pure helpers of api;
// every check gives the sentence for the user or nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace api {

// User input in an error's detail is cut at this size: answers stay small.
inline constexpr std::size_t quoted_bytes_max = 100;

// The text in quotes for an error's detail, cut at quoted_bytes_max.
std::string quoted(std::string_view text);

// Digits alone (no sign, no space); nullopt also where it does not fit 64 bits.
std::optional<std::uint64_t> parse_whole_number(std::string_view text);

// What is wrong with the value of a field, as "description must be …"; nullopt: nothing.
using Complaint = std::optional<std::string>;
// Valid UTF-8, at most `bytes_max`, no control characters but tab and newline.
Complaint check_text(std::string_view field, std::string_view text, std::size_t bytes_max);
// Letters, digits, '-', '.', '_'; may be empty.
Complaint check_hostname(std::string_view field, std::string_view text);
// Not empty, and no control characters at all.
Complaint check_tag(std::string_view field, std::string_view text);
// host:port or [IPv6]:port, port 1 to 65535.
Complaint check_host_and_port(std::string_view field, std::string_view text);

}  // namespace api
