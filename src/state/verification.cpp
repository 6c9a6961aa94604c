#include "state/verification.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include "ipam/audit_chain.hpp"
#include "state/rows.hpp"
#include "state/versions.hpp"

namespace state {
namespace {

// The text of every table and index.
std::string schema_of(sqlite::Connection& connection) {
  std::string text;
  sqlite::Statement rows = connection.prepare(
      "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema ORDER BY name");
  while (rows.step())
    for (int column = 0; column < 4; ++column) text += fmt::format("{}\n", rows.text(column));
  return text;
}

void check_schema(sqlite::Connection& connection) {
  sqlite::Connection expected(":memory:", sqlite::OpenMode::create);
  expected.execute(schema());
  if (schema_of(connection) != schema_of(expected)) throw Damage("its tables are not ours");
}

template <class Read>
std::uint64_t check_rows(sqlite::Connection& connection, std::string_view table, Read read) {
  std::uint64_t count = 0;
  sqlite::Statement rows = connection.prepare(fmt::format("SELECT * FROM {}", table));
  for (; rows.step(); ++count) (void)read(rows);
  return count;
}

// From the first entry to the last, whose hash is the counters'.
void walk_chain(sqlite::Connection& connection, const ipam::Counters& counters,
                ipam::Verification& found) {
  sqlite::Statement rows = connection.prepare(fmt::format("{} ORDER BY id", select_audit_sql));
  ipam::AllocationId newest_before;
  for (; rows.step(); ++found.entries) {
    const ipam::AuditEntry entry = read_audit(rows);
    if (entry.id.value() != found.entries + 1)
      throw Damage(fmt::format("audit-{} is missing", found.entries + 1));
    if (entry.previous_hash != found.head || entry.hash != ipam::chain_hash(entry))
      throw Damage(fmt::format("{} does not have the hash of what it says",
                               ipam::to_string(entry.id)));
    found.head = entry.hash;
    const ipam::AllocationId newest(rows.number(8));
    const bool made_it = entry.action == making_action;
    if (newest < newest_before || (made_it && entry.resource != ipam::to_string(newest)))
      throw Damage(fmt::format("{} has the wrong newest allocation", ipam::to_string(entry.id)));
    newest_before = newest;
  }
  if (found.entries + 1 != counters.next_audit || found.head != counters.audit_hash)
    throw Damage(fmt::format("the audit log ends with audit-{}, not with audit-{}", found.entries,
                             counters.next_audit - 1));
}

void verify_all(sqlite::Connection& connection, const ipam::Counters& counters,
                ipam::Verification& found) {
  connection.execute("PRAGMA shrink_memory");  // what is cached says nothing about the disk
  const std::string structure = connection.text("PRAGMA integrity_check(1)");
  if (structure != "ok") throw Damage(structure);
  check_schema(connection);
  found.rows += Versions<ipam::Vrf>(connection).check();
  found.rows += Versions<ipam::Network>(connection).check();
  found.rows += Versions<ipam::Allocation>(connection).check();
  found.rows += check_rows(connection, "vrfs", read_vrf);
  found.rows += check_rows(connection, "networks", read_network);
  found.rows += check_rows(connection, "quarantines", read_quarantine);
  found.rows += check_rows(connection, "last_held", read_last_held);
  found.rows += check_rows(connection, "reservations", read_reservation);
  found.rows += check_rows(connection, "allocations", read_allocation);
  found.rows += check_rows(connection, "tokens", read_token);
  found.rows += check_rows(connection, "idempotency", read_outcome);
  walk_chain(connection, counters, found);
  found.rows += found.entries;
}

}  // namespace

ipam::Verification verify(sqlite::Connection& connection, const ipam::Counters& counters) {
  ipam::Verification found;
  try {
    verify_all(connection, counters, found);
    found.intact = true;
  } catch (const Damage& damage) {
    found.problem = damage.what();
  } catch (const sqlite::Error& error) {
    if (error.primary_code() != SQLITE_CORRUPT && error.primary_code() != SQLITE_NOTADB) throw;
    found.problem = error.what();
  }
  return found;
}

}  // namespace state
