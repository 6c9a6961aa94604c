// What can be asked of the state machine. A command is an entry of the Raft log: encoded once by
// the node that the client reached, decided by every node when it is applied. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "ipam/model.hpp"

namespace ipam {

// By its id or by its name.
using VrfReference = std::variant<VrfId, std::string>;

struct CreateVrf {
  std::string name;
  std::string description;

  friend bool operator==(const CreateVrf&, const CreateVrf&) = default;
};

// What is absent stays as it is.
struct UpdateVrf {
  VrfReference vrf;
  std::optional<std::string> name;
  std::optional<std::string> description;

  friend bool operator==(const UpdateVrf&, const UpdateVrf&) = default;
};

// 409 where networks are in it.
struct DeleteVrf {
  VrfReference vrf;

  friend bool operator==(const DeleteVrf&, const DeleteVrf&) = default;
};

// By its id or by its name.
using TokenReference = std::variant<TokenId, std::string>;

struct CreateToken {
  std::string name;
  Role role = Role::viewer;
  std::vector<VrfReference> vrfs = {};  // at most token_vrfs_max; empty: it is not limited
  base::Sha256 hash{};                  // of its secret, which no command holds
  // When it expires, in one of two ways or never.
  std::optional<std::uint64_t> ttl_seconds = {};
  std::optional<TimeMs> expires_at = {};

  friend bool operator==(const CreateToken&, const CreateToken&) = default;
};

struct RevokeToken {
  TokenReference token;

  friend bool operator==(const RevokeToken&, const RevokeToken&) = default;
};

// Proposed by a node: these were used. Those that are gone meanwhile are left out.
struct TouchTokens {
  std::vector<TokenId> tokens;  // at most tokens_max

  friend bool operator==(const TouchTokens&, const TouchTokens&) = default;
};

struct CreateNetwork {
  Prefix prefix;
  std::string description;
  std::vector<std::string> tags;
  std::uint32_t quarantine_seconds = 0;
  VrfReference vrf = vrf_default;
  base::Boxed<NetworkExtras> extras = {};

  friend bool operator==(const CreateNetwork&, const CreateNetwork&) = default;
};

// What becomes of metadata (RFC 7396): first nothing is left of it where it is cleared, then each
// entry is put, or goes where it has no value.
struct MetadataPatch {
  bool clears = false;
  std::map<std::string, std::optional<std::string>> entries;

  friend bool operator==(const MetadataPatch&, const MetadataPatch&) = default;
};
Metadata patched(Metadata metadata, const MetadataPatch& patch);

// What is not given stays as it is.
struct UpdateNetwork {
  NetworkId id;
  std::optional<std::string> description = {};
  std::optional<std::vector<std::string>> tags = {};
  std::optional<NetworkStatus> status = {};
  std::optional<Strategy> strategy = {};
  std::optional<std::optional<Address>> gateway = {};    // none within: it has none any more
  std::optional<std::uint32_t> quarantine_seconds = {};  // of allocations that end from then on
  std::optional<std::uint32_t> threshold_percent = {};   // 0: none any more
  std::optional<MetadataPatch> metadata = {};
  std::optional<Prefix> prefix = {};  // contains the one it has, or is contained in it

  friend bool operator==(const UpdateNetwork&, const UpdateNetwork&) = default;
};

// Which of the free blocks of a network. Values are written to the log: never reuse one.
enum class CarveStrategy : std::uint8_t {
  first = 1,  // the lowest
  best = 2,   // from the smallest free block that has room
};

// Makes `count` child networks where the network is free: all of them or none.
struct CarveNetworks {
  NetworkId parent;
  std::uint8_t prefix_length = 0;  // longer than the parent's
  std::uint64_t count = 1;         // 1 to subnets_max
  CarveStrategy strategy = CarveStrategy::first;
  std::string description;
  std::vector<std::string> tags;

  friend bool operator==(const CarveNetworks&, const CarveNetworks&) = default;
};

// Puts all the blocks of this length in the place of the network: each is as it was, and holds what
// it held there. 409 where one of them could not hold something.
struct SplitNetwork {
  NetworkId id;
  std::uint8_t prefix_length = 0;  // longer than the network's

  friend bool operator==(const SplitNetwork&, const SplitNetwork&) = default;
};

// Puts one network in the place of several that are one block together. It is as the first of them
// was, with the tags of all, and holds what they held.
struct MergeNetworks {
  std::vector<NetworkId> ids;  // 2 to subnets_max, each once

