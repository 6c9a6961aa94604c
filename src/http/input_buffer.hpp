// The bytes that arrived and were not parsed yet, with a search for line ends that never looks at
// a byte twice: so byte-by-byte feeding costs linear time. Pure; one per parser, reused.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace http {

class InputBuffer {
 public:
  // Room to receive into; valid until the next call. commit() says how much of it was filled.
  std::span<char> prepare(std::size_t bytes_min = receive_bytes_min);
  void commit(std::size_t bytes);

  std::string_view view() const { return {data_.data() + begin_, end_ - begin_}; }
  std::size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  // REQUIRES: bytes <= size().
  void consume(std::size_t bytes);

  enum class LineStatus : unsigned char { need_more, line, too_long, bare_line_feed };
  struct Line {
    LineStatus status = LineStatus::need_more;
    std::string_view text;  // without its CRLF; valid until prepare()
  };
  // Takes the next line, which must end in CRLF and hold at most `bytes_max` before it. The answer
  // does not depend on how the bytes were split on arrival.
  Line take_line(std::size_t bytes_max);

  // Gives back memory that one large message needed.
  void shrink();

 private:
  static constexpr std::size_t receive_bytes_min = 2048;  // a read call should be worth its price
  static constexpr std::size_t bytes_initial = 8192;
  static constexpr std::size_t bytes_kept = 16384;  // by a connection that waits

  std::vector<char> data_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t scanned_ = 0;  // no line feed in [begin_, begin_ + scanned_)
};

}  // namespace http
