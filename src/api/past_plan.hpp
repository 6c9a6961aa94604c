// The VRFs and networks as they were at a revision, as a state machine without allocations: so what
// memory answers by its trees (parents, children, longest match) is answered in the same way for
// any time. Read from state.db in pieces; costs what the networks cost in memory, so that a node
// keeps few of them. Pure; lives on the io thread.
#pragma once

#include <memory>
#include <optional>

#include "api/list_reader.hpp"

namespace api {

// At a time on one node: each may have as many networks as the node itself.
inline constexpr std::size_t past_plans_max = 4;

// The one that was used last, for the next page of the same list.
class PastPlans {
 public:
  struct Plan;

  // The one of `at`, or one that is still to be read. nullptr: there are too many.
  std::shared_ptr<Plan> get(ipam::Revision at);
  void keep(std::shared_ptr<Plan> plan) { kept_ = std::move(plan); }
  // Nothing asked for it for a while.
  void drop() { kept_.reset(); }
  bool has_kept() const { return kept_ != nullptr; }

 private:
  std::shared_ptr<Plan> kept_;
  std::shared_ptr<std::size_t> alive_ = std::make_shared<std::size_t>(0);
};

// The plan as of one revision: that of memory as long as nothing has changed since.
class PlanAt {
 public:
  // nullptr: not yet. Then ask step().
  const ipam::StateMachine* state(const ListReader::View& view, ipam::Revision at);
  // The next question, or that too many are being read.
  ListReader::Step step() const;
  // True where the answer was to its question.
  bool take(const ipam::HistoryAnswer& answer);

 private:
  std::shared_ptr<PastPlans::Plan> past_;
};

}  // namespace api
