#include "ipam/limits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "ipam/precondition.hpp"

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

// What names a VRF must not look like its id, or a reference would be ambiguous.
std::optional<Error> check_vrf_name(const std::string& name) {
  if (name.empty()) return invalid("the name of a VRF must not be empty");
  if (parse_vrf_id(name)) return invalid("the name of a VRF must not look like an id");
  return check_text("the name of a VRF", name, vrf_name_bytes_max);
}

std::optional<Error> check_vrf(const VrfReference& vrf) {
  const auto* name = std::get_if<std::string>(&vrf);
  return name != nullptr ? check_text("the name of a VRF", *name, vrf_name_bytes_max)
                         : std::nullopt;
}

std::optional<Error> check_prefix(const Prefix& prefix) {
  if (is_valid(prefix)) return std::nullopt;
  return invalid("invalid CIDR: host bits are set or the prefix length is out of range");
}

std::optional<Error> check_metadata(const Metadata& metadata) {
  if (metadata.size() > metadata_entries_max)
    return invalid(fmt::format("metadata has more than {} entries", metadata_entries_max));
  for (const auto& [key, value] : metadata) {
    if (auto error = check_text("a key of metadata", key, metadata_key_bytes_max)) return error;
    if (auto error = check_text("a value of metadata", value, metadata_value_bytes_max))
      return error;
  }
  return std::nullopt;
}

std::optional<Error> check_network_numbers(std::uint32_t quarantine_seconds,
                                           std::uint32_t threshold_percent) {
  if (quarantine_seconds > quarantine_seconds_max)
    return invalid(fmt::format("quarantine_seconds must be at most {}", quarantine_seconds_max));
  if (threshold_percent <= 100) return std::nullopt;
  return invalid("threshold_percent must be at most 100");
}

std::optional<Error> check_patch(const MetadataPatch& patch) {
  if (patch.entries.size() > 2 * metadata_entries_max)  // all out, as many in
    return invalid(fmt::format("metadata changes more than {} entries", 2 * metadata_entries_max));
  for (const auto& [key, value] : patch.entries) {
    if (auto error = check_text("a key of metadata", key, metadata_key_bytes_max)) return error;
    if (auto error =
            check_text("a value of metadata", value.value_or(""), metadata_value_bytes_max))
      return error;
  }
  return std::nullopt;
}

std::optional<Error> check_ttl(std::uint64_t seconds) {
  if (seconds >= 1 && seconds <= ttl_seconds_max) return std::nullopt;
  return invalid(fmt::format("ttl must be from 1 to {} seconds", ttl_seconds_max));
}

// What goes together whatever the network is.
std::optional<Error> check_options(const Allocate& command, const AllocateOptions& options) {
  if (options.align == 0 || !std::has_single_bit(options.align))
    return invalid("align must be a power of two");
  if (options.ip && (options.range_start || options.range_end || !options.exclude.empty() ||
                     options.strategy || options.scattered))
    return invalid("ip does not go with range_start, range_end, exclude, strategy or "
                   "contiguous: false");
  if (options.ip && (options.ip->value & (options.align - 1)) != 0)
    return invalid(fmt::format("ip is no multiple of align {}", options.align));
  if (options.scattered && (options.align > 1 || options.unique_hostname))
    return invalid("contiguous: false does not go with align or unique_hostname");
  if (options.scattered && command.count > scattered_max)
    return invalid(
        fmt::format("count must be at most {} where contiguous is false", scattered_max));
  if (options.strategy == Strategy::sticky &&
      (options.owner.empty() || options.scattered || command.count > 1))
    return invalid("strategy sticky needs an owner, and gives one address");
  if (options.unique_hostname && command.hostname.empty())
    return invalid("unique_hostname needs a hostname");
  if (options.force && !options.ip) return invalid("force needs an ip");
  if (options.exclude.size() > exclude_max)
    return invalid(fmt::format("exclude has more than {} elements", exclude_max));
  for (const AddressRange& range : options.exclude)
    if (range.first.family != range.last.family || range.last < range.first)
      return invalid("a range of exclude ends before it begins");
  if (options.range_start && options.range_end &&
      (options.range_start->family != options.range_end->family ||
       *options.range_end < *options.range_start))
    return invalid("range_end is before range_start");
  if (auto error = check_text("owner", options.owner, owner_bytes_max)) return error;
  return check_metadata(options.metadata);
}

struct BodyCheck {
  std::optional<Error> operator()(const CreateVrf& command) {
    if (auto error = check_vrf_name(command.name)) return error;
    return check_text("description", command.description, description_bytes_max);
  }

  std::optional<Error> operator()(const UpdateVrf& command) {
    if (auto error = check_vrf(command.vrf)) return error;
    if (command.name)
      if (auto error = check_vrf_name(*command.name)) return error;
    return check_text("description", command.description.value_or(""), description_bytes_max);
  }

