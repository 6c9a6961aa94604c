#include "api/past_plan.hpp"

#include <utility>

#include "api/problems.hpp"

namespace api {

struct PastPlans::Plan {
  Plan(ipam::Revision revision, std::shared_ptr<std::size_t> counter)
      : at(revision),
        alive(std::move(counter)),
        vrfs{.at = revision, .visits_max = list_visits_max},
        networks{.at = revision, .visits_max = list_visits_max} {
    ++*alive;
  }
  ~Plan() { --*alive; }
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  bool has_vrfs() const { return vrfs.from == vrfs.to; }
  bool is_whole() const { return has_vrfs() && networks.from == networks.to; }

  const ipam::Revision at;
  const std::shared_ptr<std::size_t> alive;
  ipam::StateMachine state;
  ipam::AtQuery<ipam::Vrf> vrfs;  // what is to be asked next
  ipam::AtQuery<ipam::Network> networks;
};

std::shared_ptr<PastPlans::Plan> PastPlans::get(ipam::Revision at) {
  if (kept_ && kept_->at == at) return kept_;
  kept_.reset();
  if (*alive_ >= past_plans_max) return nullptr;
  return std::make_shared<Plan>(at, alive_);
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

ListReader::Step PlanAt::step() const {
  if (!past_)
    return problem(Problem::overloaded,
                   "too many requests read the networks of the past: try again later");
  if (!past_->has_vrfs()) return ListReader::Ask{past_->vrfs};
  return ListReader::Ask{past_->networks};
}

bool PlanAt::take(const ipam::HistoryAnswer& answer) {
  if (const auto* vrfs = std::get_if<ipam::PieceAt<ipam::Vrf>>(&answer)) {
    for (const ipam::Vrf& vrf : vrfs->objects) past_->state.load_vrf(vrf);
    past_->vrfs.from = vrfs->next;
    return true;
  }
  if (const auto* networks = std::get_if<ipam::PieceAt<ipam::Network>>(&answer)) {
    for (const ipam::Network& network : networks->objects) past_->state.load_network(network);
    past_->networks.from = networks->next;
    return true;
  }
  return false;
}

}  // namespace api
