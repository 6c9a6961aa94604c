// The objects of the address plan as values. Pure; what state.db stores and the API shows.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/boxed.hpp"
#include "base/sha256.hpp"
#include "base/strong.hpp"
#include "ipam/address.hpp"

namespace ipam {

using VrfId = base::Strong<struct VrfIdTag>;                // shown as vrf-N
using NetworkId = base::Strong<struct NetworkIdTag>;        // shown as net-N
using AllocationId = base::Strong<struct AllocationIdTag>;  // shown as alloc-N
using AuditId = base::Strong<struct AuditIdTag>;            // shown as audit-N
using ReservationId = base::Strong<struct ReservationIdTag>;  // shown as res-N
using TokenId = base::Strong<struct TokenIdTag>;            // shown as token-N
// The index of the log entry that made a change: one number orders everything.
using Revision = base::Strong<struct RevisionTag>;

// Milliseconds since 1970-01-01T00:00:00Z, by the replicated clock.
using TimeMs = std::int64_t;
// 9999-12-31T23:59:59.999Z, the last moment of RFC 3339: a leader's broken clock counts as this, so
// that no sum of a time and a time to live overflows.
inline constexpr TimeMs time_ms_max = 253'402'300'799'999;

// The one that is always there, and where networks are that name none.
inline constexpr VrfId vrf_default{1};
inline constexpr std::string_view vrf_default_name = "default";

// An address space of its own: the same prefix may be a network in each.
struct Vrf {
  VrfId id;
  std::string name;  // unique, and never of the form vrf-N
  std::string description;
  TimeMs created_at = 0;
  TimeMs updated_at = 0;
  Revision revision;  // of its last change

  friend bool operator==(const Vrf&, const Vrf&) = default;
};

struct VrfView : Vrf {
  std::uint64_t network_count = 0;

  friend bool operator==(const VrfView&, const VrfView&) = default;
};

// What a client may do; each may do all that those before it may. Values are written to disk and to
// the log: never reuse one.
enum class Role : std::uint8_t {
  viewer = 1,  // read the plan
  editor = 2,  // and change it
  admin = 3,   // and tokens and the cluster
};
inline constexpr Role role_last = Role::admin;
std::string_view to_string(Role role);
std::optional<Role> parse_role(std::string_view text);

// A client that may speak to the API. Its secret is random and of 256 bits, so that a plain hash
// keeps it: nobody tries that many, which a slow hash would make harder for weak ones alone.
struct Token {
  TokenId id;
  std::string name;  // unique, and never of the form token-N
  Role role = Role::viewer;
  std::vector<VrfId> vrfs;  // it is limited to these, ascending; empty: to none, it may all
  base::Sha256 hash{};      // of the secret
  TimeMs created_at = 0;
  std::optional<TimeMs> expires_at;
  std::optional<TimeMs> last_used_at;  // to the minute
  Revision revision;                   // at which it was made

  bool is_expired(TimeMs now) const { return expires_at && *expires_at <= now; }

  friend bool operator==(const Token&, const Token&) = default;
};

// What a client keeps with an object; the keys are in order.
using Metadata = std::map<std::string, std::string>;

// How the free address is chosen among many. Values are written to the log: never reuse one.
enum class Strategy : std::uint8_t {
  first = 1,   // the lowest
  last = 2,    // the highest
  random = 3,  // any, equally likely
  sparse = 4,  // the middle of the longest free run
  sticky = 5,  // the one that its owner gave back last in this network, or else the lowest
};
inline constexpr Strategy strategy_last = Strategy::sticky;
std::string_view to_string(Strategy strategy);
std::optional<Strategy> parse_strategy(std::string_view text);

// What a network is for. Values are written to disk and to the log: never reuse one.
enum class NetworkStatus : std::uint8_t {
  active = 1,      // hands out addresses, and blocks for child networks
  container = 2,   // holds child networks: hands out blocks alone
  reserved = 3,    // kept for later: hands out nothing by itself
  deprecated = 4,  // no longer to be used: the same
};
inline constexpr NetworkStatus network_status_last = NetworkStatus::deprecated;
std::string_view to_string(NetworkStatus status);
std::optional<NetworkStatus> parse_network_status(std::string_view text);
inline constexpr std::string_view network_status_names =  // for who named another
    "active, container, reserved or deprecated";
// Whether addresses, or blocks for child networks, are handed out without being named.
inline bool hands_out_addresses(NetworkStatus status) { return status == NetworkStatus::active; }
inline bool hands_out_blocks(NetworkStatus status) {
  return status == NetworkStatus::active || status == NetworkStatus::container;
}

// What few networks have: it takes no memory in the others.
struct NetworkExtras {
  NetworkStatus status = NetworkStatus::active;
  Strategy strategy = Strategy::first;  // of allocations that name none
  std::optional<Address> gateway;       // in the network; never handed out by itself
  std::uint32_t threshold_percent = 0;  // of its addresses in use; 0: none
  Metadata metadata;

