// Conditional requests (RFC 9110 §13): If-Match on changes of one object, which the state machine
// checks where it applies them; If-Match and If-None-Match on GET. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/action.hpp"
#include "api/route_table.hpp"
#include "base/result.hpp"
#include "http/message.hpp"

namespace api {

// `W/"17"` without what is around 17. A view into the header that it was read from.
struct EntityTag {
  bool weak = false;
  std::string_view opaque;

  friend bool operator==(const EntityTag&, const EntityTag&) = default;
};
// The list of RFC 9110 §8.8.3, one element at least; empty ones are skipped. nullopt: no such list.
std::optional<std::vector<EntityTag>> parse_entity_tags(std::string_view text);

// All fields of this name as one list (RFC 9110 §5.2); nullopt where there is none.
std::optional<std::string> combined_header(const http::Request& request, std::string_view name);

class Conditions {
 public:
  // 400 INVALID_HEADER for what is neither `*` nor a list of tags.
  static base::Result<Conditions, http::Response> read(const http::Request& request);

  struct Condition {
    bool any = false;  // `*`
    // Revisions of our own tags; others match nothing. Weak ones are left out of If-Match, which
    // compares strongly.
    std::vector<ipam::Revision> revisions;

    bool matches(ipam::Revision revision) const;
  };
  bool are_given() const { return if_match || if_none_match; }

  std::optional<Condition> if_match;
  std::optional<Condition> if_none_match;
};

// Whether the ETag of the object covers all that is shown of it. A VRF and a network say what
// others make of them too (children_count): their clients may have something older, and get what
// there is.
bool can_be_not_modified(const Route& route);
// Makes the answer to a GET of one object 412, or 304 where that can be, where its ETag says so.
Body with_conditions(const Route& route, Conditions conditions, Body body);
// Gives a change what it was asked to look at first. 400 where that is not possible.
Body with_precondition(const Conditions& conditions, Body body);

}  // namespace api
