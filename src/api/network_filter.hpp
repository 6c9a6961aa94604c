// Which networks GET /networks lists: its query parameters, and finding them by the prefix trees
// where one of them narrows that down. Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

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
  std::optional<TextMatch> text;

  // The error is the answer.
  static base::Result<NetworkFilter, http::Response> read(const Query& query);

  // By id. Without `cidr`, `within` and `contains` every network is looked at.
  void for_each(const ipam::StateMachine& state,
                const std::function<void(const ipam::Network&)>& visit) const;

 private:
  bool matches(const ipam::Network& network) const;
};

}  // namespace api
