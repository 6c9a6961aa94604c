// The log of a process: one line an event on stderr, as text or as JSON. Handed to those who need
// it by their constructors; pure code has none. Lines may come from any thread.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace base {

enum class LogLevel { debug, info, warning, error, off };
enum class LogFormat { text, json };

class Logger {
 public:
  Logger(LogLevel level, LogFormat format) : level_(level), format_(format) {}
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  // Of the node that this process is, for the lines as JSON. Before other threads write.
  void set_node_id(std::uint64_t node_id) { node_id_ = node_id; }
  bool enabled(LogLevel level) const { return level >= level_; }
  // `component` is the folder that speaks, such as "raft" or "http".
  void write(LogLevel level, std::string_view component, std::string_view message);
  // What write() writes: one line, whatever the message holds.
  std::string line(std::string_view time, LogLevel level, std::string_view component,
                   std::string_view message) const;

  template <class... Args>
  void debug(std::string_view component, fmt::format_string<Args...> text, Args&&... args) {
    if (enabled(LogLevel::debug))
      write(LogLevel::debug, component, fmt::format(text, std::forward<Args>(args)...));
  }
  template <class... Args>
  void info(std::string_view component, fmt::format_string<Args...> text, Args&&... args) {
    if (enabled(LogLevel::info))
      write(LogLevel::info, component, fmt::format(text, std::forward<Args>(args)...));
  }
  template <class... Args>
  void warning(std::string_view component, fmt::format_string<Args...> text, Args&&... args) {
    if (enabled(LogLevel::warning))
      write(LogLevel::warning, component, fmt::format(text, std::forward<Args>(args)...));
  }
  template <class... Args>
  void error(std::string_view component, fmt::format_string<Args...> text, Args&&... args) {
    if (enabled(LogLevel::error))
      write(LogLevel::error, component, fmt::format(text, std::forward<Args>(args)...));
  }

 private:
  const LogLevel level_;
  const LogFormat format_;
  std::uint64_t node_id_ = 0;  // 0: none
};

}  // namespace base
