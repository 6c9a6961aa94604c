// What every object was at every revision, kept naively: the model that state.db is compared with,
// and what stands for it in the tests of the API.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "ipam/change.hpp"
#include "ipam/history.hpp"

namespace unit {

// Of each id, what it became by which revision; nothing where it was deleted.
template <class Object>
class ObjectHistory {
 public:
  using Id = decltype(Object::id);
  using Query = ipam::AtQuery<Object>;

  void put(ipam::Revision revision, const Object& object) { states_[object.id][revision] = object; }
  void remove(ipam::Revision revision, Id id) { states_[id][revision] = std::nullopt; }

  std::vector<Object> at(const ipam::AtQuery<Object>& query) const {
    std::vector<Object> found;
    for (const auto& [id, states] : states_) {
      if (id < query.from || !(id < query.to)) continue;
      const auto after = states.upper_bound(query.at);
      if (after == states.begin()) continue;
      const std::optional<Object>& then = std::prev(after)->second;
      if (!then || (query.only_superseded && after == states.end())) continue;
      if constexpr (requires { then->network_id; })
        if (query.network_id && then->network_id != *query.network_id) continue;
      found.push_back(*then);
    }
    return found;
  }

 private:
  std::map<Id, std::map<ipam::Revision, std::optional<Object>>> states_;
};

struct History {
  ObjectHistory<ipam::Vrf> vrfs;
  ObjectHistory<ipam::Network> networks;
  ObjectHistory<ipam::Allocation> allocations;

  void take(ipam::Revision revision, const std::vector<ipam::Change>& changes) {
    for (const ipam::Change& change : changes) {
      if (const auto* vrf_put = std::get_if<ipam::VrfPut>(&change))
        vrfs.put(revision, vrf_put->vrf);
      if (const auto* vrf_gone = std::get_if<ipam::VrfDeleted>(&change))
        vrfs.remove(revision, vrf_gone->id);
      if (const auto* network_put = std::get_if<ipam::NetworkPut>(&change))
        networks.put(revision, network_put->network);
      if (const auto* network_gone = std::get_if<ipam::NetworkDeleted>(&change))
        networks.remove(revision, network_gone->id);
      if (const auto* allocation_put = std::get_if<ipam::AllocationPut>(&change))
        allocations.put(revision, allocation_put->allocation);
    }
  }
};

}  // namespace unit
