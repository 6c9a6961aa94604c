#include "api/allocation_filter.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "api/handlers.hpp"
#include "api/problems.hpp"
#include "api/text.hpp"
#include "base/ascii.hpp"

namespace api {

namespace {

constexpr std::pair<std::string_view, ipam::AllocationStatus> status_names[] = {
    {"allocated", ipam::AllocationStatus::allocated},
    {"released", ipam::AllocationStatus::released},
    {"expired", ipam::AllocationStatus::expired}};

}  // namespace

base::Result<AllocationFilter, http::Response> AllocationFilter::read(const Query& query) {
  AllocationFilter filter;
  if (const std::string* text = query.find("network_id")) {
    filter.network_id = ipam::parse_network_id(*text);
    if (!filter.network_id) return base::fail(network_not_found(*text));
  }
  if (const std::string* text = query.find("ip")) {
    filter.ip = ipam::parse_address(*text);
    if (!filter.ip)
      return base::fail(
          problem(Problem::invalid_parameter,
                  fmt::format("ip must be an IPv4 or IPv6 address, not {}", quoted(*text))));
  }
  if (const std::string* text = query.find("within")) {
    const auto prefix = parse_cidr(*text);
    if (!prefix) return base::fail(invalid_cidr(prefix.error()));
    filter.within = *prefix;
  }
  if (const std::string* text = query.find("status")) {
    for (const auto& [name, status] : status_names)
      if (*text == name) filter.status = status;
    if (!filter.status)
      return base::fail(problem(
          Problem::invalid_parameter,
          fmt::format("status must be allocated, released or expired, not {}", quoted(*text))));
  }
  filter.hostname = query.text("hostname");
  filter.owner = query.text("owner");
  filter.tag = query.text("tag");
  if (const std::string* text = query.find("q")) filter.text = TextMatch(*text);
  return filter;
}

bool AllocationFilter::admits(const ipam::Allocation& allocation) const {
  if (network_id && allocation.network_id != *network_id) return false;
  if (ip && (*ip < allocation.first || *ip > allocation.last)) return false;
  if (within && !(within->contains(allocation.first) && within->contains(allocation.last)))
    return false;
  if (hostname && !base::equal_ignoring_case(allocation.hostname, *hostname)) return false;
  if (owner && (allocation.extras ? allocation.extras->owner : std::string()) != *owner)
    return false;
  if (status && allocation.status != *status) return false;
  if (tag && std::find(allocation.tags.begin(), allocation.tags.end(), *tag) ==
                 allocation.tags.end())
    return false;
  return !text || text->in(allocation);
}

bool AllocationFilter::admits_all() const {
  return !network_id && !ip && !within && !hostname && !owner && !tag && !status && !text;
}

}  // namespace api
