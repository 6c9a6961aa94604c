#include "http/fields.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

namespace http {
namespace {

constexpr std::array<bool, 256> make_token_table() {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~"))
    table[static_cast<unsigned char>(c)] = true;
  return table;
}
constexpr std::array<bool, 256> token_table = make_token_table();

// Calls `visit` for each element of a comma-separated list, but for empty ones (RFC 9110 §5.6.1).
template <class Visit>
void for_each_element(std::string_view list, Visit visit) {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    const std::string_view element = trim_whitespace(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
    if (!element.empty()) visit(element);
  }
}

}  // namespace

bool is_token_character(char c) { return token_table[static_cast<unsigned char>(c)]; }

bool is_token(std::string_view text) {
  const auto is_token_byte = [](char c) { return is_token_character(c); };  // a pointer is a call
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_byte);
}

bool is_field_text(std::string_view text) {
  // Eight bytes at a time, as long as none of them is in doubt: below 0x20, or 0x7f.
  constexpr std::uint64_t ones = 0x0101010101010101, tops = 0x8080808080808080;
  for (; text.size() >= 8; text.remove_prefix(8)) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data(), 8);
    const std::uint64_t low = (word - 0x20 * ones) & ~word;
    const std::uint64_t del = ((word ^ 0x7f * ones) - ones) & ~(word ^ 0x7f * ones);
    if ((low | del) & tops) break;
  }
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte >= 0x20 && byte != 0x7f) || byte == '\t';
  });
}

std::string_view trim_whitespace(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

const char* parse_field_line(std::string_view line, FieldLine& field) {
  if (!line.empty() && (line.front() == ' ' || line.front() == '\t'))
    return "a header field is folded over two lines";
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return "a header line has no colon";
  field.name = line.substr(0, colon);
  // Also catches whitespace before the colon, which RFC 9112 §5.1 wants refused.
  if (!is_token(field.name)) return "a header field's name is not a token";
  field.value = trim_whitespace(line.substr(colon + 1));
  if (!is_field_text(field.value)) return "a header field's value holds a control character";
  return nullptr;
}

bool Framing::note(const FieldLine& field) {
  switch (field.name.size()) {
    case 10:
      if (equal_ignoring_case(field.name, "connection")) note_connection(field.value);
      break;
    case 14:
      if (equal_ignoring_case(field.name, "content-length"))
        return note_content_length(field.value);
      break;
    case 17:
      if (equal_ignoring_case(field.name, "transfer-encoding"))
        note_transfer_encoding(field.value);
      break;
    default: break;
  }
  return true;
}

bool Framing::note_content_length(std::string_view value) {
  if (value.empty()) return fail(400, "Content-Length is not a number");
  std::uint64_t length = 0;
  for (const char c : value) {
    if (c < '0' || c > '9') return fail(400, "Content-Length is not a number");
    const auto digit = static_cast<std::uint64_t>(c - '0');
    // What does not fit is beyond every limit anyway.
    const bool fits = length <= (std::numeric_limits<std::uint64_t>::max() - digit) / 10;
    length = fits ? length * 10 + digit : std::numeric_limits<std::uint64_t>::max();
  }
  if (content_length_ && *content_length_ != length)
    return fail(400, "Content-Length is given twice with different values");
  content_length_ = length;
  return true;
}

void Framing::note_transfer_encoding(std::string_view value) {
  has_transfer_encoding_ = true;
  for_each_element(value, [this](std::string_view coding) {
    ++codings_;
    if (!equal_ignoring_case(coding, "chunked")) only_chunked_ = false;
  });
}

void Framing::note_connection(std::string_view value) {
  for_each_element(value, [this](std::string_view option) {
    if (equal_ignoring_case(option, "close")) close_ = true;
    if (equal_ignoring_case(option, "keep-alive")) keep_alive_ = true;
  });
}

bool Framing::finish(unsigned minor_version) {
  if (!has_transfer_encoding_) return true;
  // Each of these is a way to smuggle a request past a proxy (RFC 9112 §6.1, §6.3, §11.2).
  if (content_length_) return fail(400, "both Content-Length and Transfer-Encoding are given");
  if (minor_version == 0) return fail(400, "Transfer-Encoding is not part of HTTP/1.0");
  if (codings_ == 0) return fail(400, "Transfer-Encoding is empty");
  if (!only_chunked_) return fail(501, "the only supported Transfer-Encoding is chunked");
  if (codings_ > 1) return fail(400, "Transfer-Encoding applies chunked more than once");
  return true;
}

void HeaderPool::add(std::vector<Header>& headers, const FieldLine& field) {
  if (free_.empty()) {
    headers.push_back({std::string(field.name), std::string(field.value)});
    return;
  }
  Header& header = headers.emplace_back(std::move(free_.back()));
  free_.pop_back();
  header.name.assign(field.name);
  header.value.assign(field.value);
}

void HeaderPool::recycle(std::vector<Header>& headers) {
  // From the back, so that the first field of the next message gets the memory of the first.
  while (!headers.empty()) {
    Header& last = headers.back();
    const std::size_t bytes = last.name.capacity() + last.value.capacity();
    if (free_.size() < headers_kept && bytes <= field_bytes_kept)
      free_.push_back(std::move(last));
    headers.pop_back();
  }
}

}  // namespace http
