// Server-Sent Events from a server that may be anything: cut anywhere, they give the same events.
#include <cstdint>
#include <string>
#include <vector>

#include "base/assert.hpp"
#include "cli/event_stream.hpp"

namespace {

std::vector<std::string> events_of(std::string_view bytes, std::size_t piece) {
  cli::EventStream stream;
  std::vector<std::string> events;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    stream.feed(bytes.substr(at, piece));
    while (const auto event = stream.next())
      events.push_back(event->id + '\x1f' + event->type + '\x1f' + event->data);
    ASSERT(!stream.too_large());
  }
  return events;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto whole = events_of(bytes, size + 1);
  ASSERT(events_of(bytes, 1) == whole);
  ASSERT(events_of(bytes, 7) == whole);
  return 0;
}
