#include "transfer/csv_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/ascii.hpp"
#include "base/utf8.hpp"
#include "transfer/document_reader.hpp"
#include "transfer/line_reader.hpp"

namespace transfer {

namespace {

// phpIPAM's columns, in lower case, and ours.
constexpr std::array<std::pair<std::string_view, std::string_view>, 16> phpipam_columns = {{
    {"subnet", "subnet"},
    {"mask", "mask"},
    {"ip address", "ip"},
    {"ip_addr", "ip"},
    {"hostname", "hostname"},
    {"dns_name", "hostname"},
    {"description", "description"},
    {"vrf", "vrf"},
    {"owner", "owner"},
    {"section", "metadata.section"},
    {"vlan", "metadata.vlan"},
    {"mac", "metadata.mac"},
    {"device", "metadata.device"},
    {"location", "metadata.location"},
    {"customer", "metadata.customer"},
    {"note", "metadata.note"},
}};

std::string take_field(std::vector<Field>& fields, std::string_view name) {
  for (auto it = fields.begin(); it != fields.end(); ++it)
    if (it->name == name) {
      std::string value = std::move(it->value);
      fields.erase(it);
      return value;
    }
  return {};
}

// Line ends of texts that Windows wrote are line ends.
void drop_carriage_returns(std::string& text) {
  for (std::size_t at = 0; (at = text.find("\r\n", at)) != std::string::npos;) text.erase(at, 1);
}

// "255.255.255.0" as "24"; any other text as it is.
std::string length_of_mask(std::string_view mask) {
  const auto address = ipam::parse_address(mask);
  if (!address || address->family != ipam::Family::ipv4) return std::string(mask);
  for (int length = 0; length <= 32; ++length)
    if (ipam::Prefix{{ipam::Family::ipv4, 0}, length}.mask() == address->value)
      return fmt::format("{}", length);
  return std::string(mask);
}

}  // namespace

std::optional<ReadError> CsvReader::feed(std::string_view bytes, std::vector<Row>& rows) {
  for (const char c : bytes)
    if (auto error = take(c, rows)) return error;
  return std::nullopt;
}

std::optional<ReadError> CsvReader::finish(std::vector<Row>& rows) {
  if (state_ == State::quoted) return error("a quoted value has no end");
  if (record_.empty() && value_.empty() && state_ == State::value_start) return std::nullopt;
  end_value();
  return end_record(rows);
}

std::optional<ReadError> CsvReader::take(char c, std::vector<Row>& rows) {
  if (++record_bytes_ > record_bytes_max)
    return error(fmt::format("the record is longer than {} bytes", record_bytes_max));
  if (state_ == State::quoted) {
    if (c == '"')
      state_ = State::quote_in_quoted;
    else
      value_ += c;
    if (c == '\n') ++line_;
    return std::nullopt;
  }
  // The header tells the separator by the first of the three that it uses.
  if (separator_ == 0 && (c == ',' || c == ';' || c == '\t')) separator_ = c;
  if (c == '\n') {
    if (value_.ends_with('\r') && state_ != State::quote_in_quoted) value_.pop_back();
    end_value();
    auto error = end_record(rows);
    record_line_ = ++line_;
    return error;
  }
  if (separator_ != 0 && c == separator_) {
    end_value();
    return record_.size() < columns_max
               ? std::nullopt
               : std::optional(error(fmt::format("more than {} columns", columns_max)));
  }
  const bool is_after_mark = state_ == State::plain && names_.empty() && record_.empty() &&
                             value_ == base::byte_order_mark;
  if (c == '"' && (state_ == State::value_start || is_after_mark)) {
    value_.clear();
    state_ = State::quoted;
    return std::nullopt;
  }
  if (c == '"' && state_ == State::quote_in_quoted) {
    value_ += c;
    state_ = State::quoted;
    return std::nullopt;
  }
  if (state_ == State::quote_in_quoted) {
    if (c == '\r') return std::nullopt;
    return error("something follows the closing quote of a value");
  }
  if (c == '"') return error("a quote inside a value: quote the whole value, and double the quote");
  value_ += c;
  state_ = State::plain;
  return std::nullopt;
}

// What is in quotes is taken as it is; else blanks at the ends are no part of the value.
void CsvReader::end_value() {
  const bool is_quoted = state_ == State::quote_in_quoted;
  if (is_quoted) drop_carriage_returns(value_);
  record_.push_back(is_quoted ? value_ : std::string(trimmed(value_)));
  value_.clear();
  state_ = State::value_start;
}

std::optional<ReadError> CsvReader::end_record(std::vector<Row>& rows) {
  const std::vector<std::string> record = std::exchange(record_, {});
  record_bytes_ = 0;
  if (record.size() == 1 && record[0].empty()) return std::nullopt;  // an empty line
  if (!std::all_of(record.begin(), record.end(), base::is_utf8))
    return error("the record is not UTF-8: save the file as UTF-8 (in Excel: CSV UTF-8)");
  if (names_.empty()) {
    std::vector<std::string> header = record;
    header[0] = base::without_byte_order_mark(record[0]);
    auto names = names_of(header);
    if (!names) return error(std::move(names.error()));
    names_ = *std::move(names);
    return std::nullopt;
  }
  if (record.size() > names_.size())
    return error(fmt::format("{} values, but the header has {} columns", record.size(),
                             names_.size()));
  std::vector<Field> fields;
  for (std::size_t i = 0; i < record.size(); ++i)
    if (!names_[i].empty() && !record[i].empty()) fields.push_back({names_[i], record[i]});
  if (fields.empty() || !adapt(fields)) return std::nullopt;
  if (const std::string metadata = take_field(fields, "metadata"); !metadata.empty()) {
    const auto value = parse_document(metadata);
    if (!value || !value->is_object()) return error("metadata must be a JSON object");
    add_field(fields, "metadata", *value);
  }
  auto object = object_of(fields);
  if (!object) return error(std::move(object.error()));
  return add(rows, record_line_, *std::move(object));
}

base::Result<std::vector<std::string>, std::string> CsvReader::names_of(
    const std::vector<std::string>& header) {
  std::vector<std::string> names;
  for (const std::string& name : header) {
    // The keys of metadata are the user's: their case stays.
    names.push_back(name.starts_with("metadata.") ? name : base::lower_case(name));
    if (std::count(names.begin(), names.end(), names.back()) > 1)
      return base::fail(fmt::format("the column {:?} is there twice", name));
  }
  const auto has = [&](std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (!has("cidr") && !has("ip") && !has("name") && !has("start"))
    return base::fail(std::string("the first line must name the columns, among them cidr, ip, "
                                  "start or name"));
  return names;
}

base::Result<std::vector<std::string>, std::string> PhpipamReader::names_of(
    const std::vector<std::string>& header) {
  std::vector<std::string> names;
  for (const std::string& column : header) {
    const std::string name = base::lower_case(trimmed(column));
    const auto known = std::find_if(phpipam_columns.begin(), phpipam_columns.end(),
                                    [&](const auto& pair) { return pair.first == name; });
    const bool is_new = known != phpipam_columns.end() &&
                        std::find(names.begin(), names.end(), known->second) == names.end();
    names.emplace_back(is_new ? known->second : "");
  }
  const auto has = [&](std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (!has("subnet") && !has("ip"))
    return base::fail(std::string("the first line must name phpIPAM's columns, among them Subnet "
                                  "and Mask, or ip address"));
  return names;
}

bool PhpipamReader::adapt(std::vector<Field>& fields) {
  const std::string subnet = take_field(fields, "subnet");
  const std::string mask = take_field(fields, "mask");
  const bool has_ip = std::any_of(fields.begin(), fields.end(),
                                  [](const Field& field) { return field.name == "ip"; });
  if (subnet.empty()) return has_ip;
  const bool whole = subnet.find('/') != std::string::npos || mask.empty();
  fields.push_back({"cidr", whole ? subnet : subnet + "/" + length_of_mask(mask)});
  return true;
}

}  // namespace transfer
