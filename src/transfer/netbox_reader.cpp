#include "transfer/netbox_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>

namespace transfer {

namespace json = boost::json;

namespace {

using Names = std::map<std::pair<std::string, std::uint64_t>, std::string>;  // by model and number

// Every record of the file with its model ("ipam.prefix"), whatever the shape of the file.
struct Record {
  std::string model;
  std::uint64_t position = 0;
  const json::object* fields = nullptr;
};

const json::value* find(const json::object& object, std::string_view name) {
  const auto it = object.find(name);
  return it == object.end() || it->value().is_null() ? nullptr : &it->value();
}

// The model of an answer of the REST API, by what only records of that kind have.
std::string model_of(const json::object& fields) {
  if (find(fields, "start_address")) return "ipam.iprange";
  if (find(fields, "address")) return "ipam.ipaddress";
  if (find(fields, "prefix")) return find(fields, "rir") ? "ipam.aggregate" : "ipam.prefix";
  if (find(fields, "vid")) return "ipam.vlan";
  if (fields.contains("rd")) return "ipam.vrf";
  return "other";
}

// False: an answer of the REST API says that there are further pages of it.
bool add_records(const json::value& value, std::vector<Record>& records) {
  const json::object* object = value.if_object();
  if (object == nullptr) return true;
  if (const json::value* results = find(*object, "results"); results && results->is_array()) {
    for (const json::value& result : results->get_array()) add_records(result, records);
    return find(*object, "next") == nullptr;
  }
  const std::uint64_t position = records.size() + 1;
  const json::value* model = find(*object, "model");
  const json::value* fields = find(*object, "fields");
  if (model && fields && model->is_string() && fields->is_object())
    records.push_back({text_of(*model), position, &fields->get_object()});
  else
    records.push_back({model_of(*object), position, object});
  return true;
}

// The names of what fixtures refer to by number.
Names names_of(const json::value& document) {
  Names names;
  const json::array* array = document.if_array();
  if (array == nullptr) return names;
  for (const json::value& value : *array) {
    const json::object* object = value.if_object();
    if (object == nullptr) continue;
    const json::value* model = find(*object, "model");
    const json::value* number = find(*object, "pk");
    const json::value* fields = find(*object, "fields");
    if (!model || !number || !fields || !fields->is_object()) continue;
    boost::system::error_code ec;
    const auto pk = number->to_number<std::uint64_t>(ec);
    if (ec) continue;
    for (const std::string_view key : {"name", "vid", "slug"})
      if (const json::value* name = find(fields->get_object(), key)) {
        names.emplace(std::pair(text_of(*model), pk), text_of(*name));
        break;
      }
  }
  return names;
}

class RecordReader {
 public:
  RecordReader(const Record& record, const Names& names) : record_(record), names_(names) {}

  // "" where it is missing; the value of {"value": …, "label": …} that the REST API gives.
  std::string text(std::string_view name) const {
    const json::value* value = find(*record_.fields, name);
    if (value == nullptr) return {};
    if (const json::object* choice = value->if_object()) {
      const json::value* inner = find(*choice, "value");
      return inner ? text_of(*inner) : "";
    }
    return text_of(*value);
  }

  // The name of what the record refers to, by number or as an object.
  std::string name_of(std::string_view name, std::string_view model) const {
    const json::value* value = find(*record_.fields, name);
    if (value == nullptr) return {};
    if (const json::object* object = value->if_object()) {
      for (const std::string_view key : {"name", "vid", "slug", "value"})
        if (const json::value* inner = find(*object, key)) return text_of(*inner);
      return {};
    }
    if (value->is_string()) return text_of(*value);
    boost::system::error_code ec;
    const auto number = value->to_number<std::uint64_t>(ec);
    if (ec) return {};
    const auto known = names_.find(std::pair(std::string(model), number));
    return known == names_.end() ? fmt::format("#{}", number) : known->second;
  }

  std::vector<std::string> tags() const {
    std::vector<std::string> tags;
    const json::value* value = find(*record_.fields, "tags");
    if (value == nullptr || !value->is_array()) return tags;
    for (const json::value& element : value->get_array()) {
      std::string tag = text_of(element);
      if (const json::object* object = element.if_object())
        if (const json::value* name = find(*object, "name")) tag = text_of(*name);
      if (!add_tag(tags, tag)) break;
    }
    return tags;
  }

  // What a prefix or an address refers to and we keep no objects of; also a text of its own, but
  // "active", where it is to be kept so.
  ipam::Metadata metadata(std::string_view kept_text = {}) const {
    constexpr std::array<std::tuple<std::string_view, std::string_view>, 5> references = {{
        {"tenant", "tenancy.tenant"},
        {"role", "ipam.role"},
        {"vlan", "ipam.vlan"},
        {"site", "dcim.site"},
        {"rir", "ipam.rir"},
    }};
    ipam::Metadata metadata;
    for (const auto& [name, model] : references)
      if (std::string value = name_of(name, model); !value.empty())
        metadata.emplace(name, std::move(value));
    if (std::string kept = text(kept_text); !kept.empty() && kept != "active")
      metadata.emplace(kept_text, std::move(kept));
    return metadata;
  }

