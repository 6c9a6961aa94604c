// Where an allocation goes: chooses free addresses of one network by what the request asks for, and
// changes nothing. The plain request (the lowest free run) does not come here. Pure; equal states
// and commands give equal choices on every node.
#pragma once

#include <vector>

#include "ipam/address_plan.hpp"
#include "ipam/command.hpp"

namespace ipam {

// What the request says, else what the network does.
Strategy strategy_of(const Network& network, const AllocateOptions& options);

class Placement {
 public:
  // REQUIRES: all addresses of the options are of the network's family. `seed` decides for the
  // strategy `random`. The network outlives this.
  Placement(const NetworkState& network, const AllocateOptions& options, std::uint64_t seed);

  // The start of `count` addresses in a row; nullopt: there is no room for them.
  std::optional<U128> find(U128 count);
  // How many single addresses there are to choose from.
  U128 free_count() const;

 private:
  std::optional<U128> first(U128 count) const;
  std::optional<U128> last(U128 count) const;
  std::optional<U128> random(U128 count);
  std::optional<U128> sparse(U128 count) const;
  Fit fit(const FreeRun& window, U128 count) const;
  U128 next_random();

  const AddressSet& free_;
  std::vector<FreeRun> windows_;  // where to look: ascending, apart from one another
  Strategy strategy_;
  int align_bits_;
  std::uint64_t seed_;
};

}  // namespace ipam
