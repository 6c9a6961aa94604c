#include "state/audit_query.hpp"

#include <algorithm>
#include <limits>
#include <string>

#include "state/rows.hpp"

namespace state {
namespace {

constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();

// The id of the first entry that is not before `time`. The clock of the entries never goes back, so
// their ids are in the order of their times: no index is needed.
std::int64_t first_entry_since(sqlite::Connection& connection, ipam::TimeMs time) {
  std::int64_t low = 1;
  std::int64_t high = connection.integer("SELECT coalesce(max(id), 0) FROM audit") + 1;
  sqlite::Statement is_before =
      connection.prepare("SELECT 1 FROM audit WHERE id=? AND timestamp < ?");
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    is_before.start(middle, time);
    if (is_before.step()) low = middle + 1;
    else high = middle;
    is_before.reset();
  }
  return low;
}

}  // namespace

std::vector<ipam::AuditEntry> query_audit(sqlite::Connection& connection,
                                          const ipam::AuditQuery& query) {
  std::string sql(select_audit_sql);
  sql += " WHERE id >= ?1 AND id < ?2";
  // Only the filters that are there, so that SQLite sees that it can use the index on resource.
  if (query.resource) sql += " AND resource = ?3";
  if (query.actor) sql += " AND user = ?4";
  if (query.action) sql += " AND action = ?5";
  sql += " ORDER BY id DESC LIMIT ?6";
  std::int64_t end = most;
  if (query.before)
    end = static_cast<std::int64_t>(std::min<std::uint64_t>(query.before->value(), most));
  if (query.until) end = std::min(end, first_entry_since(connection, *query.until));
  const std::int64_t begin = query.since ? first_entry_since(connection, *query.since) : 1;
  sqlite::Statement rows = connection.prepare(sql);
  rows.start(begin, end, query.resource, query.actor, query.action,
             std::min<std::uint64_t>(query.limit, most));
  std::vector<ipam::AuditEntry> entries;
  while (rows.step()) entries.push_back(read_audit(rows));
  return entries;
}

}  // namespace state