  // Line ends are those that browsers send.
  std::string description() const {
    std::string description = text("description");
    const std::string comments = text("comments");
    if (!description.empty() && !comments.empty()) description += "; ";
    description += comments;
    std::erase(description, '\r');
    return description;
  }

 private:
  const Record& record_;
  const Names& names_;
};

base::Result<Object, std::string> vrf_of(const RecordReader& record) {
  std::string description = record.description();
  if (const std::string rd = record.text("rd"); !rd.empty())
    description += fmt::format("{}rd {}", description.empty() ? "" : "; ", rd);
  if (const std::string tenant = record.name_of("tenant", "tenancy.tenant"); !tenant.empty())
    description += fmt::format("{}tenant {}", description.empty() ? "" : "; ", tenant);
  return Object(VrfRow{record.text("name"), std::move(description)});
}

base::Result<Object, std::string> network_of(const RecordReader& record) {
  const auto prefix = ipam::parse_prefix(record.text("prefix"));
  if (!prefix) return base::fail(prefix.error());
  // One that an installation made for itself is kept as a text.
  std::string status = record.text("status");
  const bool is_ours = status.empty() || ipam::parse_network_status(status);
  ipam::Metadata metadata = record.metadata(is_ours ? "" : "status");
  if (!is_ours) status.clear();
  return Object(NetworkRow{.vrf = record.name_of("vrf", "ipam.vrf"),
                           .prefix = *prefix,
                           .description = record.description(),
                           .tags = record.tags(),
                           .status = std::move(status),
                           .metadata = std::move(metadata)});
}

// The block of addresses that a registry gave: what holds prefixes.
base::Result<Object, std::string> aggregate_of(const RecordReader& record) {
  auto object = network_of(record);
  if (object) std::get<NetworkRow>(*object).status = "container";
  return object;
}

base::Result<Object, std::string> allocation_of(const RecordReader& record) {
  const std::string text = record.text("address");
  const auto interface = parse_interface(text);
  if (!interface) return base::fail(fmt::format("{:?} is no IP address", text));
  AllocationRow row;
  row.vrf = record.name_of("vrf", "ipam.vrf");
  row.first = row.last = interface->address;
  row.network = interface->network;
  row.has_network = interface->has_network;
  row.hostname = record.text("dns_name");
  row.description = record.description();
  row.tags = record.tags();
  row.metadata = record.metadata("status");
  return Object(std::move(row));
}

base::Result<Object, std::string> reservation_of(const RecordReader& record) {
  const std::string start = record.text("start_address");
  const std::string end = record.text("end_address");
  const auto first = parse_interface(start);
  const auto last = parse_interface(end);
  const bool is_range = first && last && first->address.family == last->address.family &&
                        first->address <= last->address;
  if (!is_range) return base::fail(fmt::format("{:?} to {:?} is no range", start, end));
  return Object(ReservationRow{record.name_of("vrf", "ipam.vrf"), first->address, last->address,
                               record.description(), record.tags(), record.metadata("status")});
}

// What a record of the models below says and no object of ours has a place for.
constexpr std::array<std::string_view, 12> unkept_fields = {
    "import_targets", "export_targets",    "nat_inside",    "nat_outside",
    "is_pool",        "mark_utilized",     "date_added",    "assigned_object_id",
    "scope",          "custom_field_data", "custom_fields", "scope_id"};

bool says_something(const json::value& value) {
  if (const json::array* array = value.if_array()) return !array->empty();
  if (const json::object* object = value.if_object()) return !object->empty();
  return value != json::value(false) && value != json::value("");
}

using Convert = base::Result<Object, std::string> (*)(const RecordReader&);

// In the order in which the objects must be made.
constexpr std::array<std::pair<std::string_view, Convert>, 5> conversions = {{
    {"ipam.vrf", vrf_of},
    {"ipam.aggregate", aggregate_of},
    {"ipam.prefix", network_of},
    {"ipam.iprange", reservation_of},
    {"ipam.ipaddress", allocation_of},
}};

}  // namespace

std::optional<ReadError> NetboxReader::document(std::string_view text, std::vector<Row>& rows) {
  const auto document = parse_document(text);
  if (!document) return ReadError{0, document.error()};
  std::vector<Record> records;
  std::map<std::string, std::uint64_t> others;
  if (const json::array* array = document->if_array())
    for (const json::value& value : *array) add_records(value, records);
  else if (!add_records(*document, records))
    ++others["further pages of the answer (ask for all with limit=0)"];
  const Names names = names_of(*document);
  for (const auto& [model, convert] : conversions)
    for (const Record& record : records) {
      if (record.model != model) continue;
      auto object = convert(RecordReader(record, names));
      if (!object)
        return ReadError{record.position, fmt::format("{}: {}", model, object.error())};
      if (auto error = add(rows, record.position, *std::move(object))) return error;
      for (const std::string_view name : unkept_fields)
        if (const json::value* value = find(*record.fields, name); value && says_something(*value))
          ++others[fmt::format("{}.{}", model, name)];
    }
  for (const Record& record : records)
    if (std::none_of(conversions.begin(), conversions.end(),
                     [&](const auto& known) { return known.first == record.model; }))
      ++others[record.model];
  for (auto& [kind, count] : others) ignored_.push_back({kind, count});
  return std::nullopt;
}

}  // namespace transfer
