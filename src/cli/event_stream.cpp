#include "cli/event_stream.hpp"

#include <utility>

namespace cli {

std::optional<EventStream::Event> EventStream::next() {
  while (true) {
    const std::size_t end = buffer_.find('\n', searched_);
    if (end == std::string::npos) {
      buffer_.erase(0, consumed_);
      consumed_ = 0;
      searched_ = buffer_.size();
      return std::nullopt;
    }
    std::string_view line = std::string_view(buffer_).substr(consumed_, end - consumed_);
    consumed_ = searched_ = end + 1;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) {
      take_line(line);
      continue;
    }
    Event event{event_.id, std::exchange(event_.type, {}), std::exchange(event_.data, {})};
    has_data_ = false;
    return event;
  }
}

void EventStream::take_line(std::string_view line) {
  const std::size_t colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  std::string_view value;
  if (colon != std::string_view::npos) value = line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (name == "data") {
    if (std::exchange(has_data_, true)) event_.data += '\n';
    event_.data += value;
  }
  if (name == "event") event_.type = value;
  if (name == "id" && value.find('\0') == std::string_view::npos) event_.id = value;
}

}  // namespace cli
