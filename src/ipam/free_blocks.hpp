// The free CIDR blocks of a network: where a child can be put, which means that no other child and
// no allocation of the network is in them. The addresses that a network does not hand out (its
// lowest, its IPv4 broadcast) count as free here. Pure; changes nothing.
#pragma once

#include <optional>
#include <vector>

#include "ipam/address_plan.hpp"

namespace ipam {

// The lowest `limit` blocks of this length. O(log runs) each. REQUIRES: longer than the network's.
std::vector<Prefix> free_blocks(const AddressPlan& plan, const NetworkState& network, int length,
                                std::size_t limit);
// The same addresses as the largest blocks that they form; the lowest `limit` of them.
std::vector<Prefix> largest_free_blocks(const AddressPlan& plan, const NetworkState& network,
                                        std::size_t limit);
// `limit` blocks of this length from where they break up the least: each from the smallest of the
// largest free blocks that has room for it, the lowest of several. O(blocks), memory for `limit`.
std::vector<Prefix> best_free_blocks(const AddressPlan& plan, const NetworkState& network,
                                     int length, std::size_t limit);

}  // namespace ipam
