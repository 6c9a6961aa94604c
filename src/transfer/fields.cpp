#include "transfer/fields.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>

#include "transfer/document_reader.hpp"
#include "transfer/line_reader.hpp"

namespace transfer {

namespace {

constexpr std::string_view metadata_prefix = "metadata.";
// `export` writes them for people to read; an import makes its own.
constexpr std::array<std::string_view, 13> only_shown = {
    "id",         "network_id",  "created_at",  "updated_at",     "allocated_at", "expires_at",
    "released_at", "fence",      "parent_id",   "children_count", "revision",     "network",
    "vrf_id"};
constexpr std::array<std::string_view, 19> known = {
    "type", "name",     "vrf",         "cidr", "ip",     "end_ip", "start", "end",
    "hostname", "description", "tags", "status", "owner", "reason", "network_cidr",
    "strategy", "gateway", "quarantine_seconds", "threshold_percent"};

class Record {
 public:
  explicit Record(const std::vector<Field>& fields) : fields_(fields) {}

  // Empty where it is missing.
  const std::string& operator[](std::string_view name) const {
    static const std::string none;
    for (const Field& field : fields_)
      if (field.name == name) return field.value;
    return none;
  }

  std::optional<std::string> unknown_name() const {
    for (const Field& field : fields_) {
      const std::string_view name = field.name;
      if (name.starts_with(metadata_prefix) && name.size() > metadata_prefix.size()) continue;
      if (std::find(known.begin(), known.end(), name) != known.end()) continue;
      if (std::find(only_shown.begin(), only_shown.end(), name) != only_shown.end()) continue;
      return field.name;
    }
    return std::nullopt;
  }

  ipam::Metadata metadata() const {
    ipam::Metadata metadata;
    for (const Field& field : fields_)
      if (field.name.starts_with(metadata_prefix))
        metadata.emplace(field.name.substr(metadata_prefix.size()), field.value);
    return metadata;
  }

