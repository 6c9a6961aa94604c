// Which networks GET /networks lists: its query parameters, and finding them by the prefix trees
// where one of them narrows that down. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/caller.hpp"
#include "api/matching.hpp"
#include "api/query.hpp"
#include "ipam/state_machine.hpp"

namespace api {

struct NetworkFilter {
  std::optional<ipam::VrfReference> vrf;
  std::optional<ipam::Prefix> cidr;      // exactly this one
  std::optional<ipam::Prefix> within;    // in this one, itself included
  std::optional<ipam::Prefix> contains;  // around this one, itself included
  std::optional<ipam::Family> family;
  std::optional<std::string> tag;
  std::optional<ipam::NetworkStatus> status;
  std::optional<TextMatch> text;
  Caller caller = {};  // what it may not see is not there

  // The error is the answer.
  static base::Result<NetworkFilter, http::Response> read(const Query& query);

  // Whether the network is one of those, wherever `vrf` is; that is the caller's to check.
  bool matches(const ipam::Network& network) const;
  // Whether the prefix trees find them, rather than looking at every network.
  bool has_prefix() const { return cidr || within || contains; }
  // Those that the trees find, by id; nothing where there are more than `max`. REQUIRES:
  // has_prefix().
  std::optional<std::vector<const ipam::Network*>> find(const ipam::StateMachine& state,
                                                        std::size_t max) const;
};

}  // namespace api
