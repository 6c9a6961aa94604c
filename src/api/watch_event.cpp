#include "api/watch_event.hpp"

#include <fmt/format.h>

#include <type_traits>
#include <variant>

#include "api/render.hpp"

namespace api {
namespace {

void begin(JsonWriter& json, std::string_view type) {
  json.begin_object();
  json.text("type", type);
}

// ---- one function a change that is shown ----

void write(JsonWriter& json, const ipam::NetworkPut& put) {
  begin(json, "network_put");
  json.key("network");
  write_network_record(json, put.network);
}

void write(JsonWriter& json, const ipam::NetworkDeleted& deleted) {
  begin(json, "network_deleted");
  json.id("id", deleted.id);
}

void write(JsonWriter& json, const ipam::VrfPut& put) {
  begin(json, "vrf_put");
  json.key("vrf");
  json.begin_object();
  json.id("id", put.vrf.id);
  json.text("name", put.vrf.name);
  json.text("description", put.vrf.description);
  json.end_object();
}

void write(JsonWriter& json, const ipam::VrfDeleted& deleted) {
  begin(json, "vrf_deleted");
  json.id("id", deleted.id);
}

void write(JsonWriter& json, const ipam::AllocationPut& put) {
  begin(json, "allocation_put");
  json.key("allocation");
  write_allocation(json, put.allocation);
}

void write(JsonWriter& json, const ipam::ReservationPut& put) {
  begin(json, "reservation_put");
  json.key("reservation");
  write_reservation(json, put.reservation);
}

void write(JsonWriter& json, const ipam::ReservationDeleted& deleted) {
  begin(json, "reservation_deleted");
  json.id("id", deleted.id);
  json.id("network_id", deleted.network_id);
}

void write(JsonWriter& json, const ipam::ThresholdCrossed& crossed) {
  begin(json, "threshold");
  json.id("network_id", crossed.network_id);
  json.count("threshold_percent", crossed.threshold_percent);
  json.boolean("reached", crossed.is_reached);
}

void write(JsonWriter& json, const ipam::AuditAppended& appended) {
  begin(json, "audit");
  json.key("entry");
  write_audit_entry(json, appended.entry);
}

template <class T>
concept Shown = requires(JsonWriter& json, const T& change) { write(json, change); };

// ---- what is beside the size of an object itself ----

constexpr std::size_t map_node_bytes = 64;  // beside the two strings

std::size_t bytes_behind(const std::string& text) { return text.size(); }

std::size_t bytes_behind(const std::vector<std::string>& texts) {
  std::size_t bytes = texts.size() * sizeof(std::string);
  for (const std::string& text : texts) bytes += bytes_behind(text);
  return bytes;
}

std::size_t bytes_behind(const ipam::Metadata& metadata) {
  std::size_t bytes = 0;
  for (const auto& [key, value] : metadata)
    bytes += map_node_bytes + 2 * sizeof(std::string) + bytes_behind(key) + bytes_behind(value);
  return bytes;
}

std::size_t bytes_behind(const ipam::NetworkPut& put) {
  const auto& extras = put.network.extras;
  return bytes_behind(put.network.description) + bytes_behind(put.network.tags) +
         (extras ? sizeof *extras + bytes_behind(extras->metadata) : 0);
}

std::size_t bytes_behind(const ipam::AllocationPut& put) {
  const ipam::Allocation& allocation = put.allocation;
  const auto& extras = allocation.extras;
  return bytes_behind(allocation.hostname) + bytes_behind(allocation.description) +
         bytes_behind(allocation.tags) +
         (extras ? sizeof *extras + bytes_behind(extras->owner) + bytes_behind(extras->metadata)
                 : 0);
}

std::size_t bytes_behind(const ipam::ReservationPut& put) {
  return bytes_behind(put.reservation.reason) + bytes_behind(put.reservation.tags) +
         bytes_behind(put.reservation.metadata);
}

std::size_t bytes_behind(const ipam::VrfPut& put) {
  return bytes_behind(put.vrf.name) + bytes_behind(put.vrf.description);
}

std::size_t bytes_behind(const ipam::AuditAppended& appended) {
  const ipam::AuditEntry& entry = appended.entry;
  return bytes_behind(entry.action) + bytes_behind(entry.resource) + bytes_behind(entry.details) +
         bytes_behind(entry.user);
}

// Of what is not shown: it is kept together with what is.
std::size_t bytes_behind(const ipam::OutcomeStored& kept) {
  return bytes_behind(kept.stored.key) + bytes_behind(kept.stored.outcome);
}

std::size_t bytes_behind(const ipam::OutcomeForgotten& gone) { return bytes_behind(gone.key); }

std::size_t bytes_behind(const ipam::LastHeldPut& put) { return bytes_behind(put.held.owner); }

std::size_t bytes_behind(const ipam::LastHeldForgotten& gone) { return bytes_behind(gone.owner); }

std::size_t bytes_behind(const ipam::TokenPut& put) {
  return bytes_behind(put.token.name) + put.token.vrfs.size() * sizeof(ipam::VrfId);
}

template <class T>
concept PointsToMore = requires(const T& change) { bytes_behind(change); };

}  // namespace

bool is_shown(const ipam::Change& change) {
  return std::visit([]<class T>(const T&) { return Shown<T>; }, change);
}

std::string event_text(ipam::Revision revision, const std::vector<ipam::Change>& changes) {
  std::string text = fmt::format("id: {}\ndata: ", revision.value());
  JsonWriter json(text);
  json.begin_object();
  json.count("revision", revision.value());
  json.key("changes");
  json.begin_array();
  const auto write_one = [&json]<class T>(const T& change) {
    if constexpr (Shown<T>) {
      write(json, change);
      json.end_object();
    }
  };
  for (const ipam::Change& change : changes) std::visit(write_one, change);
  json.end_array();
  json.end_object();
  text += "\n\n";
  return text;
}

std::size_t bytes_of(const ipam::Change& change) {
  const auto behind = []<class T>(const T& one) -> std::size_t {
    if constexpr (PointsToMore<T>) return bytes_behind(one);
    else return 0;
  };
  return sizeof change + std::visit(behind, change);
}

}  // namespace api
