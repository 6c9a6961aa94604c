// Appends JSON (RFC 8259) to a string that it does not own. By hand rather than through
// boost::json::serialize(): a list of 20,000 objects needs no tree of values first.
// Output is always valid: bytes that are not UTF-8 become U+FFFD.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "ipam/address.hpp"

namespace api {

// Room for so many more bytes at the end of `out`, which the caller fills.
inline char* extended(std::string& out, std::size_t bytes) {
  const std::size_t size = out.size();
  out.resize(size + bytes);
  return out.data() + size;
}

// Appends `text` in quotes, escaped.
void append_json_string(std::string& out, std::string_view text);

// Puts the commas itself. The caller's begin and end calls must pair up.
class JsonWriter {
 public:
  // Numbers beyond this lose digits in readers that use doubles: they go out as decimal strings.
  static constexpr std::uint64_t exact_number_max = 1ull << 53;

  explicit JsonWriter(std::string& out) : out_(out) {}

  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }

  // `name` is one of ours: appended without escaping.
  void key(std::string_view name) {
    const std::size_t comma_bytes = comma_needed_ ? 1 : 0;
    char* at = extended(out_, name.size() + 3 + comma_bytes);
    if (comma_needed_) *at++ = ',';
    *at++ = '"';
    std::memcpy(at, name.data(), name.size());
    at += name.size();
    *at++ = '"';
    *at = ':';
    comma_needed_ = false;
  }

  // A name that a client chose.
  void text_key(std::string_view name) {
    comma();
    append_json_string(out_, name);
    out_ += ':';
    comma_needed_ = false;
  }

  void text(std::string_view value) {
    comma();
    append_json_string(out_, value);
  }
  void boolean(bool value) { raw(value ? "true" : "false"); }
  void null() { raw("null"); }
  void number(std::uint64_t value) {
    char digits[20];
    const auto result = std::to_chars(digits, digits + sizeof digits, value);
    raw(std::string_view(digits, static_cast<std::size_t>(result.ptr - digits)));
  }
  // A number up to exact_number_max, else a decimal string.
  void count(ipam::U128 value) {
    if (value <= exact_number_max)
      number(static_cast<std::uint64_t>(value));
    else
      text(ipam::to_string(value));
  }
  // Valid JSON as it stands.
  void raw(std::string_view json) {
    comma();
    out_ += json;
  }

  void text(std::string_view name, std::string_view value) { key(name), text(value); }
  void boolean(std::string_view name, bool value) { key(name), boolean(value); }
  void null(std::string_view name) { key(name), null(); }
  void count(std::string_view name, ipam::U128 value) { key(name), count(value); }

 private:
  void comma() {
    if (comma_needed_) out_ += ',';
    comma_needed_ = true;
  }
  void open(char bracket) {
    comma();
    out_ += bracket;
    comma_needed_ = false;
  }
  void close(char bracket) {
    out_ += bracket;
    comma_needed_ = true;
  }

  std::string& out_;
  bool comma_needed_ = false;
};

}  // namespace api
