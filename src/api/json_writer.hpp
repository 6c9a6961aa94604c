// Appends JSON (RFC 8259) to a string that it does not own. By hand rather than through
// boost::json::serialize(): a list of 20,000 objects needs no tree of values first.
// Output is always valid: bytes that are not UTF-8 become U+FFFD.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "ipam/address.hpp"
#include "ipam/model.hpp"

namespace api {

// Puts the commas itself. The caller's begin and end calls must pair up, and values stand between
// them. While something is open the string ends in room that is not written yet, so that a value
// costs no call that lengthens it: it is whole, and the caller's to use, whenever nothing is open.
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
    char* at = room(name.size() + 4);
    *at = ',';
    at += comma_needed_ ? 1 : 0;
    *at++ = '"';
    name.copy(at, name.size());
    at += name.size();
    *at++ = '"';
    *at++ = ':';
    at_ = at;
    comma_needed_ = false;
  }

  // A name that a client chose.
  void text_key(std::string_view name) {
    text(name);
    *room(1) = ':';
    ++at_;
    comma_needed_ = false;
  }

  void text(std::string_view value);
  void boolean(bool value) { raw(value ? "true" : "false"); }
  void null() { raw("null"); }
  void number(std::uint64_t value) {
    char* const at = begin_value(number_bytes_max);
    at_ = std::to_chars(at, at + number_bytes_max, value).ptr;
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
    char* const at = begin_value(json.size());
    json.copy(at, json.size());
    at_ = at + json.size();
  }

  // ---- what has a text of its own, written in place ----
  void address(const ipam::Address& address) {
    in_quotes(ipam::address_bytes_max, [&](char* at) { return ipam::write(at, address); });
  }
  void prefix(const ipam::Prefix& prefix) {
    in_quotes(ipam::prefix_bytes_max, [&](char* at) { return ipam::write(at, prefix); });
  }
  void moment(ipam::TimeMs time) {
    in_quotes(ipam::rfc3339_bytes_max, [&](char* at) { return ipam::write_rfc3339(at, time); });
  }
  template <class Id>
  void id(Id id) {
    in_quotes(ipam::id_bytes_max, [&](char* at) { return ipam::write(at, id); });
  }

  void text(std::string_view name, std::string_view value) { key(name), text(value); }
  void boolean(std::string_view name, bool value) { key(name), boolean(value); }
  void null(std::string_view name) { key(name), null(); }
  void count(std::string_view name, ipam::U128 value) { key(name), count(value); }
  void address(std::string_view name, const ipam::Address& value) { key(name), address(value); }
  void prefix(std::string_view name, const ipam::Prefix& value) { key(name), prefix(value); }
  void moment(std::string_view name, ipam::TimeMs value) { key(name), moment(value); }
  template <class Id>
  void id(std::string_view name, Id value) {
    key(name), id(value);
  }

 private:
  static constexpr std::size_t number_bytes_max = 20;

  // Where so many bytes may be written.
  char* room(std::size_t bytes) {
    if (static_cast<std::size_t>(end_ - at_) < bytes) grow(bytes);
    return at_;
  }
  // The same behind the comma, where one is needed.
  char* begin_value(std::size_t bytes) {
    char* const at = room(bytes + 1);
    *at = ',';
    at_ = at + (comma_needed_ ? 1 : 0);
    comma_needed_ = true;
    return at_;
  }
  // `write` gives the end of what it writes, of at most so many bytes.
  template <class Write>
  void in_quotes(std::size_t bytes_max, Write write) {
    char* const at = begin_value(bytes_max + 2);
    *at = '"';
    char* const end = write(at + 1);
    *end = '"';
    at_ = end + 1;
  }
  void open(char bracket) {
    ++depth_;
    *begin_value(1) = bracket;
    ++at_;
    comma_needed_ = false;
  }
  void close(char bracket) {
    *room(1) = bracket;
    ++at_;
    comma_needed_ = true;
    if (--depth_ == 0) settle();
  }
  void grow(std::size_t bytes);
  void settle();

  std::string& out_;
  char* at_ = nullptr;   // in out_, where the next byte goes; nullptr while nothing is open
  char* end_ = nullptr;  // of out_; the same
  std::size_t depth_ = 0;
  bool comma_needed_ = false;
};

}  // namespace api