  std::optional<Error> operator()(const DeleteVrf& command) { return check_vrf(command.vrf); }

  std::optional<Error> operator()(const CreateToken& command) {
    // The name stands in the audit log: nobody shall pass for the cluster itself.
    if (!is_token_name(command.name))
      return invalid("a token has a name, which is not system or cli, has no slash, and does not "
                     "look like an id");
    if (auto error = check_text("the name of a token", command.name, token_name_bytes_max))
      return error;
    if (command.role == Role::admin && !command.vrfs.empty())
      return invalid("an admin is not limited to VRFs");
    if (command.vrfs.size() > token_vrfs_max)
      return invalid(fmt::format("a token is limited to at most {} VRFs", token_vrfs_max));
    for (const VrfReference& vrf : command.vrfs)
      if (auto error = check_vrf(vrf)) return error;
    if (command.ttl_seconds && command.expires_at)
      return invalid("a token has a ttl or an expires_at, not both");
    const bool is_time = !command.expires_at || (*command.expires_at >= 0 &&
                                                 *command.expires_at <= time_ms_max);
    if (!is_time) return invalid("expires_at must be a time from 1970 to 9999");
    return command.ttl_seconds ? check_ttl(*command.ttl_seconds) : std::nullopt;
  }
  std::optional<Error> operator()(const RevokeToken& command) {
    const auto* name = std::get_if<std::string>(&command.token);
    if (name == nullptr) return std::nullopt;
    return check_text("the name of a token", *name, token_name_bytes_max);
  }
  std::optional<Error> operator()(const TouchTokens& command) {
    if (command.tokens.size() <= tokens_max) return std::nullopt;
    return invalid(fmt::format("there are at most {} tokens", tokens_max));
  }

  std::optional<Error> operator()(const CreateNetwork& command) {
    if (auto error = check_vrf(command.vrf)) return error;
    if (auto error = check_prefix(command.prefix)) return error;
    if (auto error = check_text("description", command.description, description_bytes_max))
      return error;
    const std::uint32_t threshold = command.extras ? command.extras->threshold_percent : 0;
    if (auto error = check_network_numbers(command.quarantine_seconds, threshold)) return error;
    if (command.extras)
      if (auto error = check_metadata(command.extras->metadata)) return error;
    return check_tags(command.tags);
  }

  std::optional<Error> operator()(const UpdateNetwork& command) {
    if (auto error =
            check_text("description", command.description.value_or(""), description_bytes_max))
      return error;
    if (auto error = check_network_numbers(command.quarantine_seconds.value_or(0),
                                           command.threshold_percent.value_or(0)))
      return error;
    if (command.metadata)
      if (auto error = check_patch(*command.metadata)) return error;
    if (command.prefix)
      if (auto error = check_prefix(*command.prefix)) return error;
    return command.tags ? check_tags(*command.tags) : std::nullopt;
  }

  std::optional<Error> operator()(const SplitNetwork&) { return std::nullopt; }

  std::optional<Error> operator()(const MergeNetworks& command) {
    if (command.ids.size() < 2 || command.ids.size() > subnets_max)
      return invalid(fmt::format("ids must be from 2 to {} networks", subnets_max));
    std::vector<NetworkId> ids = command.ids;
    std::sort(ids.begin(), ids.end());
    if (std::adjacent_find(ids.begin(), ids.end()) == ids.end()) return std::nullopt;
    return invalid("ids must be different networks");
  }

  std::optional<Error> operator()(const CarveNetworks& command) {
    if (command.count == 0 || command.count > subnets_max)
      return invalid(fmt::format("count must be from 1 to {}", subnets_max));
    if (auto error = check_text("description", command.description, description_bytes_max))
      return error;
    return check_tags(command.tags);
  }

  std::optional<Error> operator()(const DeleteNetwork&) { return std::nullopt; }

  std::optional<Error> operator()(const Allocate& command) {
    if (const auto* prefix = std::get_if<Prefix>(&command.network))
      if (auto error = check_prefix(*prefix)) return error;
    if (auto error = check_vrf(command.vrf)) return error;
    if (command.count == 0) return invalid("count must be at least 1");
    if (auto error = check_ttl(command.ttl_seconds.value_or(1))) return error;
    if (auto error = check_text("hostname", command.hostname, hostname_bytes_max)) return error;
    if (auto error = check_text("description", command.description, description_bytes_max))
      return error;
    if (command.options)
      if (auto error = check_options(command, *command.options)) return error;
    return check_tags(command.tags);
  }

  std::optional<Error> operator()(const CreateReservation& command) {
    if (auto error = check_vrf(command.vrf)) return error;
    if (command.first.family != command.last.family)
      return invalid("start and end are not of one address family");
    if (command.last < command.first) return invalid("end is before start");
    if (auto error = check_text("reason", command.reason, description_bytes_max)) return error;
    if (auto error = check_metadata(command.metadata)) return error;
    return check_tags(command.tags);
  }

