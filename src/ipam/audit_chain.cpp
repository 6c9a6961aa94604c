#include "ipam/audit_chain.hpp"

#include "base/bytes.hpp"

namespace ipam {

base::Sha256 chain_hash(const AuditEntry& entry) {
  base::Bytes bytes;
  base::ByteWriter writer(bytes);
  for (const std::uint8_t byte : entry.previous_hash) writer.u8(byte);
  writer.u64(entry.id.value());
  writer.i64(entry.timestamp);
  writer.u64(entry.revision.value());
  writer.string(entry.action);
  writer.string(entry.resource);
  writer.string(entry.details);
  writer.string(entry.user);
  return base::sha256(bytes);
}

}  // namespace ipam
