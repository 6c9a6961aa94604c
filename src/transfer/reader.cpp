#include "transfer/reader.hpp"

#include <fmt/format.h>

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

std::optional<ReadError> Reader::add(std::vector<Row>& rows, std::uint64_t position,
                                     Object object) const {
  if (rows.size() >= rows_max_)
    return ReadError{position, fmt::format("more than {} rows", rows_max_)};
  rows.push_back({position, std::move(object)});
  return std::nullopt;
}

std::unique_ptr<Reader> make_reader(Format format, std::size_t rows_max) {
  switch (format) {
    case Format::prefixes: return std::make_unique<PrefixReader>(rows_max);
    case Format::csv: return std::make_unique<CsvReader>(rows_max);
    case Format::json: return std::make_unique<JsonReader>(rows_max);
    case Format::netbox: return std::make_unique<NetboxReader>(rows_max);
    case Format::phpipam: return std::make_unique<PhpipamReader>(rows_max);
  }
  UNREACHABLE();
}

}  // namespace transfer
