#include "ipam/outcome_codec.hpp"

#include "ipam/binary.hpp"

namespace ipam {

namespace {

// Values are written to disk: never reuse one.
enum class Kind : std::uint8_t {
  error = 1,
  network = 2,
  allocation = 3,
  nothing = 4,
  list = 5,
  outcomes = 6,
  operation_error = 7,
  import_report = 8,
  vrf = 9,
  networks = 10,
  import_update_report = 11,
  reservation = 12,
  token = 13,
};

void write_optional(base::ByteWriter& writer, const std::optional<TimeMs>& time) {
  writer.boolean(time.has_value());
  if (time) writer.i64(*time);
}

std::optional<TimeMs> read_optional(base::ByteReader& reader) {
  if (!reader.boolean()) return std::nullopt;
  return reader.i64();
}

struct Writer {
  base::ByteWriter& writer;

  void kind(Kind kind) { writer.u8(static_cast<std::uint8_t>(kind)); }

  void operator()(const Error& error) {
    kind(error.operation ? Kind::operation_error : Kind::error);
    if (error.operation) writer.varint(*error.operation);
    writer.u8(static_cast<std::uint8_t>(error.code));
    if (error.code == ErrorCode::precondition_failed) writer.varint(error.current.value());
    writer.string(error.detail);
  }
  void operator()(const NetworkView& network) {
    kind(Kind::network);
    write(network);
  }
  void operator()(const std::vector<NetworkView>& networks) {
    kind(Kind::networks);
    writer.varint(networks.size());
    for (const NetworkView& network : networks) write(network);
  }
  void write(const NetworkView& network) {
    writer.varint(network.id.value());
    write_prefix(writer, network.prefix);
    writer.string(network.description);
    write_strings(writer, network.tags);
    writer.i64(network.created_at);
    writer.i64(network.updated_at);
    writer.varint(network.revision.value());
    writer.varint(network.quarantine_seconds);
    writer.varint(network.vrf.value());
    writer.boolean(static_cast<bool>(network.extras));
    if (network.extras) write_extras(writer, *network.extras);
    writer.string(network.context.vrf);
    writer.varint(network.context.parent_id ? network.context.parent_id->value() : 0);
    writer.varint(network.context.children_count);
  }
  void operator()(const VrfView& vrf) {
    kind(Kind::vrf);
    writer.varint(vrf.id.value());
    writer.string(vrf.name);
    writer.string(vrf.description);
    writer.i64(vrf.created_at);
    writer.i64(vrf.updated_at);
    writer.varint(vrf.revision.value());
    writer.varint(vrf.network_count);
  }
  void operator()(const Token& token) {
    kind(Kind::token);
    writer.varint(token.id.value());
    writer.string(token.name);
    writer.u8(static_cast<std::uint8_t>(token.role));
    writer.varint(token.vrfs.size());
    for (const VrfId vrf : token.vrfs) writer.varint(vrf.value());
    write_hash(writer, token.hash);
    writer.i64(token.created_at);
    write_optional(writer, token.expires_at);
    write_optional(writer, token.last_used_at);
    writer.varint(token.revision.value());
  }
  void operator()(const Allocation& allocation) {
    kind(Kind::allocation);
    write(allocation);
  }
  void operator()(const std::vector<Allocation>& allocations) {
    kind(Kind::list);
    writer.varint(allocations.size());
    for (const Allocation& allocation : allocations) write(allocation);
  }
  void write(const Allocation& allocation) {
    writer.varint(allocation.id.value());
    writer.varint(allocation.network_id.value());
    write_address(writer, allocation.first);
    write_address(writer, allocation.last);
    writer.string(allocation.hostname);
    writer.string(allocation.description);
    write_strings(writer, allocation.tags);
    writer.u8(static_cast<std::uint8_t>(allocation.status));
    writer.i64(allocation.allocated_at);
    write_optional(writer, allocation.expires_at);
    write_optional(writer, allocation.released_at);
    writer.varint(allocation.revision.value());
    writer.boolean(static_cast<bool>(allocation.extras));
    if (!allocation.extras) return;
    writer.string(allocation.extras->owner);
    write_metadata(writer, allocation.extras->metadata);
  }
  void operator()(std::monostate) { kind(Kind::nothing); }
  void operator()(const Reservation& reservation) {
    kind(Kind::reservation);
    writer.varint(reservation.id.value());
    writer.varint(reservation.network_id.value());
    write_address(writer, reservation.first);
    write_address(writer, reservation.last);
    writer.string(reservation.reason);
    write_strings(writer, reservation.tags);
    write_metadata(writer, reservation.metadata);
    writer.i64(reservation.created_at);
    writer.varint(reservation.revision.value());
  }
  void operator()(const ImportReport& report) {
    const bool has_updates = report.updated > 0 || report.unchanged > 0;
    kind(has_updates ? Kind::import_update_report : Kind::import_report);
    if (has_updates) {
      writer.varint(report.updated);
      writer.varint(report.unchanged);
    }
    writer.varint(report.created);
    writer.varint(report.skipped);
    writer.varint(report.refused.size());
    for (const Error& error : report.refused) (*this)(error);
  }
  void operator()(const Outcomes& outcomes) {
    kind(Kind::outcomes);
    writer.varint(outcomes.of_operations.size());
    for (const Outcome& outcome : outcomes.of_operations) std::visit(*this, outcome);
  }
};

Error read_error(base::ByteReader& reader) {
  Error error;
  error.code = static_cast<ErrorCode>(reader.u8());
  if (error.code < ErrorCode::network_not_found || error.code > error_code_last) reader.fail();
  if (error.code == ErrorCode::precondition_failed) error.current = Revision(reader.varint());
  error.detail = reader.string();
  return error;
}

NetworkView read_network(base::ByteReader& reader) {
  NetworkView network;
  network.id = NetworkId(reader.varint());
  network.prefix = read_prefix(reader);
  network.description = reader.string();
  network.tags = read_strings(reader);
  network.created_at = reader.i64();
  network.updated_at = reader.i64();
  network.revision = Revision(reader.varint());
  network.quarantine_seconds = static_cast<std::uint32_t>(reader.varint());
  network.vrf = VrfId(reader.varint());
  if (reader.boolean()) network.extras = read_extras(reader);
  network.context.vrf = reader.string();
  if (const NetworkId parent(reader.varint()); parent) network.context.parent_id = parent;
  network.context.children_count = reader.varint();
  return network;
}

VrfView read_vrf(base::ByteReader& reader) {
  VrfView vrf;
  vrf.id = VrfId(reader.varint());
  vrf.name = reader.string();
  vrf.description = reader.string();
  vrf.created_at = reader.i64();
  vrf.updated_at = reader.i64();
  vrf.revision = Revision(reader.varint());
  vrf.network_count = reader.varint();
  return vrf;
}

Token read_token(base::ByteReader& reader) {
  Token token;
  token.id = TokenId(reader.varint());
  token.name = reader.string();
  token.role = static_cast<Role>(reader.u8());
  if (token.role == Role() || token.role > role_last) reader.fail();
  for (std::size_t left = reader.count(1); left > 0 && reader.ok(); --left)
    token.vrfs.push_back(VrfId(reader.varint()));
  token.hash = read_hash(reader);
  token.created_at = reader.i64();
  token.expires_at = read_optional(reader);
  token.last_used_at = read_optional(reader);
  token.revision = Revision(reader.varint());
  return token;
}

Allocation read_allocation(base::ByteReader& reader) {
  Allocation allocation;
  allocation.id = AllocationId(reader.varint());
  allocation.network_id = NetworkId(reader.varint());
  allocation.first = read_address(reader);
  allocation.last = read_address(reader);
  allocation.hostname = reader.string();
  allocation.description = reader.string();
  allocation.tags = read_strings(reader);
  allocation.status = static_cast<AllocationStatus>(reader.u8());
  if (allocation.status < AllocationStatus::allocated ||
      allocation.status > AllocationStatus::expired)
    reader.fail();
  allocation.allocated_at = reader.i64();
  allocation.expires_at = read_optional(reader);
  allocation.released_at = read_optional(reader);
  allocation.revision = Revision(reader.varint());
  if (!reader.boolean()) return allocation;
  AllocationExtras extras;
  extras.owner = reader.string();
  extras.metadata = read_metadata(reader);
  allocation.extras.set(std::move(extras));
  return allocation;
}

Reservation read_reservation(base::ByteReader& reader) {
  Reservation reservation;
  reservation.id = ReservationId(reader.varint());
  reservation.network_id = NetworkId(reader.varint());
  reservation.first = read_address(reader);
  reservation.last = read_address(reader);
  reservation.reason = reader.string();
  reservation.tags = read_strings(reader);
  reservation.metadata = read_metadata(reader);
  reservation.created_at = reader.i64();
  reservation.revision = Revision(reader.varint());
  return reservation;
}

std::vector<Allocation> read_list(base::ByteReader& reader) {
  std::vector<Allocation> allocations;
  for (std::size_t left = reader.count(1); left > 0 && reader.ok(); --left)
    allocations.push_back(read_allocation(reader));
  return allocations;
}

std::vector<NetworkView> read_networks(base::ByteReader& reader) {
  std::vector<NetworkView> networks;
  for (std::size_t left = reader.count(25); left > 0 && reader.ok(); --left)
    networks.push_back(read_network(reader));
  return networks;
}

Error read_operation_error(base::ByteReader& reader) {
  const std::uint64_t operation = reader.varint();
  if (operation >= operations_max) reader.fail();
  Error error = read_error(reader);
  error.operation = static_cast<std::uint32_t>(operation);
  return error;
}

Outcome read_outcome(base::ByteReader& reader, bool in_transaction);

ImportReport read_import_report(base::ByteReader& reader) {
  ImportReport report;
  report.created = reader.varint();
  report.skipped = reader.varint();
  for (std::size_t left = reader.count(4); left > 0 && reader.ok(); --left) {
    if (static_cast<Kind>(reader.u8()) != Kind::operation_error) reader.fail();
    report.refused.push_back(read_operation_error(reader));
  }
  return report;
}

ImportReport read_import_update_report(base::ByteReader& reader) {
  const std::uint64_t updated = reader.varint();
  const std::uint64_t unchanged = reader.varint();
  ImportReport report = read_import_report(reader);
  report.updated = updated;
  report.unchanged = unchanged;
  return report;
}

Outcomes read_outcomes(base::ByteReader& reader) {
  Outcomes outcomes;
  for (std::size_t left = reader.count(1); left > 0 && reader.ok(); --left)
    outcomes.of_operations.push_back(read_outcome(reader, true));
  return outcomes;
}

Outcome read_outcome(base::ByteReader& reader, bool in_transaction) {
  const auto kind = static_cast<Kind>(reader.u8());
  const bool is_whole =
      kind == Kind::outcomes || kind == Kind::error || kind == Kind::operation_error ||
      kind == Kind::import_report || kind == Kind::import_update_report;
  if (in_transaction && is_whole) reader.fail();
  if (!reader.ok()) return std::monostate();
  switch (kind) {
    case Kind::outcomes: return read_outcomes(reader);
    case Kind::import_report: return read_import_report(reader);
    case Kind::import_update_report: return read_import_update_report(reader);
    case Kind::operation_error: return read_operation_error(reader);
    case Kind::error: return read_error(reader);
    case Kind::network: return read_network(reader);
    case Kind::allocation: return read_allocation(reader);
    case Kind::nothing: return std::monostate();
    case Kind::list: return read_list(reader);
    case Kind::vrf: return read_vrf(reader);
    case Kind::networks: return read_networks(reader);
    case Kind::reservation: return read_reservation(reader);
    case Kind::token: return read_token(reader);
  }
  reader.fail();
  return std::monostate();
}

}  // namespace

base::Bytes encode_outcome(const Outcome& outcome) {
  base::Bytes bytes;
  base::ByteWriter writer(bytes);
  std::visit(Writer{writer}, outcome);
  return bytes;
}

std::optional<Outcome> decode_outcome(base::BytesView bytes) {
  base::ByteReader reader(bytes);
  Outcome outcome = read_outcome(reader, false);
  if (!reader.at_end()) return std::nullopt;
  return outcome;
}

}  // namespace ipam