 private:
  const std::vector<Field>& fields_;
};

struct Range {
  ipam::Address first;
  ipam::Address last;
};

// "10.0.0.5", "10.0.0.5-10.0.0.9", or a first and a last one in two fields.
base::Result<Range, std::string> read_range(std::string_view first_text,
                                            std::string_view last_text) {
  const std::size_t dash = first_text.find('-');
  if (last_text.empty() && dash != std::string_view::npos) {
    last_text = trimmed(first_text.substr(dash + 1));
    first_text = trimmed(first_text.substr(0, dash));
  }
  const auto first = parse_interface(first_text);
  if (!first) return base::fail(fmt::format("{:?} is no IP address", first_text));
  const auto last = last_text.empty() ? first : parse_interface(last_text);
  if (!last) return base::fail(fmt::format("{:?} is no IP address", last_text));
  if (last->address.family != first->address.family || last->address < first->address)
    return base::fail(fmt::format("{} to {} is no range of addresses",
                                  ipam::to_string(first->address),
                                  ipam::to_string(last->address)));
  return Range{first->address, last->address};
}

// 0 where it is missing.
base::Result<std::uint32_t, std::string> read_number(const Record& record, std::string_view name) {
  const std::string& text = record[name];
  std::uint32_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [at, ec] = std::from_chars(text.data(), end, number);
  if (text.empty() || (ec == std::errc() && at == end)) return number;
  return base::fail(fmt::format("{} must be a whole number, not {:?}", name, text));
}

base::Result<Object, std::string> network_of(const Record& record) {
  const auto prefix = ipam::parse_prefix(record["cidr"]);
  if (!prefix) return base::fail(prefix.error());
  const std::string& gateway_text = record["gateway"];
  const auto gateway = ipam::parse_address(gateway_text);
  if (!gateway && !gateway_text.empty())
    return base::fail(fmt::format("{:?} is no IP address", gateway_text));
  const auto quarantine = read_number(record, "quarantine_seconds");
  if (!quarantine) return base::fail(quarantine.error());
  const auto threshold = read_number(record, "threshold_percent");
  if (!threshold) return base::fail(threshold.error());
  return Object(NetworkRow{.vrf = record["vrf"],
                           .prefix = *prefix,
                           .description = record["description"],
                           .tags = split_tags(record["tags"]),
                           .status = record["status"],
                           .metadata = record.metadata(),
                           .strategy = record["strategy"],
                           .gateway = gateway,
                           .quarantine_seconds = *quarantine,
                           .threshold_percent = *threshold});
}

base::Result<Object, std::string> allocation_of(const Record& record) {
  const std::string& status = record["status"];
  if (!status.empty() && status != "allocated")
    return base::fail(fmt::format("an allocation that is {:?} is none: leave it out", status));
  const auto range = read_range(record["ip"], record["end_ip"]);
  if (!range) return base::fail(range.error());
  AllocationRow row;
  row.vrf = record["vrf"];
  row.first = range->first;
  row.last = range->last;
  // Both "cidr" and the length in "10.0.0.5/24" name the network.
  if (const std::string& cidr = record["cidr"]; !cidr.empty()) {
    const auto prefix = ipam::parse_prefix(cidr);
    if (!prefix) return base::fail(prefix.error());
    row.network = *prefix;
    row.has_network = true;
  } else if (const auto interface = parse_interface(record["ip"]); interface) {
    row.network = interface->network;
    row.has_network = interface->has_network;
  }
  if (row.has_network && !(row.network.contains(row.first) && row.network.contains(row.last)))
    return base::fail(fmt::format("{} is not in {}", record["ip"], ipam::to_string(row.network)));
  row.hostname = record["hostname"];
  row.description = record["description"];
  row.tags = split_tags(record["tags"]);
  row.owner = record["owner"];
  row.metadata = record.metadata();
  return Object(std::move(row));
}

base::Result<Object, std::string> reservation_of(const Record& record) {
  const bool by_ip = record["start"].empty();
  const auto range = by_ip ? read_range(record["ip"], record["end_ip"])
                           : read_range(record["start"], record["end"]);
  if (!range) return base::fail(range.error());
  const std::string& reason = record["reason"];
  return Object(ReservationRow{record["vrf"], range->first, range->last,
                               reason.empty() ? record["description"] : reason,
                               split_tags(record["tags"]), record.metadata()});
}

std::string type_of(const Record& record) {
  if (!record["type"].empty()) return record["type"];
  if (!record["start"].empty()) return "reservation";
  if (!record["ip"].empty()) return "allocation";
  if (!record["cidr"].empty()) return "network";
  return record["name"].empty() ? "" : "vrf";
}

}  // namespace

std::optional<Interface> parse_interface(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = ipam::parse_address(text.substr(0, slash));
  if (!address) return std::nullopt;
  Interface interface{*address};
  if (slash == std::string_view::npos) return interface;
  const std::string_view length_text = text.substr(slash + 1);
  int length = -1;
  const auto [end, ec] =
      std::from_chars(length_text.data(), length_text.data() + length_text.size(), length);
  const bool is_length = ec == std::errc() && end == length_text.data() + length_text.size() &&
                         length >= 0 && length <= ipam::bits_of(address->family);
  if (!is_length) return std::nullopt;
  ipam::Prefix& network = interface.network;
  network = {{address->family, 0}, length};
  network.base.value = address->value & network.mask();
  // A single address says nothing of the network that it lies in.
  interface.has_network = length < ipam::bits_of(address->family);
  return interface;
}

std::string join_tags(const std::vector<std::string>& tags) {
  const bool is_plain = std::none_of(tags.begin(), tags.end(), [](std::string_view tag) {
    return tag.find_first_of(",;") != std::string_view::npos || tag.starts_with('[') ||
           trimmed(tag) != tag;
  });
  if (is_plain) return fmt::format("{}", fmt::join(tags, ";"));
  boost::json::array array;
  for (const std::string& tag : tags) array.emplace_back(boost::json::string_view(tag));
  return boost::json::serialize(array);
}

bool add_tag(std::vector<std::string>& tags, std::string_view tag) {
  if (!tag.empty() && std::find(tags.begin(), tags.end(), tag) == tags.end())
    tags.emplace_back(tag);
  return tags.size() <= ipam::tags_max;
}

std::vector<std::string> split_tags(std::string_view text) {
  std::vector<std::string> tags;
  if (text.starts_with('[')) {
    const auto document = parse_document(text);
    if (document && document->is_array()) {
      for (const boost::json::value& element : document->get_array())
        if (!add_tag(tags, text_of(element))) break;
      return tags;
    }
  }
  while (!text.empty()) {
    const std::size_t end = text.find_first_of(",;");
    const bool goes_on = add_tag(tags, trimmed(text.substr(0, end)));
    if (!goes_on || end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return tags;
}

base::Result<Object, std::string> object_of(const std::vector<Field>& fields) {
  const Record record(fields);
  if (const auto name = record.unknown_name())
    return base::fail(fmt::format("unknown field {:?}", *name));
  const std::string type = type_of(record);
  if (type == "network") return network_of(record);
  if (type == "allocation") return allocation_of(record);
  if (type == "reservation") return reservation_of(record);
  if (type == "vrf") {
    if (record["name"].empty()) return base::fail("a vrf needs a name");
    return Object(VrfRow{record["name"], record["description"]});
  }
  if (type.empty()) return base::fail("neither a cidr, an ip, a start nor a name");
  return base::fail(fmt::format(
      "the type must be vrf, network, allocation or reservation, not {:?}", type));
}

}  // namespace transfer
