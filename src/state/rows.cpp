#include "state/rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "state/tags.hpp"

namespace state {
namespace {

[[noreturn]] void damaged(std::string_view table, const Row& row,
                          std::string_view column) {
  throw Damage(fmt::format("row {} of table {}: its {} cannot be read", row.number(0), table,
                           column));
}

std::vector<std::string> read_tags(std::string_view table, const Row& row,
                                   int column) {
  auto tags = tags_from_json(row.text(column));
  if (!tags) damaged(table, row, "tags");
  return *std::move(tags);
}

std::optional<ipam::TimeMs> optional_time(const Row& row, int column) {
  if (row.is_null(column)) return std::nullopt;
  return row.integer(column);
}

ipam::AllocationExtras read_extras(const Row& row) {
  ipam::AllocationExtras extras;
  if (!row.is_null(12)) extras.owner = row.text(12);
  if (row.is_null(13)) return extras;
  auto metadata = map_from_json(row.text(13));
  if (!metadata) damaged("allocations", row, "metadata");
  extras.metadata = *std::move(metadata);
  return extras;
}

template <class Value>
Value read_enum(std::string_view table, const Row& row, int column, Value last,
                std::string_view name) {
  const std::int64_t value = row.integer(column);
  if (value < 1 || value > static_cast<std::int64_t>(last)) damaged(table, row, name);
  return static_cast<Value>(value);
}

ipam::NetworkExtras read_network_extras(const Row& row) {
  ipam::NetworkExtras extras;
  extras.status = read_enum("networks", row, 9, ipam::network_status_last, "status");
  extras.strategy = read_enum("networks", row, 10, ipam::strategy_last, "strategy");
  if (!row.is_null(11)) {
    extras.gateway = ipam::parse_address(row.text(11));
    if (!extras.gateway) damaged("networks", row, "gateway");
  }
  if (!row.is_null(12)) extras.threshold_percent = static_cast<std::uint32_t>(row.number(12));
  if (row.is_null(13)) return extras;
  auto metadata = map_from_json(row.text(13));
  if (!metadata) damaged("networks", row, "metadata");
  extras.metadata = *std::move(metadata);
  return extras;
}

// The longest prefix that contains all of it.
ipam::Prefix cover_of(const ipam::Allocation& allocation) {
  ipam::Prefix cover{allocation.first, ipam::bits_of(allocation.first.family)};
  while ((allocation.last.value & cover.mask()) != (allocation.first.value & cover.mask()))
    --cover.length;
  cover.base.value &= cover.mask();
  return cover;
}

// What is written of a range's end: nothing where it is a single address.
std::optional<std::string> end_text(const ipam::Address& first, const ipam::Address& last) {
  if (last == first) return std::nullopt;
  return ipam::to_string(last);
}

template <class Target>
void put_network(Target& target, const ipam::Network& network) {
  const ipam::NetworkExtras extras = network.extras.value_or_default();
  std::optional<std::string> gateway, metadata;
  std::optional<std::int64_t> threshold;
  if (extras.gateway) gateway = ipam::to_string(*extras.gateway);
  if (extras.threshold_percent > 0) threshold = extras.threshold_percent;
  if (!extras.metadata.empty()) metadata = map_to_json(extras.metadata);
  put_row(target, "networks", network.id.value(), ipam::to_string(network.prefix),
          network.description, to_json(network.tags), network.created_at, network.updated_at,
          network.revision.value(), std::int64_t{network.quarantine_seconds},
          network.vrf.value(), static_cast<std::int64_t>(extras.status),
          static_cast<std::int64_t>(extras.strategy), gateway, threshold, metadata);
}

template <class Target>
void put_allocation(Target& target, const ipam::Allocation& allocation) {
  const std::optional<std::string> end = end_text(allocation.first, allocation.last);
  std::optional<std::string_view> owner, metadata;
  std::string metadata_json;
  if (allocation.extras) {
    if (!allocation.extras->owner.empty()) owner = allocation.extras->owner;
    if (!allocation.extras->metadata.empty())
      metadata = metadata_json = map_to_json(allocation.extras->metadata);
  }
  put_row(target, "allocations", allocation.id.value(), allocation.network_id.value(),
          ipam::to_string(allocation.first), end, allocation.hostname,
          allocation.description, to_json(allocation.tags),
          static_cast<std::int64_t>(allocation.status), allocation.allocated_at,
          allocation.expires_at, allocation.released_at, allocation.revision.value(), owner,
          metadata, cover_key(cover_of(allocation)));
}

}  // namespace

std::string schema() {
  std::string text;
  for (const VersionedTable& table : versioned_tables)
    text += fmt::format(
        "CREATE TABLE {0}(id INTEGER PRIMARY KEY, {1}, crc INTEGER NOT NULL);"
        "CREATE TABLE old_{0}(id INTEGER NOT NULL, {1}, crc INTEGER NOT NULL, "
        "until INTEGER NOT NULL, version_crc INTEGER NOT NULL, PRIMARY KEY(id, until)) "
        "WITHOUT ROWID;"
        "CREATE INDEX old_{0}_by_until ON old_{0}(until);",
        table.name, table.columns);
  return text + other_tables;
}

// Of IPv4 it says which prefix it is; of IPv6, neighbours within a /64 have neighbouring numbers,
// so that the index grows in few places.
std::uint64_t cover_key(const ipam::Prefix& prefix) {
  const auto length = static_cast<std::uint64_t>(prefix.length);
  if (prefix.base.family == ipam::Family::ipv4)
    return static_cast<std::uint64_t>(prefix.base.value) << 6 | length;
  const auto high = static_cast<std::uint64_t>(prefix.base.value >> 64);
  // Multiplied, or hosts of equal numbers in consecutive networks would share their keys.
  return (high * 0x9e3779b97f4a7c15 + (length << 56)) ^
         static_cast<std::uint64_t>(prefix.base.value);
}

void put(sqlite::Statement& statement, const ipam::Vrf& vrf) {
  put_row(statement, "vrfs", vrf.id.value(), vrf.name, vrf.description, vrf.created_at,
          vrf.updated_at, vrf.revision.value());
}

void put(sqlite::Statement& statement, const ipam::Network& network) {
  put_network(statement, network);
}

void put(RowWriter& writer, const ipam::Network& network) { put_network(writer, network); }

void put(sqlite::Statement& update, const ipam::Allocation& allocation) {
  put_allocation(update, allocation);
}

void put(RowWriter& writer, const ipam::Allocation& allocation) {
  put_allocation(writer, allocation);
}

void put(sqlite::Statement& statement, const ipam::Quarantine& quarantine) {
  const std::optional<std::string> end = end_text(quarantine.first, quarantine.last);
  put_row(statement, "quarantines", quarantine.network_id.value(),
          ipam::to_string(quarantine.first), end, quarantine.ends_at,
          quarantine.allocation_id.value());
}

void put(sqlite::Statement& statement, const ipam::LastHeld& held) {
  put_row(statement, "last_held", held.network_id.value(), held.owner,
          ipam::to_string(held.address), held.allocation_id.value(), held.revision.value());
}

void put(sqlite::Statement& statement, const ipam::Reservation& reservation) {
  const std::optional<std::string> end = end_text(reservation.first, reservation.last);
  std::optional<std::string> metadata;
  if (!reservation.metadata.empty()) metadata = map_to_json(reservation.metadata);
  put_row(statement, "reservations", reservation.id.value(), reservation.network_id.value(),
          ipam::to_string(reservation.first), end, reservation.reason,
          to_json(reservation.tags), metadata, reservation.created_at,
          reservation.revision.value());
}

void put(sqlite::Statement& statement, const ipam::Token& token) {
  std::string vrfs = "[";
  for (const ipam::VrfId vrf : token.vrfs)
    vrfs += fmt::format("{}{}", vrfs.size() > 1 ? "," : "", vrf.value());
  vrfs += "]";
  put_row(statement, "tokens", token.id.value(), token.name, static_cast<std::int64_t>(token.role),
          vrfs, as_blob(token.hash), token.created_at, token.expires_at, token.last_used_at,
          token.revision.value());
}

void put(RowWriter& writer, const ipam::AuditEntry& entry, std::uint64_t newest_allocation) {
  put_row(writer, "audit", entry.id.value(), entry.timestamp, entry.action, entry.resource,
          entry.details, entry.user, entry.revision.value(), as_blob(entry.hash),
          newest_allocation);
}

void put(sqlite::Statement& statement, const ipam::StoredOutcome& stored) {
  put_row(statement, "idempotency", stored.key, stored.request_hash, stored.forgotten_at,
          stored.revision.value(), sqlite::Blob{stored.outcome});
}

ipam::Vrf read_vrf(const Row& row) {
  check_row("vrfs", row, 6);
  return {.id = ipam::VrfId(row.number(0)),
          .name = std::string(row.text(1)),
          .description = std::string(row.text(2)),
          .created_at = row.integer(3),
          .updated_at = row.integer(4),
          .revision = ipam::Revision(row.number(5))};
}

ipam::Network read_network(const Row& row) {
  check_row("networks", row, 14);
  auto prefix = ipam::parse_prefix(row.text(1));
  if (!prefix) damaged("networks", row, "cidr");
  return {.id = ipam::NetworkId(row.number(0)),
          .prefix = *prefix,
          .description = std::string(row.text(2)),
          .tags = read_tags("networks", row, 3),
          .created_at = row.integer(4),
          .updated_at = row.integer(5),
          .revision = ipam::Revision(row.number(6)),
          .quarantine_seconds = static_cast<std::uint32_t>(row.number(7)),
          .vrf = ipam::VrfId(row.number(8)),
          .extras = read_network_extras(row)};
}

ipam::Quarantine read_quarantine(const Row& row) {
  check_row("quarantines", row, 5);
  const auto first = ipam::parse_address(row.text(1));
  if (!first) damaged("quarantines", row, "ip");
  const auto last = row.is_null(2) ? first : ipam::parse_address(row.text(2));
  if (!last) damaged("quarantines", row, "end_ip");
  return {ipam::NetworkId(row.number(0)), *first, *last, row.integer(3),
          ipam::AllocationId(row.number(4))};
}

ipam::Allocation read_allocation(const Row& row) {
  check_row("allocations", row, 15);
  const auto first = ipam::parse_address(row.text(2));
  if (!first) damaged("allocations", row, "ip");
  const auto last = row.is_null(3) ? first : ipam::parse_address(row.text(3));
  if (!last) damaged("allocations", row, "end_ip");
  return {.id = ipam::AllocationId(row.number(0)),
          .network_id = ipam::NetworkId(row.number(1)),
          .first = *first,
          .last = *last,
          .hostname = std::string(row.text(4)),
          .description = std::string(row.text(5)),
          .tags = read_tags("allocations", row, 6),
          .status = read_enum("allocations", row, 7, ipam::AllocationStatus::expired, "status"),
          .allocated_at = row.integer(8),
          .expires_at = optional_time(row, 9),
          .released_at = optional_time(row, 10),
          .revision = ipam::Revision(row.number(11)),
          .extras = read_extras(row)};
}

base::Sha256 read_hash(const Row& row, int column) {
  base::Sha256 hash{};
  const std::string_view bytes = row.blob(column);
  if (bytes.size() != hash.size()) throw Damage("a hash has the wrong length");
  std::copy(bytes.begin(), bytes.end(), hash.begin());
  return hash;
}

ipam::LastHeld read_last_held(const Row& row) {
  check_row("last_held", row, 5);
  const auto address = ipam::parse_address(row.text(2));
  if (!address) damaged("last_held", row, "ip");
  return {ipam::NetworkId(row.number(0)), std::string(row.text(1)), *address,
          ipam::AllocationId(row.number(3)), ipam::Revision(row.number(4))};
}

ipam::Reservation read_reservation(const Row& row) {
  check_row("reservations", row, 9);
  const auto first = ipam::parse_address(row.text(2));
  if (!first) damaged("reservations", row, "ip");
  const auto last = row.is_null(3) ? first : ipam::parse_address(row.text(3));
  if (!last) damaged("reservations", row, "end_ip");
  auto metadata = row.is_null(6) ? ipam::Metadata() : map_from_json(row.text(6));
  if (!metadata) damaged("reservations", row, "metadata");
  return {.id = ipam::ReservationId(row.number(0)),
          .network_id = ipam::NetworkId(row.number(1)),
          .first = *first,
          .last = *last,
          .reason = std::string(row.text(4)),
          .tags = read_tags("reservations", row, 5),
          .metadata = *std::move(metadata),
          .created_at = row.integer(7),
          .revision = ipam::Revision(row.number(8))};
}

ipam::Token read_token(const Row& row) {
  check_row("tokens", row, 9);
  ipam::Token token;
  token.id = ipam::TokenId(row.number(0));
  token.name = row.text(1);
  token.role = read_enum("tokens", row, 2, ipam::role_last, "role");
  // "[2,3]": written by put() alone, and checked by the row's checksum.
  std::string_view vrfs = row.text(3);
  if (vrfs.size() < 2 || vrfs.front() != '[' || vrfs.back() != ']') damaged("tokens", row, "vrfs");
  vrfs = vrfs.substr(1, vrfs.size() - 2);
  while (!vrfs.empty()) {
    std::uint64_t vrf = 0;
    const auto [end, ec] = std::from_chars(vrfs.data(), vrfs.data() + vrfs.size(), vrf);
    vrfs.remove_prefix(static_cast<std::size_t>(end - vrfs.data()));
    const bool is_followed = !vrfs.empty() && vrfs.front() == ',' && vrfs.size() > 1;
    if (ec != std::errc() || !(vrfs.empty() || is_followed)) damaged("tokens", row, "vrfs");
    if (is_followed) vrfs.remove_prefix(1);
    token.vrfs.push_back(ipam::VrfId(vrf));
  }
  token.hash = read_hash(row, 4);
  token.created_at = row.integer(5);
  token.expires_at = optional_time(row, 6);
  token.last_used_at = optional_time(row, 7);
  token.revision = ipam::Revision(row.number(8));
  return token;
}

ipam::AuditEntry read_audit(const Row& row) {
  check_row("audit", row, 9);
  return {.id = ipam::AuditId(row.number(0)),
          .timestamp = row.integer(1),
          .action = std::string(row.text(2)),
          .resource = std::string(row.text(3)),
          .details = std::string(row.text(4)),
          .user = std::string(row.text(5)),
          .revision = ipam::Revision(row.number(6)),
          .previous_hash = row.is_null(10) ? base::Sha256{} : read_hash(row, 10),
          .hash = read_hash(row, 7)};
}

ipam::StoredOutcome read_outcome(const Row& row) {
  check_row("idempotency", row, 5);
  return {.key = std::string(row.text(0)),
          .request_hash = row.number(1),
          .forgotten_at = row.integer(2),
          .revision = ipam::Revision(row.number(3)),
          .outcome = std::string(row.blob(4))};
}

}  // namespace state
