#include "http/chunk_decoder.hpp"

#include <algorithm>

namespace http {
namespace {

// A size has at most 16 significant digits; the rest is for extensions, which nobody uses.
constexpr std::size_t chunk_line_bytes_max = 256;

// The number of leading hex digits; `value` saturates.
std::size_t parse_hex(std::string_view text, std::uint64_t& value) {
  value = 0;
  std::size_t digits = 0;
  for (; digits < text.size(); ++digits) {
    const char c = text[digits];
    std::uint64_t digit = 0;
    if (c >= '0' && c <= '9') digit = static_cast<std::uint64_t>(c - '0');
    else if (c >= 'a' && c <= 'f') digit = static_cast<std::uint64_t>(c - 'a' + 10);
    else if (c >= 'A' && c <= 'F') digit = static_cast<std::uint64_t>(c - 'A' + 10);
    else break;
    value = (value >> 60) != 0 ? ~std::uint64_t{0} : value * 16 + digit;
  }
  return digits;
}

}  // namespace

void ChunkDecoder::reset() {
  state_ = State::size;
  chunk_bytes_left_ = 0;
  extension_bytes_ = 0;
  trailer_bytes_ = 0;
  trailers_ = 0;
  error_ = {};
}

// Each take_… consumes one element and answers done, or says why it could not.
ChunkDecoder::Step ChunkDecoder::decode(InputBuffer& in, std::string& body) {
  while (true) {
    Step step = Step::error;
    switch (state_) {
      case State::size: step = take_size(in, body.size()); break;
      case State::data: step = take_data(in, body); break;
      case State::data_end: step = take_data_end(in); break;
      case State::trailers: {
        const std::size_t before = trailers_;
        step = take_trailer(in);
        if (step == Step::done && trailers_ == before) return Step::done;  // the empty line
        break;
      }
    }
    if (step != Step::done) return step;
  }
}

ChunkDecoder::Step ChunkDecoder::take_size(InputBuffer& in, std::size_t decoded_bytes) {
  const InputBuffer::Line line = in.take_line(chunk_line_bytes_max);
  if (line.status == InputBuffer::LineStatus::need_more) return Step::need_more;
  if (line.status == InputBuffer::LineStatus::too_long)
    return fail(400, "a chunk's line is too long");
  if (line.status != InputBuffer::LineStatus::line)
    return fail(400, "a line ends without a carriage return");
  std::uint64_t size = 0;
  const std::size_t digits = parse_hex(line.text, size);
  if (digits == 0) return fail(400, "a chunk's size is not a hexadecimal number");
  const std::string_view extension = trim_whitespace(line.text.substr(digits));
  if (digits < line.text.size() && (extension.empty() || extension.front() != ';'))
    return fail(400, "a chunk's size is not a hexadecimal number");
  if (!is_field_text(extension))
    return fail(400, "a chunk's extension holds a control character");
  extension_bytes_ += extension.size();
  if (extension_bytes_ > limits_.header_bytes_max)
    return fail(400, "the chunk extensions are too large");
  if (size > limits_.body_bytes_max - std::min(decoded_bytes, limits_.body_bytes_max))
    return fail(413, "the body is too large");
  chunk_bytes_left_ = size;
  state_ = size == 0 ? State::trailers : State::data;
  return Step::done;
}

ChunkDecoder::Step ChunkDecoder::take_data(InputBuffer& in, std::string& body) {
  const auto bytes = static_cast<std::size_t>(
      std::min<std::uint64_t>(chunk_bytes_left_, in.size()));
  body.append(in.view().substr(0, bytes));
  in.consume(bytes);
  chunk_bytes_left_ -= bytes;
  if (chunk_bytes_left_ > 0) return Step::need_more;
  state_ = State::data_end;
  return Step::done;
}

ChunkDecoder::Step ChunkDecoder::take_data_end(InputBuffer& in) {
  const InputBuffer::Line line = in.take_line(0);
  if (line.status == InputBuffer::LineStatus::need_more) return Step::need_more;
  if (line.status != InputBuffer::LineStatus::line)
    return fail(400, "a chunk is longer than its size says");
  state_ = State::size;
  return Step::done;
}

ChunkDecoder::Step ChunkDecoder::take_trailer(InputBuffer& in) {
  const InputBuffer::Line line = in.take_line(limits_.header_bytes_max - trailer_bytes_);
  if (line.status == InputBuffer::LineStatus::need_more) return Step::need_more;
  if (line.status == InputBuffer::LineStatus::too_long)
    return fail(431, "the trailers are too large");
  if (line.status != InputBuffer::LineStatus::line)
    return fail(400, "a line ends without a carriage return");
  if (line.text.empty()) return Step::done;
  if (++trailers_ > limits_.headers_max) return fail(431, "there are too many trailers");
  trailer_bytes_ += line.text.size();
  FieldLine field;
  if (const char* reason = parse_field_line(line.text, field)) return fail(400, reason);
  return Step::done;
}

}  // namespace http
