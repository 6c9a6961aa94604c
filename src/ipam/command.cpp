#include "ipam/command.hpp"

#include "ipam/binary.hpp"

namespace ipam {

namespace {

// Values are written to the log: never reuse one. Kind is 1 + the index in CommandBody.
enum class Kind : std::uint8_t {
  create_network = 1,
  delete_network = 2,
  allocate = 3,
  release = 4,
  expire_leases = 5,
  record_event = 6,
  update_allocation = 7,
  renew_lease = 8,
  transaction = 9,
  import_rows = 10,
  create_vrf = 11,
  update_vrf = 12,
  delete_vrf = 13,
  update_network = 14,
  carve_networks = 15,
  create_reservation = 16,
  update_reservation = 17,
  delete_reservation = 18,
  split_network = 19,
  merge_networks = 20,
  create_token = 21,
  revoke_token = 22,
  touch_tokens = 23,
};
// Beside the kind of a whole command, where few have one.
constexpr std::uint8_t has_precondition = 128;
constexpr std::uint8_t has_token = 64;
// Beside the status of an update, where few have a prefix.
constexpr std::uint8_t has_prefix = 128;
enum class NetworkReference : std::uint8_t {
  by_id = 0,
  by_prefix = 1,
  by_prefix_in_vrf = 2,
  by_id_in_vrf = 3,
};
// In the place of the family, which is 4 or 6: what few networks have comes before the prefix, the
// VRF or the VRF and the extras.
constexpr std::uint8_t vrf_before_prefix = 0;
constexpr std::uint8_t extras_before_prefix = 1;
enum class VrfReferenceKind : std::uint8_t { by_id = 0, by_name = 1 };

void write_vrf(base::ByteWriter& writer, const VrfReference& vrf) {
  if (const auto* id = std::get_if<VrfId>(&vrf)) {
    writer.u8(static_cast<std::uint8_t>(VrfReferenceKind::by_id));
    writer.varint(id->value());
  } else {
    writer.u8(static_cast<std::uint8_t>(VrfReferenceKind::by_name));
    writer.string(std::get<std::string>(vrf));
  }
}

VrfReference read_vrf(base::ByteReader& reader) {
  switch (static_cast<VrfReferenceKind>(reader.u8())) {
    case VrfReferenceKind::by_id: return VrfId(reader.varint());
    case VrfReferenceKind::by_name: return std::string(reader.string());
  }
  reader.fail();
  return vrf_default;
}

void write_optional(base::ByteWriter& writer, const std::optional<std::string>& text) {
  writer.boolean(text.has_value());
  if (text) writer.string(*text);
}

std::optional<std::string> read_optional_text(base::ByteReader& reader) {
  if (!reader.boolean()) return std::nullopt;
  return std::string(reader.string());
}

void write_optional(base::ByteWriter& writer, const std::optional<Address>& address) {
  writer.boolean(address.has_value());
  if (address) write_address(writer, *address);
}

std::optional<Address> read_optional_address(base::ByteReader& reader) {
  if (!reader.boolean()) return std::nullopt;
  return read_address(reader);
}

void write_optional(base::ByteWriter& writer, const std::optional<std::uint64_t>& number) {
  writer.boolean(number.has_value());
  if (number) writer.varint(*number);
}

std::optional<std::uint64_t> read_optional_number(base::ByteReader& reader) {
  if (!reader.boolean()) return std::nullopt;
  return reader.varint();
}

void write_precondition(base::ByteWriter& writer, const Precondition& precondition) {
  writer.varint(precondition.revisions.size());
  for (const Revision revision : precondition.revisions) writer.varint(revision.value());
}

Precondition read_precondition(base::ByteReader& reader) {
  Precondition precondition;
  for (std::size_t left = reader.count(1); left > 0 && reader.ok(); --left)
    precondition.revisions.push_back(Revision(reader.varint()));
  return precondition;
}

std::optional<std::uint64_t> wide(const std::optional<std::uint32_t>& number) {
  return number ? std::optional<std::uint64_t>(*number) : std::nullopt;
}

std::optional<std::uint32_t> read_optional_small(base::ByteReader& reader) {
  const auto number = read_optional_number(reader);
  return number ? std::optional(static_cast<std::uint32_t>(*number)) : std::nullopt;
}

std::optional<Strategy> read_optional_strategy(base::ByteReader& reader) {
  const auto strategy = static_cast<Strategy>(reader.u8());
  if (strategy > strategy_last) reader.fail();
  return strategy != Strategy() ? std::optional(strategy) : std::nullopt;
}

void write_patch(base::ByteWriter& writer, const MetadataPatch& patch) {
  writer.boolean(patch.clears);
  writer.varint(patch.entries.size());
  for (const auto& [key, value] : patch.entries) {
    writer.string(key);
    write_optional(writer, value);
  }
}

MetadataPatch read_patch(base::ByteReader& reader) {
  MetadataPatch patch;
  patch.clears = reader.boolean();
  for (std::size_t left = reader.count(2); left > 0 && reader.ok(); --left) {
    std::string key(reader.string());
    patch.entries[std::move(key)] = read_optional_text(reader);
  }
  return patch;
}

// The fields in order; strategy as its value, 0 for none.
void write_options(base::ByteWriter& writer, const AllocateOptions& options) {
  write_optional(writer, options.ip);
  writer.boolean(options.force);
  write_optional(writer, options.range_start);
  write_optional(writer, options.range_end);
  writer.varint(options.exclude.size());
  for (const AddressRange& range : options.exclude) {
    write_address(writer, range.first);
    write_address(writer, range.last);
  }
  writer.varint(options.align);
  writer.boolean(options.scattered);
  writer.u8(options.strategy ? static_cast<std::uint8_t>(*options.strategy) : 0);
  writer.boolean(options.unique_hostname);
  writer.string(options.owner);
  write_metadata(writer, options.metadata);
}

AllocateOptions read_options(base::ByteReader& reader) {
  AllocateOptions options;
  options.ip = read_optional_address(reader);
  options.force = reader.boolean();
  options.range_start = read_optional_address(reader);
  options.range_end = read_optional_address(reader);
  for (std::size_t left = reader.count(10); left > 0 && reader.ok(); --left) {
    const Address first = read_address(reader);
    options.exclude.push_back({first, read_address(reader)});
  }
  options.align = reader.varint();
  options.scattered = reader.boolean();
  options.strategy = read_optional_strategy(reader);
  options.unique_hostname = reader.boolean();
  options.owner = reader.string();
  options.metadata = read_metadata(reader);
  return options;
}

struct BodyWriter {
  base::ByteWriter& writer;

