// Reads a whole state.db and says whether it is what was written: structure, schema, the checksum
// of every row, the hash chain of the audit log.
#pragma once

#include "ipam/history.hpp"
#include "ipam/model.hpp"
#include "sqlite/sqlite.hpp"

namespace state {

// Takes as long as reading the file twice. REQUIRES: no open transaction; `counters` are as of the
// last commit. Throws what is not damage, such as a disk that cannot be read.
ipam::Verification verify(sqlite::Connection& connection, const ipam::Counters& counters);

}  // namespace state
