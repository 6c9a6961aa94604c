#include "http/input_buffer.hpp"

#include <algorithm>
#include <cstring>

#include "base/assert.hpp"

namespace http {

std::span<char> InputBuffer::prepare(std::size_t bytes_min) {
  if (begin_ == end_) begin_ = end_ = 0;
  if (data_.size() - end_ < bytes_min && begin_ > 0) {
    // What remains is a part of one line or head, so a byte moves at most once or twice.
    std::memmove(data_.data(), data_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (data_.size() - end_ < bytes_min)
    data_.resize(std::max({bytes_initial, data_.size() * 2, end_ + bytes_min}));
  return {data_.data() + end_, data_.size() - end_};
}

void InputBuffer::commit(std::size_t bytes) {
  ASSERT(bytes <= data_.size() - end_);
  end_ += bytes;
}

void InputBuffer::consume(std::size_t bytes) {
  ASSERT(bytes <= size());
  begin_ += bytes;
  scanned_ = 0;
}

InputBuffer::Line InputBuffer::take_line(std::size_t bytes_max) {
  const std::string_view all = view();
  const void* found = scanned_ < all.size()
                          ? std::memchr(all.data() + scanned_, '\n', all.size() - scanned_)
                          : nullptr;
  if (found == nullptr) {
    scanned_ = all.size();
    // One byte more than the limit may still be the line's carriage return.
    const bool hopeless = all.size() > bytes_max && all.size() - bytes_max > 1;
    return {hopeless ? LineStatus::too_long : LineStatus::need_more, {}};
  }
  const auto length = static_cast<std::size_t>(static_cast<const char*>(found) - all.data());
  const bool ends_in_crlf = length > 0 && all[length - 1] == '\r';
  const std::string_view text = all.substr(0, length - (ends_in_crlf ? 1 : 0));
  if (text.size() > bytes_max) return {LineStatus::too_long, {}};
  if (!ends_in_crlf) return {LineStatus::bare_line_feed, {}};
  consume(length + 1);
  return {LineStatus::line, text};
}

void InputBuffer::shrink() {
  if (begin_ != end_ || data_.size() <= bytes_kept) return;
  std::vector<char>().swap(data_);  // "= {}" would keep the memory
  begin_ = end_ = scanned_ = 0;
}

}  // namespace http
