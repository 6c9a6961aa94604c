// The addresses of which state.db has said that no allocation has ended there: what memory has is
// all that there is to tell of them, and nobody needs to ask again. Learned address by address and
// kept as a bit each, for networks are read side by side; bounded by forgetting everything. A part
// of Replica, on the io thread.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "ipam/change.hpp"

namespace server {

class NoHistory {
 public:
  // Of 256 addresses each, and 100 bytes or so: 16 million addresses in a row, or as many single
  // ones as there are blocks.
  static constexpr std::size_t blocks_max_default = 65536;

  explicit NoHistory(std::size_t blocks_max = blocks_max_default) : blocks_max_(blocks_max) {}

  bool contains(const ipam::Address& address) const;

  // Before state.db is asked; then, where it knew of none that ended there, learn(). That does
  // nothing where one ended meanwhile.
  using Ticket = std::uint64_t;
  Ticket ask(const ipam::Address& address);
  void learn(const ipam::Address& address, Ticket ticket);

  // Each entry that is applied.
  void apply(const std::vector<ipam::Change>& changes);
  // The state was replaced by another.
  void clear();

 private:
  static constexpr unsigned block_bits = 8;

  struct Hash {
    std::size_t operator()(const ipam::Address& address) const;
  };
  struct Block {
    Ticket ticket = 0;  // of who may teach it something
    std::bitset<1u << block_bits> known;
  };

  static std::size_t place_in_block(const ipam::Address& address);
  static ipam::Address block_of(const ipam::Address& address);
  void forget(const ipam::Address& first, const ipam::Address& last);

  const std::size_t blocks_max_;
  Ticket last_ticket_ = 0;
  std::unordered_map<ipam::Address, Block, Hash> blocks_;  // by their first address
};

}  // namespace server
