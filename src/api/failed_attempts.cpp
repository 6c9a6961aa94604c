#include "api/failed_attempts.hpp"

#include "ipam/address.hpp"

namespace api {

std::string source_of(const std::string& client_address) {
  const auto address = ipam::parse_address(client_address);
  if (!address || address->family == ipam::Family::ipv4) return client_address;
  ipam::Prefix network{*address, 64};
  network.base.value &= network.mask();
  return ipam::to_string(network);
}

bool FailedAttempts::are_too_many(const std::string& client_address, std::int64_t now) {
  forget(now);
  const auto it = counts_.find(source_of(client_address));
  if (it != counts_.end()) return it->second >= attempts_max;
  return counts_.size() >= attempt_addresses_max && of_others_ >= attempts_max;
}

void FailedAttempts::note(const std::string& client_address, std::int64_t now) {
  forget(now);
  ++count_of(client_address);
}

// All at once, at the end of a window: nothing to keep per address but its count.
void FailedAttempts::forget(std::int64_t now) {
  const std::int64_t window = now / (std::int64_t{attempts_window_seconds} * 1000);
  if (window == window_) return;
  window_ = window;
  counts_.clear();
  of_others_ = 0;
}

std::uint64_t& FailedAttempts::count_of(const std::string& client_address) {
  const std::string source = source_of(client_address);
  const auto it = counts_.find(source);
  if (it != counts_.end()) return it->second;
  if (counts_.size() >= attempt_addresses_max) return of_others_;
  return counts_[source];
}

}  // namespace api
