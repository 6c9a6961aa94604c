#include "api/past_plan.hpp"

#include <algorithm>
#include <utility>

#include "api/problems.hpp"

namespace api {

struct PastPlans::Plan {
  explicit Plan(ipam::Revision revision)
      : at(revision),
        vrfs{.at = revision, .visits_max = list_visits_max},
        networks{.at = revision, .visits_max = list_visits_max} {}

  bool has_vrfs() const { return vrfs.from == vrfs.to; }
  bool is_whole() const { return has_vrfs() && networks.from == networks.to; }

  const ipam::Revision at;
  ipam::StateMachine state;
  ipam::AtQuery<ipam::Vrf> vrfs;  // what is to be asked next
  ipam::AtQuery<ipam::Network> networks;
};

std::shared_ptr<PastPlans::Plan> PastPlans::get(ipam::Revision at) {
  const auto forget_those_gone = [this] {
    std::erase_if(plans_, [](const auto& entry) { return entry.second.expired(); });
  };
  forget_those_gone();
  if (const auto known = plans_.find(at); known != plans_.end()) return known->second.lock();
  while (plans_.size() >= past_plans_max && !kept_.empty()) {
    kept_.erase(kept_.begin());
    forget_those_gone();
  }
  if (plans_.size() >= past_plans_max) return nullptr;
  auto plan = std::make_shared<Plan>(at);
  plans_.emplace(at, plan);
  return plan;
}

void PastPlans::keep(std::shared_ptr<Plan> plan) {
  is_used_ = true;
  std::erase(kept_, plan);
  kept_.push_back(std::move(plan));
  if (kept_.size() > past_plans_kept_max) kept_.erase(kept_.begin());
}

const ipam::StateMachine* PlanAt::state(const ListReader::View& view, ipam::Revision at) {
  if (!past_) {
    if (view.plan_changed <= at) return &view.state;
    past_ = view.past_plans.get(at);
  }
  if (!past_ || !past_->is_whole()) return nullptr;
  view.past_plans.keep(past_);
  return &past_->state;
}

ListReader::Step PlanAt::step() {
  if (!past_)
    return problem(Problem::overloaded,
                   "too many requests read the networks of the past: try again later");
  if (!past_->has_vrfs()) {
    asked_from_ = past_->vrfs.from.value();
    return ListReader::Ask{past_->vrfs};
  }
  asked_from_ = past_->networks.from.value();
  return ListReader::Ask{past_->networks};
}

bool PlanAt::take(const ipam::HistoryAnswer& answer) {
  if (const auto* vrfs = std::get_if<ipam::PieceAt<ipam::Vrf>>(&answer)) {
    if (past_->vrfs.from.value() != asked_from_) return true;
    for (const ipam::Vrf& vrf : vrfs->objects) past_->state.load_vrf(vrf);
    past_->vrfs.from = vrfs->next;
    return true;
  }
  if (const auto* networks = std::get_if<ipam::PieceAt<ipam::Network>>(&answer)) {
    if (past_->networks.from.value() != asked_from_) return true;
    for (const ipam::Network& network : networks->objects) past_->state.load_network(network);
    past_->networks.from = networks->next;
    return true;
  }
  return false;
}

}  // namespace api