  friend bool operator==(const NetworkExtras&, const NetworkExtras&) = default;
};

struct Network {
  NetworkId id;
  Prefix prefix;
  std::string description;
  std::vector<std::string> tags;
  TimeMs created_at = 0;
  TimeMs updated_at = 0;
  Revision revision;  // of its last change
  // How long an address waits after its allocation ended, before it is handed out again.
  std::uint32_t quarantine_seconds = 0;
  VrfId vrf = vrf_default;
  base::Boxed<NetworkExtras> extras = {};

  NetworkStatus status() const { return extras ? extras->status : NetworkStatus::active; }
  std::optional<Address> gateway() const { return extras ? extras->gateway : std::nullopt; }

  friend bool operator==(const Network&, const Network&) = default;
};

// What a network's place among the others says of it.
struct NetworkContext {
  std::string vrf;  // its name
  std::optional<NetworkId> parent_id;
  std::uint64_t children_count = 0;  // the direct ones

  friend bool operator==(const NetworkContext&, const NetworkContext&) = default;
};

// A network as clients see it.
struct NetworkView : Network {
  NetworkContext context;

  friend bool operator==(const NetworkView&, const NetworkView&) = default;
};

// What few allocations have: it takes no memory in the others.
struct AllocationExtras {
  std::string owner;
  Metadata metadata;

  friend bool operator==(const AllocationExtras&, const AllocationExtras&) = default;
};

// Values are written to disk: never reuse one.
enum class AllocationStatus : std::uint8_t { allocated = 1, released = 2, expired = 3 };

// Rises each time an address is handed out, whichever: the number of the id does just that.
inline std::uint64_t fence_of(AllocationId id) { return id.value(); }

// One address, or one contiguous block as one record (first < last).
struct Allocation {
  AllocationId id;
  NetworkId network_id;
  Address first;
  Address last;
  std::string hostname;
  std::string description;
  std::vector<std::string> tags;
  AllocationStatus status = AllocationStatus::allocated;
  TimeMs allocated_at = 0;
  std::optional<TimeMs> expires_at;
  std::optional<TimeMs> released_at;  // also when it expired
  Revision revision;
  base::Boxed<AllocationExtras> extras = {};

  std::uint64_t fence() const { return fence_of(id); }

  friend bool operator==(const Allocation&, const Allocation&) = default;
};

// Addresses of a network that are handed out only where they are named, and that is forced. Who
// holds some of them already goes on doing so. No two of a network have an address in common.
struct Reservation {
  ReservationId id;
  NetworkId network_id;
  Address first;
  Address last;
  std::string reason;
  std::vector<std::string> tags;
  Metadata metadata;
  TimeMs created_at = 0;
  Revision revision;  // of its last change

  friend bool operator==(const Reservation&, const Reservation&) = default;
};

// Addresses of an allocation that ended, which wait before they are handed out again.
struct Quarantine {
  NetworkId network_id;
  Address first;
  Address last;
  TimeMs ends_at = 0;
  AllocationId allocation_id;  // that held them

