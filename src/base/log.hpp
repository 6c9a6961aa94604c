// The log of a process: one line an event on stderr, as text or as JSON. Handed to those who need
// it by their constructors; pure code has none. Lines may come from any thread.
#pragma once

#include <fmt/format.h>

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

  bool enabled(LogLevel level) const { return level >= level_; }
  // `component` is the folder that speaks, such as "raft" or "http".
  void write(LogLevel level, std::string_view component, std::string_view message);

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
};

}  // namespace base
