#include "ipam/audit_chain.hpp"

#include "ipam/binary.hpp"

namespace ipam {

base::Sha256 chain_hash(const AuditEntry& entry) {
  base::Bytes bytes;
  constexpr std::size_t rest_bytes = 80;  // what is not text
  bytes.reserve(rest_bytes + entry.action.size() + entry.resource.size() + entry.details.size() +
                entry.user.size());
  base::ByteWriter writer(bytes);
  write_hash(writer, entry.previous_hash);
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