  friend bool operator==(const Quarantine&, const Quarantine&) = default;
};

// The address that an owner gave back last in a network, for Strategy::sticky.
struct LastHeld {
  NetworkId network_id;
  std::string owner;
  Address address;
  AllocationId allocation_id;  // that held it
  Revision revision;           // at which it ended

  friend bool operator==(const LastHeld&, const LastHeld&) = default;
};

struct AuditEntry {
  AuditId id;
  TimeMs timestamp = 0;
  std::string action;    // network_created, ip_allocated, … (contract.md)
  std::string resource;  // net-1, alloc-7, node-3
  std::string details;   // one sentence
  std::string user;      // the name of a token, of a user of the CLI, or "system"
  Revision revision;
  base::Sha256 previous_hash{};  // of the entry before; zeros before the first
  base::Sha256 hash{};           // audit_chain.hpp

  friend bool operator==(const AuditEntry&, const AuditEntry&) = default;
};

// The outcome of a command that came with an idempotency key, for those that come again.
struct StoredOutcome {
  std::string key;
  std::uint64_t request_hash = 0;
  TimeMs forgotten_at = 0;
  Revision revision;  // of the command
  std::string outcome;  // encoded: outcome_codec.hpp

  friend bool operator==(const StoredOutcome&, const StoredOutcome&) = default;
};

struct NetworkStats {
  NetworkId network_id;
  // Usable addresses; total == allocated + available + reserved always holds.
  U128 total = 0;
  U128 allocated = 0;
  U128 available = 0;
  // Delegated to child networks, which alone hand them out, in quarantine, or withheld: nobody has
  // them, and yet they are not handed out by themselves (the gateway, what is in a reservation).
  U128 reserved = 0;
  U128 quarantined = 0;
  std::optional<Address> first_available;
  std::optional<Address> last_allocated;  // the highest address that is allocated
  std::uint32_t threshold_percent = 0;    // of the network; 0: it has none
  bool threshold_reached = false;         // so much of it is allocated, or more
};

// Whether so many of all addresses are at least so many percent of them; never for 0 percent.
bool reaches(U128 allocated, U128 total, std::uint32_t percent);

// What the state machine counts by; part of the replicated state.
struct Counters {
  std::uint64_t next_network = 1;
  std::uint64_t next_allocation = 1;
  std::uint64_t next_audit = 1;
  std::uint64_t next_vrf = 2;  // the first one is vrf_default
  std::uint64_t next_reservation = 1;
  std::uint64_t next_token = 1;
  TimeMs now = 0;  // the replicated clock: never goes back
  // Of all changes so far, in order: equal on all nodes that have applied the same entries.
  std::uint64_t digest = 0;
  base::Sha256 audit_hash{};  // of the last audit entry

