// The filters of GET /allocations. Pure.
#pragma once

#include <optional>
#include <string>

#include "api/matching.hpp"
#include "api/query.hpp"
#include "ipam/model.hpp"

namespace api {

struct AllocationFilter {
  std::optional<ipam::NetworkId> network_id;
  std::optional<ipam::Address> ip;      // holds it
  std::optional<ipam::Prefix> within;   // all of it lies in there
  std::optional<std::string> hostname;  // in whatever case
  std::optional<std::string> owner;
  std::optional<std::string> tag;
  std::optional<ipam::AllocationStatus> status;
  std::optional<TextMatch> text;

  // The error is the answer.
  static base::Result<AllocationFilter, http::Response> read(const Query& query);

  bool admits(const ipam::Allocation& allocation) const;
  bool admits_all() const;
};

}  // namespace api
