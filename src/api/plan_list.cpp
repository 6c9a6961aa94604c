#include "api/plan_list.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "api/handlers.hpp"
#include "api/render.hpp"
#include "base/assert.hpp"

namespace api {
namespace {

// Of a filter by prefix in one step; where there are more, all networks are walked in many.
constexpr std::size_t tree_visits_max = 5000;

std::optional<Moment> moment_of(const PageRequest& page, std::optional<Moment> moment) {
  return page.cursor ? std::optional<Moment>(page.cursor->revision) : moment;
}

}  // namespace

PlanList::PlanList(PageRequest page, std::optional<Moment> moment)
    : ReaderAt(moment_of(page, moment)), body_(std::move(page)) {}

std::optional<http::Response> PlanList::refuse(const ipam::StateMachine&) {
  return std::nullopt;
}

http::Response PlanList::in_future(ipam::Revision wanted, ipam::Revision applied) const {
  return body_.page().cursor ? body_.page().refuse_cursor()
                             : ReaderAt::in_future(wanted, applied);
}

// False: the cursor is not one of this list.
bool PlanList::begin(const View& view) {
  const PageRequest& page = body_.page();
  body_.begin(revision());
  if (page.descending) position_ = next_id(view.state);
  if (!page.cursor) return true;
  const auto id = parse_whole_number(page.cursor->key);
  if (!id || *id >= ipam::number_max) return false;
  position_ = page.descending ? std::min(*id, position_) : *id + 1;
  return true;
}

ListReader::Step PlanList::go_on(const View& view) {
  const ipam::StateMachine* const plan = plan_.state(view, revision());
  if (!plan) return plan_.step();
  if (!begun_) {
    if (!begin(view)) return body_.page().refuse_cursor();
    if (auto refusal = refuse(*plan)) return *std::move(refusal);
    begun_ = true;
  }
  found_.clear();
  if (!body_.page().descending) {
    const auto next = look(*plan, position_, ipam::number_max);
    for (const auto& [id, json] : found_)
      if (!show(id, json)) return body_.step(false);
    if (next) position_ = *next;
    return body_.step(!next);
  }
  const std::uint64_t low = window_before(position_);
  std::optional<std::uint64_t> next = low;
  while (next && *next < position_) next = look(*plan, *next, position_);
  for (auto it = found_.rbegin(); it != found_.rend(); ++it)
    if (!show(it->first, it->second)) return body_.step(false);
  position_ = low;
  return body_.step(low <= 1);
}

std::uint64_t PlanList::window_before(std::uint64_t position) {
  return window_.before(position, body_.room());
}

bool PlanList::Walk::goes_on_at(std::uint64_t id) {
  if (id >= end_) return false;
  if (visits_++ < list_visits_max && !list_.has_enough()) return true;
  next_ = id;
  return false;
}

bool PlanList::show(std::uint64_t id, const std::string& json) {
  return body_.add(fmt::format_int(id).str(), json);
}

// ---- networks ----

std::optional<http::Response> NetworkList::refuse(const ipam::StateMachine& plan) {
  is_wide_ = !filter_.has_prefix() || !filter_.find(plan, tree_visits_max);
  if (filter_.vrf) {
    const ipam::Vrf* const vrf = plan.vrf(*filter_.vrf);
    if (!vrf || !filter_.caller.may_see(vrf->id)) return vrf_not_found(*filter_.vrf);
  }
  return std::nullopt;
}

std::optional<std::uint64_t> NetworkList::look(const ipam::StateMachine& plan, std::uint64_t first,
                                               std::uint64_t end) {
  const auto show = [&](const ipam::Network& network) {
    std::string text;
    JsonWriter json(text);
    write_network(json, network, plan.context(network));
    find(network.id.value(), std::move(text));
  };
  if (!is_wide_) {
    const auto found = filter_.find(plan, tree_visits_max);
    ASSERT(found);  // the plan is of the same revision as in refuse()
    for (const ipam::Network* network : *found) {
      const std::uint64_t id = network->id.value();
      if (id < first || id >= end) continue;
      if (has_enough()) return id;
      show(*network);
    }
    return std::nullopt;
  }
  const ipam::Vrf* const only = filter_.vrf ? plan.vrf(*filter_.vrf) : nullptr;
  Walk walk(*this, end);
  plan.visit_networks(ipam::NetworkId(first), [&](const ipam::Network& network) {
    if (!walk.goes_on_at(network.id.value())) return false;
    const bool is_there = !filter_.vrf || (only && network.vrf == only->id);
    if (is_there && filter_.matches(network)) show(network);
    return true;
  });
  return walk.next();
}

std::uint64_t NetworkList::window_before(std::uint64_t position) {
  return is_wide_ ? PlanList::window_before(position) : 1;
}

// ---- VRFs ----

std::optional<std::uint64_t> VrfList::look(const ipam::StateMachine& plan, std::uint64_t first,
                                           std::uint64_t end) {
  Walk walk(*this, end);
  plan.visit_vrfs(ipam::VrfId(first), [&](const ipam::Vrf& vrf) {
    if (!walk.goes_on_at(vrf.id.value())) return false;
    if (!caller_.may_see(vrf.id)) return true;
    std::string text;
    JsonWriter json(text);
    write_vrf(json, vrf, plan.network_count_in(vrf.id));
    find(vrf.id.value(), std::move(text));
    return true;
  });
  return walk.next();
}

}  // namespace api