  // Operations one by one: u8 kind and the fields of the body, then the references.
  void operator()(const Transaction& command) { operations(command.operations); }
  void operator()(const Import& command) {
    writer.u8(static_cast<std::uint8_t>(command.on_conflict));
    operations(command.rows);
  }
  void operations(const std::vector<Operation>& all) {
    writer.varint(all.size());
    for (const Operation& operation : all) {
      writer.u8(static_cast<std::uint8_t>(1 + operation.body.index()));
      std::visit(*this, operation.body);
      writer.varint(operation.references.size());
      for (const Reference& reference : operation.references) {
        writer.u8(static_cast<std::uint8_t>(reference.into));
        writer.varint(reference.operation);
        writer.u8(static_cast<std::uint8_t>(reference.field));
      }
    }
  }

  void operator()(const CreateNetwork& command) {
    if (command.extras) {
      writer.u8(extras_before_prefix);
      write_vrf(writer, command.vrf);
      write_extras(writer, *command.extras);
    } else if (command.vrf != VrfReference(vrf_default)) {
      writer.u8(vrf_before_prefix);
      write_vrf(writer, command.vrf);
    }
    write_prefix(writer, command.prefix);
    writer.string(command.description);
    write_strings(writer, command.tags);
    writer.varint(command.quarantine_seconds);
  }
  void operator()(const DeleteNetwork& command) { writer.varint(command.id.value()); }
  void operator()(const Allocate& command) {
    const bool is_default = command.vrf == VrfReference(vrf_default);
    const auto kind = [&](NetworkReference plain, NetworkReference in_vrf) {
      writer.u8(static_cast<std::uint8_t>(is_default ? plain : in_vrf));
    };
    if (const auto* id = std::get_if<NetworkId>(&command.network)) {
      kind(NetworkReference::by_id, NetworkReference::by_id_in_vrf);
      writer.varint(id->value());
    } else {
      kind(NetworkReference::by_prefix, NetworkReference::by_prefix_in_vrf);
      write_prefix(writer, std::get<Prefix>(command.network));
    }
    if (!is_default) write_vrf(writer, command.vrf);
    writer.varint(command.count);
    writer.string(command.hostname);
    writer.string(command.description);
    write_strings(writer, command.tags);
    write_optional(writer, command.ttl_seconds);
    writer.boolean(static_cast<bool>(command.options));
    if (command.options) write_options(writer, *command.options);
  }
  void operator()(const Release& command) {
    writer.varint(command.id.value());
    write_optional(writer, command.fence);
  }
  void operator()(const ExpireLeases&) {}
  void operator()(const RecordEvent& command) {
    writer.string(command.action);
    writer.string(command.resource);
    writer.string(command.details);
  }
  void operator()(const UpdateAllocation& command) {
    writer.varint(command.id.value());
    write_optional(writer, command.fence);
    write_optional(writer, command.hostname);
    writer.boolean(command.unique_hostname);
    write_optional(writer, command.description);
    writer.boolean(command.tags.has_value());
    if (command.tags) write_strings(writer, *command.tags);
    write_optional(writer, command.owner);
    writer.boolean(command.metadata.has_value());
    if (command.metadata) write_patch(writer, *command.metadata);
  }
  void operator()(const RenewLease& command) {
    writer.varint(command.id.value());
    writer.varint(command.ttl_seconds);
    write_optional(writer, command.fence);
  }
  void operator()(const CreateVrf& command) {
    writer.string(command.name);
    writer.string(command.description);
  }
  void operator()(const UpdateVrf& command) {
    write_vrf(writer, command.vrf);
    write_optional(writer, command.name);
    write_optional(writer, command.description);
  }
  void operator()(const DeleteVrf& command) { write_vrf(writer, command.vrf); }
  void operator()(const CreateToken& command) {
    writer.string(command.name);
    writer.u8(static_cast<std::uint8_t>(command.role));
    writer.varint(command.vrfs.size());
    for (const VrfReference& vrf : command.vrfs) write_vrf(writer, vrf);
    write_hash(writer, command.hash);
    write_optional(writer, command.ttl_seconds);
    writer.boolean(command.expires_at.has_value());
    if (command.expires_at) writer.i64(*command.expires_at);
  }
  void operator()(const RevokeToken& command) {
    const auto* id = std::get_if<TokenId>(&command.token);
    writer.boolean(id != nullptr);
    if (id != nullptr)
      writer.varint(id->value());
    else
      writer.string(std::get<std::string>(command.token));
  }
  void operator()(const TouchTokens& command) {
    writer.varint(command.tokens.size());
    for (const TokenId token : command.tokens) writer.varint(token.value());
  }
  void operator()(const UpdateNetwork& command) {
    writer.varint(command.id.value());
    write_optional(writer, command.description);
    writer.boolean(command.tags.has_value());
    if (command.tags) write_strings(writer, *command.tags);
    writer.u8((command.status ? static_cast<std::uint8_t>(*command.status) : std::uint8_t{0}) |
              (command.prefix ? has_prefix : std::uint8_t{0}));
    if (command.prefix) write_prefix(writer, *command.prefix);
    writer.u8(command.strategy ? static_cast<std::uint8_t>(*command.strategy) : 0);
    writer.boolean(command.gateway.has_value());
    if (command.gateway) write_optional(writer, *command.gateway);
    write_optional(writer, wide(command.quarantine_seconds));
    write_optional(writer, wide(command.threshold_percent));
    writer.boolean(command.metadata.has_value());
    if (command.metadata) write_patch(writer, *command.metadata);
  }
  void operator()(const SplitNetwork& command) {
    writer.varint(command.id.value());
    writer.u8(command.prefix_length);
  }
  void operator()(const MergeNetworks& command) {
    writer.varint(command.ids.size());
    for (const NetworkId id : command.ids) writer.varint(id.value());
  }
  void operator()(const CarveNetworks& command) {
    writer.varint(command.parent.value());
    writer.u8(command.prefix_length);
    writer.varint(command.count);
    writer.u8(static_cast<std::uint8_t>(command.strategy));
    writer.string(command.description);
    write_strings(writer, command.tags);
  }
  void operator()(const CreateReservation& command) {
    writer.varint(command.network_id.value());
    write_vrf(writer, command.vrf);
    write_address(writer, command.first);
    write_address(writer, command.last);
    writer.string(command.reason);
    write_strings(writer, command.tags);
    write_metadata(writer, command.metadata);
  }
  void operator()(const UpdateReservation& command) {
    writer.varint(command.id.value());
    writer.varint(command.network_id.value());
    write_optional(writer, command.reason);
    writer.boolean(command.tags.has_value());
    if (command.tags) write_strings(writer, *command.tags);
    writer.boolean(command.metadata.has_value());
    if (command.metadata) write_patch(writer, *command.metadata);
  }
  void operator()(const DeleteReservation& command) {
    writer.varint(command.id.value());
    writer.varint(command.network_id.value());
  }
};

CreateNetwork read_create_network(base::ByteReader& reader) {
  CreateNetwork command;
  base::ByteReader ahead = reader;
  const std::uint8_t first = ahead.u8();
  if ((first == vrf_before_prefix || first == extras_before_prefix) && ahead.ok()) {
    reader = ahead;
    command.vrf = read_vrf(reader);
    if (first == extras_before_prefix) command.extras = read_extras(reader);
  }
  command.prefix = read_prefix(reader);
  command.description = reader.string();
  command.tags = read_strings(reader);
  command.quarantine_seconds = static_cast<std::uint32_t>(reader.varint());
  return command;
}

Allocate read_allocate(base::ByteReader& reader) {
  Allocate command;
  switch (static_cast<NetworkReference>(reader.u8())) {
    case NetworkReference::by_id: command.network = NetworkId(reader.varint()); break;
    case NetworkReference::by_id_in_vrf:
      command.network = NetworkId(reader.varint());
      command.vrf = read_vrf(reader);
      break;
    case NetworkReference::by_prefix: command.network = read_prefix(reader); break;
    case NetworkReference::by_prefix_in_vrf:
      command.network = read_prefix(reader);
      command.vrf = read_vrf(reader);
      break;
    default: reader.fail();
  }
  command.count = reader.varint();
  command.hostname = reader.string();
  command.description = reader.string();
  command.tags = read_strings(reader);
  command.ttl_seconds = read_optional_number(reader);
  if (reader.boolean()) command.options = read_options(reader);
  return command;
}

Release read_release(base::ByteReader& reader) {
  const AllocationId id(reader.varint());
  return {id, read_optional_number(reader)};
}

RecordEvent read_record_event(base::ByteReader& reader) {
  RecordEvent command;
  command.action = reader.string();
  command.resource = reader.string();
  command.details = reader.string();
  return command;
}

UpdateAllocation read_update_allocation(base::ByteReader& reader) {
  UpdateAllocation command;
  command.id = AllocationId(reader.varint());
  command.fence = read_optional_number(reader);
  command.hostname = read_optional_text(reader);
  command.unique_hostname = reader.boolean();
  command.description = read_optional_text(reader);
  if (reader.boolean()) command.tags = read_strings(reader);
  command.owner = read_optional_text(reader);
  if (reader.boolean()) command.metadata = read_patch(reader);
  return command;
}

RenewLease read_renew_lease(base::ByteReader& reader) {
  RenewLease command;
  command.id = AllocationId(reader.varint());
  command.ttl_seconds = reader.varint();
  command.fence = read_optional_number(reader);
  return command;
}

CreateVrf read_create_vrf(base::ByteReader& reader) {
  CreateVrf command;
  command.name = reader.string();
  command.description = reader.string();
  return command;
}

UpdateVrf read_update_vrf(base::ByteReader& reader) {
  UpdateVrf command;
  command.vrf = read_vrf(reader);
  command.name = read_optional_text(reader);
  command.description = read_optional_text(reader);
  return command;
}

CreateToken read_create_token(base::ByteReader& reader) {
  CreateToken command;
  command.name = reader.string();
  command.role = static_cast<Role>(reader.u8());
  if (command.role == Role() || command.role > role_last) reader.fail();
  for (std::size_t left = reader.count(2); left > 0 && reader.ok(); --left)
    command.vrfs.push_back(read_vrf(reader));
  command.hash = read_hash(reader);
  command.ttl_seconds = read_optional_number(reader);
  if (reader.boolean()) command.expires_at = reader.i64();
  return command;
}

RevokeToken read_revoke_token(base::ByteReader& reader) {
  if (reader.boolean()) return {TokenId(reader.varint())};
  return {std::string(reader.string())};
}

TouchTokens read_touch_tokens(base::ByteReader& reader) {
  TouchTokens command;
  for (std::size_t left = reader.count(1); left > 0 && reader.ok(); --left)
    command.tokens.push_back(TokenId(reader.varint()));
  return command;
}

UpdateNetwork read_update_network(base::ByteReader& reader) {
  UpdateNetwork command;
  command.id = NetworkId(reader.varint());
  command.description = read_optional_text(reader);
  if (reader.boolean()) command.tags = read_strings(reader);
  const std::uint8_t first = reader.u8();
  const auto status = static_cast<NetworkStatus>(first & ~has_prefix);
  if (status > network_status_last) reader.fail();
  if (first & has_prefix) command.prefix = read_prefix(reader);
  if (status != NetworkStatus()) command.status = status;
  command.strategy = read_optional_strategy(reader);
  if (reader.boolean()) command.gateway = read_optional_address(reader);
  command.quarantine_seconds = read_optional_small(reader);
  command.threshold_percent = read_optional_small(reader);
  if (reader.boolean()) command.metadata = read_patch(reader);
  return command;
}

CarveNetworks read_carve_networks(base::ByteReader& reader) {
  CarveNetworks command;
  command.parent = NetworkId(reader.varint());
  command.prefix_length = reader.u8();
  command.count = reader.varint();
  command.strategy = static_cast<CarveStrategy>(reader.u8());
  if (command.strategy != CarveStrategy::first && command.strategy != CarveStrategy::best)
    reader.fail();
  command.description = reader.string();
  command.tags = read_strings(reader);
  return command;
}

CreateReservation read_create_reservation(base::ByteReader& reader) {
  CreateReservation command;
  command.network_id = NetworkId(reader.varint());
  command.vrf = read_vrf(reader);
  command.first = read_address(reader);
  command.last = read_address(reader);
  command.reason = reader.string();
  command.tags = read_strings(reader);
  command.metadata = read_metadata(reader);
  return command;
}

UpdateReservation read_update_reservation(base::ByteReader& reader) {
  UpdateReservation command;
  command.id = ReservationId(reader.varint());
  command.network_id = NetworkId(reader.varint());
  command.reason = read_optional_text(reader);
  if (reader.boolean()) command.tags = read_strings(reader);
  if (reader.boolean()) command.metadata = read_patch(reader);
  return command;
}

DeleteReservation read_delete_reservation(base::ByteReader& reader) {
  const ReservationId id(reader.varint());
  return {id, NetworkId(reader.varint())};
}

SplitNetwork read_split_network(base::ByteReader& reader) {
  const NetworkId id(reader.varint());
  return {id, reader.u8()};
}

MergeNetworks read_merge_networks(base::ByteReader& reader) {
  MergeNetworks command;
  for (std::size_t left = reader.count(1); left > 0 && reader.ok(); --left)
    command.ids.push_back(NetworkId(reader.varint()));
  return command;
}

Reference read_reference(base::ByteReader& reader) {
  Reference reference;
  const std::uint8_t into = reader.u8();
  const std::uint64_t operation = reader.varint();
  const std::uint8_t field = reader.u8();
  const bool is_known = into >= 1 && into <= static_cast<std::uint8_t>(operation_field_last) &&
                        field >= 1 && field <= static_cast<std::uint8_t>(ResultField::end_ip) &&
                        operation < operations_max;
  if (!is_known) reader.fail();
  reference.into = static_cast<OperationField>(into);
  reference.operation = static_cast<std::uint32_t>(operation);
  reference.field = static_cast<ResultField>(field);
  return reference;
}

CommandBody read_body(Kind kind, base::ByteReader& reader);

std::vector<Operation> read_operations(base::ByteReader& reader) {
  std::vector<Operation> operations;
  const std::size_t count = reader.count(3);
  if (count > operations_max) reader.fail();
  if (reader.ok()) operations.reserve(count);
  for (std::size_t left = count; left > 0 && reader.ok(); --left) {
    const auto kind = static_cast<Kind>(reader.u8());
    Operation& operation = operations.emplace_back();
    // Before it is read: transactions in transactions would nest as deep as the bytes go.
    if (kind == Kind::transaction || kind == Kind::import_rows) reader.fail();
    if (reader.ok()) operation.body = read_body(kind, reader);
    if (!may_be_operation(operation.body)) reader.fail();
    for (std::size_t more = reader.count(3); more > 0 && reader.ok(); --more)
      operation.references.push_back(read_reference(reader));
  }
  return operations;
}

Import read_import(base::ByteReader& reader) {
  Import command;
  command.on_conflict = static_cast<OnConflict>(reader.u8());
  if (command.on_conflict < OnConflict::fail || command.on_conflict > OnConflict::update)
    reader.fail();
  command.rows = read_operations(reader);
  return command;
}

CommandBody read_body(Kind kind, base::ByteReader& reader) {
  switch (kind) {
    case Kind::create_network: return read_create_network(reader);
    case Kind::delete_network: return DeleteNetwork{NetworkId(reader.varint())};
    case Kind::allocate: return read_allocate(reader);
    case Kind::release: return read_release(reader);
    case Kind::expire_leases: return ExpireLeases{};
    case Kind::record_event: return read_record_event(reader);
    case Kind::update_allocation: return read_update_allocation(reader);
    case Kind::transaction: return Transaction{read_operations(reader)};
    case Kind::import_rows: return read_import(reader);
    case Kind::renew_lease: return read_renew_lease(reader);
    case Kind::create_vrf: return read_create_vrf(reader);
    case Kind::update_vrf: return read_update_vrf(reader);
    case Kind::delete_vrf: return DeleteVrf{read_vrf(reader)};
    case Kind::update_network: return read_update_network(reader);
    case Kind::carve_networks: return read_carve_networks(reader);
    case Kind::create_reservation: return read_create_reservation(reader);
    case Kind::update_reservation: return read_update_reservation(reader);
    case Kind::delete_reservation: return read_delete_reservation(reader);
    case Kind::split_network: return read_split_network(reader);
    case Kind::merge_networks: return read_merge_networks(reader);
    case Kind::create_token: return read_create_token(reader);
    case Kind::revoke_token: return read_revoke_token(reader);
    case Kind::touch_tokens: return read_touch_tokens(reader);
  }
  reader.fail();
  return ExpireLeases{};
}

}  // namespace

Metadata patched(Metadata metadata, const MetadataPatch& patch) {
  if (patch.clears) metadata.clear();
  for (const auto& [key, value] : patch.entries) {
    if (value)
      metadata[key] = *value;
    else
      metadata.erase(key);
  }
  return metadata;
}

bool may_be_operation(const CommandBody& body) {
  return !std::holds_alternative<ExpireLeases>(body) &&
         !std::holds_alternative<RecordEvent>(body) && !std::holds_alternative<Transaction>(body) &&
         !std::holds_alternative<Import>(body) && !std::holds_alternative<CreateToken>(body) &&
         !std::holds_alternative<RevokeToken>(body) && !std::holds_alternative<TouchTokens>(body);
}

namespace {

base::Bytes encode(const Command& command, std::size_t bytes_expected) {
  base::Bytes bytes;
  bytes.reserve(bytes_expected);
  base::ByteWriter writer(bytes);
  writer.u8(command_version_latest);
  writer.u8(static_cast<std::uint8_t>(1 + command.body.index()) |
            (command.precondition ? has_precondition : std::uint8_t{0}) |
            (command.token ? has_token : std::uint8_t{0}));
  writer.string(command.actor);
  writer.string(command.idempotency.key);
  if (!command.idempotency.key.empty()) {
    writer.u64(command.idempotency.request_hash);
    writer.varint(command.idempotency.retention_seconds);
  }
  if (command.precondition) write_precondition(writer, *command.precondition);
  if (command.token) writer.varint(command.token.value());
  std::visit(BodyWriter{writer}, command.body);
  return bytes;
}

}  // namespace

base::Bytes encode(const Command& command) {
  constexpr std::size_t bytes_mostly = 128;  // at most, of those that come in numbers
  return encode(command, bytes_mostly);
}

std::optional<Command> decode_command(base::BytesView bytes) {
  base::ByteReader reader(bytes);
  if (reader.u8() != command_version_latest) return std::nullopt;
  const std::uint8_t first = reader.u8();
  const auto kind = static_cast<Kind>(first & ~(has_precondition | has_token));
  Command command;
  command.actor = reader.string();
  command.idempotency.key = reader.string();
  if (!command.idempotency.key.empty()) {
    command.idempotency.request_hash = reader.u64();
    command.idempotency.retention_seconds = static_cast<std::uint32_t>(reader.varint());
  }
  if (first & has_precondition) command.precondition = read_precondition(reader);
  if (first & has_token) command.token = TokenId(reader.varint());
  command.body = read_body(kind, reader);
  if (!reader.at_end()) return std::nullopt;
  // One command is one string of bytes: a varint that is longer than it need be is refused.
  if (encode(command, bytes.size()) != bytes) return std::nullopt;
  return command;
}

}  // namespace ipam
