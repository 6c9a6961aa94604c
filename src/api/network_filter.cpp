#include "api/network_filter.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "api/handlers.hpp"
#include "api/problems.hpp"

namespace api {

namespace {

base::Result<std::optional<ipam::Prefix>, http::Response> read_prefix(const Query& query,
                                                                      std::string_view name) {
  const std::string* text = query.find(name);
  if (!text) return std::optional<ipam::Prefix>();
  // An address is the prefix of itself alone.
  if (const auto address = ipam::parse_address(*text))
    return std::optional(ipam::Prefix{*address, ipam::bits_of(address->family)});
  const auto prefix = parse_cidr(*text);
  if (!prefix) return base::fail(invalid_cidr(prefix.error()));
  return std::optional(*prefix);
}

}  // namespace

base::Result<NetworkFilter, http::Response> NetworkFilter::read(const Query& query) {
  NetworkFilter filter;
  if (const std::string* vrf = query.find("vrf")) filter.vrf = parse_vrf(*vrf);
  for (const auto& [name, field] : {std::pair{"cidr", &NetworkFilter::cidr},
                                    {"within", &NetworkFilter::within},
                                    {"contains", &NetworkFilter::contains}}) {
    const auto prefix = read_prefix(query, name);
    if (!prefix) return base::fail(prefix.error());
    filter.*field = *prefix;
  }
  if (const std::string* family = query.find("family")) {
    if (*family != "4" && *family != "6")
      return base::fail(problem(Problem::invalid_parameter,
                                fmt::format("family must be 4 or 6, not {}", quoted(*family))));
    filter.family = *family == "4" ? ipam::Family::ipv4 : ipam::Family::ipv6;
  }
  filter.tag = query.text("tag");
  if (const std::string* status = query.find("status")) {
    filter.status = ipam::parse_network_status(*status);
    if (!filter.status)
      return base::fail(problem(Problem::invalid_parameter,
                                fmt::format("status must be {}, not {}",
                                            ipam::network_status_names, quoted(*status))));
  }
  if (const std::string* q = query.find("q")) filter.text = TextMatch(*q);
  return filter;
}

bool NetworkFilter::matches(const ipam::Network& network) const {
  return caller.may_see(network.vrf) && (!cidr || network.prefix == *cidr) &&
         (!within || within->contains(network.prefix)) &&
         (!contains || network.prefix.contains(*contains)) &&
         (!family || network.prefix.base.family == *family) &&
         (!status || network.status() == *status) &&
         (!tag || std::count(network.tags.begin(), network.tags.end(), *tag) > 0) &&
         (!text || text->in(network));
}

std::optional<std::vector<const ipam::Network*>> NetworkFilter::find(
    const ipam::StateMachine& state, std::size_t max) const {
  const ipam::Vrf* const only = vrf ? state.vrf(*vrf) : nullptr;
  std::vector<const ipam::Network*> found;
  std::size_t visits = 0;
  const auto collect = [&](const ipam::Network& network) {
    if (matches(network)) found.push_back(&network);
    return ++visits <= max;
  };
  state.for_each_vrf([&](const ipam::Vrf& one) {
    if (vrf && &one != only) return;
    if (cidr) {
      if (const ipam::Network* network = state.network(*cidr, one.id)) collect(*network);
    } else if (contains) {
      state.for_each_network_containing(one.id, *contains, collect);
    } else if (visits <= max) {
      state.visit_networks_within(one.id, *within, collect);
    }
  });
  if (visits > max) return std::nullopt;
  std::sort(found.begin(), found.end(),
            [](const auto* a, const auto* b) { return a->id < b->id; });
  return found;
}

}  // namespace api
