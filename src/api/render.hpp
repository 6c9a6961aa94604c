// The objects of the API as JSON, in the shapes and field order that users know. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/action.hpp"
#include "api/json_writer.hpp"
#include "http/message.hpp"
#include "ipam/model.hpp"

namespace api {

void write_vrf(JsonWriter& json, const ipam::Vrf& vrf, std::uint64_t network_count);
// As it was stored: vrf_id in place of what its surroundings say of it.
void write_network_record(JsonWriter& json, const ipam::Network& network);
void write_network(JsonWriter& json, const ipam::Network& network,
                   const ipam::NetworkContext& context);
void write_networks(JsonWriter& json, const std::vector<ipam::NetworkView>& networks);
void write_allocation(JsonWriter& json, const ipam::Allocation& allocation);
void write_allocations(JsonWriter& json, const std::vector<ipam::Allocation>& allocations);
std::string allocation_json(const ipam::Allocation& allocation);
// What the JSON of most objects fits into: reserved at once rather than in steps.
inline constexpr std::size_t object_bytes_usual = 512;
void write_reservation(JsonWriter& json, const ipam::Reservation& reservation);
void write_audit_entry(JsonWriter& json, const ipam::AuditEntry& entry);
// `cidr` is shown where it is not empty: in the list of all networks' stats.
void write_stats(JsonWriter& json, const ipam::NetworkStats& stats, std::string_view cidr = {});
void write_cluster_status(JsonWriter& json, const NodeStatus& status);

// As a JSON number of at most one decimal place, rounded half up: "17.7", "0", "100".
std::string utilization_percent(ipam::U128 allocated, ipam::U128 total);
// As Go prints a duration: "15s", "2m3s", "2h0m5s".
std::string duration_text(std::int64_t seconds);

http::Response json_response(int status, std::string body);
// 201 with Location.
http::Response created(std::string location, std::string body);
http::Response no_content();

// "17", with the quotes: an object is what it is since the revision of its last change.
std::string entity_tag(ipam::Revision revision);
// Of a state: 16 digits of hex.
std::string digest_text(std::uint64_t digest);
http::Response with_entity_tag(http::Response response, ipam::Revision revision);

// 200 where ready, else 503: a problem whose "status" is "unhealthy" ("code" has the number).
http::Response health_response(const NodeStatus& status);

}  // namespace api