  friend bool operator==(const MergeNetworks&, const MergeNetworks&) = default;
};

// 409 where allocations of it are active.
struct DeleteNetwork {
  NetworkId id;

  friend bool operator==(const DeleteNetwork&, const DeleteNetwork&) = default;
};

struct AddressRange {
  Address first;
  Address last;

  friend bool operator==(const AddressRange&, const AddressRange&) = default;
};

// What most requests for an address leave out.
struct AllocateOptions {
  std::optional<Address> ip;  // this one, or the start of the block
  bool force = false;         // with ip: also one that next-free would not hand out
  std::optional<Address> range_start;
  std::optional<Address> range_end;
  std::vector<AddressRange> exclude;
  std::uint64_t align = 1;  // a power of two: the first address is a multiple of it
  bool scattered = false;   // `count` records of one address each
  std::optional<Strategy> strategy;
  bool unique_hostname = false;
  std::string owner;
  Metadata metadata;

  friend bool operator==(const AllocateOptions&, const AllocateOptions&) = default;
};

struct Allocate {
  std::variant<NetworkId, Prefix> network;  // by id or by its exact CIDR
  std::uint64_t count = 1;                  // > 1: one contiguous block as one record
  std::string hostname;
  std::string description;
  std::vector<std::string> tags;
  std::optional<std::uint64_t> ttl_seconds;  // 1 to ttl_seconds_max
  base::Boxed<AllocateOptions> options = {};
  VrfReference vrf = vrf_default;  // where the network is not named by its id

  friend bool operator==(const Allocate&, const Allocate&) = default;
};

// Withholds the addresses from next-free. REQUIRES of a client: a network.
struct CreateReservation {
  NetworkId network_id;  // 0, in an import: the most specific one of the VRF that contains `first`
  Address first;
  Address last;
  std::string reason;
  std::vector<std::string> tags = {};
  Metadata metadata = {};
  VrfReference vrf = vrf_default;  // where network_id is 0

  friend bool operator==(const CreateReservation&, const CreateReservation&) = default;
};

// What is not given stays as it is.
struct UpdateReservation {
  ReservationId id;
  NetworkId network_id = {};  // another than the reservation's is refused; 0: whichever
  std::optional<std::string> reason = {};
  std::optional<std::vector<std::string>> tags = {};
  std::optional<MetadataPatch> metadata = {};

  friend bool operator==(const UpdateReservation&, const UpdateReservation&) = default;
};

struct DeleteReservation {
  ReservationId id;
  NetworkId network_id = {};  // another than the reservation's is refused; 0: whichever

  friend bool operator==(const DeleteReservation&, const DeleteReservation&) = default;
};

struct Release {
  AllocationId id;
  std::optional<std::uint64_t> fence = std::nullopt;  // another than the allocation's is refused

  friend bool operator==(const Release&, const Release&) = default;
};

// What is not given stays as it is.
struct UpdateAllocation {
  AllocationId id;
  std::optional<std::uint64_t> fence = {};  // another than the allocation's is refused
  std::optional<std::string> hostname = {};
  bool unique_hostname = false;  // with hostname: 409 where another of the network has it
  std::optional<std::string> description = {};
  std::optional<std::vector<std::string>> tags = {};
  std::optional<std::string> owner = {};
  std::optional<MetadataPatch> metadata = {};

  friend bool operator==(const UpdateAllocation&, const UpdateAllocation&) = default;
};

// The lease ends so long after this command, whether or not it had an end before.
struct RenewLease {
  AllocationId id;
  std::uint64_t ttl_seconds = 0;       // 1 to ttl_seconds_max
  std::optional<std::uint64_t> fence = {};  // another than the allocation's is refused

  friend bool operator==(const RenewLease&, const RenewLease&) = default;
};

// Proposed by the leader when a lease is due; what has expired by the command's timestamp ends.
struct ExpireLeases {
  friend bool operator==(const ExpireLeases&, const ExpireLeases&) = default;
};

// Something about the cluster for the audit log, such as leader_elected.
struct RecordEvent {
  std::string action;
  std::string resource;
  std::string details;

  friend bool operator==(const RecordEvent&, const RecordEvent&) = default;
};

// All of its operations or none of them, as one command. Only what a client may ask for alone may
// be an operation, and no transaction.
struct Operation;
struct Transaction {
  std::vector<Operation> operations;  // 1 to operations_max

