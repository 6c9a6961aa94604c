#include "api/matching.hpp"

#include <algorithm>

namespace api {

namespace {

char lower_case(char c) {
  return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

bool equal_letters(char a, char b) { return lower_case(a) == lower_case(b); }

}  // namespace

TextMatch::TextMatch(std::string_view wanted) : wanted_(wanted) {
  std::transform(wanted_.begin(), wanted_.end(), wanted_.begin(), lower_case);
}

bool TextMatch::in(std::string_view text) const {
  return std::search(text.begin(), text.end(), wanted_.begin(), wanted_.end(), equal_letters) !=
             text.end() ||
         wanted_.empty();
}

bool TextMatch::in(const ipam::Network& network) const {
  return in(network.description) || in(ipam::to_string(network.prefix)) ||
         std::any_of(network.tags.begin(), network.tags.end(),
                     [&](const std::string& tag) { return in(tag); });
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

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), equal_letters);
}

}  // namespace api