  friend bool operator==(const Counters&, const Counters&) = default;
};

std::string to_string(VrfId id);         // vrf-1
std::string to_string(NetworkId id);     // net-1
std::string to_string(AllocationId id);  // alloc-1
std::string to_string(AuditId id);       // audit-1
std::string to_string(ReservationId id);  // res-1
std::string to_string(TokenId id);       // token-1
// The same into memory that has room for so many bytes; gives the end of what it wrote.
inline constexpr std::size_t id_bytes_max = 32;  // the longest prefix, and 20 digits
char* write(char* at, VrfId id);
char* write(char* at, NetworkId id);
char* write(char* at, AllocationId id);
char* write(char* at, AuditId id);
char* write(char* at, ReservationId id);
char* write(char* at, TokenId id);
// nullopt where the text is not exactly such an id (no leading zeros, no 0, fits 64 bits).
std::optional<VrfId> parse_vrf_id(std::string_view text);
std::optional<NetworkId> parse_network_id(std::string_view text);
std::optional<AllocationId> parse_allocation_id(std::string_view text);
std::optional<AuditId> parse_audit_id(std::string_view text);
std::optional<ReservationId> parse_reservation_id(std::string_view text);
std::optional<TokenId> parse_token_id(std::string_view text);

std::string to_rfc3339(TimeMs time);  // 2024-01-15T10:30:00Z; with .123 where not a whole second
inline constexpr std::size_t rfc3339_bytes_max = 32;  // 24, and more for a year beyond 9999
char* write_rfc3339(char* at, TimeMs time);           // as write() of an id
// Any offset; digits beyond milliseconds are cut off. nullopt for anything but a date and time of
// RFC 3339 from 1970 to 9999.
std::optional<TimeMs> parse_rfc3339(std::string_view text);

// What the texts of an object take, and what comes with each of them; the same on every node.
std::size_t text_bytes(const Network& network);
std::size_t text_bytes(const Allocation& allocation);
std::size_t text_bytes(const Reservation& reservation);

// Limits on what a client may send; each bounds memory and the size of one log entry.
inline constexpr std::size_t description_bytes_max = 1024;
inline constexpr std::size_t hostname_bytes_max = 253;  // RFC 1035 §2.3.4 as text
inline constexpr std::size_t tags_max = 64;
inline constexpr std::size_t tag_bytes_max = 128;
inline constexpr std::uint64_t subnets_max = 1000;  // that one command makes, or merges
// Allocations and quarantines that one command moves into another network, and the networks that
// it makes for them: as many records as a transaction makes, and for the same reason.
inline constexpr std::size_t moves_max = 20'000;
// Of the operations of a transaction and the rows of an import together, looked at between two of
// them: what they may write, and go over of what is there. Some 0.2 seconds of the io thread each.
inline constexpr std::size_t change_bytes_max = 32u << 20;
inline constexpr std::uint64_t change_steps_max = 1'000'000;
inline constexpr std::size_t vrf_name_bytes_max = 128;
inline constexpr std::size_t token_name_bytes_max = 128;
inline constexpr std::size_t token_vrfs_max = 64;
// A question about an address, and one about all networks, look at all of them.
inline constexpr std::size_t vrfs_max = 10'000;
// One answer lists them all, and one command notes the use of all of them.
inline constexpr std::size_t tokens_max = 1000;
// The last use of a token is noted once in so long: one write a minute for all of them together.
inline constexpr TimeMs token_use_interval_ms = 60'000;
inline constexpr std::size_t owner_bytes_max = 253;
inline constexpr std::size_t metadata_entries_max = 32;
inline constexpr std::size_t metadata_key_bytes_max = 64;
inline constexpr std::size_t metadata_value_bytes_max = 256;
inline constexpr std::size_t exclude_max = 256;      // addresses or ranges
inline constexpr std::uint64_t scattered_max = 1000;  // records that one command makes
inline constexpr std::size_t operations_max = 10'000;   // of a transaction
inline constexpr std::size_t references_max = 8;        // of one operation
// Records that one transaction makes: scattered allocations make many each.
inline constexpr std::uint64_t transaction_records_max = 20'000;
inline constexpr std::size_t actor_bytes_max = 253;
inline constexpr std::size_t idempotency_key_bytes_max = 255;
inline constexpr std::size_t precondition_revisions_max = 64;
inline constexpr std::uint32_t idempotency_seconds_max = 30 * 86400;
inline constexpr std::uint32_t idempotency_seconds_default = 86400;
// Beyond either, the keys that would be forgotten next are forgotten early.
inline constexpr std::size_t idempotency_keys_max = 100'000;
inline constexpr std::size_t idempotency_bytes_max = 64 << 20;  // of keys and outcomes
// Beyond it the addresses that were given back longest ago are forgotten: some 200 MB.
inline constexpr std::size_t last_held_max = 1'000'000;
// Of one network: deleting it deletes them, and each is told, in one entry of the log.
inline constexpr std::size_t reservations_max = 10'000;
inline constexpr std::uint32_t quarantine_seconds_max = 365 * 86400;
inline constexpr std::uint64_t ttl_seconds_max = 10ull * 365 * 86400;  // ten years

}  // namespace ipam
