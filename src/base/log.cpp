#include "base/log.hpp"

#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

namespace base {
namespace {

const char* name_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return "debug";
    case LogLevel::info: return "info";
    case LogLevel::warning: return "warning";
    case LogLevel::error: return "error";
    case LogLevel::off: break;
  }
  return "off";
}

std::string now_rfc3339() {
  timeval now{};
  gettimeofday(&now, nullptr);
  std::tm utc{};
  gmtime_r(&now.tv_sec, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                     now.tv_usec / 1000);
}

// The bytes of the UTF-8 sequence that `text` begins with (RFC 3629 §4); 0: it is none.
std::size_t sequence_bytes(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const unsigned first = byte(0), second = byte(1);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f)) return 0;
    return follows(1) && follows(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if ((first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) return 0;
    return follows(1) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

// One line of printable UTF-8, whatever the text is: it may come from a peer, a client or a file.
std::string escaped(std::string_view text, LogFormat format) {
  const bool json = format == LogFormat::json;
  std::string out;
  while (!text.empty()) {
    const auto byte = static_cast<unsigned char>(text.front());
    const std::size_t bytes = sequence_bytes(text);
    const bool c1 = bytes == 2 && byte == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0;
    if (bytes == 0 && json)
      out += "\xef\xbf\xbd";  // U+FFFD
    else if (bytes == 0 || (!json && (byte < 0x20 || byte == 0x7f)))
      out += fmt::format("\\x{:02x}", byte);
    else if (byte < 0x20 || byte == 0x7f)
      out += fmt::format("\\u{:04x}", byte);
    else if (c1)
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(text[1]));
    else if (json && (byte == '"' || byte == '\\'))
      out += {'\\', text.front()};
    else
      out += text.substr(0, bytes);
    text.remove_prefix(std::max<std::size_t>(1, bytes));
  }
  return out;
}

}  // namespace

std::string Logger::line(std::string_view time, LogLevel level, std::string_view component,
                         std::string_view message) const {
  const std::string text = escaped(message, format_);
  if (format_ == LogFormat::text)
    return fmt::format("{} {:7} {}: {}\n", time, name_of(level), component, text);
  const std::string node = node_id_ == 0 ? "" : fmt::format(R"("node":{},)", node_id_);
  return fmt::format(R"({{"time":"{}","level":"{}",{}"component":"{}","message":"{}"}})"
                     "\n",
                     time, name_of(level), node, component, text);
}

void Logger::write(LogLevel level, std::string_view component, std::string_view message) {
  if (!enabled(level)) return;
  const std::string line = this->line(now_rfc3339(), level, component, message);
  // One write a line keeps lines of several threads whole.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace base
