// Field lines (RFC 9110 §5, RFC 9112 §5) and what they say about the framing of a message
// (RFC 9112 §6), for both parsers and the chunk decoder. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "http/message.hpp"

namespace http {

// Why a message was refused: the status to answer with, and a text that lives forever.
struct ParseError {
  int status = 0;
  std::string_view detail;
};

// tchar of RFC 9110 §5.6.2.
bool is_token_character(char c);
bool is_token(std::string_view text);
// HTAB, SP, VCHAR and obs-text: no CR, LF, NUL or other control character.
bool is_field_text(std::string_view text);
std::string_view trim_whitespace(std::string_view text);  // SP and HTAB at both ends

struct FieldLine {
  std::string_view name;
  std::string_view value;  // trimmed
};
// `line` without its CRLF. Returns nullptr and fills `field`, or the reason as a text.
const char* parse_field_line(std::string_view line, FieldLine& field);

// What a message's fields say about its body and its connection; fed with each field.
class Framing {
 public:
  // False: see error().
  bool note(const FieldLine& field);
  // Call after the last field. Checks what fields say together.
  bool finish(unsigned minor_version);
  const ParseError& error() const { return error_; }

  bool chunked() const { return codings_ > 0; }  // after finish()
  std::optional<std::uint64_t> content_length() const { return content_length_; }
  bool says_close() const { return close_; }
  bool says_keep_alive() const { return keep_alive_; }

 private:
  bool note_content_length(std::string_view value);
  void note_transfer_encoding(std::string_view value);
  void note_connection(std::string_view value);
  bool fail(int status, std::string_view detail) {
    error_ = {status, detail};
    return false;
  }

  std::optional<std::uint64_t> content_length_;
  unsigned codings_ = 0;
  bool has_transfer_encoding_ = false;
  bool only_chunked_ = true;
  bool close_ = false;
  bool keep_alive_ = false;
  ParseError error_;
};

// The fields of one message after the other: reuses the memory of the strings.
class HeaderPool {
 public:
  void add(std::vector<Header>& headers, const FieldLine& field);
  void recycle(std::vector<Header>& headers);

 private:
  static constexpr std::size_t headers_kept = 32;
  static constexpr std::size_t field_bytes_kept = 512;  // name and value
  std::vector<Header> free_;
};

}  // namespace http
