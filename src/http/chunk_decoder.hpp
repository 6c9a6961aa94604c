// Decodes the chunked transfer coding (RFC 9112 §7.1). Pure and incremental. Extensions are
// ignored, trailers are checked for their syntax and dropped; both are bounded.
#pragma once

#include <cstdint>
#include <string>

#include "http/fields.hpp"
#include "http/input_buffer.hpp"
#include "http/limits.hpp"

namespace http {

class ChunkDecoder {
 public:
  enum class Step : std::uint8_t { need_more, done, error };

  explicit ChunkDecoder(const Limits& limits) : limits_(limits) {}
  void reset();
  // Consumes what it can from `in` and appends the decoded bytes to `body`, which holds what this
  // message's earlier calls decoded.
  Step decode(InputBuffer& in, std::string& body);
  const ParseError& error() const { return error_; }

 private:
  enum class State : std::uint8_t { size, data, data_end, trailers };

  Step take_size(InputBuffer& in, std::size_t decoded_bytes);
  Step take_data(InputBuffer& in, std::string& body);
  Step take_data_end(InputBuffer& in);
  Step take_trailer(InputBuffer& in);
  Step fail(int status, std::string_view detail) {
    error_ = {status, detail};
    return Step::error;
  }

  Limits limits_;
  State state_ = State::size;
  std::uint64_t chunk_bytes_left_ = 0;
  std::size_t extension_bytes_ = 0;
  std::size_t trailer_bytes_ = 0;
  std::size_t trailers_ = 0;
  ParseError error_;
};

}  // namespace http
