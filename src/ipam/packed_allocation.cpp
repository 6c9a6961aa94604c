#include "ipam/packed_allocation.hpp"

#include <bit>
#include <cstring>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "ipam/binary.hpp"

namespace ipam {

namespace {

// What write_address_value() wrote is read as a number in its place.
static_assert(std::endian::native == std::endian::little);

// A varint that we wrote ourselves; moves on to what is behind it.
std::uint64_t read_varint(const char*& at) {
  std::uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = static_cast<unsigned char>(*at++);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
}

base::BytesView rest_at(const char* at) {
  const std::uint64_t size = read_varint(at);
  return {at, size};
}

}  // namespace

U128 PackedAllocation::address_at(std::size_t offset) const {
  if (flags() & is_ipv6) {
    U128 value;
    std::memcpy(&value, bytes_ + offset, sizeof value);
    return value;
  }
  std::uint32_t value;
  std::memcpy(&value, bytes_ + offset, sizeof value);
  return value;
}

AllocationId PackedAllocation::id() const {
  const char* at = after_addresses();
  return AllocationId(read_varint(at));
}

NetworkId PackedAllocation::network_id() const {
  const char* at = after_addresses();
  read_varint(at);
  return NetworkId(read_varint(at));
}

std::string_view PackedAllocation::hostname() const {
  const char* at = after_addresses();
  read_varint(at);
  read_varint(at);
  base::ByteReader reader(rest_at(at));
  return reader.string();
}

// The rest: hostname; time and revision as varints; then, where the flags say so, description,
// tags, owner and metadata, the end of its lease as a varint.
void PackedAllocation::unpack(Allocation& allocation) const {
  const std::uint8_t has = flags();
  allocation.first = first();
  allocation.last = last();
  const char* at = after_addresses();
  allocation.id = AllocationId(read_varint(at));
  allocation.network_id = NetworkId(read_varint(at));
  base::ByteReader reader(rest_at(at));
  allocation.hostname = reader.string();
  allocation.allocated_at = static_cast<TimeMs>(reader.varint());
  allocation.revision = Revision(reader.varint());
  allocation.description = has & has_description ? reader.string() : std::string_view();
  if (has & has_tags)
    allocation.tags = read_strings(reader);
  else
    allocation.tags.clear();
  allocation.extras = {};
  if (has & has_extras) {
    AllocationExtras extras;
    extras.owner = reader.string();
    extras.metadata = read_metadata(reader);
    allocation.extras.set(std::move(extras));
  }
  allocation.expires_at = std::nullopt;
  if (has & has_expiry) allocation.expires_at = static_cast<TimeMs>(reader.varint());
  allocation.status = AllocationStatus::allocated;
  allocation.released_at = std::nullopt;
  ASSERT(reader.at_end());
}

AllocationTable::~AllocationTable() {
  for (const PackedAllocation allocation : by_id_) delete[] allocation.bytes_;
}

PackedAllocation AllocationTable::make(const Allocation& allocation) {
  ASSERT(allocation.status == AllocationStatus::allocated && !allocation.released_at);
  using Packed = PackedAllocation;
  rest_.clear();
  base::ByteWriter rest(rest_);
  rest.string(allocation.hostname);
  rest.varint(static_cast<std::uint64_t>(allocation.allocated_at));
  rest.varint(allocation.revision.value());
  std::uint8_t flags = allocation.first.family == Family::ipv6 ? Packed::is_ipv6 : 0;
  if (!allocation.description.empty()) {
    flags |= Packed::has_description;
    rest.string(allocation.description);
  }
  if (!allocation.tags.empty()) {
    flags |= Packed::has_tags;
    write_strings(rest, allocation.tags);
  }
  if (allocation.extras) {
    flags |= Packed::has_extras;
    rest.string(allocation.extras->owner);
    write_metadata(rest, allocation.extras->metadata);
  }
  if (allocation.expires_at) {
    flags |= Packed::has_expiry;
    rest.varint(static_cast<std::uint64_t>(*allocation.expires_at));
  }
  if (allocation.last != allocation.first) flags |= Packed::is_block;
  head_.clear();
  base::ByteWriter head(head_);
  head.u8(flags);
  write_address_value(head, allocation.first);
  if (flags & Packed::is_block) write_address_value(head, allocation.last);
  head.varint(allocation.id.value());
  head.varint(allocation.network_id.value());
  head.varint(rest_.size());
  auto* const bytes = new char[head_.size() + rest_.size()];
  std::memcpy(bytes, head_.data(), head_.size());
  std::memcpy(bytes + head_.size(), rest_.data(), rest_.size());
  return PackedAllocation(bytes);
}

PackedAllocation AllocationTable::add(const Allocation& allocation) {
  const PackedAllocation added = make(allocation);
  const bool is_new = by_id_.insert(added);
  ASSERT(is_new);
  return added;
}

void AllocationTable::replace(PackedAllocation allocation) {
  const PackedAllocation before = by_id_.find(allocation.id());
  ASSERT(before);
  by_id_.replace(allocation);
  delete[] before.bytes_;
}

void AllocationTable::remove(AllocationId id) {
  const PackedAllocation removed = by_id_.find(id);
  ASSERT(removed);
  by_id_.erase(id);
  delete[] removed.bytes_;
}

}  // namespace ipam
