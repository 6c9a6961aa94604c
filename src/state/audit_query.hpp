// The audit log in state.db, filtered, newest first.
#pragma once

#include <vector>

#include "ipam/history.hpp"
#include "sqlite/sqlite.hpp"

namespace state {

std::vector<ipam::AuditEntry> query_audit(sqlite::Connection& connection,
                                          const ipam::AuditQuery& query);

ipam::KnownRevision query_revision(sqlite::Connection& connection,
                                   const ipam::RevisionQuery& query);

}  // namespace state
