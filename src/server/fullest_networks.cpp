#include "server/fullest_networks.hpp"

#include <algorithm>

namespace server {

double allocated_part(const ipam::NetworkStats& stats) {
  return stats.total == 0 ? 0
                          : static_cast<double>(stats.allocated) / static_cast<double>(stats.total);
}

const std::vector<ipam::NetworkId>& FullestNetworks::look(const ipam::StateMachine& plan) {
  std::size_t looked = 0;
  bool more = false;
  plan.visit_networks(next_, [&](const ipam::Network& network) {
    if (looked++ == per_look_max_) {
      next_ = network.id;
      more = true;
      return false;
    }
    const ipam::NetworkStats stats = plan.stats(network.id);
    if (stats.allocated == 0) return true;
    round_.push({stats.threshold_reached, allocated_part(stats), network.id});
    if (round_.size() > count_max_) round_.pop();
    return true;
  });
  if (!more) finish_round();
  return fullest_;
}

void FullestNetworks::finish_round() {
  fullest_.clear();
  for (; !round_.empty(); round_.pop()) fullest_.push_back(round_.top().id);
  std::reverse(fullest_.begin(), fullest_.end());
  next_ = ipam::NetworkId();
}

}  // namespace server
