// What a text that a client looks for means: found in whatever case of ASCII letters, anywhere in a
// text. Pure.
#pragma once

#include <string>
#include <string_view>

#include "ipam/model.hpp"

namespace api {

class TextMatch {
 public:
  explicit TextMatch(std::string_view wanted);

  bool in(std::string_view text) const;
  // In its CIDR, description or a tag.
  bool in(const ipam::Network& network) const;
  // In its addresses, reason, a tag, or a value of its metadata.
  bool in(const ipam::Reservation& reservation) const;
  // In its addresses, hostname, description, owner, a tag, or a value of its metadata.
  bool in(const ipam::Allocation& allocation) const;

 private:
  std::string wanted_;  // in lower case
};

}  // namespace api
