#include "api/conditions.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "api/problems.hpp"
#include "api/render.hpp"
#include "api/text.hpp"
#include "base/assert.hpp"
#include "ipam/precondition.hpp"

namespace api {

namespace {

void skip_blanks(std::string_view& text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
}

// etagc of RFC 9110 §8.8.3: visible characters but '"', and all beyond ASCII.
bool is_tag_character(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte > ' ' && byte != '"' && byte != 0x7f;
}

std::optional<EntityTag> take_entity_tag(std::string_view& text) {
  EntityTag tag;
  if (text.starts_with("W/")) {
    tag.weak = true;
    text.remove_prefix(2);
  }
  if (!text.starts_with('"')) return std::nullopt;
  const std::size_t end = text.find('"', 1);
  if (end == std::string_view::npos) return std::nullopt;
  tag.opaque = text.substr(1, end - 1);
  text.remove_prefix(end + 1);
  if (!std::all_of(tag.opaque.begin(), tag.opaque.end(), is_tag_character)) return std::nullopt;
  return tag;
}

// The revision whose tag this is; a number that is written in another way is another tag.
std::optional<ipam::Revision> revision_of(std::string_view opaque) {
  const auto number = parse_whole_number(opaque);
  if (!number || (opaque.size() > 1 && opaque.front() == '0')) return std::nullopt;
  return ipam::Revision(*number);
}

std::optional<Conditions::Condition> parse_condition(std::string_view text, bool is_strong) {
  Conditions::Condition condition;
  condition.any = text == "*";
  if (condition.any) return condition;
  const auto tags = parse_entity_tags(text);
  if (!tags || tags->size() > ipam::precondition_revisions_max) return std::nullopt;
  for (const EntityTag& tag : *tags)
    if (const auto revision = revision_of(tag.opaque); revision && !(is_strong && tag.weak))
      condition.revisions.push_back(*revision);
  return condition;
}

base::Result<std::optional<Conditions::Condition>, http::Response> read_condition(
    const http::Request& request, std::string_view name, bool is_strong) {
  const auto text = combined_header(request, name);
  if (!text) return std::optional<Conditions::Condition>();
  auto condition = parse_condition(*text, is_strong);
  if (condition) return condition;
  return base::fail(problem(Problem::invalid_header,
                            fmt::format("{} must be * or at most {} entity tags such as \"17\", "
                                        "with the quotes, not {}",
                                        name, ipam::precondition_revisions_max, quoted(*text))));
}

http::Response conditional(const Conditions& conditions, http::Response response) {
  const std::string* const tag = response.header("ETag");
  if (response.status != 200 || !tag) return response;
  const auto current = revision_of(std::string_view(*tag).substr(1, tag->size() - 2));
  ASSERT(current);
  if (conditions.if_match && !conditions.if_match->matches(*current))
    return problem_precondition_failed("the object has another ETag than If-Match names",
                                       *current);
  if (!conditions.if_none_match || !conditions.if_none_match->matches(*current)) return response;
  response.status = 304;
  response.content_type.clear();
  response.body.clear();
  return response;
}

std::optional<http::Response> conditional(const Conditions& conditions,
                                          std::optional<http::Response> response) {
  if (!response) return response;
  return conditional(conditions, *std::move(response));
}

template <typename Read>
Read with_conditional_render(const Conditions& conditions, Read read) {
  read.render = [conditions, render = std::move(read.render)](const auto& from) {
    return conditional(conditions, render(from));
  };
  return read;
}

}  // namespace

std::optional<std::vector<EntityTag>> parse_entity_tags(std::string_view text) {
  std::vector<EntityTag> tags;
  for (skip_blanks(text); !text.empty(); skip_blanks(text)) {
    if (text.front() != ',') {
      const auto tag = take_entity_tag(text);
      if (!tag) return std::nullopt;
      tags.push_back(*tag);
      skip_blanks(text);
      if (!text.empty() && text.front() != ',') return std::nullopt;
    }
    if (!text.empty()) text.remove_prefix(1);
  }
  return tags.empty() ? std::nullopt : std::optional(std::move(tags));
}

std::optional<std::string> combined_header(const http::Request& request, std::string_view name) {
  std::optional<std::string> combined;
  for (const http::Header& header : request.headers) {
    if (!http::equal_ignoring_case(header.name, name)) continue;
    combined = combined ? *combined + ", " + header.value : header.value;
  }
  return combined;
}

bool Conditions::Condition::matches(ipam::Revision revision) const {
  return any || std::find(revisions.begin(), revisions.end(), revision) != revisions.end();
}

base::Result<Conditions, http::Response> Conditions::read(const http::Request& request) {
  auto if_match = read_condition(request, "If-Match", true);
  if (!if_match) return base::fail(std::move(if_match.error()));
  auto if_none_match = read_condition(request, "If-None-Match", false);
  if (!if_none_match) return base::fail(std::move(if_none_match.error()));
  Conditions conditions;
  conditions.if_match = std::move(*if_match);
  conditions.if_none_match = std::move(*if_none_match);
  return conditions;
}

bool can_be_not_modified(const Route& route) {
  return route.method == http::Method::get &&
         (route.pattern == "/allocations/{id}" ||
          route.pattern == "/networks/{id}/reservations/{reservation_id}");
}

Body with_conditions(const Route& route, Conditions conditions, Body body) {
  if (!can_be_not_modified(route)) conditions.if_none_match.reset();
  if (!conditions.are_given()) return body;
  if (auto* const read = std::get_if<Read>(&body))
    return with_conditional_render(conditions, std::move(*read));
  if (auto* const read = std::get_if<ReadHistory>(&body))
    return with_conditional_render(conditions, std::move(*read));
  return body;
}

// Ignoring a condition would do what the client wanted not to be done.
Body with_precondition(const Conditions& conditions, Body body) {
  if (std::holds_alternative<Answer>(body)) return body;
  if (conditions.if_none_match)
    return Answer{problem(Problem::invalid_header, "If-None-Match goes with GET and HEAD alone")};
  auto* const write = std::get_if<Write>(&body);
  if (!write || !ipam::takes_precondition(write->command.body))
    return Answer{problem(Problem::invalid_header,
                          "If-Match goes with a GET, a change, a renewal, a release or a deletion "
                          "of one object")};
  // `*`: it is there, without which there is nothing to change anyway.
  if (!conditions.if_match->any)
    write->command.precondition = ipam::Precondition{conditions.if_match->revisions};
  return body;
}

}  // namespace api
