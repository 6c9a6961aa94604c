#include "api/render.hpp"

#include <fmt/format.h>

#include "api/problems.hpp"

namespace api {

namespace {

// ETag, Location and X-Ipam-Revision.
constexpr std::size_t json_headers_usual = 3;

void write_tags(JsonWriter& json, const std::vector<std::string>& tags) {
  json.key("tags");
  json.begin_array();
  for (const std::string& tag : tags) json.text(tag);
  json.end_array();
}

void write_time_or_null(JsonWriter& json, std::string_view name,
                        const std::optional<ipam::TimeMs>& time) {
  if (time)
    json.moment(name, *time);
  else
    json.null(name);
}

void write_address_or_null(JsonWriter& json, std::string_view name,
                           const std::optional<ipam::Address>& address) {
  if (address)
    json.address(name, *address);
  else
    json.null(name);
}

std::string_view status_name(ipam::AllocationStatus status) {
  switch (status) {
    case ipam::AllocationStatus::allocated: return "allocated";
    case ipam::AllocationStatus::released: return "released";
    case ipam::AllocationStatus::expired: return "expired";
  }
  UNREACHABLE();
}

void write_member(JsonWriter& json, const MemberStatus& member, bool seen_by_leader) {
  json.begin_object();
  json.count("node_id", member.node_id);
  json.text("addr", member.address);
  json.text("role", member.role);
  json.boolean("voter", member.voter);
  if (seen_by_leader) {
    json.count("match_index", member.match_index);
    json.count("lag", member.lag);
  } else {
    json.null("match_index");
    json.null("lag");
  }
  if (member.last_heard_ms >= 0)
    json.count("last_heard_ms", static_cast<std::uint64_t>(member.last_heard_ms));
  else
    json.null("last_heard_ms");
  json.end_object();
}

void write_service(JsonWriter& json, const NodeStatus& status) {
  json.text("service", "ipam");
  json.boolean("cluster_mode", status.cluster_mode);
  json.text("version", IPAM_VERSION);
  json.text("uptime", duration_text(status.uptime_seconds));
}

// Nothing where it is empty.
void write_metadata(JsonWriter& json, const ipam::Metadata& metadata) {
  if (metadata.empty()) return;
  json.key("metadata");
  json.begin_object();
  for (const auto& [key, value] : metadata) {
    json.text_key(key);
    json.text(value);
  }
  json.end_object();
}

void write_extras(JsonWriter& json, const ipam::AllocationExtras& extras) {
  if (!extras.owner.empty()) json.text("owner", extras.owner);
  write_metadata(json, extras.metadata);
}

// What is not the default.
void write_extras(JsonWriter& json, const ipam::NetworkExtras& extras) {
  if (extras.strategy != ipam::Strategy::first)
    json.text("strategy", to_string(extras.strategy));
  if (extras.gateway) json.address("gateway", *extras.gateway);
  if (extras.threshold_percent > 0) json.count("threshold_percent", extras.threshold_percent);
  write_metadata(json, extras.metadata);
}

}  // namespace

void write_vrf(JsonWriter& json, const ipam::Vrf& vrf, std::uint64_t network_count) {
  json.begin_object();
  json.id("id", vrf.id);
  json.text("name", vrf.name);
  json.text("description", vrf.description);
  json.count("network_count", network_count);
  json.moment("created_at", vrf.created_at);
  json.moment("updated_at", vrf.updated_at);
  json.end_object();
}

namespace {

void write_fields(JsonWriter& json, const ipam::Network& network) {
  json.id("id", network.id);
  json.prefix("cidr", network.prefix);
  json.text("description", network.description);
  write_tags(json, network.tags);
  json.text("status", to_string(network.status()));
  json.moment("created_at", network.created_at);
  json.moment("updated_at", network.updated_at);
  if (network.quarantine_seconds > 0)
    json.count("quarantine_seconds", network.quarantine_seconds);
  if (network.extras) write_extras(json, *network.extras);
}

}  // namespace

void write_network_record(JsonWriter& json, const ipam::Network& network) {
  json.begin_object();
  write_fields(json, network);
  json.id("vrf_id", network.vrf);
  json.end_object();
}

void write_network(JsonWriter& json, const ipam::Network& network,
                   const ipam::NetworkContext& context) {
  json.begin_object();
  write_fields(json, network);
  json.text("vrf", context.vrf);
  if (context.parent_id)
    json.id("parent_id", *context.parent_id);
  else
    json.null("parent_id");
  json.count("children_count", context.children_count);
  json.end_object();
}

void write_networks(JsonWriter& json, const std::vector<ipam::NetworkView>& networks) {
  json.begin_array();
  for (const ipam::NetworkView& network : networks) write_network(json, network, network.context);
  json.end_array();
}

void write_allocation(JsonWriter& json, const ipam::Allocation& allocation) {
  json.begin_object();
  json.id("id", allocation.id);
  json.id("network_id", allocation.network_id);
  json.address("ip", allocation.first);
  if (allocation.last == allocation.first)
    json.null("end_ip");
  else
    json.address("end_ip", allocation.last);
  json.text("hostname", allocation.hostname);
  json.text("description", allocation.description);
  write_tags(json, allocation.tags);
  json.text("status", status_name(allocation.status));
  json.moment("allocated_at", allocation.allocated_at);
  write_time_or_null(json, "expires_at", allocation.expires_at);
  write_time_or_null(json, "released_at", allocation.released_at);
  json.count("fence", allocation.fence());
  if (allocation.extras) write_extras(json, *allocation.extras);
  json.end_object();
}

void write_allocations(JsonWriter& json, const std::vector<ipam::Allocation>& allocations) {
  json.begin_array();
  for (const ipam::Allocation& allocation : allocations) write_allocation(json, allocation);
  json.end_array();
}

std::string allocation_json(const ipam::Allocation& allocation) {
  std::string body;
  body.reserve(object_bytes_usual);
  JsonWriter json(body);
  write_allocation(json, allocation);
  return body;
}

void write_reservation(JsonWriter& json, const ipam::Reservation& reservation) {
  json.begin_object();
  json.id("id", reservation.id);
  json.id("network_id", reservation.network_id);
  json.address("start", reservation.first);
  json.address("end", reservation.last);
  json.text("reason", reservation.reason);
  write_tags(json, reservation.tags);
  json.moment("created_at", reservation.created_at);
  write_metadata(json, reservation.metadata);
  json.end_object();
}

void write_audit_entry(JsonWriter& json, const ipam::AuditEntry& entry) {
  json.begin_object();
  json.id("id", entry.id);
  json.moment("timestamp", entry.timestamp);
  json.text("action", entry.action);
  json.text("resource", entry.resource);
  json.text("details", entry.details);
  json.text("user", entry.user);
  json.count("revision", entry.revision.value());
  json.text("previous_hash", base::to_hex(entry.previous_hash));
  json.text("hash", base::to_hex(entry.hash));
  json.end_object();
}

void write_stats(JsonWriter& json, const ipam::NetworkStats& stats, std::string_view cidr) {
  json.begin_object();
  json.id("network_id", stats.network_id);
  if (!cidr.empty()) json.text("cidr", cidr);
  json.count("total_ips", stats.total);
  json.count("allocated_ips", stats.allocated);
  json.count("available_ips", stats.available);
  json.count("reserved_ips", stats.reserved);
  json.count("quarantined_ips", stats.quarantined);
  json.key("utilization_percent");
  json.raw(utilization_percent(stats.allocated, stats.total));
  if (stats.threshold_percent > 0) {
    json.count("threshold_percent", stats.threshold_percent);
    json.boolean("threshold_reached", stats.threshold_reached);
  }
  write_address_or_null(json, "first_available", stats.first_available);
  write_address_or_null(json, "last_allocated", stats.last_allocated);
  json.end_object();
}

void write_cluster_status(JsonWriter& json, const NodeStatus& status) {
  json.begin_object();
  json.count("node_id", status.node_id);
  json.count("cluster_id", status.cluster_id);
  json.text("role", status.role);
  json.text("raft_state", status.raft_state);
  json.boolean("has_leader", status.leader_id != 0);
  json.count("leader_id", status.leader_id);
  json.count("term", status.term);
  json.count("commit_index", status.commit_index);
  json.count("applied_index", status.applied_index);
  json.text("digest", digest_text(status.digest));
  json.count("last_log_index", status.last_log_index);
  json.count("snapshot_index", status.snapshot_index);
  json.key("members");
  json.begin_array();
  for (const MemberStatus& member : status.members)
    write_member(json, member, status.role == "leader");
  json.end_array();
  json.end_object();
}

std::string utilization_percent(ipam::U128 allocated, ipam::U128 total) {
  // Scaled down so that times 1000 fits; the bits lost are far below a tenth of a percent.
  while (total >> 100) {
    total >>= 1;
    allocated >>= 1;
  }
  if (total == 0) return "0";
  const auto tenths = static_cast<std::uint64_t>((allocated * 1000 + total / 2) / total);
  if (tenths % 10 == 0) return fmt::format("{}", tenths / 10);
  return fmt::format("{}.{}", tenths / 10, tenths % 10);
}

std::string duration_text(std::int64_t seconds) {
  const std::int64_t hours = seconds / 3600;
  const std::int64_t minutes = seconds / 60 % 60;
  if (hours > 0) return fmt::format("{}h{}m{}s", hours, minutes, seconds % 60);
  if (minutes > 0) return fmt::format("{}m{}s", minutes, seconds % 60);
  return fmt::format("{}s", seconds);
}

http::Response json_response(int status, std::string body) {
  http::Response response;
  response.status = status;
  response.content_type = "application/json";
  response.headers.reserve(json_headers_usual);
  response.body = std::move(body);
  return response;
}

http::Response created(std::string location, std::string body) {
  http::Response response = json_response(201, std::move(body));
  response.headers.push_back({"Location", std::move(location)});
  return response;
}

http::Response no_content() {
  http::Response response;
  response.status = 204;
  return response;
}

std::string entity_tag(ipam::Revision revision) {
  std::string tag = "\"";
  tag += fmt::format_int(revision.value()).str();
  tag += '"';
  return tag;
}

std::string digest_text(std::uint64_t digest) { return fmt::format("{:016x}", digest); }

http::Response with_entity_tag(http::Response response, ipam::Revision revision) {
  response.headers.push_back({"ETag", entity_tag(revision)});
  return response;
}

http::Response health_response(const NodeStatus& status) {
  std::string body;
  JsonWriter json(body);
  json.begin_object();
  if (status.not_ready_reason.empty()) {
    json.text("status", "healthy");
    write_service(json, status);
    if (status.disk_low)
      json.text("warning", "the disk is nearly full: make room; this node leads only where nobody "
                           "else can");
    json.end_object();
    return json_response(200, std::move(body));
  }
  http::Response response = problem(Problem::not_ready, status.not_ready_reason);
  const ProblemRow& row = row_of(Problem::not_ready);
  json.text("type", type_of(row));
  json.text("title", row.title);
  json.text("status", "unhealthy");
  json.text("detail", status.not_ready_reason);
  json.text("error", status.not_ready_reason);
  json.count("code", static_cast<unsigned>(row.status));
  json.text("reason", row.reason);
  write_service(json, status);
  json.end_object();
  response.body = std::move(body);
  return response;
}

}  // namespace api
