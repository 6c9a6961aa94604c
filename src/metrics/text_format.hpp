// Writes a page of metrics in Prometheus' text format, version 0.0.4
// (prometheus.io/docs/instrumenting/exposition_formats). Pure.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "metrics/histogram.hpp"

namespace metrics {

inline constexpr std::string_view content_type = "text/plain; version=0.0.4; charset=utf-8";

enum class Type : std::uint8_t { counter, gauge, histogram };

using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

class TextWriter {
 public:
  explicit TextWriter(std::string& out) : out_(out) {}

  // Begins a family: all its samples must follow before the next one begins. REQUIRES: `name` is a
  // metric name that was not begun before, `help` is one line without a backslash.
  void family(std::string_view name, Type type, std::string_view help);
  void sample(std::uint64_t value, Labels labels = {});
  void sample(double value, Labels labels = {});
  void sample(const Histogram& histogram, Labels labels = {});

  // A family of one sample without labels.
  template <class Value>
  void single(std::string_view name, Type type, std::string_view help, Value value) {
    family(name, type, help);
    sample(value);
  }

 private:
  void begin_sample(std::string_view suffix, Labels labels, std::string_view bound = {});

  std::string& out_;
  std::string name_;
};

}  // namespace metrics
