#include "api/json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_stack.hpp>
#include <cmath>
#include <set>

#include "api/handlers.hpp"
#include "base/ascii.hpp"
#include "ipam/model.hpp"

namespace api {

namespace {

namespace json = boost::json;
using ErrorCode = boost::system::error_code;

// Builds the value like boost::json::parser does, and also notices keys given twice, of which
// json::parser silently keeps the last.
class StrictHandler {
 public:
  static constexpr std::size_t max_object_size = json_body_bytes_max;
  static constexpr std::size_t max_array_size = json_body_bytes_max;
  static constexpr std::size_t max_key_size = json_body_bytes_max;
  static constexpr std::size_t max_string_size = json_body_bytes_max;

  explicit StrictHandler(json::storage_ptr storage) {
    stack_.reset(std::move(storage));
    keys_.reserve(usual_keys);
    open_.reserve(usual_depth);
  }

  json::value release() { return stack_.release(); }
  const std::optional<std::string>& duplicate_key() const { return duplicate_key_; }

  bool on_document_begin(ErrorCode&) { return true; }
  bool on_document_end(ErrorCode&) { return true; }
  bool on_array_begin(ErrorCode&) { return true; }
  bool on_array_end(std::size_t size, ErrorCode&) {
    stack_.push_array(size);
    return true;
  }
  bool on_object_begin(ErrorCode&) {
    open_.push_back({keys_.size(), {}});
    return true;
  }
  bool on_object_end(std::size_t size, ErrorCode&) {
    keys_.resize(open_.back().first_key);
    open_.pop_back();
    stack_.push_object(size);
    return true;
  }
  bool on_key_part(json::string_view part, std::size_t, ErrorCode&) {
    key_.append(part.data(), part.size());
    return true;
  }
  bool on_key(json::string_view part, std::size_t, ErrorCode& ec) {
    key_.append(part.data(), part.size());
    if (is_known_key()) {
      duplicate_key_ = key_;
      ec = json::error::syntax;
      return false;
    }
    stack_.push_key(key_);
    keys_.push_back(std::move(key_));
    key_.clear();
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t, ErrorCode&) {
    stack_.push_chars(part);
    return true;
  }
  bool on_string(json::string_view part, std::size_t, ErrorCode&) {
    stack_.push_string(part);
    return true;
  }
  bool on_number_part(json::string_view, ErrorCode&) { return true; }
  bool on_int64(std::int64_t value, json::string_view, ErrorCode&) {
    stack_.push_int64(value);
    return true;
  }
  bool on_uint64(std::uint64_t value, json::string_view, ErrorCode&) {
    stack_.push_uint64(value);
    return true;
  }
  bool on_double(double value, json::string_view, ErrorCode&) {
    stack_.push_double(value);
    return true;
  }
  bool on_bool(bool value, ErrorCode&) {
    stack_.push_bool(value);
    return true;
  }
  bool on_null(ErrorCode&) {
    stack_.push_null();
    return true;
  }
  bool on_comment_part(json::string_view, ErrorCode&) { return true; }
  bool on_comment(json::string_view, ErrorCode&) { return true; }

 private:
  // An object with few keys, as all of ours are, is looked through; one with many has a set of
  // them, so that nobody can make this take long. Not one of hashes: keys that share one are easily
  // made.
  static constexpr std::size_t compared_keys_max = 32;
  static constexpr std::size_t usual_keys = 8;
  static constexpr std::size_t usual_depth = 4;
  struct OpenObject {
    std::size_t first_key;  // in keys_
    std::set<std::string> many;
  };

  // Whether the innermost object has key_ already.
  bool is_known_key() {
    OpenObject& object = open_.back();
    const auto first = keys_.begin() + static_cast<std::ptrdiff_t>(object.first_key);
    if (keys_.end() - first < static_cast<std::ptrdiff_t>(compared_keys_max))
      return std::find(first, keys_.end(), key_) != keys_.end();
    if (object.many.empty()) object.many.insert(first, keys_.end());
    return !object.many.insert(key_).second;
  }

