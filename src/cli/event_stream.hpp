// Reads Server-Sent Events (WHATWG HTML §9.2) out of bytes as they come. Lines end with LF or CRLF;
// a lone CR, which no server of ours sends, is not a line's end. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace cli {

// Far above the largest revision: what is beyond is no event stream.
inline constexpr std::size_t event_bytes_max = 256 << 20;

class EventStream {
 public:
  struct Event {
    std::string id;  // of the last event that had one
    std::string type;  // empty: a message
    std::string data;  // may be empty: such an event only carries its id
  };

  void feed(std::string_view bytes) { buffer_.append(bytes); }
  std::optional<Event> next();
  // The bytes of an event that is not whole are beyond the limit.
  bool too_large() const { return buffer_.size() - consumed_ > event_bytes_max; }

 private:
  void take_line(std::string_view line);

  std::string buffer_;
  std::size_t consumed_ = 0;  // of the buffer
  std::size_t searched_ = 0;  // up to here there is no further line feed
  Event event_;
  bool has_data_ = false;
};

}  // namespace cli