  std::optional<Error> operator()(const UpdateReservation& command) {
    if (auto error = check_text("reason", command.reason.value_or(""), description_bytes_max))
      return error;
    if (command.metadata)
      if (auto error = check_patch(*command.metadata)) return error;
    return command.tags ? check_tags(*command.tags) : std::nullopt;
  }

  std::optional<Error> operator()(const DeleteReservation&) { return std::nullopt; }

  std::optional<Error> operator()(const Release&) { return std::nullopt; }
  std::optional<Error> operator()(const ExpireLeases&) { return std::nullopt; }

  std::optional<Error> operator()(const RecordEvent& command) {
    if (auto error = check_text("action", command.action, tag_bytes_max)) return error;
    if (auto error = check_text("resource", command.resource, tag_bytes_max)) return error;
    return check_text("details", command.details, description_bytes_max);
  }

  std::optional<Error> operator()(const UpdateAllocation& command) {
    const auto of = [](const std::optional<std::string>& text) { return text.value_or(""); };
    if (auto error = check_text("hostname", of(command.hostname), hostname_bytes_max)) return error;
    if (auto error = check_text("description", of(command.description), description_bytes_max))
      return error;
    if (auto error = check_text("owner", of(command.owner), owner_bytes_max)) return error;
    if (command.unique_hostname && of(command.hostname).empty())
      return invalid("unique_hostname needs a hostname");
    if (command.metadata)
      if (auto error = check_patch(*command.metadata)) return error;
    return command.tags ? check_tags(*command.tags) : std::nullopt;
  }

  std::optional<Error> operator()(const RenewLease& command) {
    return check_ttl(command.ttl_seconds);
  }

  std::optional<Error> operator()(const Import& command) {
    if (command.rows.size() > operations_max)
      return invalid(fmt::format("an import has at most {} rows at a time", operations_max));
    for (const Operation& row : command.rows) {
      const auto* allocate = std::get_if<Allocate>(&row.body);
      const bool is_row = std::holds_alternative<CreateVrf>(row.body) ||
                          std::holds_alternative<CreateNetwork>(row.body) ||
                          std::holds_alternative<CreateReservation>(row.body) ||
                          (allocate && allocate->options && allocate->options->ip);
      if (!is_row || !row.references.empty()) return invalid("no such row");
    }
    return std::nullopt;
  }

  std::optional<Error> operator()(const Transaction& command) {
    if (command.operations.empty()) return invalid("a transaction needs at least one operation");
    if (command.operations.size() > operations_max)
      return invalid(fmt::format("a transaction has at most {} operations", operations_max));
    std::uint64_t records = 0;
    for (std::size_t i = 0; i < command.operations.size(); ++i) {
      const Operation& operation = command.operations[i];
      const auto* allocate = std::get_if<Allocate>(&operation.body);
      const bool scatters = allocate && allocate->options && allocate->options->scattered;
      const auto* carve = std::get_if<CarveNetworks>(&operation.body);
      records += scatters ? std::min(allocate->count, scattered_max)
                 : carve  ? std::min(carve->count, subnets_max)
                          : 1;
      if (!may_be_operation(operation.body)) return invalid("no such operation");
      if (operation.references.size() > references_max)
        return invalid(fmt::format("an operation has at most {} references", references_max));
      for (const Reference& reference : operation.references)
        if (reference.operation >= i)
          return invalid("an operation can refer to earlier ones alone");
    }
    if (records <= transaction_records_max) return std::nullopt;
    return invalid(fmt::format("a transaction makes at most {} records, not {}",
                               transaction_records_max, records));
  }
};

}  // namespace

bool is_token_name(std::string_view name) {
  return !name.empty() && name != "system" && name != "cli" && !parse_token_id(name) &&
         name.find('/') == std::string_view::npos;
}

std::optional<Error> check_limits(const Command& command) {
  if (auto error = check_text("actor", command.actor, actor_bytes_max)) return error;
  const IdempotencyKey& idempotency = command.idempotency;
  if (auto error = check_text("the idempotency key", idempotency.key, idempotency_key_bytes_max))
    return error;
  if (idempotency.retention_seconds > idempotency_seconds_max)
    return invalid(
        fmt::format("an idempotency key is kept for {} seconds at most", idempotency_seconds_max));
  if (command.precondition) {
    if (!takes_precondition(command.body)) return invalid("the command takes no precondition");
    if (command.precondition->revisions.size() > precondition_revisions_max)
      return invalid(fmt::format("a precondition names at most {} revisions",
                                 precondition_revisions_max));
  }
  return check_limits(command.body);
}

std::optional<Error> check_limits(const CommandBody& body) {
  return std::visit(BodyCheck(), body);
}

}  // namespace ipam
