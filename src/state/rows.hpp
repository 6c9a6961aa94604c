// The tables of state.db and the way between their rows and the objects of ipam. Times are
// milliseconds since 1970 as integers, addresses and prefixes are text, ids are plain numbers.
#pragma once

#include <string>
#include <string_view>

#include "ipam/model.hpp"
#include "sqlite/sqlite.hpp"
#include "state/row_checksum.hpp"
#include "state/row_writer.hpp"

namespace state {

// Format version 8. Each row ends with its checksum (row_checksum.hpp). `allocations` keeps every
// one that ever was (status 1 allocated, 2 released, 3 expired); `end_ip` is NULL for a single
// address, `owner`, `metadata`, `gateway` and `threshold_percent` where there is none. `cover` is
// the number (cover_key()) of the longest prefix that contains all of it: who held an address has
// one of the 33 or 129 prefixes that contain the address as its cover, so an index finds them,
// blocks too. The index has those that have ended; who holds an address now is in memory.
//
// `tokens` has the hash of each secret, nowhere the secret; `role` is 1 viewer, 2 editor or
// 3 admin, `vrfs` an array of the numbers of VRFs.
//
// `audit.newest_allocation` is the number of the allocation that was the newest one then. As that
// never goes back, the entry that made an allocation is found by halving, without an index, which
// has the others.
//
// `moved_allocations` says in which network an allocation was until a revision put it into another.
//
// For each of the versioned tables there is one that keeps its rows as they were before they were
// replaced or deleted (versions.hpp): a column that is added here is added to both.
struct VersionedTable {
  std::string_view name;
  std::string_view columns;  // between the id and the checksum
};
inline constexpr VersionedTable versioned_tables[] = {
    {"vrfs",
     "name TEXT NOT NULL, description TEXT NOT NULL, created_at INTEGER NOT NULL, "
     "updated_at INTEGER NOT NULL, revision INTEGER NOT NULL"},
    {"networks",
     "cidr TEXT NOT NULL, description TEXT NOT NULL, tags TEXT NOT NULL, "
     "created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, revision INTEGER NOT NULL, "
     "quarantine_seconds INTEGER NOT NULL, vrf_id INTEGER NOT NULL, status INTEGER NOT NULL, "
     "strategy INTEGER NOT NULL, gateway TEXT, threshold_percent INTEGER, metadata TEXT"},
    {"allocations",
     "network_id INTEGER NOT NULL, ip TEXT NOT NULL, end_ip TEXT, hostname TEXT NOT NULL, "
     "description TEXT NOT NULL, tags TEXT NOT NULL, status INTEGER NOT NULL, "
     "allocated_at INTEGER NOT NULL, expires_at INTEGER, released_at INTEGER, "
     "revision INTEGER NOT NULL, owner TEXT, metadata TEXT, cover INTEGER NOT NULL"},
};

inline constexpr const char* other_tables = R"(
  CREATE INDEX ended_allocations_by_cover ON allocations(cover) WHERE status <> 1;
  CREATE INDEX allocations_by_network ON allocations(network_id);
  CREATE TABLE moved_allocations(id INTEGER NOT NULL, until INTEGER NOT NULL,
                                 network_id INTEGER NOT NULL, crc INTEGER NOT NULL,
                                 PRIMARY KEY(id, until)) WITHOUT ROWID;
  CREATE INDEX moved_allocations_by_network ON moved_allocations(network_id, id);
  CREATE TABLE quarantines(network_id INTEGER NOT NULL, ip TEXT NOT NULL, end_ip TEXT,
                           ends_at INTEGER NOT NULL, allocation_id INTEGER NOT NULL,
                           crc INTEGER NOT NULL, PRIMARY KEY(network_id, ip)) WITHOUT ROWID;
  CREATE TABLE last_held(network_id INTEGER NOT NULL, owner TEXT NOT NULL, ip TEXT NOT NULL,
                         allocation_id INTEGER NOT NULL, revision INTEGER NOT NULL,
                         crc INTEGER NOT NULL, PRIMARY KEY(network_id, owner)) WITHOUT ROWID;
  CREATE TABLE reservations(id INTEGER PRIMARY KEY, network_id INTEGER NOT NULL, ip TEXT NOT NULL,
                            end_ip TEXT, reason TEXT NOT NULL, tags TEXT NOT NULL, metadata TEXT,
                            created_at INTEGER NOT NULL, revision INTEGER NOT NULL,
                            crc INTEGER NOT NULL);
  CREATE TABLE audit(id INTEGER PRIMARY KEY, timestamp INTEGER NOT NULL, action TEXT NOT NULL,
                     resource TEXT NOT NULL, details TEXT NOT NULL, user TEXT NOT NULL,
                     revision INTEGER NOT NULL, hash BLOB NOT NULL,
                     newest_allocation INTEGER NOT NULL, crc INTEGER NOT NULL);
  CREATE INDEX audit_by_resource ON audit(resource) WHERE action <> 'ip_allocated';
  CREATE TABLE idempotency(key TEXT PRIMARY KEY, request_hash INTEGER NOT NULL,
                           forgotten_at INTEGER NOT NULL, revision INTEGER NOT NULL,
                           outcome BLOB NOT NULL, crc INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE tokens(id INTEGER PRIMARY KEY, name TEXT NOT NULL, role INTEGER NOT NULL,
                      vrfs TEXT NOT NULL, hash BLOB NOT NULL, created_at INTEGER NOT NULL,
                      expires_at INTEGER, last_used_at INTEGER, revision INTEGER NOT NULL,
                      crc INTEGER NOT NULL);
  CREATE TABLE meta(id INTEGER PRIMARY KEY CHECK(id = 1), applied_index INTEGER NOT NULL,
                    applied_term INTEGER NOT NULL, configuration BLOB NOT NULL,
                    next_network INTEGER NOT NULL, next_allocation INTEGER NOT NULL,
                    next_audit INTEGER NOT NULL, next_vrf INTEGER NOT NULL,
                    next_reservation INTEGER NOT NULL,
                    next_token INTEGER NOT NULL,
                    now INTEGER NOT NULL, digest INTEGER NOT NULL,
                    oldest_known INTEGER NOT NULL,
                    audit_hash BLOB NOT NULL, crc INTEGER NOT NULL);
)";
// The SQL of all tables.
std::string schema();

// All columns in the order of the schema; the readers below take a row of SELECT *.
inline constexpr std::string_view put_vrf_sql = "INSERT OR REPLACE INTO vrfs "
                                                "VALUES(?,?,?,?,?,?,?)";
// Of networks that are there; new ones go to a RowWriter.
inline constexpr int network_columns = 15;
inline constexpr std::string_view put_network_sql = "INSERT OR REPLACE INTO networks "
                                                    "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
// New ones go to a RowWriter. Of one that is there the addresses stay. Rejected: INSERT OR REPLACE
// for both, for which SQLite keeps a journal of each statement.
inline constexpr int allocation_columns = 16;
inline constexpr std::string_view update_allocation_sql =
    "UPDATE allocations SET network_id=?2, hostname=?5, description=?6, tags=?7, status=?8, "
    "allocated_at=?9, expires_at=?10, released_at=?11, revision=?12, owner=?13, metadata=?14, "
    "crc=?16 WHERE id=?1";
inline constexpr std::string_view put_quarantine_sql = "INSERT OR REPLACE INTO quarantines "
                                                       "VALUES(?,?,?,?,?,?)";
inline constexpr std::string_view put_last_held_sql = "INSERT OR REPLACE INTO last_held "
                                                      "VALUES(?,?,?,?,?,?)";
inline constexpr std::string_view put_reservation_sql = "INSERT OR REPLACE INTO reservations "
                                                        "VALUES(?,?,?,?,?,?,?,?,?,?)";
inline constexpr int audit_columns = 10;
inline constexpr std::string_view put_token_sql = "INSERT OR REPLACE INTO tokens "
                                                  "VALUES(?,?,?,?,?,?,?,?,?,?)";
inline constexpr std::string_view put_outcome_sql = "INSERT OR REPLACE INTO idempotency "
                                                    "VALUES(?,?,?,?,?,?)";
// Of the audit entries that `audit_by_resource` does without.
inline constexpr std::string_view making_action = "ip_allocated";
// The hash of the entry before comes last.
inline constexpr std::string_view select_audit_sql =
    "SELECT *, (SELECT hash FROM audit AS previous WHERE previous.id = audit.id - 1) FROM audit";

void put(sqlite::Statement& statement, const ipam::Vrf& vrf);
void put(sqlite::Statement& statement, const ipam::Network& network);
void put(RowWriter& writer, const ipam::Network& network);
void put(sqlite::Statement& update, const ipam::Allocation& allocation);
void put(RowWriter& writer, const ipam::Allocation& allocation);
void put(sqlite::Statement& statement, const ipam::Quarantine& quarantine);
void put(sqlite::Statement& statement, const ipam::LastHeld& held);
void put(sqlite::Statement& statement, const ipam::Reservation& reservation);
void put(sqlite::Statement& statement, const ipam::Token& token);
void put(RowWriter& writer, const ipam::AuditEntry& entry, std::uint64_t newest_allocation);
void put(sqlite::Statement& statement, const ipam::StoredOutcome& stored);

// Of `allocations.cover`. Different prefixes of IPv6 may have the same, rarely.
std::uint64_t cover_key(const ipam::Prefix& prefix);

base::Sha256 read_hash(const Row& row, int column);
// They throw Damage, also where the checksum is wrong. read_audit() takes a row of
// select_audit_sql.
ipam::Vrf read_vrf(const Row& row);
ipam::Network read_network(const Row& row);
ipam::Allocation read_allocation(const Row& row);
ipam::Quarantine read_quarantine(const Row& row);
ipam::LastHeld read_last_held(const Row& row);
ipam::Reservation read_reservation(const Row& row);
ipam::Token read_token(const Row& row);
ipam::AuditEntry read_audit(const Row& row);
ipam::StoredOutcome read_outcome(const Row& row);

}  // namespace state
