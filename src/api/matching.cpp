#include "api/matching.hpp"

#include <algorithm>

#include "base/ascii.hpp"

namespace api {

TextMatch::TextMatch(std::string_view wanted) : wanted_(base::lower_case(wanted)) {}

bool TextMatch::in(std::string_view text) const {
  const auto found = std::search(text.begin(), text.end(), wanted_.begin(), wanted_.end(),
                                 [](char a, char b) { return base::lower_case(a) == b; });
  return found != text.end() || wanted_.empty();
}

bool TextMatch::in(const ipam::Network& network) const {
  if (network.extras)
    for (const auto& [key, value] : network.extras->metadata)
      if (in(value)) return true;
  return in(network.description) || in(ipam::to_string(network.prefix)) ||
         std::any_of(network.tags.begin(), network.tags.end(),
                     [&](const std::string& tag) { return in(tag); });
}

bool TextMatch::in(const ipam::Reservation& reservation) const {
  if (in(reservation.reason)) return true;
  for (const std::string& tag : reservation.tags)
    if (in(tag)) return true;
  for (const auto& [key, value] : reservation.metadata)
    if (in(value)) return true;
  return in(ipam::to_string(reservation.first)) || in(ipam::to_string(reservation.last));
}

bool TextMatch::in(const ipam::Allocation& allocation) const {
  if (in(allocation.hostname) || in(allocation.description)) return true;
  for (const std::string& tag : allocation.tags)
    if (in(tag)) return true;
  if (allocation.extras) {
    if (in(allocation.extras->owner)) return true;
    for (const auto& [key, value] : allocation.extras->metadata)
      if (in(value)) return true;
  }
  return in(ipam::to_string(allocation.first)) || in(ipam::to_string(allocation.last));
}

}  // namespace api
