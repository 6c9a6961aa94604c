#include "server/no_history.hpp"

#include <algorithm>

namespace server {

std::size_t NoHistory::place_in_block(const ipam::Address& address) {
  return static_cast<std::size_t>(address.value) & ((1u << block_bits) - 1);
}

ipam::Address NoHistory::block_of(const ipam::Address& address) {
  return {address.family, address.value >> block_bits << block_bits};
}

std::size_t NoHistory::Hash::operator()(const ipam::Address& address) const {
  // splitmix64 of both halves: blocks side by side differ in few bits.
  const ipam::U128 value = address.value >> block_bits;
  std::uint64_t z = static_cast<std::uint64_t>(value) ^
                    static_cast<std::uint64_t>(value >> 64) * 0x9e3779b97f4a7c15 ^
                    static_cast<std::uint64_t>(address.family) << 56;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return static_cast<std::size_t>(z ^ (z >> 31));
}

bool NoHistory::contains(const ipam::Address& address) const {
  const auto block = blocks_.find(block_of(address));
  return block != blocks_.end() && block->second.known[place_in_block(address)];
}

NoHistory::Ticket NoHistory::ask(const ipam::Address& address) {
  const ipam::Address place = block_of(address);
  if (blocks_.size() >= blocks_max_ && !blocks_.contains(place)) blocks_.clear();
  Block& block = blocks_[place];
  if (block.ticket == 0) block.ticket = ++last_ticket_;
  return block.ticket;
}

void NoHistory::learn(const ipam::Address& address, Ticket ticket) {
  const auto block = blocks_.find(block_of(address));
  if (block != blocks_.end() && block->second.ticket == ticket)
    block->second.known.set(place_in_block(address));
}

void NoHistory::apply(const std::vector<ipam::Change>& changes) {
  for (const ipam::Change& change : changes) {
    const auto* const put = std::get_if<ipam::AllocationPut>(&change);
    if (put != nullptr && put->allocation.status != ipam::AllocationStatus::allocated)
      forget(put->allocation.first, put->allocation.last);
  }
}

void NoHistory::clear() { blocks_.clear(); }

void NoHistory::forget(const ipam::Address& first, const ipam::Address& last) {
  const auto forget_in = [&](const ipam::Address& place, Block& block) {
    block.ticket = ++last_ticket_;
    const std::size_t from = first < place ? 0 : place_in_block(first);
    const std::size_t to = block_of(last) == place ? place_in_block(last) : block.known.size() - 1;
    for (std::size_t at = from; at <= to; ++at) block.known.reset(at);
  };
  const ipam::Address end = block_of(last);
  ipam::Address place = block_of(first);
  const ipam::U128 count = ((end.value - place.value) >> block_bits) + 1;
  if (count <= blocks_.size()) {
    for (ipam::U128 left = count; left > 0; --left, place.value += 1u << block_bits)
      if (const auto block = blocks_.find(place); block != blocks_.end())
        forget_in(place, block->second);
    return;
  }
  for (auto& [each, block] : blocks_)
    if (each.family == place.family && place <= each && each <= end) forget_in(each, block);
}

}  // namespace server