  friend bool operator==(const Transaction& a, const Transaction& b);
};

// Values are written to the log: never reuse one.
enum class OnConflict : std::uint8_t {
  fail = 1,  // all rows or none
  skip = 2,  // what is there already stays; what is refused for another reason is reported
  update = 3,  // what is there already takes what the row says; as with skip for the rest
};

// Objects that shall exist: CreateVrf, CreateNetwork, CreateReservation and Allocate, without
// references. An Allocate of network 0 is of the most specific network of its VRF that contains its
// ip; so is a reservation.
struct Import {
  std::vector<Operation> rows;  // at most operations_max
  OnConflict on_conflict = OnConflict::fail;

  friend bool operator==(const Import& a, const Import& b);
};

using CommandBody = std::variant<CreateNetwork, DeleteNetwork, Allocate, Release, ExpireLeases,
                                 RecordEvent, UpdateAllocation, RenewLease, Transaction, Import,
                                 CreateVrf, UpdateVrf, DeleteVrf, UpdateNetwork, CarveNetworks,
                                 CreateReservation, UpdateReservation, DeleteReservation,
                                 SplitNetwork, MergeNetworks, CreateToken, RevokeToken,
                                 TouchTokens>;

// Values are written to the log: never reuse one.
enum class OperationField : std::uint8_t { id = 1, network_id = 2, cidr = 3, ip = 4, vrf = 5 };
inline constexpr OperationField operation_field_last = OperationField::vrf;
enum class ResultField : std::uint8_t { id = 1, network_id = 2, cidr = 3, ip = 4, end_ip = 5 };

// "$0.id": what is known only once an earlier operation was decided. Until then `into` holds any
// valid value.
struct Reference {
  OperationField into = OperationField::id;
  std::uint32_t operation = 0;  // counted from 0; before the one that refers to it
  ResultField field = ResultField::id;

  friend bool operator==(const Reference&, const Reference&) = default;
};

struct Operation {
  CommandBody body;
  std::vector<Reference> references;

  friend bool operator==(const Operation&, const Operation&) = default;
};
inline bool operator==(const Transaction& a, const Transaction& b) {
  return a.operations == b.operations;
}
inline bool operator==(const Import& a, const Import& b) {
  return a.on_conflict == b.on_conflict && a.rows == b.rows;
}
bool may_be_operation(const CommandBody& body);

// Exactly once: a command whose key the state already knows gives the stored outcome again. Without
// one (an empty key) a command that is sent twice is decided twice.
struct IdempotencyKey {
  std::string key;                      // 1 to idempotency_key_bytes_max printable ASCII; or empty
  std::uint64_t request_hash = 0;       // of the request that it came with: another one is refused
  std::uint32_t retention_seconds = 0;  // how long the outcome is kept, by the replicated clock

  friend bool operator==(const IdempotencyKey&, const IdempotencyKey&) = default;
};

// Only where the object that the command is about is still as the client saw it: its revision is
// one of these (If-Match, RFC 9110 §13.1.1). Where there are none, never.
struct Precondition {
  std::vector<Revision> revisions;  // at most precondition_revisions_max

  friend bool operator==(const Precondition&, const Precondition&) = default;
};

struct Command {
  std::string actor = "system";  // for the audit log
  CommandBody body;
  IdempotencyKey idempotency{};
  std::optional<Precondition> precondition{};  // only where takes_precondition(body)
  // That the client came with, if so: it must be valid still when the command is applied, which
  // does nothing outside the VRFs that it is limited to.
  TokenId token{};

  friend bool operator==(const Command&, const Command&) = default;
};

// The latest version that this program knows. A later one is proposed only once every member has
// said that it knows it (raft::Configuration::command_version).
inline constexpr std::uint8_t command_version_latest = 1;

// Format version 1: u8 version, u8 kind (1 + index in CommandBody; + 128 where there is a
// precondition, + 64 where there is a token), string actor, string idempotency key; where that is
// not empty u64 request hash and varint retention; the revisions of the precondition, if there is
// one, as varints behind their number; the token, if there is one; then the fields of the body.
base::Bytes encode(const Command& command);
// nullopt where the bytes are no command of a version that this program knows.
std::optional<Command> decode_command(base::BytesView bytes);

}  // namespace ipam