  static constexpr std::size_t stack_bytes = 1024;  // more is allocated where it is needed
  alignas(std::max_align_t) unsigned char stack_memory_[stack_bytes];
  json::value_stack stack_{{}, stack_memory_, stack_bytes};
  std::string key_;
  std::vector<std::string> keys_;  // of all open objects
  std::vector<OpenObject> open_;
  std::optional<std::string> duplicate_key_;
};

std::string_view kind_name(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null: return "null";
    case json::kind::bool_: return "a boolean";
    case json::kind::int64:
    case json::kind::uint64:
    case json::kind::double_: return "a number";
    case json::kind::string: return "a string";
    case json::kind::array: return "an array";
    case json::kind::object: return "an object";
  }
  UNREACHABLE();
}

// "application/json" of "Application/JSON; charset=utf-8".
std::string media_type(std::string_view content_type) {
  std::string type(content_type.substr(0, content_type.find(';')));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.pop_back();
  return base::lower_case(type);
}

std::optional<http::Response> check_content_type(const http::Request& request) {
  const std::string* header = request.header("Content-Type");
  if (!header || *header == "application/json") return std::nullopt;  // as nearly all clients say
  const std::string type = media_type(*header);
  if (type == "application/json" || std::string_view(type).ends_with("+json")) return std::nullopt;
  return problem(Problem::unsupported_media_type,
                 fmt::format("the body must be application/json, not {}; with curl, add "
                             "-H 'Content-Type: application/json'",
                             quoted(type)));
}

std::string joined(std::initializer_list<std::string_view> names) {
  return names.size() == 0 ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

bool is_blank(std::string_view body) {
  return body.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

http::Response body_too_large(std::size_t bytes_max, std::size_t bytes) {
  return problem(Problem::body_too_large,
                 fmt::format("the body must be at most {} bytes long, not {}", bytes_max, bytes));
}

base::Result<json::object, http::Response> parse_body(
    const http::Request& request, std::initializer_list<std::string_view> known,
    std::size_t bytes_max, const json::storage_ptr& storage) {
  if (request.body.size() > bytes_max)
    return base::fail(body_too_large(bytes_max, request.body.size()));
  const bool blank = is_blank(request.body);
  if (blank && known.size() == 0) return json::object();
  if (blank)
    return base::fail(problem(
        Problem::invalid_json,
        fmt::format("the body is empty; it must be a JSON object with the fields: {}",
                    joined(known))));
  if (auto refused = check_content_type(request)) return base::fail(*std::move(refused));
  auto parsed = parse_json(request.body, storage);
  if (!parsed)
    return base::fail(problem(Problem::invalid_json,
                              fmt::format("the body is not valid JSON: {}", parsed.error())));
  json::object* object = parsed->if_object();
  if (!object)
    return base::fail(
        problem(Problem::invalid_json,
                fmt::format("the body must be a JSON object, not {}", kind_name(*parsed))));
  return std::move(*object);
}

// No less than what the text of it takes.
std::size_t text_bytes_bound(const json::value& value) {
  constexpr std::size_t scalar_bytes_max = 32;
  constexpr std::size_t escape_bytes_max = 6;  // of one byte of a string: \u00XX
  if (const json::string* text = value.if_string()) return escape_bytes_max * text->size() + 2;
  std::size_t bytes = scalar_bytes_max;
  if (const json::array* array = value.if_array())
    for (const json::value& element : *array) bytes += text_bytes_bound(element) + 1;
  if (const json::object* object = value.if_object())
    for (const auto& member : *object)
      bytes += escape_bytes_max * member.key().size() + 4 + text_bytes_bound(member.value());
  return bytes;
}

// It is as large as its text would be, which is only written where that may be too long.
base::Result<json::object, http::Response> parsed_before(json::object& object,
                                                         std::size_t bytes_max) {
  json::value whole(std::move(object));
  if (text_bytes_bound(whole) > bytes_max)
    if (const std::size_t bytes = json::serialize(whole).size(); bytes > bytes_max)
      return base::fail(body_too_large(bytes_max, bytes));
  return std::move(whole.get_object());
}

// A number as the state machine wants it, or what is wrong with it.
base::Result<std::uint64_t, std::string> whole_number_of(const json::value& value,
                                                         std::string_view name,
                                                         std::uint64_t max) {
  const auto too_small = [&] { return base::fail(fmt::format("{} must be at least 1", name)); };
  const auto too_large = [&] {
    return base::fail(fmt::format("{} must be at most {}", name, max));
  };
  const auto wrong = [&](std::string_view was) {
    return base::fail(
        fmt::format("\"{}\" must be a whole number of at least 1, not {}", name, was));
  };
  std::uint64_t number = 0;
  if (const std::int64_t* integer = value.if_int64()) {
    if (*integer < 1) return too_small();
    number = static_cast<std::uint64_t>(*integer);
  } else if (const std::uint64_t* unsigned_integer = value.if_uint64()) {
    number = *unsigned_integer;
  } else if (const double* real = value.if_double()) {
    if (*real < 1) return too_small();
    if (*real >= 18446744073709551616.0) return too_large();
    if (std::floor(*real) != *real) return wrong(fmt::format("{}", *real));
    number = static_cast<std::uint64_t>(*real);
  } else if (const json::string* digits = value.if_string()) {
    const std::string_view text(digits->data(), digits->size());
    const auto parsed = parse_whole_number(text);
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    if (!parsed && !text.empty() && std::all_of(text.begin(), text.end(), is_digit))
      return too_large();
    if (!parsed) return wrong(fmt::format("the string {}", quoted(text)));
    number = *parsed;
  } else {
    return wrong(kind_name(value));
  }
  if (number < 1) return too_small();
  if (number > max) return too_large();
  return number;
}

}  // namespace

struct Fields::Memory {
  // What most bodies take, with all of their values.
  alignas(std::max_align_t) unsigned char usual[1024];
  json::monotonic_resource resource{usual, sizeof usual};
};

Fields::Fields(std::unique_ptr<Memory> memory, json::object object)
    : memory_(std::move(memory)), object_(std::move(object)) {}
Fields::Fields(Fields&&) noexcept = default;
Fields::~Fields() = default;

base::Result<json::value, std::string> parse_json(std::string_view text,
                                                  const json::storage_ptr& storage) {
  json::parse_options options;
  options.max_depth = json_depth_max;
  json::basic_parser<StrictHandler> parser(options, storage);
  ErrorCode ec;
  const std::size_t consumed = parser.write_some(false, text.data(), text.size(), ec);
  if (const auto& key = parser.handler().duplicate_key())
    return base::fail(fmt::format("the field {} is given twice", quoted(*key)));
  if (ec) return base::fail(fmt::format("{} at byte {}", ec.message(), consumed));
  if (consumed < text.size())
    return base::fail(fmt::format("something follows the JSON value at byte {}", consumed));
  return parser.handler().release();
}

base::Result<Fields, http::Response> Fields::read(const Call& call,
                                                  std::initializer_list<std::string_view> known,
                                                  std::size_t bytes_max) {
  std::unique_ptr<Memory> memory;
  if (!call.object) memory = std::make_unique_for_overwrite<Memory>();
  auto object = call.object
                    ? parsed_before(*call.object, bytes_max)
                    : parse_body(call.request, known, bytes_max, &memory->resource);
  if (!object) return base::fail(std::move(object.error()));
  for (const auto& member : *object) {
    const std::string_view name(member.key().data(), member.key().size());
    if (std::find(known.begin(), known.end(), name) == known.end())
      return base::fail(api::problem(
          Problem::unknown_field,
          fmt::format("unknown field {}; known fields: {}", quoted(name), joined(known))));
  }
  return Fields(std::move(memory), std::move(*object));
}

base::Result<Fields, http::Response> Fields::read_or_empty(
    const Call& call, std::initializer_list<std::string_view> known) {
  if (!call.object && is_blank(call.request.body)) return Fields(nullptr, {});
  return read(call, known);
}

// Looked through, as there are no more than the known ones.
const json::value* Fields::member(std::string_view name) const {
  for (const auto& member : object_)
    if (std::string_view(member.key().data(), member.key().size()) == name)
      return &member.value();
  return nullptr;
}

const json::value* Fields::find(std::string_view name) const {
  const json::value* const value = member(name);
  return value && !value->is_null() ? value : nullptr;
}

bool Fields::has(std::string_view name) const { return find(name) != nullptr; }

bool Fields::given(std::string_view name) const { return member(name) != nullptr; }

void Fields::complain(Problem problem, std::string_view detail) {
  if (!problem_) problem_ = api::problem(problem, detail);
}

void Fields::complain(const Complaint& complaint) {
  if (complaint) complain(Problem::invalid_field, *complaint);
}

std::optional<std::string> Fields::unchecked_text(std::string_view name) {
  const json::value* value = find(name);
  if (!value) return std::nullopt;
  if (const json::string* text = value->if_string())
    return std::string(text->data(), text->size());
  complain(Problem::invalid_field,
           fmt::format("\"{}\" must be a string, not {}", name, kind_name(*value)));
  return std::nullopt;
}

std::string Fields::text(std::string_view name, std::size_t bytes_max) {
  std::string value = unchecked_text(name).value_or("");
  complain(check_text(name, value, bytes_max));
  return value;
}

std::string Fields::hostname(std::string_view name) {
  std::string value = unchecked_text(name).value_or("");
  complain(check_hostname(name, value));
  return value;
}

std::vector<std::string> Fields::texts(std::string_view name, std::size_t elements_max) {
  std::vector<std::string> texts;
  const json::value* value = find(name);
  if (!value) return texts;
  const json::array* array = value->if_array();
  if (!array) {
    complain(Problem::invalid_field,
             fmt::format("\"{}\" must be an array of strings, not {}", name, kind_name(*value)));
    return texts;
  }
  if (array->size() > elements_max) {
    complain(Problem::invalid_field, fmt::format("{} must have at most {} elements, not {}", name,
                                                 elements_max, array->size()));
    return texts;
  }
  for (std::size_t i = 0; i < array->size(); ++i) {
    const json::string* text = (*array)[i].if_string();
    if (!text) {
      complain(Problem::invalid_field, fmt::format("\"{}[{}]\" must be a string, not {}", name, i,
                                                   kind_name((*array)[i])));
      break;
    }
    texts.emplace_back(text->data(), text->size());
  }
  return texts;
}

std::vector<std::string> Fields::tags(std::string_view name) {
  std::vector<std::string> tags = texts(name, ipam::tags_max);
  for (std::size_t i = 0; i < tags.size() && !problem_; ++i)
    complain(check_tag(fmt::format("{}[{}]", name, i), tags[i]));
  return tags;
}

ipam::MetadataPatch Fields::metadata_patch(std::string_view name) {
  ipam::MetadataPatch patch;
  const json::value* value = find(name);
  patch.clears = given(name) && !value;
  if (!value) return patch;
  const json::object* object = value->if_object();
  if (!object) {
    complain(Problem::invalid_field,
             fmt::format("\"{}\" must be an object of strings, not {}", name, kind_name(*value)));
    return patch;
  }
  for (const auto& member : *object) {
    if (problem_) break;
    const std::string key(member.key().data(), member.key().size());
    const json::string* text = member.value().if_string();
    if (!text && !member.value().is_null()) {
      complain(Problem::invalid_field,
               fmt::format("a value of \"{}\" must be a string, not {}", name,
                           kind_name(member.value())));
      break;
    }
    if (key.empty() || key.size() > ipam::metadata_key_bytes_max)
      complain(Problem::invalid_field, fmt::format("a key of \"{}\" must have 1 to {} bytes", name,
                                                   ipam::metadata_key_bytes_max));
    complain(check_tag("a key of metadata", key));
    std::optional<std::string>& entry = patch.entries[key];
    if (!text) continue;
    entry.emplace(text->data(), text->size());
    complain(check_text("a value of metadata", *entry, ipam::metadata_value_bytes_max));
  }
  return patch;
}

ipam::Metadata Fields::metadata(std::string_view name) {
  const ipam::MetadataPatch patch = metadata_patch(name);
  if (patch.entries.size() > ipam::metadata_entries_max)
    complain(Problem::invalid_field, fmt::format("{} must have at most {} entries, not {}", name,
                                                 ipam::metadata_entries_max, patch.entries.size()));
  for (const auto& [key, value] : patch.entries)
    if (!value)
      complain(Problem::invalid_field,
               fmt::format("a value of \"{}\" must be a string, not null", name));
  return ipam::patched({}, patch);
}

json::array* Fields::array(std::string_view name) {
  const json::value* const value = find(name);
  if (!value) return nullptr;
  if (value->is_array()) return object_.at({name.data(), name.size()}).if_array();
  complain(Problem::invalid_field,
           fmt::format("\"{}\" must be an array, not {}", name, kind_name(*value)));
  return nullptr;
}

std::optional<bool> Fields::boolean(std::string_view name) {
  const json::value* value = find(name);
  if (!value) return std::nullopt;
  if (const bool* flag = value->if_bool()) return *flag;
  complain(Problem::invalid_field,
           fmt::format("\"{}\" must be true or false, not {}", name, kind_name(*value)));
  return std::nullopt;
}

std::optional<std::uint64_t> Fields::whole_number(std::string_view name, std::uint64_t max) {
  const json::value* value = find(name);
  if (!value) return std::nullopt;
  const auto number = whole_number_of(*value, name, max);
  if (number) return *number;
  complain(Problem::invalid_field, number.error());
  return std::nullopt;
}

}  // namespace api
