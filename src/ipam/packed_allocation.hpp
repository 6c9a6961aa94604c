// Active allocations as they are kept in memory: one block of bytes each, without what most of them
// do not have. An Allocation takes some 240 bytes and its texts; ten million are to fit. Pure.
#pragma once

#include <string_view>

#include "ipam/btree.hpp"
#include "ipam/model.hpp"

namespace ipam {

// A handle of one: as small as a pointer, copied freely, valid while the table has the allocation
// and does not replace it. None converts to false.
//
// Its bytes: u8 flags; the first address, of 4 or 16 bytes; the last one, where it is a block; id
// and network as varints; the size of the rest as a varint; then as packed_allocation.cpp says.
class PackedAllocation {
 public:
  PackedAllocation() = default;

  explicit operator bool() const { return bytes_ != nullptr; }
  Address first() const { return {family(), address_at(1)}; }
  Address last() const {
    return {family(), address_at(flags() & is_block ? 1 + address_bytes() : 1)};
  }
  U128 first_value() const { return address_at(1); }
  AllocationId id() const;
  NetworkId network_id() const;
  std::string_view hostname() const;
  void unpack(Allocation& allocation) const;  // all of it
  Allocation unpacked() const {
    Allocation allocation;
    unpack(allocation);
    return allocation;
  }

  friend bool operator==(PackedAllocation, PackedAllocation) = default;

 private:
  friend class AllocationTable;
  static constexpr std::uint8_t is_ipv6 = 1;
  static constexpr std::uint8_t is_block = 2;
  static constexpr std::uint8_t has_description = 4;
  static constexpr std::uint8_t has_tags = 8;
  static constexpr std::uint8_t has_extras = 16;
  static constexpr std::uint8_t has_expiry = 32;

  explicit PackedAllocation(const char* bytes) : bytes_(bytes) {}
  std::uint8_t flags() const { return static_cast<std::uint8_t>(*bytes_); }
  Family family() const { return flags() & is_ipv6 ? Family::ipv6 : Family::ipv4; }
  std::size_t address_bytes() const { return flags() & is_ipv6 ? 16 : 4; }
  U128 address_at(std::size_t offset) const;
  const char* after_addresses() const {
    return bytes_ + 1 + address_bytes() * (flags() & is_block ? 2 : 1);
  }

  const char* bytes_ = nullptr;
};

struct FirstAddressOf {
  U128 operator()(PackedAllocation allocation) const {
    return allocation ? allocation.first_value() : 0;
  }
};
struct AllocationIdOf {
  AllocationId operator()(PackedAllocation allocation) const {
    return allocation ? allocation.id() : AllocationId();
  }
};
// Those of one network.
using AllocationsByAddress = BTree<PackedAllocation, FirstAddressOf>;

// All of them by id. It owns their bytes.
class AllocationTable {
 public:
  using ById = BTree<PackedAllocation, AllocationIdOf>;

  AllocationTable() = default;
  AllocationTable(const AllocationTable&) = delete;
  AllocationTable& operator=(const AllocationTable&) = delete;
  ~AllocationTable();

  // REQUIRES: the id is new, and the allocation active.
  PackedAllocation add(const Allocation& allocation);
  // The same, which is not in the table yet: replace() puts it in the place of the one with its id,
  // whose handles are no longer valid then. REQUIRES: there is one.
  PackedAllocation make(const Allocation& allocation);
  void replace(PackedAllocation allocation);
  // Its handles are no longer valid. REQUIRES: it is there.
  void remove(AllocationId id);

  const ById& by_id() const { return by_id_; }

 private:
  ById by_id_;
  std::string head_, rest_;  // of the one that is being packed
};

}  // namespace ipam
