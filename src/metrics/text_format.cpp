#include "metrics/text_format.hpp"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

namespace metrics {

namespace {

std::string_view name_of(Type type) {
  switch (type) {
    case Type::counter: return "counter";
    case Type::gauge: return "gauge";
    case Type::histogram: break;
  }
  return "histogram";
}

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
}

void append_number(std::string& out, double value) {
  if (std::isnan(value)) out += "NaN";
  else if (std::isinf(value)) out += value > 0 ? "+Inf" : "-Inf";
  else fmt::format_to(std::back_inserter(out), "{}", value);
}

}  // namespace

void TextWriter::family(std::string_view name, Type type, std::string_view help) {
  name_ = name;
  fmt::format_to(std::back_inserter(out_), "# HELP {} {}\n# TYPE {} {}\n", name, help, name,
                 name_of(type));
}

void TextWriter::begin_sample(std::string_view suffix, Labels labels, std::string_view bound) {
  out_ += name_;
  out_ += suffix;
  char before = '{';
  const auto label = [&](std::string_view name, std::string_view value) {
    out_ += std::exchange(before, ',');
    out_ += name;
    out_ += "=\"";
    append_escaped(out_, value);
    out_ += '"';
  };
  for (const auto& [name, value] : labels) label(name, value);
  if (!bound.empty()) label("le", bound);
  if (before == ',') out_ += '}';
  out_ += ' ';
}

void TextWriter::sample(std::uint64_t value, Labels labels) {
  begin_sample("", labels);
  fmt::format_to(std::back_inserter(out_), "{}\n", value);
}

void TextWriter::sample(double value, Labels labels) {
  begin_sample("", labels);
  append_number(out_, value);
  out_ += '\n';
}

void TextWriter::sample(const Histogram& histogram, Labels labels) {
  std::uint64_t up_to = 0;
  for (std::size_t bucket = 0; bucket < histogram.counts().size(); ++bucket) {
    up_to += histogram.counts()[bucket];
    begin_sample("_bucket", labels,
                 bucket < latency_bounds.size() ? fmt::format("{}", latency_bounds[bucket])
                                                : std::string("+Inf"));
    fmt::format_to(std::back_inserter(out_), "{}\n", up_to);
  }
  begin_sample("_sum", labels);
  append_number(out_, histogram.sum());
  out_ += '\n';
  begin_sample("_count", labels);
  fmt::format_to(std::back_inserter(out_), "{}\n", up_to);
}

}  // namespace metrics
