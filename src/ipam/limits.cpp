#include "ipam/limits.hpp"

#include <fmt/format.h>

namespace ipam {

namespace {

Error invalid(std::string detail) { return {ErrorCode::invalid_argument, std::move(detail)}; }

std::optional<Error> check_text(std::string_view name, std::string_view text, std::size_t max) {
  if (text.size() <= max) return std::nullopt;
  return invalid(fmt::format("{} is longer than {} bytes", name, max));
}

std::optional<Error> check_tags(const std::vector<std::string>& tags) {
  if (tags.size() > tags_max) return invalid(fmt::format("more than {} tags", tags_max));
  for (const auto& tag : tags)
    if (auto error = check_text("a tag", tag, tag_bytes_max)) return error;
  return std::nullopt;
}

std::optional<Error> check_prefix(const Prefix& prefix) {
  if (is_valid(prefix)) return std::nullopt;
  return invalid("invalid CIDR: host bits are set or the prefix length is out of range");
}

struct BodyCheck {
  std::optional<Error> operator()(const CreateNetwork& command) {
    if (auto error = check_prefix(command.prefix)) return error;
    if (auto error = check_text("description", command.description, description_bytes_max))
      return error;
    return check_tags(command.tags);
  }

  std::optional<Error> operator()(const DeleteNetwork&) { return std::nullopt; }

  std::optional<Error> operator()(const Allocate& command) {
    if (const auto* prefix = std::get_if<Prefix>(&command.network))
      if (auto error = check_prefix(*prefix)) return error;
    if (command.count == 0) return invalid("count must be at least 1");
    const std::uint64_t ttl = command.ttl_seconds.value_or(1);
    if (ttl == 0 || ttl > ttl_seconds_max)
      return invalid(fmt::format("ttl must be from 1 to {} seconds", ttl_seconds_max));
    if (auto error = check_text("hostname", command.hostname, hostname_bytes_max)) return error;
    if (auto error = check_text("description", command.description, description_bytes_max))
      return error;
    return check_tags(command.tags);
  }

  std::optional<Error> operator()(const Release&) { return std::nullopt; }
  std::optional<Error> operator()(const ExpireLeases&) { return std::nullopt; }

  std::optional<Error> operator()(const RecordEvent& command) {
    if (auto error = check_text("action", command.action, tag_bytes_max)) return error;
    if (auto error = check_text("resource", command.resource, tag_bytes_max)) return error;
    return check_text("details", command.details, description_bytes_max);
  }
};

}  // namespace

std::optional<Error> check_limits(const Command& command) {
  if (auto error = check_text("actor", command.actor, actor_bytes_max)) return error;
  return std::visit(BodyCheck(), command.body);
}

}  // namespace ipam
