// The hash chain of the audit log: each entry's hash covers the hash before it, so whoever knows
// the last one can tell whether anything before it was changed, taken away or slipped in. Pure.
#pragma once

#include "base/sha256.hpp"
#include "ipam/model.hpp"

namespace ipam {

// SHA-256 over previous_hash (32 bytes), then u64 id, i64 timestamp in ms, u64 revision (little
// endian), then action, resource, details and user, each as a LEB128 length and its bytes.
base::Sha256 chain_hash(const AuditEntry& entry);

}  // namespace ipam
