#include "transfer/writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <iterator>

#include "base/ascii.hpp"
#include "transfer/fields.hpp"

namespace transfer {

namespace {

constexpr std::string_view reverse_ipv4 = "in-addr.arpa";
constexpr std::string_view reverse_ipv6 = "ip6.arpa";
constexpr std::size_t name_bytes_max = 253;
constexpr std::size_t label_bytes_max = 63;

// Quoted where RFC 4180 §2.6 wants it, or where a reader would take blanks from its ends.
void append_csv(std::string& out, std::string_view value) {
  const bool is_plain = value.find_first_of(",;\"\r\n\t") == std::string_view::npos &&
                        !value.starts_with(' ') && !value.ends_with(' ');
  if (is_plain) {
    out += value;
    return;
  }
  out += '"';
  for (const char c : value) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

std::string json_text(std::string_view text) {
  return boost::json::serialize(boost::json::value(boost::json::string_view(text)));
}

std::string metadata_json(const ipam::Metadata& metadata) {
  std::string json = "{";
  for (const auto& [key, value] : metadata)
    json += fmt::format("{}{}:{}", json.size() > 1 ? "," : "", json_text(key), json_text(value));
  return json + "}";
}

// What a reader calls the fields of a row (fields.hpp).
struct Texts {
  std::string type;
  std::string name = {}, vrf = {}, cidr = {}, ip = {}, end_ip = {}, start = {}, end = {};
  std::string hostname = {}, description = {}, status = {}, owner = {}, reason = {};
  std::string strategy = {}, gateway = {}, quarantine_seconds = {}, threshold_percent = {};
  std::vector<std::string> tags = {};
  ipam::Metadata metadata = {};
};

// In the order of the CSV's columns; tags and metadata follow.
constexpr std::pair<std::string_view, std::string Texts::*> columns[] = {
    {"type", &Texts::type},         {"name", &Texts::name},
    {"vrf", &Texts::vrf},           {"cidr", &Texts::cidr},
    {"ip", &Texts::ip},             {"end_ip", &Texts::end_ip},
    {"start", &Texts::start},       {"end", &Texts::end},
    {"hostname", &Texts::hostname}, {"description", &Texts::description},
    {"status", &Texts::status},     {"owner", &Texts::owner},
    {"reason", &Texts::reason},     {"strategy", &Texts::strategy},
    {"gateway", &Texts::gateway},   {"quarantine_seconds", &Texts::quarantine_seconds},
    {"threshold_percent", &Texts::threshold_percent},
};

// Nothing of 0, which is what is read where a field is missing.
std::string text_of(std::uint32_t number) { return number > 0 ? std::to_string(number) : ""; }

struct ToTexts {
  Texts operator()(const VrfRow& row) const {
    return {.type = "vrf", .name = row.name, .description = row.description};
  }
  Texts operator()(const NetworkRow& row) const {
    return {.type = "network",
            .vrf = row.vrf,
            .cidr = ipam::to_string(row.prefix),
            .description = row.description,
            .status = row.status,
            .strategy = row.strategy,
            .gateway = row.gateway ? ipam::to_string(*row.gateway) : "",
            .quarantine_seconds = text_of(row.quarantine_seconds),
            .threshold_percent = text_of(row.threshold_percent),
            .tags = row.tags,
            .metadata = row.metadata};
  }
  Texts operator()(const AllocationRow& row) const {
    return {.type = "allocation",
            .vrf = row.vrf,
            .cidr = row.has_network ? ipam::to_string(row.network) : "",
            .ip = ipam::to_string(row.first),
            .end_ip = row.last != row.first ? ipam::to_string(row.last) : "",
            .hostname = row.hostname,
            .description = row.description,
            .owner = row.owner,
            .tags = row.tags,
            .metadata = row.metadata};
  }
  Texts operator()(const ReservationRow& row) const {
    return {.type = "reservation",
            .vrf = row.vrf,
            .start = ipam::to_string(row.first),
            .end = ipam::to_string(row.last),
            .reason = row.reason,
            .tags = row.tags,
            .metadata = row.metadata};
  }
};

void write_csv_header(std::string& out) {
  for (const auto& [name, text] : columns) out += fmt::format("{},", name);
  out += "tags,metadata\n";
}

void write_csv(std::string& out, const Texts& texts) {
  for (const auto& [name, text] : columns) {
    append_csv(out, texts.*text);
    out += ',';
  }
  append_csv(out, join_tags(texts.tags));
  out += ',';
  if (!texts.metadata.empty()) append_csv(out, metadata_json(texts.metadata));
  out += '\n';
}

void write_json(std::string& out, const Texts& texts) {
  out += '{';
  for (const auto& [name, text] : columns)
    if (!(texts.*text).empty())
      out += fmt::format("{}\"{}\":{}", out.ends_with('{') ? "" : ",", name,
                         json_text(texts.*text));
  if (!texts.tags.empty()) {
    out += ",\"tags\":[";
    for (const std::string& tag : texts.tags) {
      if (&tag != &texts.tags.front()) out += ',';
      out += json_text(tag);
    }
    out += ']';
  }
  if (!texts.metadata.empty()) out += ",\"metadata\":" + metadata_json(texts.metadata);
  out += "}\n";
}

// In lower case, without the dot at its end.
std::string canonical_name(std::string_view text) {
  std::string name = base::lower_case(text);
  if (name.ends_with('.')) name.pop_back();
  return name;
}

// The labels of "a.b.c"; the name is not empty.
std::vector<std::string_view> labels_of(std::string_view name) {
  std::vector<std::string_view> labels;
  while (true) {
    const std::size_t dot = name.find('.');
    labels.push_back(name.substr(0, dot));
    if (dot == std::string_view::npos) return labels;
    name.remove_prefix(dot + 1);
  }
}

// What a resolver can use, with or without a dot at its end. One name of another kind, and a name
// server refuses the whole zone.
bool is_name(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.size() > name_bytes_max) return false;
  const auto labels = labels_of(text);
  return std::all_of(labels.begin(), labels.end(), [](std::string_view label) {
    return !label.empty() && label.size() <= label_bytes_max &&
           std::all_of(label.begin(), label.end(), [](char c) {
             return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '_';
           });
  });
}

// The name without ".SUFFIX" or the whole "SUFFIX"; nullopt where it has another end.
std::optional<std::string_view> without_suffix(std::string_view name, std::string_view suffix) {
  if (name == suffix) return std::string_view();
  if (name.size() > suffix.size() + 1 && name.ends_with(suffix) &&
      name[name.size() - suffix.size() - 1] == '.')
    return name.substr(0, name.size() - suffix.size() - 1);
  return std::nullopt;
}

// Each label, the last one first, is one digit group of the address: `bits` of it.
std::optional<ipam::Prefix> prefix_of_labels(std::string_view name, ipam::Family family, int bits,
                                             int base) {
  ipam::Prefix prefix{{family, 0}, 0};
  if (name.empty()) return prefix;
  auto labels = labels_of(name);
  std::reverse(labels.begin(), labels.end());
  const int width = ipam::bits_of(family);
  for (const std::string_view label : labels) {
    unsigned value = 0;
    const auto [end, ec] =
        std::from_chars(label.data(), label.data() + label.size(), value, base);
    const bool is_group = ec == std::errc() && end == label.data() + label.size() &&
                          value < (1u << bits) && (label.size() == 1 || label[0] != '0') &&
                          prefix.length + bits <= width;
    if (!is_group) return std::nullopt;
    prefix.length += bits;
    prefix.base.value |= static_cast<ipam::U128>(value) << (width - prefix.length);
  }
  return prefix;
}

}  // namespace

std::optional<ExportFormat> parse_export_format(std::string_view text) {
  if (text == "csv") return ExportFormat::csv;
  if (text == "json") return ExportFormat::json;
  if (text == "hosts") return ExportFormat::hosts;
  if (text == "zone") return ExportFormat::zone;
  return std::nullopt;
}

std::string_view media_type(ExportFormat format) {
  switch (format) {
    case ExportFormat::csv: return "text/csv; charset=utf-8";
    case ExportFormat::json: return "application/x-ndjson";
    case ExportFormat::hosts: return "text/plain; charset=utf-8";
    case ExportFormat::zone: return "text/dns";
  }
  UNREACHABLE();
}

base::Result<std::string, std::string> parse_zone_name(std::string_view text) {
  std::string name = canonical_name(text);
  if (!is_name(name))
    return base::fail(fmt::format("a zone is a domain name of 1 to {} bytes, and each label of it "
                                  "has 1 to {}",
                                  name_bytes_max, label_bytes_max));
  const bool is_reverse = without_suffix(name, reverse_ipv4) || without_suffix(name, reverse_ipv6);
  if (is_reverse && !reverse_prefix(name))
    return base::fail(std::string("a reverse zone is named by whole groups, such as "
                                  "2.0.192.in-addr.arpa or 8.b.d.0.1.0.0.2.ip6.arpa"));
  return name;
}

std::string reverse_name(const ipam::Address& address) {
  std::string name;
  if (address.family == ipam::Family::ipv4) {
    for (int shift = 0; shift < 32; shift += 8)
      fmt::format_to(std::back_inserter(name), "{}.",
                     static_cast<unsigned>(address.value >> shift) & 0xff);
    return name + std::string(reverse_ipv4);
  }
  for (int shift = 0; shift < 128; shift += 4)
    fmt::format_to(std::back_inserter(name), "{:x}.",
                   static_cast<unsigned>(address.value >> shift) & 0xf);
  return name + std::string(reverse_ipv6);
}

std::optional<ipam::Prefix> reverse_prefix(std::string_view name) {
  if (const auto groups = without_suffix(name, reverse_ipv4))
    return prefix_of_labels(*groups, ipam::Family::ipv4, 8, 10);
  if (const auto groups = without_suffix(name, reverse_ipv6))
    return prefix_of_labels(*groups, ipam::Family::ipv6, 4, 16);
  return std::nullopt;
}

Writer::Writer(ExportFormat format, ZoneOptions zone)
    : format_(format), zone_(std::move(zone)), reverse_(reverse_prefix(zone_.name)) {
  if (zone_.name_server.empty()) zone_.name_server = "ns." + zone_.name;
}

void Writer::begin(std::string& out) const {
  switch (format_) {
    case ExportFormat::csv: write_csv_header(out); return;
    case ExportFormat::json: return;
    case ExportFormat::hosts: out += "# by ipam\n"; return;
    case ExportFormat::zone: break;
  }
  out += fmt::format(
      "; by ipam\n$ORIGIN {0}.\n$TTL 3600\n@ IN SOA {1}. hostmaster.{0}. {2} 7200 900 1209600 "
      "300\n@ IN NS {1}.\n",
      zone_.name, zone_.name_server, zone_.serial);
}

void Writer::write(std::string& out, const Object& object) const {
  if (format_ == ExportFormat::csv) return write_csv(out, std::visit(ToTexts(), object));
  if (format_ == ExportFormat::json) return write_json(out, std::visit(ToTexts(), object));
  const AllocationRow* row = std::get_if<AllocationRow>(&object);
  if (row == nullptr || !is_name(row->hostname)) return;
  if (format_ == ExportFormat::hosts)
    out += fmt::format("{}\t{}\n", ipam::to_string(row->first), row->hostname);
  else
    write_zone_record(out, *row);
}

// Of a block, its first address has the name.
void Writer::write_zone_record(std::string& out, const AllocationRow& row) const {
  const std::string hostname = canonical_name(row.hostname);
  if (reverse_) {
    if (!reverse_->contains(row.first)) return;
    const std::string owner = reverse_name(row.first);
    out += fmt::format("{}. IN PTR {}.\n", owner, hostname);
    return;
  }
  // A name without a dot is one of this zone; one of another zone has no place here.
  const bool is_short = hostname.find('.') == std::string::npos;
  const auto relative = is_short ? std::optional<std::string_view>(hostname)
                                 : without_suffix(hostname, zone_.name);
  if (!relative) return;
  out += fmt::format("{} IN {} {}\n", relative->empty() ? "@" : *relative,
                     row.first.family == ipam::Family::ipv4 ? "A" : "AAAA",
                     ipam::to_string(row.first));
}

}  // namespace transfer
