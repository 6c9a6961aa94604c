#include "state/audit_query.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string>

#include "state/rows.hpp"

namespace state {
namespace {

constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();

// The id of the first entry of which `is_before`, a statement that takes the id and `value`, is not
// true. REQUIRES: nor is it of any later one.
template <class Value>
std::int64_t first_entry_not(sqlite::Connection& connection, std::string_view is_before,
                             Value value) {
  std::int64_t low = 1;
  std::int64_t high = connection.integer("SELECT coalesce(max(id), 0) FROM audit") + 1;
  sqlite::Statement statement = connection.prepare(is_before);
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    statement.start(middle, value);
    if (statement.step()) low = middle + 1;
    else high = middle;
    statement.reset();
  }
  return low;
}

// The id of the first entry that is not before `time`. The clock of the entries never goes back, so
// their ids are in the order of their times: no index is needed.
std::int64_t first_entry_since(sqlite::Connection& connection, ipam::TimeMs time) {
  return first_entry_not(connection, "SELECT 1 FROM audit WHERE id=? AND timestamp < ?", time);
}

// The entry that made the allocation: the first one that has it as the newest.
std::optional<ipam::AuditEntry> entry_that_made(sqlite::Connection& connection,
                                                ipam::AllocationId allocation) {
  sqlite::Statement row = connection.prepare(fmt::format("{} WHERE id=?", select_audit_sql));
  row.start(first_entry_not(connection, "SELECT 1 FROM audit WHERE id=? AND newest_allocation < ?",
                            std::min<std::uint64_t>(allocation.value(), most)));
  if (!row.step()) return std::nullopt;
  ipam::AuditEntry entry = read_audit(row);
  if (entry.action != making_action || entry.resource != ipam::to_string(allocation))
    return std::nullopt;
  return entry;
}

}  // namespace

std::vector<ipam::AuditEntry> query_audit(sqlite::Connection& connection,
                                          const ipam::AuditQuery& query) {
  std::string sql(select_audit_sql);
  sql += " WHERE id >= ?1 AND id < ?2";
  // Only the filters that are there, so that SQLite sees that it can use the index on resource.
  if (query.resource) sql += " AND resource = ?3 AND action <> 'ip_allocated'";
  if (query.actor) sql += " AND user = ?4";
  if (query.action) sql += " AND action = ?5";
  sql += " ORDER BY id DESC LIMIT ?6";
  std::int64_t end = most;
  if (query.before)
    end = static_cast<std::int64_t>(std::min<std::uint64_t>(query.before->value(), most));
  if (query.until) end = std::min(end, first_entry_since(connection, *query.until));
  auto begin = static_cast<std::int64_t>(std::min<std::uint64_t>(query.from.value(), most));
  if (query.since) begin = std::max(begin, first_entry_since(connection, *query.since));
  sqlite::Statement rows = connection.prepare(sql);
  rows.start(begin, end, query.resource, query.actor, query.action,
             std::min<std::uint64_t>(query.limit, most));
  std::vector<ipam::AuditEntry> entries;
  while (rows.step()) entries.push_back(read_audit(rows));
  // The oldest of its resource.
  const auto allocation = query.resource ? ipam::parse_allocation_id(*query.resource)
                                         : std::nullopt;
  if (!allocation || entries.size() >= query.limit) return entries;
  if (auto made = entry_that_made(connection, *allocation)) {
    const auto id = static_cast<std::int64_t>(made->id.value());
    if (id >= begin && id < end && query.actor.value_or(made->user) == made->user &&
        query.action.value_or(made->action) == made->action)
      entries.push_back(*std::move(made));
  }
  return entries;
}

ipam::KnownRevision query_revision(sqlite::Connection& connection,
                                   const ipam::RevisionQuery& query) {
  const auto* const time = std::get_if<ipam::TimeMs>(&query.at);
  const std::int64_t next =
      time ? first_entry_since(connection, *time + 1)
           : first_entry_not(connection, "SELECT 1 FROM audit WHERE id=? AND revision <= ?",
                             std::get<ipam::Revision>(query.at).value());
  ipam::KnownRevision known;
  sqlite::Statement row = connection.prepare("SELECT revision, timestamp FROM audit WHERE id=?");
  row.start(next - 1);
  if (row.step()) {
    known.revision = ipam::Revision(row.number(0));
    known.time = row.integer(1);
  }
  if (!time) known.revision = std::get<ipam::Revision>(query.at);
  return known;
}

}  // namespace state
