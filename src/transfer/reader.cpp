#include "transfer/reader.hpp"

#include <array>
#include <utility>

#include "base/assert.hpp"
#include "transfer/csv_reader.hpp"
#include "transfer/document_reader.hpp"
#include "transfer/line_reader.hpp"
#include "transfer/netbox_reader.hpp"

namespace transfer {

namespace {

constexpr std::array<std::pair<Format, std::string_view>, 5> names = {{
    {Format::prefixes, "prefixes"},
    {Format::csv, "csv"},
    {Format::json, "json"},
    {Format::netbox, "netbox"},
    {Format::phpipam, "phpipam"},
}};

}  // namespace

std::string_view to_string(Format format) {
  for (const auto& [known, name] : names)
    if (known == format) return name;
  UNREACHABLE();
}

std::optional<Format> parse_format(std::string_view text) {
  for (const auto& [format, name] : names)
    if (name == text) return format;
  return std::nullopt;
}

std::unique_ptr<Reader> make_reader(Format format) {
  switch (format) {
    case Format::prefixes: return std::make_unique<PrefixReader>();
    case Format::csv: return std::make_unique<CsvReader>();
    case Format::json: return std::make_unique<JsonReader>();
    case Format::netbox: return std::make_unique<NetboxReader>();
    case Format::phpipam: return std::make_unique<PhpipamReader>();
  }
  UNREACHABLE();
}

}  // namespace transfer
