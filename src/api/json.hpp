// Reads the JSON bodies of requests: strict parsing, then field by field with an error that names
// the field, what it must be and what it was. Pure; on top of Boost.JSON.
#pragma once

#include <boost/json/object.hpp>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/problems.hpp"
#include "api/text.hpp"
#include "base/result.hpp"
#include "http/message.hpp"
#include "ipam/command.hpp"

namespace api {

struct Call;

inline constexpr std::size_t json_depth_max = 16;  // bounds the parser's stack
// The largest valid body has some 40 KiB of text, half of it addresses to leave out.
inline constexpr std::size_t json_body_bytes_max = 64 * 1024;

// RFC 8259 without extensions; also refuses invalid UTF-8, a key given twice, depth beyond
// json_depth_max. The error says what is wrong at which byte.
// The values lie in `storage`, which has to be there as long as they are.
base::Result<boost::json::value, std::string> parse_json(
    std::string_view text, const boost::json::storage_ptr& storage = {});

// The fields of a request's body. Getters remember the first complaint, so a handler reads all that
// it wants and asks problem() once. null is the same as leaving an optional field out.
class Fields {
 public:
  Fields(Fields&&) noexcept;
  Fields& operator=(Fields&&) = delete;
  ~Fields();

  // The body as a JSON object that has no field but the known ones. The error is the answer:
  // 400, 413 or 415. An object that has been parsed already (Call::object) is taken as the body.
  static base::Result<Fields, http::Response> read(const Call& call,
                                                   std::initializer_list<std::string_view> known,
                                                   std::size_t bytes_max = json_body_bytes_max);

  // The same for a route whose fields are all optional: no body at all is an empty object.
  static base::Result<Fields, http::Response> read_or_empty(
      const Call& call, std::initializer_list<std::string_view> known);

  bool has(std::string_view name) const;
  // Also where it is null: for a merge patch (RFC 7396), in which that is a wish.
  bool given(std::string_view name) const;

  // Empty where the field is left out.
  std::string text(std::string_view name, std::size_t bytes_max);
  std::string hostname(std::string_view name);
  std::vector<std::string> tags(std::string_view name);
  // An object of strings, within the limits of ipam/model.hpp.
  ipam::Metadata metadata(std::string_view name);
  // The same in a merge patch: an entry that is null goes, null as a whole clears it.
  ipam::MetadataPatch metadata_patch(std::string_view name);
  std::vector<std::string> texts(std::string_view name, std::size_t elements_max);
  std::optional<bool> boolean(std::string_view name);
  // nullptr where it is left out. The caller's to change; valid as long as these fields are.
  boost::json::array* array(std::string_view name);
  // Of any content: for values that have a parser of their own.
  std::optional<std::string> unchecked_text(std::string_view name);
  // From 1 to `max`, as a JSON number or as a decimal string (for those beyond 2^53).
  std::optional<std::uint64_t> whole_number(std::string_view name, std::uint64_t max);

  void complain(Problem problem, std::string_view detail);
  const std::optional<http::Response>& problem() const { return problem_; }

 private:
  struct Memory;

  Fields(std::unique_ptr<Memory> memory, boost::json::object object);
  const boost::json::value* member(std::string_view name) const;
  const boost::json::value* find(std::string_view name) const;  // nullptr also where it is null
  void complain(const Complaint& complaint);

  // Where the values of object_ lie, one behind the other; they all go at once. Null: in that of
  // the object which was given.
  std::unique_ptr<Memory> memory_;
  boost::json::object object_;
  std::optional<http::Response> problem_;
};

}  // namespace api
